import * as z from 'zod';

/** Algorithms that kube-apiserver verifies (k8s.io/apiserver/plugin/pkg/authenticator/token/oidc, `allowedSigningAlgs`). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];

const discoveryDocument = z.looseObject({
  issuer: z.string(),
  jwks_uri: z.string(),
  id_token_signing_alg_values_supported: z.array(z.string()).optional(),
});

const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })) });

/** Where an issuer's discovery document is (https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig). */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** What a discovery document says, or why an API server would not take it. */
export function readDiscovery(issuer: string, body: string): { readonly keys: string } | { readonly fault: string } {
  const where = discoveryUrl(issuer);
  const document = discoveryDocument.safeParse(parsed(body));
  if (!document.success) {
    const [issue] = document.error.issues;
    const member = issue?.path.join('.') ?? '';
    return {
      fault: `${where} is no discovery document: ${member === '' ? 'it is no JSON object' : `${member} is missing or no text`}`,
    };
  }
  const { issuer: named, jwks_uri: keys, id_token_signing_alg_values_supported: algorithms } = document.data;
  // The tokens' `iss` is compared byte by byte: a slash at the end is another issuer.
  if (named !== issuer) return { fault: `${where} speaks for the issuer ${named}, not for ${issuer}` };
  if (algorithms && !algorithms.some((one) => ALGORITHMS.includes(one))) {
    return { fault: `${where} names no signing algorithm that an API server takes (${ALGORITHMS.join(', ')})` };
  }
  return { keys };
}

/** Why a key set cannot verify a token; undefined where it can. */
export function keySetFault(url: string, body: string): string | undefined {
  const set = keySet.safeParse(parsed(body));
  if (!set.success) return `${url} is no key set: it has no member keys`;
  const usable = set.data.keys.some(({ kty, use }) => (kty === 'RSA' || kty === 'EC') && (use ?? 'sig') === 'sig');
  return usable ? undefined : `${url} holds no key of RSA or EC with which tokens are signed`;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
