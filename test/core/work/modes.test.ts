import type { ClusterMode } from '@gatehouse/core/access/policy';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ROLE = 'gatehouse-operators';
const BINDING = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' } as const;

/** A policy of one shared role and one machine, on clusters in these modes. */
function policy(modes: Readonly<Record<string, ClusterMode>>, verbs = 'get, list'): string {
  const clusters = Object.entries(modes).map(
    ([name, mode]) => `  ${name}: { account: "${ACCOUNT}", region: eu-west-1, mode: ${mode} }`,
  );
  return `
apiVersion: gatehouse/v1
clusters:
${clusters.join('\n')}
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [${verbs}] } ] }
grants:
  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: operator, through: role }
  - { name: pay-ci, to: { machine: pay-ci }, on: { clusters: "*" }, level: operator, through: user }
protected:
  principals: [ "arn:aws:iam::${ACCOUNT}:role/break-glass" ]
`;
}

async function aWorld(modes: Readonly<Record<string, ClusterMode>>) {
  const world = await aPipeline({ policy: policy(modes), users: ['alice', 'bob'] });
  await world.settle();
  await world.join('00g1', 'alice');
  await world.settle();
  const iam = world.iam.get(ACCOUNT)!;
  const cluster = (name: string) => world.clusters.get(`arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`)!;
  const trust = async () => JSON.stringify((await iam.getRole(ROLE))?.trust);
  const bound = (name: string) => (cluster(name).peek(BINDING)?.subjects ?? []).map((subject) => subject.name);
  const plans = () =>
    world.table
      .items()
      .filter(({ sk }) => sk === 'observed-plan')
      .map(({ pk }) => pk.replace(/^target#/, ''))
      .sort();
  const become = async (next: Readonly<Record<string, ClusterMode>>, verbs?: string) => {
    await world.upload(policy(next, verbs));
    await world.settle(600_000);
  };
  return { ...world, iamOf: iam, trust, bound, plans, become, cluster };
}

describe('while all clusters of a grant only observe', () => {
  it('nothing is made in IAM, and the plans for IAM and for the cluster are kept', async () => {
    const world = await aWorld({ one: 'observe' });
    expect(world.writes()).toEqual([]);
    expect(await world.secrets.read(`gatehouse/keys/${ACCOUNT}/gatehouse-pay-ci`)).toBeUndefined();
    expect(world.plans()).toEqual([
      `cluster/arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/one`,
      `iam/${ACCOUNT}/policy/EKS_CICD_User_Policy`,
      `iam/${ACCOUNT}/role/${ROLE}`,
      `iam/${ACCOUNT}/user/gatehouse-pay-ci`,
    ]);
    expect(world.failures).toEqual([]);
  });

  it('and one of them is enforced, everything is made', async () => {
    const world = await aWorld({ one: 'observe' });
    await world.become({ one: 'enforce' });
    expect(await world.trust()).toContain('user/alice');
    expect(world.bound('one')).toEqual(['gatehouse:operators:alice']);
    expect(await world.iamOf.listAccessKeys('gatehouse-pay-ci')).toHaveLength(1);
  });

  it('what was made before is still narrowed and closed, and never widened', async () => {
    const world = await aWorld({ one: 'enforce' });
    await world.become({ one: 'observe' });
    await world.join('00g1', 'bob');
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle(600_000);
    expect(await world.trust()).not.toContain('user/');
    expect(await world.iamOf.listAccessKeys('gatehouse-pay-ci')).toEqual([{ id: expect.any(String), active: true }]);
  });

  it('and who left meanwhile loses what they have as soon as one is enforced', async () => {
    const world = await aWorld({ one: 'enforce' });
    await world.become({ one: 'observe' });
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle(600_000);
    expect(world.bound('one')).toEqual(['gatehouse:operators:alice']);
    await world.become({ one: 'enforce' });
    expect(world.bound('one')).toEqual([]);
  });
});

describe('a role on a cluster that is enforced and one that only observes', () => {
  it('lets its members in, and names only the cluster that is in use', async () => {
    const world = await aWorld({ one: 'enforce', two: 'observe' });
    expect(await world.trust()).toContain('user/alice');
    const described = JSON.stringify(await world.iamOf.getRolePolicy(ROLE, 'gatehouse-clusters'));
    expect(described).toContain('cluster/one');
    expect(described).not.toContain('cluster/two');
    expect(world.cluster('two').writes()).toEqual([]);
    expect(world.plans()).toEqual([`cluster/arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/two`]);
  });
});

describe('while a cluster is paused', () => {
  it('a level that gains a verb changes nothing, and takes nothing from those who have it', async () => {
    const world = await aWorld({ one: 'enforce' });
    await world.become({ one: 'paused' }, 'get, list, delete');
    const role = world.cluster('one').peek({ kind: 'Role', namespace: 'pay', name: 'gatehouse:operators' });
    expect(role?.rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }]);
    expect(world.bound('one')).toEqual(['gatehouse:operators:alice']);
  });

  it('a level that loses a verb loses it', async () => {
    const world = await aWorld({ one: 'enforce' });
    await world.become({ one: 'paused' }, 'get');
    const role = world.cluster('one').peek({ kind: 'Role', namespace: 'pay', name: 'gatehouse:operators' });
    expect(role?.rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]);
    expect(world.bound('one')).toEqual(['gatehouse:operators:alice']);
  });
});
