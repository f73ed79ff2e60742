import type { PublicWeb, WebAnswer } from '@gatehouse/core/ports/public-web';

/** The internet in memory: pages by URL; what is not there is not reachable. */
export function memoryWeb(pages: Readonly<Record<string, WebAnswer>> = {}): PublicWeb & {
  set(url: string, answer: WebAnswer): void;
  readonly asked: string[];
} {
  const byUrl = new Map(Object.entries(pages));
  const asked: string[] = [];
  return {
    asked,
    set: (url, answer) => void byUrl.set(url, answer),
    async get(url) {
      asked.push(url);
      return byUrl.get(url) ?? { ok: false, problem: 'unreachable', message: `${new URL(url).host} cannot be read` };
    },
  };
}

/** The pages of an issuer that is in order. */
export function issuerPages(issuer: string): Readonly<Record<string, WebAnswer>> {
  const base = issuer.replace(/\/$/, '');
  const page = (value: unknown): WebAnswer => ({ ok: true, body: JSON.stringify(value) });
  return {
    [`${base}/.well-known/openid-configuration`]: page({
      issuer,
      jwks_uri: `${base}/keys`,
      id_token_signing_alg_values_supported: ['RS256'],
    }),
    [`${base}/keys`]: page({ keys: [{ kty: 'RSA', use: 'sig', kid: '1', n: 'x', e: 'AQAB' }] }),
  };
}
