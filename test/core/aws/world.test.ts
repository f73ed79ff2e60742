import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Account, Cluster } from '@gatehouse/core/access/policy';
import { type AwsWorldOptions, awsWorld } from '@gatehouse/core/aws/world';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memorySecrets } from '../../fakes/secrets.ts';
import { httpsServer } from '../kubernetes/https-server.ts';

const OWN: Account = { id: '111122223333' };
const OTHER: Account = {
  id: '444455556666',
  roleArn: 'arn:aws:iam::444455556666:role/gatehouse-member',
  externalId: 'external-1',
};
const cluster = (account: string, name = 'prod-eu'): Cluster => ({
  name,
  account,
  region: 'eu-west-1',
  arn: `arn:aws:eks:eu-west-1:${account}:cluster/${name}`,
  labels: {},
  mode: 'enforce',
});

const sts = mockClient(STSClient);
const eks = mockClient(EKSClient);
const HOUR = 3_600_000;

/** The account that each access key is of. */
const accountOf = new Map<string, string>();

async function callerOf(client: STSClient): Promise<string> {
  const { accessKeyId } = await client.config.credentials();
  return accessKeyId;
}

beforeEach(() => {
  sts.reset();
  eks.reset();
  accountOf.clear();
  accountOf.set('OWN', OWN.id);
  sts.on(GetCallerIdentityCommand).callsFake(async (_input, getClient) => ({
    Account: accountOf.get(await callerOf(getClient())),
  }));
  let assumed = 0;
  sts.on(AssumeRoleCommand).callsFake(async ({ RoleArn }: { RoleArn: string }) => {
    assumed += 1;
    accountOf.set(`ASSUMED${assumed}`, RoleArn.split(':')[4]!);
    return {
      Credentials: {
        AccessKeyId: `ASSUMED${assumed}`,
        SecretAccessKey: 'secret',
        SessionToken: 'token',
        Expiration: new Date(clock.now() + HOUR),
      },
    };
  });
});
afterEach(() => {
  clock = fixedClock(Date.now());
});

// The SDK's clients compare the expiry of credentials with the real time.
let clock = fixedClock(Date.now());

const world = (more: Partial<AwsWorldOptions> = {}) =>
  awsWorld({
    region: 'eu-west-1',
    clock,
    secrets: memorySecrets(),
    sessionName: 'gatehouse-reconcile',
    credentials: async () => ({ accessKeyId: 'OWN', secretAccessKey: 'secret' }),
    ...more,
  });

const describedAs = (found: object | undefined) => {
  if (found) eks.on(DescribeClusterCommand).resolves({ cluster: { status: 'ACTIVE', ...found } });
  else eks.on(DescribeClusterCommand).rejects(Object.assign(new Error('none'), { name: 'ResourceNotFoundException' }));
};

describe('accounts', () => {
  it('enters its own with its own credentials, and asks once who it is', async () => {
    const entered = world();
    await Promise.all([entered.account(OWN), entered.account(OWN), entered.eks(OWN, 'eu-west-1')]);
    await entered.account(OWN);
    expect(sts.commandCalls(GetCallerIdentityCommand)).toHaveLength(1);
    expect(sts.commandCalls(AssumeRoleCommand)).toHaveLength(0);
  });

  it('enters another by its role, with external id and session name', async () => {
    const { iam, secrets } = await world().account(OTHER);
    expect(iam).toBeDefined();
    expect(secrets).toBeDefined();
    expect(sts.commandCalls(AssumeRoleCommand).map((call) => call.args[0].input)).toEqual([
      { RoleArn: OTHER.roleArn, RoleSessionName: 'gatehouse-reconcile', ExternalId: 'external-1' },
    ]);
  });

  it('works in the other account with its credentials, not with its own', async () => {
    describedAs(undefined);
    await (await world().eks(OTHER, 'eu-west-1')).describeCluster('x');
    const client = eks.commandCalls(DescribeClusterCommand)[0]!.thisValue as EKSClient;
    expect(await client.config.credentials()).toMatchObject({ accessKeyId: 'ASSUMED1', sessionToken: 'token' });
    expect(await client.config.region()).toBe('eu-west-1');

    const iamCalls = mockClient(IAMClient);
    iamCalls.onAnyCommand().resolves({});
    await (await world().account(OTHER)).iam.deleteRole('any');
    const iam = iamCalls.calls()[0]!.thisValue as IAMClient;
    expect((await iam.config.credentials()).accessKeyId).toMatch(/^ASSUMED/);
    iamCalls.restore();
  });

  it('takes new credentials before the old ones end', async () => {
    const entered = world();
    await entered.account(OTHER);
    clock.advance(HOUR - 7 * 60_000);
    await entered.account(OTHER);
    expect(sts.commandCalls(AssumeRoleCommand)).toHaveLength(1);
    clock.advance(60_000);
    await entered.account(OTHER);
    expect(sts.commandCalls(AssumeRoleCommand)).toHaveLength(2);
    expect(sts.commandCalls(GetCallerIdentityCommand)).toHaveLength(2);
  });

  it.each<[string, Account]>([
    ['its own credentials are of another account', { id: '999999999999' }],
    ['the role is of another account', { ...OTHER, id: '999999999999' }],
  ])('stays out where %s', async (_what, account) => {
    const entered = world();
    for (const attempt of [
      () => entered.account(account),
      () => entered.eks(account, 'eu-west-1'),
      () => entered.cluster(account, cluster(account.id)),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'forbidden',
        retryable: false,
        message: expect.stringContaining('999999999999'),
      });
    }
    expect(eks.calls()).toHaveLength(0);
  });

  it('says which role could not be assumed, and tries again the next time', async () => {
    sts
      .on(AssumeRoleCommand)
      .rejectsOnce(Object.assign(new Error('not authorized'), { name: 'AccessDenied' }))
      .resolves({
        Credentials: {
          AccessKeyId: 'LATER',
          SecretAccessKey: 's',
          SessionToken: 't',
          Expiration: new Date(clock.now() + HOUR),
        },
      });
    accountOf.set('LATER', OTHER.id);
    const entered = world();
    await expect(entered.account(OTHER)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining(OTHER.roleArn!),
    });
    await entered.account(OTHER);
  });
});

