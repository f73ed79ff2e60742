import type { OidcConfig } from '@gatehouse/core/ports/eks';
import { discoveryUrl, keySetFault, readDiscovery } from '@gatehouse/core/resources/identity-provider/discovery';
import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import type { UserInfo } from './authorizer.ts';

/** Verifies ID tokens of one issuer. */
export interface OidcAuthenticator {
  /** Who holds the token; undefined where it is not of this issuer, or refused. */
  authenticate(token: string): Promise<UserInfo | undefined>;
}

/** Reads a page of the internet. @throws Error where there is none. */
export type ReadPage = (url: string) => Promise<string>;

/**
 * What kube-apiserver does with the tokens of an issuer (k8s.io/apiserver v0.34, `plugin/pkg/authenticator/token/oidc`): they
 * are the issuer's, for the client, not expired, with the claims that are asked for; name and groups get their prefixes.
 * @throws Error where the issuer's own pages cannot be read, or are not what they must be.
 */
export async function createOidcAuthenticator(config: OidcConfig, read: ReadPage): Promise<OidcAuthenticator> {
  const document = readDiscovery(config.issuer, await read(discoveryUrl(config.issuer)));
  if ('fault' in document) throw new Error(document.fault);
  const readKeys = async () => {
    const body = await read(document.keys);
    const fault = keySetFault(document.keys, body);
    if (fault !== undefined) throw new Error(fault);
    return createLocalJWKSet(JSON.parse(body) as Parameters<typeof createLocalJWKSet>[0]);
  };
  let keys = await readKeys();

  const verified = async (token: string): Promise<JWTPayload> => {
    const options = { issuer: config.issuer, audience: config.clientId, requiredClaims: ['exp'] };
    try {
      return (await jwtVerify(token, keys, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have changed its keys.
      keys = await readKeys();
      return (await jwtVerify(token, keys, options)).payload;
    }
  };

  return {
    async authenticate(token) {
      if (!isOf(config.issuer, token)) return undefined;
      try {
        return userOf(config, await verified(token));
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof Refusal) return undefined;
        throw error;
      }
    },
  };
}

/** A token that is sound, and says too little. */
class Refusal extends Error {}

function isOf(issuer: string, token: string): boolean {
  try {
    return decodeJwt(token).iss === issuer;
  } catch {
    return false;
  }
}

function userOf(config: OidcConfig, claims: JWTPayload): UserInfo {
  const { usernameClaim = 'sub', groupsClaim, groupsPrefix = '', requiredClaims } = config;
  for (const [name, value] of Object.entries(requiredClaims)) {
    if (claims[name] !== value) throw new Refusal(`${name} is not ${value}`);
  }
  const name = claims[usernameClaim];
  if (typeof name !== 'string' || name === '') throw new Refusal(`there is no claim ${usernameClaim}`);
  // Who may write any address into a profile could be anybody.
  if (usernameClaim === 'email' && claims.email_verified !== undefined && claims.email_verified !== true) {
    throw new Refusal('email not verified');
  }
  const groups = groupsClaim === undefined ? [] : groupsIn(claims[groupsClaim]);
  return {
    username: `${prefixOf(config)}${name}`,
    groups: [...groups.map((group) => `${groupsPrefix}${group}`), 'system:authenticated'],
  };
}

function prefixOf({ usernameClaim = 'sub', usernamePrefix, issuer }: OidcConfig): string {
  if (usernamePrefix === undefined) return usernameClaim === 'email' ? '' : `${issuer}#`;
  return usernamePrefix === '-' ? '' : usernamePrefix;
}

function groupsIn(claim: unknown): readonly string[] {
  if (claim === undefined) return [];
  if (typeof claim === 'string') return [claim];
  if (Array.isArray(claim) && claim.every((one) => typeof one === 'string')) return claim;
  throw new Refusal('the groups are neither a text nor a list of texts');
}
