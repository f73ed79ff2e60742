import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { AwsError } from './aws-error.ts';
import type { FederatedCaller } from './iam/assume.ts';
import type { IamState } from './iam/state.ts';

/** The public keys of issuers, by `iss`. AWS fetches them from the issuer; nobody behind the sandbox can be fetched from. */
export type IssuerKeys = ReadonlyMap<string, JSONWebKeySet>;

/** Algorithms that STS takes (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

const invalid = (message: string) => new AwsError('InvalidIdentityToken', message);

/**
 * Verifies a token as STS does for AssumeRoleWithWebIdentity: its issuer is an OIDC provider of the role's account, its audience
 * one of the provider's client ids, its signature by a key of the issuer, its time not over.
 *
 * @param now Milliseconds UTC.
 * @throws AwsError InvalidIdentityToken, ExpiredTokenException, IDPCommunicationError.
 */
export async function verifiedToken(
  state: IamState,
  issuers: IssuerKeys,
  { token, roleArn, now }: { readonly token: string; readonly roleArn: string; readonly now: number },
): Promise<FederatedCaller> {
  const { iss, sub } = unverified(token);
  if (iss === undefined || sub === undefined) throw invalid('Missing a required claim');
  const { account, partition } = parsePrincipalArn(roleArn);
  const keys = iss.replace(/^https:\/\//, '').replace(/\/$/, '');
  const arn = `arn:${partition}:iam::${account}:oidc-provider/${keys}`;
  const provider = state.accounts.get(account)?.oidcProviders.get(arn);
  if (!provider) throw invalid(`No OpenIDConnect provider found in your account for ${iss}`);
  const jwks = issuers.get(iss);
  if (!jwks) {
    throw new AwsError(
      'IDPCommunicationError',
      `Couldn't retrieve verification key from your identity provider (${iss})`,
    );
  }
  const payload = await verify(token, jwks, now);
  const audiences = [payload.aud ?? []].flat();
  if (!audiences.some((audience) => provider.clientIds.has(audience))) throw invalid('Incorrect token audience');
  // Where a token says for whom it was issued, that is the audience.
  const { azp } = payload;
  const audience = typeof azp === 'string' ? azp : audiences.length === 1 ? audiences[0]! : audiences;
  return { provider: arn, keys, claims: { sub, aud: audience } };
}

function unverified(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw invalid('The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)');
  }
}

async function verify(token: string, jwks: JSONWebKeySet, now: number): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), {
      algorithms: ALGORITHMS,
      currentDate: new Date(now),
      requiredClaims: ['exp', 'iat', 'aud'],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw new AwsError(
        'ExpiredTokenException',
        'Token expired: current date/time must be before the expiration date/time',
      );
    }
    if (error instanceof errors.JOSEError) throw invalid(`Couldn't verify the token: ${error.message}`);
    throw error;
  }
}
