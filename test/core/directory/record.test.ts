import { clearDirty, FACT_SHARDS } from '@gatehouse/core/directory/dirty';
import type { Cause, Fact } from '@gatehouse/core/directory/fact';
import { factKey, membershipKey, shardOf, userKey } from '@gatehouse/core/directory/items';
import { groupsOf, isLiveMember, membersOf, readGroup, readMembership, readUser } from '@gatehouse/core/directory/read';
import { recordFact } from '@gatehouse/core/directory/record';
import type { Table } from '@gatehouse/core/ports/table';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { countingRandom } from '../../fakes/random.ts';
import { type MemoryTable, memoryTable } from '../../fakes/table.ts';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const cause: Cause = { source: 'okta', event: 'e1', type: 'group.user_membership.add', receivedAt: NOW };

let table: MemoryTable;
let clock: ReturnType<typeof fixedClock>;
const random = countingRandom();
beforeEach(() => {
  table = memoryTable();
  clock = fixedClock(NOW);
});
const record = (fact: Fact, over: Table = table) => recordFact({ table: over, clock, random }, fact, cause);
const waiting = async () => (await Promise.all(FACT_SHARDS.map((shard) => table.due(shard, clock.now(), 100)))).flat();

const member = (state: 'present' | 'absent', at: number, user = 'u1'): Fact => ({
  type: 'membership',
  source: 'okta',
  group: 'g1',
  user,
  state,
  at,
});
const group = (state: 'present' | 'deleted', at: number): Fact => ({
  type: 'group',
  source: 'okta',
  group: 'g1',
  state,
  at,
});
const user = (at: number, over: Partial<Extract<Fact, { type: 'user' }>> = {}): Fact => ({
  type: 'user',
  source: 'okta',
  user: 'u1',
  at,
  ...over,
});

async function isMember(name = 'u1'): Promise<boolean> {
  const [of, membership, who] = await Promise.all([
    readGroup(table, 'okta', 'g1'),
    readMembership(table, 'okta', 'g1', name),
    readUser(table, 'okta', name),
  ]);
  return isLiveMember(of, membership, who);
}

