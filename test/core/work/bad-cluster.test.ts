import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { readRemarks } from '@gatehouse/core/work/remarks';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const arnOf = (name: string) => `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`;
const [GOOD, BAD] = [arnOf('good'), arnOf('bad')];
const BINDING: ObjectRef = { kind: 'ClusterRoleBinding', name: 'gatehouse:ops:role:0' };
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  good: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
  bad: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: ops, to: { group: g1, source: okta }, on: { clusters: "*" }, level: pod-lister, through: role }
`;

async function aWorld() {
  const world = await aPipeline({ policy: POLICY, users: ['alice'] });
  const bad = world.clusters.get(BAD)!;
  const waiting = () =>
    world.table
      .items()
      .filter(({ pk, sk }) => pk === `target#cluster/${BAD}` && sk.startsWith('mark#'))
      .map(readMark);
  return {
    ...world,
    waiting,
    gone: () => void world.clusters.delete(BAD),
    back: () => void world.clusters.set(BAD, bad),
    remarks: async () => (await readRemarks(world.table, `cluster/${BAD}`)).map(({ finding }) => finding),
    boundOn: (arn: string) =>
      (arn === BAD ? bad : world.clusters.get(arn)!).peek(BINDING)?.subjects?.map(({ name }) => name) ?? [],
  };
}

describe('a cluster of the policy that does not exist', () => {
  it('is told once, with what to do, and keeps nothing else; made later, it gets all, and is told no more', async () => {
    const world = await aWorld();
    world.gone();
    await world.join('g1', 'alice');
    await world.settle(600_000);
    expect(world.boundOn(GOOD)).toEqual(['gatehouse:ops:alice']);
    expect(world.waiting()).toEqual([]);
    const [finding, ...others] = await world.remarks();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: 'no-such-cluster',
      severity: 'notice',
      message: `EKS knows no cluster "bad" in account ${ACCOUNT} and Region eu-west-1`,
      remedy: expect.stringContaining('clusters in the access policy'),
    });
    const told = () => world.ledger.items().filter((item) => JSON.stringify(item).includes('no-such-cluster')).length;
    expect(told()).toBe(1);
    await sweep(world.ports, world.clock.now());
    await world.settle(600_000);
    expect([told(), (await world.remarks()).length]).toEqual([1, 1]);

    world.back();
    await world.say({ type: 'cluster', arn: BAD, state: 'present', at: world.clock.now() });
    await world.settle(600_000);
    expect(world.boundOn(BAD)).toEqual(['gatehouse:ops:alice']);
    expect(await world.remarks()).toEqual([]);
  });
});

describe('a cluster that cannot be reached, or is still being created', () => {
  it('waits with the reason, keeps nothing else, and catches up', async () => {
    const world = await aWorld();
    world.unreachable.add(BAD);
    await world.join('g1', 'alice');
    await world.settle(10_000);
    expect(world.boundOn(GOOD)).toEqual(['gatehouse:ops:alice']);
    expect(world.waiting().length).toBeGreaterThan(0);
    for (const { failure, finding } of world.waiting()) {
      expect(failure).toMatchObject({ code: 'unreachable', message: expect.stringContaining('cluster/bad') });
      expect(finding).toBeUndefined();
    }
    expect(await world.remarks()).toEqual([]);
    world.unreachable.clear();
    await world.settle(900_000);
    expect(world.boundOn(BAD)).toEqual(['gatehouse:ops:alice']);
    expect(world.waiting()).toEqual([]);
  });
});
