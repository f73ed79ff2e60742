import {
  DAYS_KEPT,
  deliveriesOf,
  type EventEntry,
  earliestKept,
  eventsIn,
  noteEvent,
} from '@gatehouse/core/directory/event-log';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../fakes/table.ts';

const NOW = Date.UTC(2026, 0, 15, 12);
const DAY = 24 * 60 * 60 * 1000;

function entry(over: Partial<EventEntry> = {}): EventEntry {
  return { source: 'okta', event: 'e1', type: 'sample', receivedAt: NOW, outcome: 'recorded', facts: [], ...over };
}

async function logOf(...entries: readonly EventEntry[]) {
  const table = memoryTable();
  for (const one of entries) await noteEvent(table, one);
  return table;
}

async function listed(...[reader, span]: Parameters<typeof eventsIn>): Promise<EventEntry[]> {
  const found: EventEntry[] = [];
  for await (const one of eventsIn(reader, span)) found.push(one);
  return found;
}

describe('the log of events', () => {
  it('gives back what was noted', async () => {
    const fact = { type: 'group', source: 'okta', group: 'g1', state: 'present', at: 1 } as const;
    const noted = entry({ facts: [fact] });
    expect(await listed(await logOf(noted), { since: NOW, until: NOW })).toEqual([noted]);
  });

  it('lets DynamoDB remove an event as soon as it is not listed any more', async () => {
    const table = await logOf(entry());
    expect(table.items()).toMatchObject([{ expiresAt: NOW / 1000 + DAYS_KEPT * 86_400 }]);
    expect(earliestKept(NOW + DAYS_KEPT * DAY)).toBe(NOW);
  });

  it('puts nothing in the way of the tick', async () => {
    for (const item of (await logOf(entry())).items()) expect(item).not.toHaveProperty('dueShard');
  });

  it('holds two events of one id at one time, and one that is noted twice once', async () => {
    const fact = { type: 'group', source: 'okta', group: 'g1', state: 'present', at: 1 } as const;
    const table = await logOf(entry(), entry({ facts: [fact] }), entry());
    expect(await listed(table, { since: NOW, until: NOW })).toHaveLength(2);
  });

  it('lists every span exactly, the newest first, whatever its days, shards and pages', async () => {
    const times = fc.array(fc.integer({ min: 0, max: 3 * DAY }), { maxLength: 60 });
    const span = fc.tuple(fc.integer({ min: 0, max: 3 * DAY }), fc.integer({ min: 0, max: 3 * DAY }));
    await fc.assert(
      fc.asyncProperty(times, span, async (ago, [one, other]) => {
        const entries = ago.map((before, index) => entry({ event: `e${index}`, receivedAt: NOW - before }));
        const [since, until] = [NOW - Math.max(one, other), NOW - Math.min(one, other)];
        const found = await listed(await logOf(...entries), { since, until });
        const expected = entries.filter(({ receivedAt }) => receivedAt >= since && receivedAt <= until);
        expect(found.map(({ event }) => event).toSorted()).toEqual(expected.map(({ event }) => event).toSorted());
        const order = found.map(({ receivedAt }) => receivedAt);
        expect(order).toEqual(order.toSorted((a, b) => b - a));
      }),
      { numRuns: 60 },
    );
  });

  it('goes on behind the first page of a shard, and reads no more than was asked for', async () => {
    const entries = Array.from({ length: 1_000 }, (_, index) => entry({ event: `e${index}`, receivedAt: NOW - index }));
    const table = await logOf(...entries);
    expect(await listed(table, { since: NOW - DAY / 2, until: NOW })).toHaveLength(1_000);
    const before = table.calls.query;
    for await (const one of eventsIn(table, { since: NOW - DAY / 2, until: NOW })) {
      if (one.receivedAt <= NOW - 9) break;
    }
    expect(table.calls.query - before).toBe(4);
  });
});

describe('an event by its name', () => {
  const entries = [
    entry({ event: 'abc-1', receivedAt: NOW - 2 }),
    entry({ event: 'abc-2', receivedAt: NOW - 1 }),
    entry({ event: 'abc', source: 'cognito', receivedAt: NOW - 3 * DAY }),
    entry({ event: 'same', source: 'cognito' }),
    entry({ event: 'same' }),
    entry({ event: 'again', receivedAt: NOW - 5 }),
    entry({ event: 'again', receivedAt: NOW - 4, outcome: 'repeated' }),
  ];
  it.each<[string, readonly string[]]>([
    ['abc-1', ['okta/abc-1']],
    ['okta/abc-1', ['okta/abc-1']],
    ['ag', ['okta/again', 'okta/again']],
    ['okta/ag', ['okta/again', 'okta/again']],
    // An id in full is meant before the beginning of another.
    ['abc', ['cognito/abc']],
    ['okta/same', ['okta/same']],
    ['nothing', []],
  ])('%s', async (text, names) => {
    const found = await deliveriesOf(await logOf(...entries), text, NOW);
    expect(found.map(({ source, event }) => `${source}/${event}`)).toEqual(names);
  });

  it.each(['abc-', 'same', 'okta/'])('is asked for again where several are meant: %s', async (text) => {
    await expect(deliveriesOf(await logOf(...entries), text, NOW)).rejects.toMatchObject({
      code: 'invalid',
      remedy: expect.stringContaining('<source>/<id>'),
    });
  });
});