describe('what a fact does', () => {
  test('a new fact is kept with its time and cause, and waits to be planned', async () => {
    expect(await record(member('present', NOW - 5))).toBe('recorded');
    expect(await readMembership(table, 'okta', 'g1', 'u1')).toMatchObject({
      group: 'g1',
      user: 'u1',
      state: 'present',
      at: NOW - 5,
      cause,
      dirty: expect.any(String),
      dueAt: NOW,
    });
    expect(await waiting()).toEqual([membershipKey('okta', 'g1', 'u1')]);
    expect(await isMember()).toBe(true);
  });

  test('the same fact again changes nothing', async () => {
    await record(member('present', NOW));
    const items = table.items();
    expect(await record(member('present', NOW))).toBe('unchanged');
    expect(table.items()).toEqual(items);
  });

  test('the same state at a later time is remembered, and need not be planned', async () => {
    await record(member('present', NOW - 9));
    const { dirty } = (await readMembership(table, 'okta', 'g1', 'u1'))!;
    await clearDirty(table, membershipKey('okta', 'g1', 'u1'), dirty as string);
    expect(await record(member('present', NOW - 5))).toBe('unchanged');
    expect(await record(member('absent', NOW - 7))).toBe('outdated');
    expect(await readMembership(table, 'okta', 'g1', 'u1')).toMatchObject({ state: 'present', at: NOW - 5 });
    expect(await waiting()).toEqual([]);
  });

  test('what waits already keeps its token when the same is said again', async () => {
    await record(member('present', NOW - 9));
    const before = await readMembership(table, 'okta', 'g1', 'u1');
    await record(member('present', NOW - 5));
    expect(await readMembership(table, 'okta', 'g1', 'u1')).toMatchObject({ dirty: before!.dirty, at: NOW - 5 });
  });

  test('a hint about a principal waits every time', async () => {
    const fact: Fact = {
      type: 'principal',
      account: '111122223333',
      principal: 'role',
      name: 'gatehouse-g',
      change: 'deleted',
      at: NOW,
    };
    expect(await record(fact)).toBe('recorded');
    const first = await table.get(factKey(fact));
    expect(await record(fact)).toBe('recorded');
    expect(await record({ ...fact, change: 'created', at: NOW - 5 })).toBe('recorded');
    const last = await table.get(factKey(fact));
    expect(last).toMatchObject({ state: 'deleted', at: NOW });
    expect(last!.dirty).not.toBe(first!.dirty);
  });

  test('a cluster comes and goes', async () => {
    const fact = { type: 'cluster', arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/a', at: NOW } as const;
    expect(await record({ ...fact, state: 'present' })).toBe('recorded');
    expect(await record({ ...fact, state: 'deleted' })).toBe('recorded');
    expect(await record({ ...fact, state: 'present' })).toBe('outdated');
  });
});

describe('a removal is never lost', () => {
  test.each<[string, readonly Fact[]]>([
    ['it arrives before the addition it follows', [member('absent', NOW - 5), member('present', NOW - 9)]],
    ['it has the time of the addition', [member('absent', NOW), member('present', NOW)]],
    ['it has the time of the addition and comes after', [member('present', NOW), member('absent', NOW)]],
    [
      'the addition is delivered again',
      [member('present', NOW - 9), member('absent', NOW - 5), member('present', NOW - 9)],
    ],
    ['the group is deleted', [member('present', NOW - 9), group('deleted', NOW - 5)]],
    ['the group is deleted in the same moment', [member('present', NOW - 5), group('deleted', NOW - 5)]],
    [
      'the group is deleted and made again',
      [member('present', NOW - 9), group('deleted', NOW - 5), group('present', NOW - 4)],
    ],
    [
      'the news of the deletion comes after that of the new group',
      [member('present', NOW - 9), group('present', NOW - 4), group('deleted', NOW - 5)],
    ],
    ['the addition arrives after the group is gone', [group('deleted', NOW - 5), member('present', NOW - 9)]],
    ['the user is disabled', [member('present', NOW - 5), user(NOW - 9, { active: false })]],
    [
      'the user is disabled and renamed in the wrong order',
      [member('present', NOW), user(NOW - 2, { login: 'x' }), user(NOW - 5, { active: false })],
    ],
    [
      'the user is disabled and enabled in the same moment',
      [member('present', NOW), user(NOW, { active: false }), user(NOW, { active: true })],
    ],
    [
      'the addition claims to be of tomorrow, and comes again',
      [member('present', NOW + DAY / 2), member('absent', NOW + 1), member('present', NOW + DAY / 2)],
    ],
    [
      'the addition claims to be of next year, and comes again',
      [member('present', NOW + 400 * DAY), member('absent', NOW), member('present', NOW + 400 * DAY)],
    ],
    [
      'it comes from a clock that runs an hour fast, before its addition',
      [member('absent', NOW + 61 * MINUTE), member('present', NOW + 60 * MINUTE)],
    ],
  ])('%s', async (_name, facts) => {
    for (const fact of facts) {
      await record(fact);
      clock.advance(10);
    }
    expect(await isMember()).toBe(false);
    clock.advance(10 * MINUTE);
    for (const fact of facts) await record(fact);
    expect(await isMember()).toBe(false);
    clock.advance(2 * 60 * MINUTE);
    for (const fact of facts) await record(fact);
    expect(await isMember()).toBe(false);
  });

  test('a deletion that is no longer the last word on the group still has to be planned', async () => {
    await record(group('present', NOW));
    expect(await record(group('deleted', NOW - 5))).toBe('recorded');
    expect(await readGroup(table, 'okta', 'g1')).toMatchObject({ state: 'present', deletedAt: NOW - 5 });
  });
});

describe('an addition is not refused for ever', () => {
  test.each<[string, readonly Fact[]]>([
    ['after a removal', [member('absent', NOW - 9), member('present', NOW - 5)]],
    [
      'after the group was made again',
      [group('deleted', NOW - 9), group('present', NOW - 8), member('present', NOW - 5)],
    ],
    [
      'after the group was deleted, of which no event says it was made',
      [group('deleted', NOW - 9), member('present', NOW - 5)],
    ],
    [
      'after the user was enabled again',
      [member('present', NOW - 9), user(NOW - 5, { active: false }), user(NOW - 4, { active: true })],
    ],
    ['from a clock that runs four minutes fast', [member('absent', NOW), member('present', NOW + 4 * MINUTE)]],
    [
      'from a clock that runs an hour fast',
      [member('absent', NOW + 60 * MINUTE), member('present', NOW + 61 * MINUTE)],
    ],
  ])('%s', async (_name, facts) => {
    for (const fact of facts) {
      await record(fact);
      clock.advance(10);
    }
    expect(await isMember()).toBe(true);
  });

  test('a removal of next year blocks additions for a day at most', async () => {
    await record(member('absent', NOW + 400 * DAY));
    clock.advance(DAY + 1);
    expect(await record(member('present', NOW + DAY + 1))).toBe('recorded');
    expect(await isMember()).toBe(true);
  });
});

describe('a user', () => {
  test('each field keeps its own time', async () => {
    await record(user(NOW - 9, { active: true, login: 'old', email: 'e', attributes: { a: '1', b: '2' } }));
    await record(user(NOW - 5, { login: 'new' }));
    await record(user(NOW - 7, { login: 'between', email: 'f', attributes: { a: '3' } }));
    expect(await readUser(table, 'okta', 'u1')).toMatchObject({
      active: true,
      login: 'new',
      email: 'f',
      attributes: { a: '3' },
      at: NOW - 5,
      loginAt: NOW - 5,
      emailAt: NOW - 7,
    });
    expect((await readUser(table, 'okta', 'u1'))!.attributes).toEqual({ a: '3' });
  });
});

/** Facts about one item, of plausible times. */
const facts = fc.oneof(
  ...[
    fc
      .record({ state: fc.constantFrom('present' as const, 'absent' as const), at: fc.nat(6) })
      .map(({ state, at }) => member(state, NOW - at)),
    fc
      .record({ state: fc.constantFrom('present' as const, 'deleted' as const), at: fc.nat(6) })
      .map(({ state, at }) => group(state, NOW - at)),
    fc
      .record(
        {
          at: fc.nat(6),
          active: fc.boolean(),
          login: fc.constantFrom('a', 'b'),
          email: fc.constantFrom('a', 'b'),
          attributes: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
        },
        { requiredKeys: ['at'] },
      )
      .map(({ at, ...over }) => user(NOW - at, over)),
    fc.record({ change: fc.constantFrom('created' as const, 'deleted' as const), at: fc.nat(6) }).map(
      ({ change, at }): Fact => ({
        type: 'principal',
        account: '1',
        principal: 'role',
        name: 'r',
        change,
        at: NOW - at,
      }),
    ),
  ].map((fact) => fc.array(fact, { minLength: 1, maxLength: 6 })),
);

/** What is known after some facts, without bookkeeping and hints. */
async function knownAfter(list: readonly Fact[]): Promise<unknown> {
  table = memoryTable();
  for (const fact of list) await record(fact);
  const item = await table.get(factKey(list[0]!));
  const { rev, cause: _cause, dirty, dueShard, dueAt, ...known } = item!;
  return known;
}

test('facts give the same in every order and any number of times, and always wait to be planned', async () => {
  const shuffled = facts.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
  );
  await fc.assert(
    fc.asyncProperty(shuffled, async ([list, again]) => {
      const known = await knownAfter(list);
      expect(await knownAfter(again)).toEqual(known);
      expect(await waiting()).toEqual([factKey(list[0]!)]);
    }),
    { numRuns: 300 },
  );
});

