import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const ROLE: ObjectRef = { kind: 'Role', namespace: 'pay', name: 'gatehouse:operators' };
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: operator, through: role }
`;

/** A pipeline with members, settled, that tells how many rounds of deliveries a sweep takes. */
async function swept(members: readonly string[]) {
  const world = await aPipeline({ policy: POLICY, users: ['alice'] });
  for (const member of members) await world.join('00g1', member);
  await world.settle();
  const kubernetes = world.clusters.get(ARN)!;
  const rounds = async (): Promise<number> => {
    await sweep(world.ports, world.clock.now());
    for (let round = 0; round < 50; round++) {
      const busy = [];
      for (const queue of ['intake', 'iam', 'clusters', 'later'] as const) busy.push(await world.deliver(queue));
      if (!busy.some(Boolean)) return round;
    }
    return Number.POSITIVE_INFINITY;
  };
  const findings = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => [readMark(item).subject, readMark(item).finding?.code]);
  return { ...world, kubernetes, rounds, findings };
}

describe('a sweep', () => {
  it('comes to an end although something stays parked, and still puts right what somebody changed', async () => {
    const world = await swept(['alice', 'nobody']);
    expect(world.findings()).toEqual([['user/okta/nobody', 'no-such-user']]);
    const role = world.kubernetes.peek(ROLE)!;
    world.kubernetes.seed({ ...role, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
    const entries = world.ledger.items().length;
    expect(await world.rounds()).toBeLessThan(10);
    expect(world.kubernetes.peek(ROLE)?.rules).toEqual(role.rules);
    expect(world.findings()).toEqual([['user/okta/nobody', 'no-such-user']]);
    // The finding is known: nothing is said of it a second time.
    expect(world.ledger.items().length).toBe(entries + 2);
  });

  it('finds a cluster that was made when nobody told', async () => {
    const world = await aPipeline({ policy: POLICY, users: ['alice'] });
    const made = world.clusters.get(ARN)!;
    world.clusters.delete(ARN);
    await world.join('00g1', 'alice');
    await world.settle();
    expect(made.writes()).toEqual([]);
    world.clusters.set(ARN, made);
    await sweep(world.ports, world.clock.now());
    await world.settle();
    const binding = made.peek({ kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' });
    expect(binding?.subjects?.map(({ name }) => name)).toEqual(['gatehouse:operators:alice']);
    expect(made.peek(AWS_AUTH)?.data?.mapRoles).toContain('gatehouse:operators');
    world.forgetCalls();
    await sweep(world.ports, world.clock.now() + 3_600_000);
    await world.settle();
    expect(world.writes()).toEqual([]);
  });

  it('tells what it may not put right, once', async () => {
    const world = await swept(['alice']);
    const there = world.kubernetes.peek(AWS_AUTH)!;
    const mapRoles = there.data!.mapRoles!.replace(/username: .*operators.*/, 'username: somebody');
    expect(mapRoles).not.toBe(there.data!.mapRoles);
    world.kubernetes.seed({ ...there, data: { ...there.data, mapRoles } });
    for (const _sweep of [1, 2, 3]) {
      expect(await world.rounds()).toBeLessThan(10);
      world.clock.advance(3_600_000);
    }
    expect(world.findings()).toEqual([
      ['grant/operators', 'foreign-entry'],
      ['user/okta/alice', 'foreign-entry'],
    ]);
    const told = world.ledger.items().filter(({ kind, target }) => kind === 'finding' && target === `cluster/${ARN}`);
    expect(told.length).toBe(2);
    world.kubernetes.seed({ ...world.kubernetes.peek(AWS_AUTH)!, data: there.data! });
    await world.rounds();
    expect(world.findings()).toEqual([]);
  });
});