describe('clusters', () => {
  const described = (more: object = {}) => ({
    name: 'prod-eu',
    arn: cluster(OWN.id).arn,
    endpoint: 'https://127.0.0.1:1',
    certificateAuthority: { data: Buffer.from('pem').toString('base64') },
    ...more,
  });

  it.each<[string, object | undefined, object]>([
    ['does not exist', undefined, { code: 'not-found', message: expect.stringContaining('does not exist') }],
    [
      'is being created',
      described({ status: 'CREATING', endpoint: undefined }),
      { code: 'unreachable', retryable: true, message: expect.stringContaining('is still being created') },
    ],
    ['is being deleted', described({ status: 'DELETING' }), { code: 'not-found' }],
    [
      'has no endpoint',
      described({ status: 'FAILED', endpoint: undefined }),
      { code: 'unreachable', message: expect.stringContaining('FAILED') },
    ],
    [
      'does not read aws-auth',
      described({ accessConfig: { authenticationMode: 'API' } }),
      { code: 'unsupported', retryable: false, message: expect.stringContaining('authentication mode is API') },
    ],
    ['is another one', described({ arn: cluster('999999999999').arn }), { code: 'forbidden' }],
  ])('are refused where the cluster %s', async (_what, found, expected) => {
    describedAs(found);
    await expect(world().cluster(OWN, cluster(OWN.id))).rejects.toMatchObject(expected);
  });

  it('are refused where the cluster is not in the account, before any call', async () => {
    await expect(world().cluster(OWN, cluster(OTHER.id))).rejects.toMatchObject({ code: 'forbidden' });
    expect([...sts.calls(), ...eks.calls()]).toEqual([]);
  });

  it('are described once a minute, a failure is not remembered', async () => {
    const entered = world();
    describedAs(described({ status: 'CREATING' }));
    await expect(entered.cluster(OWN, cluster(OWN.id))).rejects.toMatchObject({ code: 'unreachable' });
    describedAs(described());
    const first = await entered.cluster(OWN, cluster(OWN.id));
    clock.advance(59_000);
    expect((await entered.cluster(OWN, cluster(OWN.id))).kubernetes).toBe(first.kubernetes);
    expect(eks.commandCalls(DescribeClusterCommand)).toHaveLength(2);
    clock.advance(1_000);
    expect((await entered.cluster(OWN, cluster(OWN.id))).kubernetes).toBe(first.kubernetes);
    expect(eks.commandCalls(DescribeClusterCommand)).toHaveLength(3);
  });

  it('are asked at their endpoint, by their CA, with a token for exactly them that is used for some minutes', async () => {
    const tokens: string[] = [];
    const api = await httpsServer((request, response) => {
      tokens.push(request.headers.authorization ?? '');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ status: { userInfo: { username: 'gatehouse', groups: [] } } }));
    });
    describedAs(described({ endpoint: api.server, certificateAuthority: { data: api.certificateAuthority } }));
    const { kubernetes } = await world().cluster(OWN, cluster(OWN.id));
    expect(await kubernetes.whoAmI()).toMatchObject({ username: 'gatehouse' });
    clock.advance(299_000);
    await kubernetes.whoAmI();
    clock.advance(1_000);
    await kubernetes.whoAmI();
    await api.close();
    expect(tokens[1]).toBe(tokens[0]);
    expect(tokens[2]).not.toBe(tokens[0]);
    const url = new URL(Buffer.from(tokens[0]!.slice('Bearer k8s-aws-v1.'.length), 'base64url').toString());
    expect(url.host).toBe('sts.eu-west-1.amazonaws.com');
    expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^OWN\//);
  });
});
