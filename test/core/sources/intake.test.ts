import { Failure } from '@gatehouse/core/access/failure';
import { type EventEntry, eventsIn } from '@gatehouse/core/directory/event-log';
import type { Fact, Reception } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import type { Message } from '@gatehouse/core/ports/queues';
import { takeIn } from '@gatehouse/core/sources/intake';
import { describe, expect, it } from 'vitest';
import { SENT_AT } from '../../builders/webhook-events.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const clock = fixedClock(SENT_AT);

function world() {
  return { table: memoryTable(), queues: recordingQueues(), clock, random: countingRandom() };
}

function membership(user: string, state: 'present' | 'absent' = 'present', at = SENT_AT - 1000): Fact {
  return { type: 'membership', source: 'okta', group: '00g1', user, state, at };
}

function event(id: string, facts: readonly Fact[], ignored?: string): Reception['events'][number] {
  const cause = { source: 'okta', event: id, type: 'sample' };
  return ignored === undefined ? { cause, facts } : { cause, facts, ignored };
}

const delivery = (...events: Reception['events']): Reception => ({ delivery: 'delivery-1', events });
const woken = (messages: readonly Message[]) => messages.flatMap((message) => JSON.parse(message.body).facts);
const joined = membership('00u1');

/** What the log of events holds, the newest first. */
async function logged({ table }: ReturnType<typeof world>): Promise<EventEntry[]> {
  const entries: EventEntry[] = [];
  for await (const entry of eventsIn(table, { since: SENT_AT - 1, until: SENT_AT + 1 })) entries.push(entry);
  return entries;
}

