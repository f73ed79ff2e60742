import { FACT_SHARDS } from '@gatehouse/core/directory/dirty';
import type { Cause } from '@gatehouse/core/directory/fact';
import { ACTIVE_KEY, policyInForce } from '@gatehouse/core/policy/in-force';
import { PolicyRefusal } from '@gatehouse/core/policy/require';
import {
  activatePolicy,
  listVersions,
  markPolicyPlanned,
  policiesBefore,
  previousPolicy,
  readVersion,
  uploadPolicy,
} from '@gatehouse/core/policy/versions';
import type { Table } from '@gatehouse/core/ports/table';
import { beforeEach, describe, expect, test } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';
import { type MemoryTable, memoryTable } from '../../fakes/table.ts';

const cause: Cause = { source: 'operator', event: 'e1', type: 'policy.uploaded', receivedAt: 1 };
const ALL = ['a', 'b', 'c'];

/** A policy with one grant for each name, in the namespaces given. */
function document(grants: Readonly<Record<string, readonly string[]>>): string {
  const lines = Object.entries(grants).map(
    ([name, namespaces]) =>
      `  - { name: ${name}, to: { group: ${name}, source: okta }, on: { clusters: prod, namespaces: [${namespaces}] }, level: reader, through: role }\n`,
  );
  return `apiVersion: gatehouse/v1
clusters: { prod: { account: "111122223333", region: eu-west-1, mode: enforce } }
levels: { reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] } }
grants:${lines.length === 0 ? ' []' : '\n'}${lines.join('')}`;
}

let table: MemoryTable;
const clock = fixedClock();
const random = countingRandom();
beforeEach(() => {
  table = memoryTable();
});
const ports = (over: Table = table) => ({ table: over, clock, random });
const upload = (text: string, trusted = false, over?: Table) =>
  uploadPolicy(ports(over), { text, by: 'ann', cause, trusted });
const activate = (version: number) => activatePolicy(ports(), version, 'bob', cause);
/** Grant -> namespaces of the policy in force. */
async function inForce(): Promise<Record<string, readonly string[]>> {
  const current = await policyInForce(table);
  return Object.fromEntries((current?.policy.grants ?? []).map(({ name, namespaces }) => [name, namespaces]));
}
const states = async () => (await listVersions(table)).map(({ version, state }) => `${version} ${state}`);

describe('uploading', () => {
  test('a first policy waits for a person, and is in force once they agree', async () => {
    expect(await upload(document({ g: ALL }))).toMatchObject({ version: 1, state: 'proposed', narrows: [] });
    expect(await policyInForce(table)).toBeUndefined();
    expect(await activate(1)).toMatchObject({ version: 1, state: 'active' });
    expect(await inForce()).toEqual({ g: ALL });
    expect(await activate(1)).toMatchObject({ state: 'unchanged' });
    expect(await states()).toEqual(['1 active']);
  });

  test('a trusted policy is in force at once', async () => {
    const outcome = await upload(document({ g: ALL }), true);
    expect(outcome).toMatchObject({ version: 1, state: 'active' });
    expect(await policyInForce(table)).toMatchObject({
      version: 1,
      digest: outcome.digest,
      partial: false,
      cause,
      sequence: 1,
    });
  });

  test('the same document again changes nothing', async () => {
    await upload(document({ g: ALL }), true);
    const items = table.items();
    expect(await upload(document({ g: ALL }), true)).toMatchObject({ version: 1, state: 'unchanged' });
    expect(await upload(document({ g: ALL }))).toMatchObject({ version: 1, state: 'unchanged' });
    expect(table.items()).toEqual(items);
  });

  test('what narrows is in force at once, what widens in the same document waits', async () => {
    await upload(document({ g: ['a', 'b'], h: ['a'], i: ['a'] }), true);
    const outcome = await upload(document({ g: ['b', 'c'], h: ['a', 'b'], j: ['a'] }));
    expect(outcome).toMatchObject({ version: 2, state: 'proposed' });
    expect(outcome.widens.map(({ about }) => about)).toEqual(['grant/g', 'grant/h', 'grant/j']);
    expect(outcome.narrows.map(({ about }) => about)).toEqual(['grant/i', 'grant/g']);
    expect(await inForce()).toEqual({ g: ['b'], h: ['a'] });
    expect(await policyInForce(table)).toMatchObject({ version: 2, partial: true });
    expect(await states()).toEqual(['2 proposed', '1 superseded']);
    await activate(2);
    expect(await inForce()).toEqual({ g: ['b', 'c'], h: ['a', 'b'], j: ['a'] });
    expect(await states()).toEqual(['2 active', '1 superseded']);
  });

  test('a document that only widens leaves the old version in force, untouched', async () => {
    await upload(document({ g: ['a'] }), true);
    const before = await policyInForce(table);
    await upload(document({ g: ALL }));
    expect(await policyInForce(table)).toEqual(before);
    expect(await states()).toEqual(['2 proposed', '1 active']);
  });

  test('the proposed document again, now trusted, is in force', async () => {
    await upload(document({ g: ['a'] }), true);
    await upload(document({ g: ALL }));
    expect(await upload(document({ g: ALL }))).toMatchObject({ version: 2, state: 'proposed' });
    expect(await upload(document({ g: ALL }), true)).toMatchObject({ version: 2, state: 'active' });
    expect(await inForce()).toEqual({ g: ALL });
  });

  test('an old document is a new version: rolling back to more waits as any widening does', async () => {
    await upload(document({ g: ALL }), true);
    await upload(document({ g: ['a'] }));
    expect(await upload(document({ g: ALL }))).toMatchObject({ version: 3, state: 'proposed' });
    expect(await inForce()).toEqual({ g: ['a'] });
  });

  test('a refused document tells everything, and the old version stays in force', async () => {
    await upload(document({ g: ALL }), true);
    const items = table.items();
    const refused = upload(document({ g: ['kube-system', 'Bad'] }), true);
    await expect(refused).rejects.toMatchObject({
      code: 'invalid',
      remedy: expect.any(String),
      message: expect.stringContaining('line 5'),
    });
    const { cause: refusal } = await refused.catch((error) => error);
    expect(refusal).toBeInstanceOf(PolicyRefusal);
    expect(refusal.errors.length).toBeGreaterThan(0);
    expect(table.items()).toEqual(items);
  });
});

