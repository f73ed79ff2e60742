import type { OidcConfig } from '@gatehouse/core/ports/eks';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issuer, startIssuer } from '../../../sandbox/src/internet/issuer.ts';
import { readPage } from '../../../sandbox/src/internet/played-internet.ts';
import { createOidcAuthenticator, type OidcAuthenticator } from '../../../sandbox/src/kubernetes/oidc-authenticator.ts';

const HOST = 'id.acme.com';
let issuer: Issuer;
let config: OidcConfig;
let authenticator: OidcAuthenticator;

const authenticatorOf = (over: Partial<OidcConfig> = {}) =>
  createOidcAuthenticator({ ...config, ...over }, (url) => readPage({ [HOST]: issuer.played }, url));

beforeAll(async () => {
  issuer = await startIssuer({
    host: HOST,
    accounts: {
      mia: { email: 'mia@acme.com', groups: ['payments', 'everybody'] },
      late: { email: 'late@acme.com', groups: [] },
    },
    clients: ['kubernetes', 'wiki'],
    tokenSeconds: (account) => (account === 'late' ? 1 : 900),
  });
  config = {
    name: 'gatehouse-acme',
    issuer: issuer.issuer,
    clientId: 'kubernetes',
    usernameClaim: 'email',
    usernamePrefix: 'acme:',
    groupsClaim: 'groups',
    groupsPrefix: 'acme:',
    requiredClaims: {},
  };
  authenticator = await authenticatorOf();
});
afterAll(() => issuer?.stop());

describe('ID tokens on the sandbox’s API server', () => {
  it('make their holder a user with groups, each with its prefix', async () => {
    expect(await authenticator.authenticate(await issuer.signIn('mia', 'kubernetes'))).toEqual({
      username: 'acme:mia@acme.com',
      groups: ['acme:payments', 'acme:everybody', 'system:authenticated'],
    });
  });

  it.each<[string, Partial<OidcConfig>, string]>([
    ['EKS’s word for no prefix', { usernamePrefix: '-' }, 'mia@acme.com'],
    ['an address alone where no prefix is said', { usernamePrefix: undefined as never }, 'mia@acme.com'],
    [
      'the issuer where no prefix is said',
      { usernameClaim: 'sub', usernamePrefix: undefined as never },
      `https://${HOST}#mia`,
    ],
  ])('are named by %s', async (_how, over, username) => {
    const other = await authenticatorOf(over);
    expect((await other.authenticate(await issuer.signIn('mia', 'kubernetes')))?.username).toBe(username);
  });

  it('of another audience are refused', async () => {
    expect(await authenticator.authenticate(await issuer.signIn('mia', 'wiki'))).toBeUndefined();
  });

  it('without a claim that is asked for are refused', async () => {
    const other = await authenticatorOf({ requiredClaims: { env: 'prod' } });
    expect(await other.authenticate(await issuer.signIn('mia', 'kubernetes'))).toBeUndefined();
  });

  it('are good until they expire', async () => {
    const token = await issuer.signIn('late', 'kubernetes');
    await expect.poll(() => authenticator.authenticate(token), { timeout: 5_000 }).toBeUndefined();
  });

  it('that somebody else signed, or nobody, are refused', async () => {
    const { privateKey } = await generateKeyPair('RS256');
    const forged = await new SignJWT({ email: 'mia@acme.com', groups: ['payments'] })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setIssuer(issuer.issuer)
      .setAudience('kubernetes')
      .setExpirationTime('1h')
      .sign(privateKey);
    expect(await authenticator.authenticate(forged)).toBeUndefined();
    const [, claims] = forged.split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    expect(await authenticator.authenticate(none)).toBeUndefined();
  });

  it.each(['k8s-aws-v1.abc', 'a.b.c', ''])('are not what %j is', async (token) => {
    expect(await authenticator.authenticate(token)).toBeUndefined();
  });

  it('need an issuer that there is', async () => {
    await expect(authenticatorOf({ issuer: 'https://other.acme.com' })).rejects.toThrow('nobody plays it');
    await expect(authenticatorOf({ issuer: `https://${HOST}/` })).rejects.toThrow('speaks for the issuer');
  });
});