describe('taking in', () => {
  it('records, wakes the planner, and remembers', async () => {
    const ports = world();
    const outcome = await takeIn(ports, delivery(event('e1', [joined])));
    expect(outcome).toEqual({ events: 1, facts: 1, repeated: 0, ignored: new Map() });
    expect(await ports.table.get(factKey(joined))).toMatchObject({
      state: 'present',
      dirty: expect.any(String),
      cause: { source: 'okta', event: 'e1', type: 'sample', receivedAt: SENT_AT },
    });
    expect(ports.queues.sent.map(({ queue, body }) => [queue, JSON.parse(body)])).toEqual([
      ['intake', { version: 1, facts: [factKey(joined)] }],
    ]);
    expect(await ports.table.get({ pk: 'delivery#okta#e1', sk: 'delivery' })).toMatchObject({
      expiresAt: SENT_AT / 1000 + 3 * 24 * 3600,
    });
  });

  it('costs one read an event and its line in the log, and nothing else, when repeated', async () => {
    const ports = world();
    await takeIn(ports, delivery(event('e1', [joined]), event('e2', [membership('00u2')])));
    const before = { ...ports.table.calls, sent: ports.queues.sent.length };
    const outcome = await takeIn(ports, delivery(event('e1', [joined]), event('e2', [membership('00u2')])));
    expect(outcome).toMatchObject({ facts: 0, repeated: 2 });
    expect({ ...ports.table.calls, sent: ports.queues.sent.length }).toEqual({
      ...before,
      get: before.get + 2,
      put: before.put + 2,
    });
  });

  it('takes no more round trips one after the other than without the log', async () => {
    const ports = world();
    // Every call of a wave is answered when nothing else moves any more, so waves are round trips.
    let waves = 0;
    let waiting: (() => void)[] = [];
    const inWaves =
      <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
      async (...args: A) => {
        if (waiting.length === 0) {
          waves += 1;
          setImmediate(() => {
            const answered = waiting;
            waiting = [];
            for (const answer of answered) answer();
          });
        }
        await new Promise<void>((answer) => waiting.push(answer));
        return method(...args);
      };
    const table = { ...ports.table, get: inWaves(ports.table.get), put: inWaves(ports.table.put) };
    const events = Array.from({ length: 16 }, (_, index) => event(`e${index}`, [membership(`00u${index}`)]));
    await takeIn({ ...ports, table }, delivery(...events));
    // Memory; hint, item, and its put for the fact; memory and log together.
    expect(waves).toBe(5);
    expect(ports.table.calls).toMatchObject({ get: 32, put: 64, query: 0 });
  });

  it('tells the same id of two sources apart', async () => {
    const ports = world();
    await takeIn(ports, delivery(event('e1', [joined])));
    const other = {
      cause: { source: 'cognito', event: 'e1', type: 'sample' },
      facts: [{ ...joined, source: 'cognito' } as Fact],
    };
    expect(await takeIn(ports, delivery(other))).toMatchObject({ facts: 1, repeated: 0 });
  });

  it('loses nothing to a sender that gives one id to two events, at once or one after the other', async () => {
    const ports = world();
    const left = membership('00u1', 'absent', SENT_AT);
    await takeIn(ports, delivery(event('e1', [joined])));
    expect(await takeIn(ports, delivery(event('e1', [left]), event('e1', [membership('00u2')])))).toMatchObject({
      facts: 2,
    });
    expect(await ports.table.get(factKey(joined))).toMatchObject({ state: 'absent' });
  });

  it('takes a twin within one delivery once', async () => {
    const ports = world();
    const outcome = await takeIn(ports, delivery(event('e1', [joined]), event('e1', [joined])));
    expect(outcome).toMatchObject({ events: 2, facts: 1, repeated: 1 });
  });

  it('lets a late addition pass without a word: a newer removal stands', async () => {
    const ports = world();
    await takeIn(ports, delivery(event('e2', [membership('00u1', 'absent')])));
    const sent = ports.queues.sent.length;
    expect(await takeIn(ports, delivery(event('e1', [membership('00u1', 'present', SENT_AT - 2000)])))).toMatchObject({
      facts: 0,
    });
    expect(await ports.table.get(factKey(joined))).toMatchObject({ state: 'absent' });
    expect(ports.queues.sent.length).toBe(sent);
  });

  it('records a removal and its addition in one delivery by their times, not by their places', async () => {
    const ports = world();
    const events = [
      event('e1', [membership('00u1', 'absent', SENT_AT - 10)]),
      event('e2', [membership('00u1', 'present', SENT_AT - 20)]),
    ];
    await takeIn(ports, delivery(...events));
    expect(await ports.table.get(factKey(joined))).toMatchObject({ state: 'absent', at: SENT_AT - 10 });
  });

  it('takes a large batch, in messages that SQS accepts', async () => {
    const ports = world();
    const events = Array.from({ length: 450 }, (_, index) => event(`e${index}`, [membership(`00u${index}`)]));
    expect(await takeIn(ports, delivery(...events))).toMatchObject({ facts: 450 });
    expect(new Set(woken(ports.queues.sent).map((key) => key.sk)).size).toBe(450);
    expect(Math.max(...ports.queues.sent.map((message) => message.body.length))).toBeLessThan(128 * 1024);
  });

  it('counts what it does not act on, by reason, and remembers nothing of it', async () => {
    const ports = world();
    await takeIn(
      ports,
      delivery(event('e1', [], 'unknown-type'), event('e2', [], 'unknown-type'), event('e3', [], 'not-understood')),
    );
    const outcome = await takeIn(ports, delivery(event('e4', [], 'unknown-type')));
    expect(outcome.ignored).toEqual(new Map([['unknown-type', 1]]));
    expect(ports.table.items().filter(({ pk }) => !pk.startsWith('events#'))).toEqual([
      { pk: 'ignored#okta', sk: 'not-understood', count: 1, lastAt: SENT_AT, lastEvent: 'e3', lastType: 'sample' },
      { pk: 'ignored#okta', sk: 'unknown-type', count: 3, lastAt: SENT_AT, lastEvent: 'e4', lastType: 'sample' },
    ]);
    expect(ports.queues.sent).toEqual([]);
  });
});

