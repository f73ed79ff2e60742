import type { AccessAnswer, AccessReport } from '@gatehouse/core/operations/access-report';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

/* Who somebody is on a cluster and what they may, by every way in: over the fakes, which keep the real rules. */

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const SSO = 'AWSReservedSSO_Ops_0123456789abcdef';
const TRUST = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }] };
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
  - { source: okta, session: "{login}" }
machines:
  ci: { trust: { principals: ["arn:aws:iam::${ACCOUNT}:role/build"] } }
grants:
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
  - { name: own, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: deployer, through: user }
  - { name: viewers, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: console-viewer, through: sso, permissionSet: Ops }
  - { name: ci, to: { machine: ci }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: deployer, through: role }
  - { name: adopted, to: { principal: "arn:aws:iam::${ACCOUNT}:role/teams/ours" }, on: { clusters: "*" }, level: cluster-admin, through: role }
`;

async function aWorld(roles: readonly (readonly [name: string, path: string])[] = ROLES) {
  const world = await aPipeline({ policy: POLICY, users: ['alice'] });
  const iam = world.iam.get(ACCOUNT)!;
  for (const [name, path] of roles) {
    await iam.createRole({ name, path, trust: TRUST, tags: {}, maxSessionSeconds: 3600 });
  }
  await world.settle();
  await world.join('g1', 'alice');
  await world.settle(600_000);
  const run = world.operate;
  const verify = (principal: string) =>
    run<AccessReport>({ operation: 'verify-access', cluster: 'prod-eu', principal });
  const canI = (principal: string, verb: string, resource: string, namespace: string | undefined = 'pay', group = '') =>
    run<AccessAnswer>({
      operation: 'can-i',
      cluster: 'prod-eu',
      principal,
      question: { verb, group, resource, ...(namespace === '' ? {} : { namespace }) },
    });
  const everything = () => ({
    table: structuredClone(world.table.items()),
    ledger: structuredClone(world.ledger.items()),
    writes: world.writes(),
    waiting: world.queues.nextVisibleAt(),
  });
  return { ...world, verify, canI, everything };
}
const ROLES = [
  ['build', '/'],
  ['ours', '/teams/'],
  [SSO, '/aws-reserved/sso.amazonaws.com/'],
] as const;

describe('verify', () => {
  it('finds every login of a person, each with its grant', async () => {
    const { verify } = await aWorld();
    const report = await verify('user/okta/alice');
    expect(report.ok, JSON.stringify(report.answers.filter((one) => one.allowed !== one.expected))).toBe(true);
    expect(report.logins.map(({ grants, arn, username }) => [grants, arn, username])).toEqual([
      [['shared'], `arn:aws:sts::${ACCOUNT}:assumed-role/gatehouse-shared/alice`, 'gatehouse:shared:alice'],
      [['own'], `arn:aws:iam::${ACCOUNT}:user/alice`, `gatehouse:iam-user:${ACCOUNT}:alice`],
      [['viewers'], `arn:aws:sts::${ACCOUNT}:assumed-role/${SSO}/alice`, 'gatehouse:permission-set:Ops:alice'],
    ]);
    expect(new Set(report.rights.map(({ grant }) => grant))).toEqual(new Set(['shared', 'own', 'viewers']));
    expect(report.administrator).toEqual({ allowed: false, expected: false });
  });

  it('knows an administrator by the policy for one', async () => {
    const { verify } = await aWorld();
    const report = await verify(`arn:aws:iam::${ACCOUNT}:role/teams/ours`);
    expect(report).toMatchObject({
      ok: true,
      person: `arn:aws:iam::${ACCOUNT}:role/teams/ours`,
      logins: [{ username: `gatehouse:iam-role:${ACCOUNT}:ours`, grants: ['adopted'] }],
      administrator: { allowed: true, expected: true },
    });
  });

  it('knows a machine by its name', async () => {
    const { verify } = await aWorld();
    expect(await verify('ci')).toMatchObject({
      person: 'machine/ci',
      ok: true,
      logins: [{ arn: `arn:aws:sts::${ACCOUNT}:assumed-role/gatehouse-ci/ci`, username: 'gatehouse:ci:ci' }],
    });
  });

  it('says that somebody is not let in while the role of their way does not exist', async () => {
    const { verify, canI } = await aWorld(ROLES.slice(0, 1));
    const report = await verify('user/okta/alice');
    expect(report.ok).toBe(false);
    expect(report.logins.at(-1)).toMatchObject({ refused: expect.stringContaining('aws-auth does not let them in') });
    expect(report.troubles).toMatchObject([{ code: 'no-permission-set' }]);
    const adopted = await canI(`arn:aws:iam::${ACCOUNT}:role/teams/ours`, 'list', 'pods');
    expect(adopted.allowed).toBe(false);
    expect(adopted.because[0]).toContain('is not mapped');
    expect(adopted.troubles).toMatchObject([{ code: 'no-such-principal', remedy: expect.any(String) }]);
  });

  it('sees that an entry of somebody else makes another of them', async () => {
    const world = await aWorld();
    const cluster = world.clusters.get(ARN)!;
    const awsAuth = cluster.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' })!;
    cluster.seed({
      ...awsAuth,
      data: {
        ...awsAuth.data,
        mapRoles: `${awsAuth.data!.mapRoles}- rolearn: arn:aws:iam::${ACCOUNT}:role/gatehouse-shared\n  username: boss\n  groups: [system:masters]\n`,
      },
    });
    const report = await world.verify('alice');
    expect(report.ok).toBe(false);
    expect(report.logins[0]).toMatchObject({ username: 'boss', expected: 'gatehouse:shared:alice' });
    expect(report.administrator).toEqual({ allowed: true, expected: false });
  });
});

describe('can-i', () => {
  it.each<[string, string, string, string, string, boolean]>([
    ['user/okta/alice', 'list', '', 'pods', 'pay', true],
    ['user/okta/alice', 'get', '', 'configmaps', 'pay', true],
    ['user/okta/alice', 'delete', 'apps', 'deployments', 'pay', true],
    ['user/okta/alice', 'get', '', 'nodes', '', true],
    ['user/okta/alice', 'get', '', 'secrets', 'pay', false],
    ['user/okta/alice', 'list', '', 'pods', 'kube-system', false],
    ['ci', 'delete', 'apps', 'deployments', 'pay', true],
    ['ci', 'list', '', 'pods', 'pay', false],
    [`arn:aws:iam::${ACCOUNT}:role/teams/ours`, 'get', '', 'secrets', 'kube-system', true],
    [`arn:aws:iam::${ACCOUNT}:user/alice`, 'delete', 'apps', 'deployments', 'pay', true],
    // Asked as this one principal, not as the person with all their ways.
    [`arn:aws:iam::${ACCOUNT}:user/alice`, 'list', '', 'pods', 'pay', false],
  ])('%s: %s %s/%s in "%s" is %s', async (who, verb, group, resource, namespace, allowed) => {
    const { canI } = await aWorld();
    const answer = await canI(who, verb, resource, namespace, group);
    expect(answer.allowed).toBe(allowed);
    expect(answer.because.length > 0).toBe(!allowed);
  });

  it('changes nothing, nor does verify', async () => {
    const world = await aWorld();
    const before = world.everything();
    await world.verify('alice');
    await world.canI('alice', 'get', 'secrets');
    expect(world.everything()).toEqual(before);
  });
});