test('of facts recorded at the same time none is lost', async () => {
  const outcomes = await Promise.all(
    [
      member('present', NOW - 1),
      member('absent', NOW),
      member('present', NOW - 2),
      user(NOW, { login: 'a' }),
      user(NOW, { email: 'b' }),
    ].map((fact) => record(fact)),
  );
  expect(outcomes.filter((outcome) => outcome === 'recorded').length).toBeGreaterThanOrEqual(3);
  expect(await readMembership(table, 'okta', 'g1', 'u1')).toMatchObject({ state: 'absent', at: NOW });
  expect(await readUser(table, 'okta', 'u1')).toMatchObject({ login: 'a', email: 'b' });
});

test('somebody who always comes first is a conflict in the end', async () => {
  const rude: Table = {
    ...table,
    put: (item, condition) =>
      item.sk === 'group' ? table.put({ ...item, sk: 'x' }, { equals: { never: 'so' } }) : table.put(item, condition),
  };
  await expect(record(group('present', NOW), rude)).rejects.toMatchObject({ code: 'conflict', retryable: true });
});

describe('clearing', () => {
  test('only what the planner saw is cleared, and its revision stays', async () => {
    const key = membershipKey('okta', 'g1', 'u1');
    await record(member('present', NOW - 5));
    const seen = (await table.get(key))!;
    await record(member('absent', NOW));
    expect(await clearDirty(table, key, seen.dirty as string)).toBe(false);
    const now = (await table.get(key))!;
    expect(await clearDirty(table, key, now.dirty as string)).toBe(true);
    const { dirty, dueShard, dueAt, ...rest } = now;
    expect(await table.get(key)).toEqual(rest);
    expect(await clearDirty(table, key, now.dirty as string)).toBe(false);
    expect(await clearDirty(table, userKey('okta', 'nobody'), 'x')).toBe(false);
  });

  test('a fact that changes between reading and clearing stays dirty', async () => {
    const key = membershipKey('okta', 'g1', 'u1');
    await record(member('present', NOW - 5));
    const seen = (await table.get(key))!;
    const raced: Table = {
      ...table,
      put: async (item, condition) => {
        await record(member('absent', NOW));
        return table.put(item, condition);
      },
    };
    expect(await clearDirty(raced, key, seen.dirty as string)).toBe(false);
    expect(await table.get(key)).toMatchObject({ state: 'absent', dirty: expect.any(String) });
  });
});