describe('the log of events', () => {
  it.each<{ title: string; before?: Reception; taken: Reception['events'][number]; outcome: Partial<EventEntry> }>([
    { title: 'news', taken: event('e1', [joined]), outcome: { outcome: 'recorded', facts: [joined] } },
    {
      title: 'what another event said before',
      before: delivery(event('e0', [joined])),
      taken: event('e1', [joined]),
      outcome: { outcome: 'unchanged', facts: [joined] },
    },
    {
      title: 'what was overtaken',
      before: delivery(event('e0', [membership('00u1', 'absent', SENT_AT)])),
      taken: event('e1', [joined]),
      outcome: { outcome: 'outdated', facts: [joined] },
    },
    {
      title: 'what is news in part',
      before: delivery(event('e0', [joined])),
      taken: event('e1', [joined, membership('00u2')]),
      outcome: { outcome: 'recorded' },
    },
    {
      title: 'a repetition',
      before: delivery(event('e1', [joined])),
      taken: event('e1', [joined]),
      outcome: { outcome: 'repeated', facts: [joined] },
    },
    {
      title: 'what is ignored',
      taken: event('e1', [], 'not-successful'),
      outcome: { outcome: 'ignored', reason: 'not-successful', facts: [] },
    },
    { title: 'what says nothing', taken: event('e1', []), outcome: { outcome: 'ignored', reason: 'nothing-said' } },
  ])('holds $title', async ({ before, taken, outcome }) => {
    const ports = world();
    if (before) await takeIn({ ...ports, clock: fixedClock(SENT_AT - 1) }, before);
    await takeIn(ports, delivery(taken));
    const [newest] = await logged(ports);
    expect(newest).toEqual({
      source: 'okta',
      event: 'e1',
      type: 'sample',
      receivedAt: SENT_AT,
      facts: expect.anything(),
      ...outcome,
    });
  });

  it('that cannot be written refuses no delivery of what was ignored or repeated, and no other twice', async () => {
    const ports = world();
    let broken = true;
    const table = {
      ...ports.table,
      put: (...args: Parameters<typeof ports.table.put>) =>
        broken && args[0].pk.startsWith('events#')
          ? Promise.reject(new Failure('unreachable', 'no answer'))
          : ports.table.put(...args),
    };
    await takeIn({ ...ports, table }, delivery(event('e0', [], 'unknown-type')));
    await expect(takeIn({ ...ports, table }, delivery(event('e1', [joined])))).rejects.toThrow('no answer');
    await takeIn({ ...ports, table }, delivery(event('e1', [joined])));
    expect(await logged(ports)).toEqual([]);
    broken = false;
    await takeIn({ ...ports, table }, delivery(event('e1', [joined])));
    expect(await logged(ports)).toMatchObject([{ event: 'e1', outcome: 'repeated', facts: [joined] }]);
  });
});

describe('a failure', () => {
  const unreachable = new Failure('unreachable', 'no answer');

  it('of the queue leaves the delivery to the next attempt, which wakes the planner although nothing is new', async () => {
    const ports = world();
    const broken = { ...ports, queues: { send: () => Promise.reject(unreachable) } };
    await expect(takeIn(broken, delivery(event('e1', [joined])))).rejects.toBe(unreachable);
    expect(await ports.table.get(factKey(joined))).toMatchObject({ state: 'present' });
    expect(await ports.table.get({ pk: 'delivery#okta#e1', sk: 'delivery' })).toBeUndefined();

    expect(await takeIn(ports, delivery(event('e1', [joined])))).toMatchObject({ facts: 0, repeated: 0 });
    expect(woken(ports.queues.sent)).toEqual([factKey(joined)]);
    expect(await ports.table.get({ pk: 'delivery#okta#e1', sk: 'delivery' })).toBeDefined();
  });

  it('of any single call of the table is healed by the next attempt', async () => {
    const reception = delivery(
      event('e1', [joined]),
      event('e2', [membership('00u2')]),
      event('e3', [], 'unknown-type'),
    );
    const golden = world();
    await takeIn(golden, reception);
    const calls = golden.table.calls.get + golden.table.calls.put;
    expect(calls).toBeGreaterThan(8);
    for (let failing = 1; failing <= calls; failing++) {
      const ports = world();
      let call = 0;
      const trip =
        <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
        (...args: A) => {
          call += 1;
          return call === failing ? Promise.reject(new Error(`call ${call}`)) : method(...args);
        };
      const table = { ...ports.table, get: trip(ports.table.get), put: trip(ports.table.put) };
      await expect(takeIn({ ...ports, table }, reception)).rejects.toThrow();
      await takeIn(ports, reception);
      for (const user of ['00u1', '00u2']) {
        expect(await ports.table.get(factKey(membership(user)))).toMatchObject({
          state: 'present',
          dirty: expect.any(String),
        });
        expect(woken(ports.queues.sent)).toContainEqual(factKey(membership(user)));
      }
    }
  });

  it('to count is no reason to refuse a delivery', async () => {
    const ports = world();
    const table = {
      ...ports.table,
      put: (...args: Parameters<typeof ports.table.put>) =>
        args[0].pk.startsWith('ignored#') ? Promise.reject(unreachable) : ports.table.put(...args),
    };
    const outcome = await takeIn({ ...ports, table }, delivery(event('e1', [], 'unknown-type'), event('e2', [joined])));
    expect(outcome.ignored).toEqual(new Map([['unknown-type', 1]]));
    expect(woken(ports.queues.sent)).toEqual([factKey(joined)]);
  });
});
