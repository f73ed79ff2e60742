import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const arnOf = (cluster: string) => `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${cluster}`;
const CLUSTERS = ['prod-eu', 'prod-us'] as const;
const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const BINDING: ObjectRef = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' };
const PATH = '/aws-reserved/sso.amazonaws.com/eu-west-1/';
const OLD = 'AWSReservedSSO_Operators_0123456789abcdef';
const NEW = 'AWSReservedSSO_Operators_fedcba9876543210';
const TRUST = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }] };

const policy = (permissionSet = 'Operators') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
  prod-us: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, session: "{login}" }
grants:
  - { name: operators, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: sso, permissionSet: ${permissionSet} }
`;
const NOTHING_LEFT = policy()
  .replace(/ {2}- \{ name: operators.*\n/, '')
  .replace('grants:', 'grants: []');

async function aWorld(roles: readonly string[] = [OLD], text = policy()) {
  const world = await aPipeline({ policy: text });
  const iam = world.iam.get(ACCOUNT)!;
  const provision = (name: string, path = PATH) =>
    iam.createRole({ name, path, trust: TRUST, tags: {}, maxSessionSeconds: 3600 });
  for (const name of roles) {
    await provision(name);
    world.clock.advance(1_000);
  }
  world.forgetCalls();
  const principal = (name: string, change: 'created' | 'deleted') =>
    world.say({
      type: 'principal',
      account: ACCOUNT,
      principal: 'role',
      name,
      change,
      at: world.clock.now(),
    });
  const lines = () => CLUSTERS.map((name) => world.clusters.get(arnOf(name))!.peek(AWS_AUTH)?.data?.mapRoles ?? '');
  const bound = () =>
    CLUSTERS.map(
      (name) =>
        world.clusters
          .get(arnOf(name))!
          .peek(BINDING)
          ?.subjects?.map((one) => one.name) ?? [],
    );
  const findings = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .flatMap((item) => readMark(item).finding ?? []);
  await world.settle();
  return { ...world, admin: iam, provision, principal, lines, bound, findings };
}

describe('a grant through a permission set', () => {
  it('is a line for the role, without its path, on every cluster, and a binding for each by their session', async () => {
    const world = await aWorld();
    await world.join('g1', 'alice');
    await world.settle();
    for (const line of world.lines()) {
      expect(line).toContain(`rolearn: arn:aws:iam::${ACCOUNT}:role/${OLD}`);
      expect(line).toContain('username: "gatehouse:permission-set:Operators:{{SessionNameRaw}}"');
      expect(line).not.toContain('aws-reserved');
    }
    expect(world.bound()).toEqual(CLUSTERS.map(() => ['gatehouse:permission-set:Operators:alice']));
    // Identity Center's role stays as it is.
    expect(world.writes().filter((call) => /Role AWS|Trust|Policy/.test(call))).toEqual([]);
  });

  it.each([
    ['told by events', async (world: Awaited<ReturnType<typeof aWorld>>) => world.principal(NEW, 'created')],
    [
      'found by the sweep',
      async (world: Awaited<ReturnType<typeof aWorld>>) => void (await sweep(world.ports, world.clock.now())),
    ],
  ])('follows the role that was made anew, in all clusters: %s', async (_how, tell) => {
    const world = await aWorld();
    await world.join('g1', 'alice');
    await world.settle();
    await world.admin.deleteRole(OLD);
    world.clock.advance(60_000);
    await world.provision(NEW);
    await tell(world);
    await world.settle(600_000);
    for (const line of world.lines()) {
      expect(line).toContain(NEW);
      expect(line).not.toContain(OLD);
    }
    expect(world.bound()).toEqual(CLUSTERS.map(() => ['gatehouse:permission-set:Operators:alice']));
    expect(world.findings()).toEqual([]);
  });

  it('takes the newest while Identity Center has two', async () => {
    const world = await aWorld([OLD, NEW]);
    for (const line of world.lines()) expect([line.includes(NEW), line.includes(OLD)]).toEqual([true, false]);
  });

  it.each([
    ['another set that begins alike', 'AWSReservedSSO_Operators_Night_0123456789abcdef', PATH],
    ['another set that ends alike', 'AWSReservedSSO_My_Operators_0123456789abcdef', PATH],
    ['a suffix that is too short', 'AWSReservedSSO_Operators_0123456789abcde', PATH],
    ['a suffix in capitals', 'AWSReservedSSO_Operators_0123456789ABCDEF', PATH],
    ['another case', 'AWSReservedSSO_operators_0123456789abcdef', PATH],
    ['a name before it', 'xAWSReservedSSO_Operators_0123456789abcdef', PATH],
    ['a path that anybody may write', OLD, '/'],
    ['a path that only looks so', OLD, '/mine/aws-reserved/sso.amazonaws.com/'],
  ])('never takes a role of %s', async (_what, name, path) => {
    const world = await aWorld([]);
    await world.provision(name, path);
    await world.principal(name, 'created');
    await sweep(world.ports, world.clock.now());
    await world.settle();
    expect(world.lines().join('')).toBe('');
    expect(new Set(world.findings().map(({ code }) => code))).toEqual(new Set(['no-permission-set']));
  });

  it('says that there is no such role, and lets people in once there is', async () => {
    const world = await aWorld([]);
    await world.join('g1', 'alice');
    await world.settle();
    expect(world.findings()).toMatchObject([
      { code: 'no-permission-set', severity: 'blocks', message: expect.stringContaining('"Operators"') },
    ]);
    // What does not depend on it is there.
    expect(world.bound()).toEqual(CLUSTERS.map(() => ['gatehouse:permission-set:Operators:alice']));
    await world.provision(NEW);
    await world.principal(NEW, 'created');
    await world.settle();
    expect(world.findings()).toEqual([]);
    for (const line of world.lines()) expect(line).toContain(NEW);
  });

  it('lets nobody in by a role that is gone', async () => {
    const world = await aWorld();
    await world.admin.deleteRole(OLD);
    await world.principal(OLD, 'deleted');
    await world.settle(600_000);
    expect(world.lines().join('')).not.toContain(OLD);
    expect(new Set(world.findings().map(({ code }) => code))).toEqual(new Set(['no-permission-set']));
  });

  it('says so of somebody whose sessions have no name that STS would take', async () => {
    const world = await aWorld();
    await world.say(
      { type: 'user', source: 'okta', user: 'u1', at: 1, login: 'no such name' },
      { type: 'membership', source: 'okta', group: 'g1', user: 'u1', state: 'present', at: 1 },
    );
    await world.settle();
    expect(new Set(world.findings().map(({ code, subject }) => `${code} ${subject}`))).toEqual(
      new Set(['no-session-name user/okta/u1']),
    );
    expect(world.bound().flat()).toEqual([]);
  });

  it('leaves nothing behind when its grant goes', async () => {
    const world = await aWorld();
    const before = CLUSTERS.map((name) => JSON.stringify(world.clusters.get(arnOf(name))!.peek(AWS_AUTH) ?? null));
    await world.join('g1', 'alice');
    await world.settle();
    await world.upload(NOTHING_LEFT);
    await world.settle(1_200_000);
    expect(before.length).toBe(2);
    expect(world.lines().every((line) => !line.includes('gatehouse:') && !line.includes(OLD))).toBe(true);
    for (const name of CLUSTERS) {
      const cluster = world.clusters.get(arnOf(name))!;
      expect(cluster.peek(BINDING)).toBeUndefined();
      expect(cluster.peek({ kind: 'Role', namespace: 'pay', name: 'gatehouse:operators' })).toBeUndefined();
    }
    expect(world.table.items().filter(({ pk, sk }) => pk.includes('permission-set') && sk === 'role')).toEqual([]);
    expect((await world.admin.getRole(OLD))?.path).toBe(PATH);
  });
});
