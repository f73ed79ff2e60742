import { CreateOpenIDConnectProviderCommand, DeleteOpenIDConnectProviderCommand, IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { MachineTrust } from '@gatehouse/core/access/policy';
import { machineTrust, memberTrust } from '@gatehouse/core/resources/iam-role/trust';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AwsEndpoint } from '../../../sandbox/src/aws/endpoint.ts';
import { createRole, updateTrust } from '../../../sandbox/src/aws/iam/operations.ts';
import { restoreIam, snapshotIam } from '../../../sandbox/src/aws/iam/state.ts';
import { administrator, HOME, startEndpoint } from './own-endpoint.ts';

const ISSUER = 'https://token.actions.githubusercontent.com';
const PROVIDER = ISSUER.slice('https://'.length);
const ROLE = `arn:aws:iam::${HOME.account}:role/gatehouse/gatehouse-pay-ci`;
const AUDIENCE = 'sts.amazonaws.com';
const MAIN = 'repo:acme/payments:ref:refs/heads/main';
const NOW = Math.floor(Date.now() / 1000) * 1000;

const trust = (subjects: readonly string[] = [MAIN], audiences: readonly string[] = [AUDIENCE]): MachineTrust => ({
  principals: [],
  accounts: [],
  webIdentity: [{ provider: PROVIDER, audiences, subjects }],
});
const document = (...of: Parameters<typeof trust>) =>
  JSON.stringify(machineTrust(trust(...of), { account: HOME.account, partition: 'aws' }));

let endpoint: AwsEndpoint;
type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
let key: Key;
let stranger: Key;
let providerArn: string;

beforeAll(async () => {
  endpoint = await startEndpoint();
  const pair = await generateKeyPair('RS256');
  key = pair.privateKey;
  stranger = (await generateKeyPair('RS256')).privateKey;
  endpoint.sessions.playIssuer(ISSUER, { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' }] });
  createRole(endpoint.iam, HOME.account, { name: 'gatehouse-pay-ci', path: '/gatehouse/', trust: document() });
  const made = await new IAMClient(administrator(endpoint)).send(
    new CreateOpenIDConnectProviderCommand({ Url: ISSUER, ClientIDList: [AUDIENCE, 'another'] }),
  );
  providerArn = made.OpenIDConnectProviderArn!;
});
afterAll(() => endpoint.stop());
beforeEach(() => updateTrust(endpoint.iam, HOME.account, 'gatehouse-pay-ci', document()));

/** A token as a workflow gets it. */
function token(claims: JWTPayload = {}, by = key, expires = NOW / 1000 + 300): Promise<string> {
  return new SignJWT({ iss: ISSUER, sub: MAIN, aud: AUDIENCE, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setIssuedAt(NOW / 1000 - 10)
    .setExpirationTime(expires)
    .sign(by);
}

/** What a pipeline does that has nothing but its token. */
function assume(WebIdentityToken: string, more: { RoleArn?: string; RoleSessionName?: string } = {}) {
  const client = new STSClient({ endpoint: endpoint.url, region: HOME.region, maxAttempts: 1 });
  return client.send(
    new AssumeRoleWithWebIdentityCommand({ RoleArn: ROLE, RoleSessionName: 'build-42', WebIdentityToken, ...more }),
  );
}

describe('a workflow of the trusted repository and branch', () => {
  it('gets a session of the role, with no AWS credentials of its own', async () => {
    const answer = await assume(await token());
    expect(answer).toMatchObject({
      SubjectFromWebIdentityToken: MAIN,
      Audience: AUDIENCE,
      Provider: `arn:aws:iam::${HOME.account}:oidc-provider/${PROVIDER}`,
      AssumedRoleUser: { Arn: `arn:aws:sts::${HOME.account}:assumed-role/gatehouse-pay-ci/build-42` },
    });
    const { AccessKeyId, SecretAccessKey, SessionToken } = answer.Credentials!;
    const session = new STSClient({
      ...administrator(endpoint),
      credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! },
    });
    expect((await session.send(new GetCallerIdentityCommand({}))).Arn).toBe(answer.AssumedRoleUser!.Arn);
  });

  it('is told by patterns, too: every branch of a repository, and no other repository', async () => {
    updateTrust(endpoint.iam, HOME.account, 'gatehouse-pay-ci', document(['repo:acme/payments:*']));
    await assume(await token({ sub: 'repo:acme/payments:ref:refs/heads/topic' }));
    await expect(assume(await token({ sub: 'repo:acme/payments-evil:ref:refs/heads/main' }))).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });
});

describe('a token that is not good for it', () => {
  const denied = 'AccessDenied';
  const invalid = 'InvalidIdentityTokenException';
  it.each<[string, () => Promise<string>, string]>([
    ['of another branch', () => token({ sub: 'repo:acme/payments:ref:refs/heads/topic' }), denied],
    ['of another repository', () => token({ sub: 'repo:evil/payments:ref:refs/heads/main' }), denied],
    ['of the same name in another case', () => token({ sub: MAIN.toUpperCase() }), denied],
    ['of an audience that the provider knows, and the role does not', () => token({ aud: 'another' }), denied],
    ['of an audience that nobody knows', () => token({ aud: 'x' }), invalid],
    ['issued for somebody else', () => token({ azp: 'x' }), denied],
    ['of an unknown issuer', () => token({ iss: 'https://evil.example' }), invalid],
    ['signed by somebody else', () => token({}, stranger), invalid],
    ['that is over', () => token({}, key, NOW / 1000 - 1), 'ExpiredTokenException'],
    ['that is none', async () => 'nonsense', invalid],
    [
      'with another subject written into it',
      async () => {
        const [head, , signature] = (await token({ sub: 'other' })).split('.');
        const [, body] = (await token()).split('.');
        return [head, body, signature].join('.');
      },
      invalid,
    ],
    [
      'without a signature',
      async () => {
        const [, body] = (await token()).split('.');
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
      },
      invalid,
    ],
  ])('%s is refused', async (_what, make, name) => {
    await expect(assume(await make())).rejects.toMatchObject({ name });
  });

  it('lets nobody into a role that trusts users, accounts or another provider', async () => {
    for (const other of [
      JSON.stringify(memberTrust([`arn:aws:iam::${HOME.account}:user/administrator`])),
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: HOME.account }, Action: 'sts:AssumeRole' }],
      }),
      document().replaceAll('oidc-provider/token.actions', 'oidc-provider/other.actions'),
    ]) {
      updateTrust(endpoint.iam, HOME.account, 'gatehouse-pay-ci', other);
      await expect(assume(await token())).rejects.toMatchObject({ name: denied });
    }
  });

  it('lets nobody into a role that does not exist, and does not tell so', async () => {
    await expect(assume(await token(), { RoleArn: `${ROLE}-2` })).rejects.toMatchObject({ name: denied });
  });

  it('is no way in once the account trusts the provider no more', async () => {
    const state = restoreIam(snapshotIam(endpoint.iam));
    expect(state.accounts.get(HOME.account)!.oidcProviders.get(providerArn)?.clientIds).toEqual(
      new Set([AUDIENCE, 'another']),
    );
    const iam = new IAMClient(administrator(endpoint));
    await iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: providerArn }));
    await expect(assume(await token())).rejects.toMatchObject({ name: invalid });
    await iam.send(new CreateOpenIDConnectProviderCommand({ Url: ISSUER, ClientIDList: [AUDIENCE, 'another'] }));
    await assume(await token());
  });
});
