import { clusterTarget, roleTarget, type Target } from '@gatehouse/core/access/target';
import type { Item, Key } from '@gatehouse/core/ports/table';
import { takeTurns } from '@gatehouse/core/work/take-turns';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod`;
const ROLE = roleTarget(ACCOUNT, 'gatehouse-operators');
const OPERATORS =
  '- { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: operator, through: role }';
const policy = (grants: string) => `
apiVersion: gatehouse/v1
clusters:
  prod: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }
grants:
  - { name: watchers, to: { group: 00g9, source: okta }, on: { clusters: "*" }, level: operator, through: user }
  ${grants}
`;

/** A world whose workers can be stopped for ever ahead of a write of the table. */
async function aWorld(users: readonly string[]) {
  const world = await aPipeline({ policy: policy(OPERATORS), users });
  await world.settle(600_000);
  const { table } = world;
  const turnStoppedAt = async (target: Target, stops: (item: Key) => boolean) => {
    let stopped = false;
    const put = (...parameters: Parameters<typeof table.put>): Promise<void> => {
      if (stopped || stops(parameters[0])) {
        stopped = true;
        return new Promise<never>(() => undefined);
      }
      return table.put(...parameters);
    };
    void takeTurns({ ...world.ports, table: { ...table, put } }, TURN_LIMITS, { version: 1, target });
    for (let round = 0; round < 500 && !stopped; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(true);
  };
  const recover = async (minutes = 10) => {
    for (let minute = 0; minute < minutes; minute++) {
      world.clock.advance(60_000);
      await world.tick();
      await world.settle(30_000);
    }
  };
  const marks = (): Item[] => table.items().filter(({ sk }) => sk.startsWith('mark#'));
  return { ...world, turnStoppedAt, recover, marks };
}

describe('a worker that dies before it passes the word on', () => {
  it('that a cluster let go of a role: the role is deleted all the same', async () => {
    const world = await aWorld(['alice']);
    const iam = world.iam.get(ACCOUNT)!;
    await world.upload(policy(''));
    while (await world.deliver('intake'));
    await world.deliver('iam');
    expect(await iam.getRole('gatehouse-operators')).toBeDefined();
    await world.turnStoppedAt(clusterTarget(ARN), ({ pk, sk }) => pk === `target#${ROLE}` && sk.startsWith('mark#'));
    await world.recover();
    expect(await iam.getRole('gatehouse-operators')).toBeUndefined();
    expect(world.marks()).toEqual([]);
  });

  it('that all members of a role have other session names: each is bound by the new one all the same', async () => {
    const people = Array.from({ length: 70 }, (_, index) => `person-${index}`);
    const world = await aWorld(people);
    for (const person of people.slice(0, 30)) await world.join('00g1', person);
    await world.settle(600_000);
    for (const person of people.slice(30)) await world.join('00g1', person);
    while (await world.deliver('intake'));
    // Long enough for the role to have rested.
    world.clock.advance(60_000);
    // It has opened the role to the account, and stops where it would have everybody looked at.
    await world.turnStoppedAt(ROLE, ({ pk }) => pk.startsWith('expansion#'));
    await world.recover(20);
    const iam = world.iam.get(ACCOUNT)!;
    const ids = await Promise.all(people.map(async (person) => (await iam.getUser(person))!.id));
    const binding = world.clusters.get(ARN)!.peek({ kind: 'ClusterRoleBinding', name: 'gatehouse:operators:role:0' });
    expect(binding?.subjects?.map(({ name }) => name).sort()).toEqual(
      ids.map((id) => `gatehouse:operators:${id}`).sort(),
    );
    expect(world.failures).toEqual([]);
    expect(world.marks()).toEqual([]);
  });
});
