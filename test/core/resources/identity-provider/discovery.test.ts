import { discoveryUrl, keySetFault, readDiscovery } from '@gatehouse/core/resources/identity-provider/discovery';
import { describe, expect, it } from 'vitest';

const ISSUER = 'https://acme.eu.auth0.com/';
const document = (over: Record<string, unknown> = {}) =>
  JSON.stringify({ issuer: ISSUER, jwks_uri: 'https://acme.eu.auth0.com/.well-known/jwks.json', ...over });

describe('a discovery document', () => {
  it.each([
    [ISSUER, 'https://acme.eu.auth0.com/.well-known/openid-configuration'],
    ['https://id.acme.com/realms/acme', 'https://id.acme.com/realms/acme/.well-known/openid-configuration'],
  ])('of %s stands at %s', (issuer, url) => {
    expect(discoveryUrl(issuer)).toBe(url);
  });

  it('says where the keys are', () => {
    expect(readDiscovery(ISSUER, document())).toEqual({ keys: 'https://acme.eu.auth0.com/.well-known/jwks.json' });
  });

  it.each([
    ['no JSON', '<html>', 'no discovery document'],
    ['no object', '[]', 'no discovery document'],
    ['no keys', document({ jwks_uri: undefined }), 'jwks_uri is missing'],
    ['an issuer that is no text', document({ issuer: 7 }), 'issuer is missing or no text'],
    ['the issuer without its slash', document({ issuer: 'https://acme.eu.auth0.com' }), 'speaks for the issuer'],
    ['somebody else', document({ issuer: 'https://evil.example.com/' }), 'speaks for the issuer'],
    [
      'no algorithm that is verified',
      document({ id_token_signing_alg_values_supported: ['HS256'] }),
      'signing algorithm',
    ],
  ])('with %s is refused', (_what, body, why) => {
    expect(readDiscovery(ISSUER, body)).toEqual({ fault: expect.stringContaining(why) });
  });
});

describe('a key set', () => {
  it.each([
    ['{"keys":[{"kty":"RSA","use":"sig"}]}', undefined],
    ['{"keys":[{"kty":"EC"}]}', undefined],
    ['{"keys":[{"kty":"RSA","use":"enc"}]}', 'holds no key'],
    ['{"keys":[{"kty":"oct"}]}', 'holds no key'],
    ['{"keys":[]}', 'holds no key'],
    ['{}', 'no key set'],
    ['<html>', 'no key set'],
  ])('%s', (body, fault) => {
    const found = keySetFault('https://id.acme.com/keys', body);
    if (fault === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(fault);
  });
});
