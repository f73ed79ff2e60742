import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: readers, to: { group: readers, source: okta }, on: { clusters: "*" }, level: operator, through: user }
  - { name: operators, to: { group: operators, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: operator, through: role }
  - { name: ci, to: { machine: ci }, on: { clusters: "*" }, level: operator, through: user }
`;

async function aWorld(members: number) {
  const people = Array.from({ length: members }, (_, index) => `person-${index}`);
  const world = await aPipeline({ policy: POLICY, users: [...people, 'alice', 'bob'] });
  await world.join('operators', 'bob');
  for (const person of people) await world.join('readers', person);
  await world.settle(3_600_000);
  world.clock.advance(600_000);
  expect(world.failures).toEqual([]);
  return world;
}

describe('an event that changes nothing', () => {
  it.each([
    ['a membership said again', (world) => world.join('operators', 'bob', 1)],
    ['a removal of somebody who never was a member', (world) => world.leave('operators', 'alice')],
    ['a membership in a group that the policy does not name', (world) => world.join('strangers', 'alice')],
    ['a removal older than the membership', (world) => world.leave('operators', 'bob', 0)],
    [
      'a group that is there',
      (world) =>
        world.say({ type: 'group', source: 'okta', group: 'operators', state: 'present', at: world.clock.now() }),
    ],
    [
      'a user who is active',
      (world) => world.say({ type: 'user', source: 'okta', user: 'bob', active: true, at: world.clock.now() }),
    ],
    [
      'an email address',
      (world) =>
        world.say({ type: 'user', source: 'okta', user: 'bob', email: 'bob@example.com', at: world.clock.now() }),
    ],
    [
      'a cluster that is there',
      (world) => world.say({ type: 'cluster', arn: ARN, state: 'present', at: world.clock.now() }),
    ],
    [
      'a cluster that is not of the policy',
      (world) =>
        world.say({ type: 'cluster', arn: ARN.replace('prod', 'else'), state: 'present', at: world.clock.now() }),
    ],
    [
      'a role that is as it was',
      (world) =>
        world.say({
          type: 'principal',
          account: ACCOUNT,
          principal: 'role',
          name: 'gatehouse-operators',
          change: 'created',
          at: world.clock.now(),
        }),
    ],
    [
      'a user that is as it was',
      (world) =>
        world.say({
          type: 'principal',
          account: ACCOUNT,
          principal: 'user',
          name: 'gatehouse-ci',
          change: 'created',
          at: world.clock.now(),
        }),
    ],
    ['the same policy', (world) => world.upload(POLICY)],
    ['the same policy, written otherwise', (world) => world.upload(`# a comment\n${POLICY}`)],
  ] satisfies [string, (world: Awaited<ReturnType<typeof aWorld>>) => Promise<void>][])(
    'writes nothing, not even in the ledger: %s',
    async (_what, happens) => {
      const world = await aWorld(2);
      const entries = world.ledger.items().length;
      world.forgetCalls();
      await happens(world);
      await world.settle(600_000);
      expect(world.writes()).toEqual([]);
      expect(world.ledger.items().length).toBe(entries);
      expect(world.failures).toEqual([]);
      expect(world.table.items().filter(({ sk }) => sk.startsWith('mark#'))).toEqual([]);
    },
  );
});

describe('one membership', () => {
  it('costs the same in a world of ten members and of twelve hundred', async () => {
    const costs = [];
    for (const members of [10, 1_200]) {
      const world = await aWorld(members);
      world.forgetCalls();
      const before = { ...world.table.calls };
      await world.join('readers', 'alice');
      await world.join('operators', 'alice');
      await world.settle(600_000);
      const kubernetes = world.clusters.get(ARN)!.calls.filter(({ method }) => method !== 'review');
      const after = world.table.calls;
      costs.push({
        iam: world.iam.get(ACCOUNT)!.calls.length,
        kubernetes: kubernetes.length,
        table: (['get', 'put', 'delete', 'query'] as const).map((method) => after[method] - before[method]),
      });
    }
    const [small, large] = costs;
    console.log(`calls for two memberships (IAM, Kubernetes, table get/put/delete/query): ${JSON.stringify(costs)}`);
    expect(large).toEqual(small);
    expect(small!.table.reduce((sum, calls) => sum + calls)).toBeLessThan(300);
  });
});
