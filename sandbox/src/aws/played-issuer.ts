import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';

/** An issuer of tokens, like GitHub's, that plays for a demo or test: its keys exist nowhere else. */
export interface PlayedIssuer {
  /** `iss` of its tokens. */
  readonly url: string;
  readonly keys: JSONWebKeySet;
  /** A token for a subject and audience that lasts five minutes. `now`: milliseconds UTC. */
  token(claims: { readonly sub: string; readonly aud: string }, now: number): Promise<string>;
}

/** Plays the issuer of this URL, with a new key. */
export async function playedIssuer(url: string): Promise<PlayedIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const header = { alg: 'RS256', kid: 'played' };
  return {
    url,
    keys: { keys: [{ ...(await exportJWK(publicKey)), ...header }] },
    token: ({ sub, aud }, now) =>
      new SignJWT({ sub })
        .setProtectedHeader(header)
        .setIssuer(url)
        .setAudience(aud)
        .setIssuedAt(Math.floor(now / 1000))
        .setExpirationTime(Math.floor(now / 1000) + 300)
        .sign(privateKey),
  };
}
