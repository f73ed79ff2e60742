import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' }],
};
const INLINE = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:ListAllMyBuckets', Resource: '*' }],
};

const policy = (to: string, on = '"*", namespaces: [pay], absentNamespaces: create') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
grants:
  - { name: ops, to: ${to}, on: { clusters: ${on} }, level: namespace-admin, through: ${to.includes(':user/') ? 'user' : 'role'} }
`;
const role = (path = '/') => `{ principal: "arn:aws:iam::${ACCOUNT}:role${path}ops" }`;
const user = `{ principal: "arn:aws:iam::${ACCOUNT}:user/legacy/olga" }`;
const EMPTY = policy(role()).replace(/grants:[\s\S]*/, 'grants: []\n');

async function aWorld(to: string, make: (world: Awaited<ReturnType<typeof aPipeline>>) => Promise<void>) {
  const world = await aPipeline({ policy: policy(to) });
  const iam = world.iam.get(ACCOUNT)!;
  await make(world);
  world.forgetCalls();
  const cluster = world.clusters.get(ARN)!;
  const findings = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .flatMap((item) => readMark(item).finding ?? []);
  const awsAuth = () => cluster.peek(AWS_AUTH)?.data ?? {};
  const subjectsOf = (ref: ObjectRef) => cluster.peek(ref)?.subjects?.map(({ name }) => name);
  await world.settle();
  return { ...world, admin: iam, cluster, findings, awsAuth, subjectsOf };
}
const withRole =
  (path = '/') =>
  async ({ iam }: Awaited<ReturnType<typeof aPipeline>>) => {
    const admin = iam.get(ACCOUNT)!;
    await admin.createRole({ name: 'ops', path, trust: TRUST, tags: { team: 'ops' }, maxSessionSeconds: 7200 });
    await admin.putRolePolicy('ops', 'own', INLINE);
  };
const made = (name = 'ops', change: 'created' | 'deleted' = 'created', at = 1) =>
  ({ type: 'principal', account: ACCOUNT, principal: 'role', name, change, at }) as const;

const BINDING: ObjectRef = {
  kind: 'RoleBinding',
  namespace: 'pay',
  name: 'gatehouse:ops:clusterrole-admin:0',
};
const USERNAME = `gatehouse:iam-role:${ACCOUNT}:ops`;

describe('an adopted role', () => {
  it('is mapped and bound, and stays its owner’s: trust, policies, tags and sessions untouched', async () => {
    const world = await aWorld(role('/teams/'), withRole('/teams/'));
    expect(world.awsAuth().mapRoles).toContain(`rolearn: arn:aws:iam::${ACCOUNT}:role/ops\n`);
    expect(world.awsAuth().mapRoles).toContain(`username: "${USERNAME}"`);
    expect(world.subjectsOf(BINDING)).toEqual([USERNAME]);
    expect(world.writes().filter((call) => / ops$/.test(call))).toEqual([]);
    expect(await world.admin.getRole('ops')).toMatchObject({
      trust: TRUST,
      tags: { team: 'ops' },
      maxSessionSeconds: 7200,
      path: '/teams/',
    });
    expect(await world.admin.listRolePolicies('ops')).toEqual(['own']);
  });

  it.each([
    ['does not exist', role(), async () => undefined, 'there is no IAM role', 'create the role'],
    [
      'has another path',
      role('/teams/'),
      withRole('/'),
      `the IAM role is arn:aws:iam::${ACCOUNT}:role/ops`,
      'write its ARN so',
    ],
  ])('that %s is a finding with a remedy, and nobody is let in', async (_what, to, make, says, remedy) => {
    const world = await aWorld(to, make);
    expect(world.findings()).toMatchObject([
      {
        code: 'no-such-principal',
        severity: 'blocks',
        message: expect.stringContaining(says),
        remedy: expect.stringContaining(remedy),
      },
    ]);
    expect(JSON.stringify(world.awsAuth())).not.toContain('role/ops');
  });

  it('is let in once it is made, and again where it was made anew', async () => {
    const world = await aWorld(role(), async () => undefined);
    await withRole()(world);
    await world.say(made());
    await world.settle();
    expect(world.findings()).toEqual([]);
    expect(world.awsAuth().mapRoles).toContain(USERNAME);
    await world.admin.deleteRolePolicy('ops', 'own');
    await world.admin.deleteRole('ops');
    await world.say(made('ops', 'deleted', world.clock.now()));
    await world.settle(600_000);
    expect(world.awsAuth().mapRoles ?? '').not.toContain(USERNAME);
    expect(new Set(world.findings().map(({ code }) => code))).toEqual(new Set(['no-such-principal']));
    await withRole()(world);
    await sweep(world.ports, world.clock.now());
    await world.settle(600_000);
    expect(world.findings()).toEqual([]);
    expect(world.awsAuth().mapRoles).toContain(USERNAME);
  });

  it('is not taken over from a foreign entry of aws-auth', async () => {
    const entry = `- rolearn: arn:aws:iam::${ACCOUNT}:role/ops\n  username: ours\n  groups: [ours]\n`;
    const world = await aWorld(role(), async (before) => {
      await withRole()(before);
      before.clusters.get(ARN)!.seed({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-system', name: 'aws-auth' },
        data: { mapRoles: entry },
      });
    });
    expect(world.awsAuth().mapRoles).toBe(entry);
    expect(world.findings().map(({ code }) => code)).toEqual(['foreign-entry']);
  });

  it('of two grants keeps its entry, and what the other gives, when one of them goes', async () => {
    const one = policy(role());
    const on = '{ clusters: "*", namespaces: [shop], absentNamespaces: create }';
    const more = `  - { name: shop, to: ${role()}, on: ${on}, level: namespace-admin, through: role }\n`;
    const world = await aWorld(role(), withRole());
    const alone = [world.awsAuth(), world.subjectsOf(BINDING)];
    await world.upload(`${one}${more}`);
    await world.settle(600_000);
    const shop = { ...BINDING, namespace: 'shop', name: 'gatehouse:shop:clusterrole-admin:0' };
    expect(world.subjectsOf(shop)).toEqual([USERNAME]);
    expect([world.awsAuth(), world.subjectsOf(BINDING)]).toEqual(alone);
    await world.upload(one);
    await world.settle(600_000);
    expect(world.subjectsOf(shop)).toBeUndefined();
    expect([world.awsAuth(), world.subjectsOf(BINDING)]).toEqual(alone);
  });

  it('leaves nothing behind, and stays, when its grant goes', async () => {
    const world = await aWorld(role(), withRole());
    await world.upload(EMPTY);
    await world.settle(1_200_000);
    expect(world.awsAuth().mapRoles ?? '').not.toContain('gatehouse:');
    expect(world.cluster.peek(BINDING)).toBeUndefined();
    expect(world.cluster.peek({ kind: 'ClusterRole', name: 'gatehouse:ops:cluster-wide' })).toBeUndefined();
    expect(await world.admin.getRole('ops')).toMatchObject({ trust: TRUST, tags: { team: 'ops' } });
    expect(await world.admin.listRolePolicies('ops')).toEqual(['own']);
    expect(world.table.items().filter(({ pk }) => pk.startsWith('adopted#'))).toEqual([]);
  });
});

it('an adopted role of another account of the policy is looked up there, never by its bare name in the cluster’s', async () => {
  const OTHER = '444455556666';
  const text = policy(role())
    .replace(`iam::${ACCOUNT}:role`, `iam::${OTHER}:role`)
    .replace(
      'clusters:',
      `accounts:\n  "${ACCOUNT}": {}\n  "${OTHER}": { roleArn: "arn:aws:iam::${OTHER}:role/member", externalId: "0123456789" }\nclusters:`,
    );
  const world = await aPipeline({ policy: text, accounts: [ACCOUNT, OTHER] });
  await withRole()(world);
  await world.settle();
  const awsAuth = () => world.clusters.get(ARN)!.peek(AWS_AUTH)?.data?.mapRoles ?? '';
  const codes = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .flatMap((item) => readMark(item).finding?.code ?? []);
  expect([awsAuth(), codes()]).toEqual(['', ['no-such-principal']]);
  await world.iam.get(OTHER)!.createRole({ name: 'ops', path: '/', trust: TRUST, tags: {}, maxSessionSeconds: 3600 });
  await world.say({ ...made(), account: OTHER });
  await world.settle();
  expect(codes()).toEqual([]);
  expect(awsAuth()).toContain(`rolearn: arn:aws:iam::${OTHER}:role/ops`);
  expect(awsAuth()).toContain(`gatehouse:iam-role:${OTHER}:ops`);
});

describe('an adopted user', () => {
  it('is mapped with its path, and keeps its keys and policies', async () => {
    const world = await aWorld(user, async ({ iam }) => {
      const admin = iam.get(ACCOUNT)!;
      await admin.createUser({ name: 'olga', path: '/legacy/', tags: {} });
      await admin.createAccessKey('olga');
    });
    expect(world.awsAuth().mapUsers).toContain(`userarn: arn:aws:iam::${ACCOUNT}:user/legacy/olga`);
    expect(world.subjectsOf(BINDING)).toEqual([`gatehouse:iam-user:${ACCOUNT}:olga`]);
    expect(await world.admin.listAccessKeys('olga')).toHaveLength(1);
    await world.upload(EMPTY);
    await world.settle(1_200_000);
    expect(await world.admin.getUser('olga')).toBeDefined();
    expect(await world.admin.listAccessKeys('olga')).toHaveLength(1);
    expect(world.awsAuth().mapUsers ?? '').not.toContain('olga');
  });
});

describe('a namespace that is absent', () => {
  it('is a finding that blocks nothing else', async () => {
    const both = policy(role(), '"*", namespaces: [gone], absentNamespaces: refuse').replace(
      'grants:\n',
      `grants:\n  - { name: here, to: ${role('/').replace('ops"', 'here"')}, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }\n`,
    );
    const world = await aPipeline({ policy: both });
    const admin = world.iam.get(ACCOUNT)!;
    for (const name of ['ops', 'here']) {
      await admin.createRole({ name, path: '/', trust: TRUST, tags: {}, maxSessionSeconds: 3600 });
    }
    await world.settle();
    const cluster = world.clusters.get(ARN)!;
    const codes = world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .flatMap((item) => readMark(item).finding ?? [])
      .map(({ code, message, remedy }) => ({ code, message, remedy }));
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes.map(({ code }) => code))).toEqual(new Set(['namespace-absent']));
    expect(codes[0]).toMatchObject({
      message: expect.stringContaining('gone'),
      remedy: expect.stringContaining('absentNamespaces'),
    });
    expect(cluster.peek({ kind: 'Namespace', name: 'pay' })).toBeDefined();
    expect(cluster.peek({ kind: 'Namespace', name: 'gone' })).toBeUndefined();
    expect(
      cluster.peek({ kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:here:role:0' })?.subjects?.length,
    ).toBe(1);
  });
});