describe('activating', () => {
  test('a version nobody knows', async () => {
    await expect(activate(7)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('what was uploaded before a later version cannot be agreed to any more', async () => {
    await upload(document({ g: ['a', 'b'] }), true);
    await upload(document({ g: ALL }));
    await upload(document({ g: ['a'] }));
    await expect(activate(2)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('superseded'),
    });
    expect(await inForce()).toEqual({ g: ['a'] });
    expect(await readVersion(table, 2)).toMatchObject({ state: 'superseded', by: 'ann', text: document({ g: ALL }) });
  });
});

describe('races and crashes', () => {
  /** A table that runs `before` ahead of the first put of `active`. */
  function interrupted(before: () => Promise<unknown>): Table {
    let done = false;
    return {
      ...table,
      put: async (item, condition) => {
        if (item.sk === ACTIVE_KEY.sk && !done) {
          done = true;
          await before();
        }
        return table.put(item, condition);
      },
    };
  }

  test('an older upload that comes to its end later does not replace the newer one', async () => {
    await upload(document({ g: ALL }), true);
    const slow = interrupted(() => upload(document({ g: ['a'] }), true));
    expect(await upload(document({ g: ['a', 'b'] }), true, slow)).toMatchObject({ version: 2, state: 'superseded' });
    expect(await inForce()).toEqual({ g: ['a'] });
    expect(await states()).toEqual(['3 active', '2 superseded', '1 superseded']);
  });

  test('after a crash before it came into force, the same upload finishes', async () => {
    await upload(document({ g: ALL }), true);
    const crash = interrupted(() => Promise.reject(new Error('crash')));
    await expect(upload(document({ g: ['a'] }), false, crash)).rejects.toThrow('crash');
    expect(await inForce()).toEqual({ g: ALL });
    expect(await upload(document({ g: ['a'] }))).toMatchObject({ version: 2, state: 'active' });
    expect(await inForce()).toEqual({ g: ['a'] });
  });

  test('uploads at the same time all get a number, and the last one is in force', async () => {
    const outcomes = await Promise.all(ALL.map((name) => upload(document({ [name]: ALL }), true)));
    expect(outcomes.map(({ version }) => version).sort()).toEqual([1, 2, 3]);
    const last = outcomes.find(({ version }) => version === 3)!;
    expect(await policyInForce(table)).toMatchObject({ version: 3, digest: last.digest });
  });
});

describe('planning', () => {
  const waiting = async () => (await Promise.all(FACT_SHARDS.map((shard) => table.due(shard, clock.now(), 10)))).flat();

  test('a policy waits until it was planned, as it was read', async () => {
    await upload(document({ g: ALL }), true);
    expect(await waiting()).toEqual([ACTIVE_KEY]);
    const current = (await policyInForce(table))!;
    expect(await policiesBefore(table, current)).toEqual([]);
    expect(await markPolicyPlanned(table, current)).toBe(true);
    expect(await waiting()).toEqual([]);
    expect(await previousPolicy(table)).toEqual(current.policy);
    const clean = (await policyInForce(table))!;
    expect(clean).toMatchObject({ rev: current.rev, sequence: current.sequence });
    expect(clean.dirty).toBeUndefined();
    expect(await markPolicyPlanned(table, clean)).toBe(true);
  });

  test('a policy that came into force while another was planned still waits', async () => {
    await upload(document({ g: ALL }), true);
    const first = (await policyInForce(table))!;
    await upload(document({ h: ALL }), true);
    expect(await markPolicyPlanned(table, first)).toBe(false);
    expect(await waiting()).toEqual([ACTIVE_KEY]);
    expect(await previousPolicy(table)).toEqual(first.policy);
  });

  test('a policy that was in force only between two plans is not forgotten', async () => {
    await upload(document({ g: ALL }), true);
    const first = (await policyInForce(table))!;
    await markPolicyPlanned(table, first);
    await upload(document({ g: ALL, h: ALL }), true);
    const second = (await policyInForce(table))!;
    await upload(document({ g: ALL, i: ALL }));
    const third = (await policyInForce(table))!;
    expect(third).toMatchObject({ partial: true, sequence: 3 });
    expect(await policiesBefore(table, third)).toEqual([first.policy, second.policy]);
  });

  test('a slow planner does not take the planned policy back', async () => {
    await upload(document({ g: ALL }), true);
    const first = (await policyInForce(table))!;
    await upload(document({ h: ALL }), true);
    const second = (await policyInForce(table))!;
    await markPolicyPlanned(table, second);
    expect(await markPolicyPlanned(table, first)).toBe(false);
    expect(await previousPolicy(table)).toEqual(second.policy);
    expect(await policiesBefore(table, second)).toEqual([]);
  });
});