describe('reading', () => {
  test('members come in pages, present and absent; a prefix of a group is another group', async () => {
    for (const name of ['u1', 'u2', 'u3']) await record(member(name === 'u2' ? 'absent' : 'present', NOW, name));
    await record({ type: 'membership', source: 'okta', group: 'g11', user: 'x', state: 'present', at: NOW });
    const first = await membersOf(table, 'okta', 'g1', undefined, 2);
    const second = await membersOf(table, 'okta', 'g1', first.next, 2);
    expect(
      [...first.members, ...second.members].map(({ user: name, membership }) => `${name} ${membership.state}`),
    ).toEqual(['u1 present', 'u2 absent', 'u3 present']);
    expect(second.next).toBeUndefined();
  });

  test('a user’s groups are known before the membership is', async () => {
    const crashing: Table = {
      ...table,
      put: (item, condition) =>
        item.sk.startsWith('member#') ? Promise.reject(new Error('crash')) : table.put(item, condition),
    };
    await expect(record(member('present', NOW), crashing)).rejects.toThrow('crash');
    expect(await groupsOf(table, 'okta', 'u1')).toEqual(['g1']);
    await record(member('present', NOW));
    await record({ type: 'membership', source: 'okta', group: 'a#b', user: 'u1', state: 'present', at: NOW });
    expect(await groupsOf(table, 'okta', 'u1')).toEqual(['a#b', 'g1']);
  });

  test('nobody is a member by nothing', () => {
    expect(isLiveMember(undefined, undefined, undefined)).toBe(false);
  });
});

describe('ids from outside', () => {
  const id = fc.string({ unit: fc.constantFrom('#', '%', '2', '3', '5', 'a'), minLength: 1, maxLength: 8 });
  test('two different memberships never share an item', () => {
    fc.assert(
      fc.property(fc.tuple(id, id), fc.tuple(id, id), (a, b) => {
        const [one, other] = [a, b].map(([of, who]) => membershipKey('okta', of, who));
        expect(JSON.stringify(one) === JSON.stringify(other)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 300 },
    );
  });

  test('an id that looks escaped is not the id it looks like', () => {
    expect(userKey('okta', 'a%23')).not.toEqual(userKey('okta', 'a#'));
    expect(userKey('okta', 'a%2523')).not.toEqual(userKey('okta', 'a%23'));
  });

  test('the longest id fits a key', async () => {
    const long = '#'.repeat(256);
    await record({ type: 'membership', source: 'okta', group: long, user: long, state: 'present', at: NOW });
    expect(await groupsOf(table, 'okta', long)).toEqual([long]);
  });

  test.each([
    ['', /empty/],
    ['a\nb', /control character/],
    ['a\u2028b', /control character/],
    ['é'.repeat(129), /longer than 256 bytes/],
    ['\ud800', /half a character/],
  ])('%j is refused', async (bad, why) => {
    await expect(record(member('present', NOW, bad))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(why),
    });
    expect(table.items()).toEqual([]);
  });

  test('a source of another form, and a time that is none, are refused', async () => {
    await expect(record({ type: 'group', source: 'a#b', group: 'g', state: 'present', at: NOW })).rejects.toMatchObject(
      { code: 'invalid' },
    );
    await expect(record(group('present', Number.NaN))).rejects.toMatchObject({ code: 'invalid' });
    expect(table.items()).toEqual([]);
  });

  test('shards are all used, and the same key always has the same', () => {
    const shards = Array.from({ length: 100 }, (_, index) => shardOf(userKey('okta', `u${index}`)));
    expect(new Set(shards)).toEqual(new Set(FACT_SHARDS));
    expect(shardOf(userKey('okta', 'u0'))).toBe(shards[0]);
  });
});
