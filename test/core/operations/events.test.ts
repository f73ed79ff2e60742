import { deliveriesOf } from '@gatehouse/core/directory/event-log';
import type { Fact } from '@gatehouse/core/directory/fact';
import { factKey } from '@gatehouse/core/directory/items';
import { type Events, fits, listEvents } from '@gatehouse/core/operations/events';
import { operationSchema } from '@gatehouse/core/operations/operation';
import type { ReplayOutcome } from '@gatehouse/core/operations/replay';
import { replay } from '@gatehouse/core/operations/replay';
import { missingOf, type Trace } from '@gatehouse/core/operations/trace';
import { takeIn } from '@gatehouse/core/sources/intake';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
`;

const member = (user: string, at: number, state: 'present' | 'absent' = 'present'): Fact => ({
  ...{ type: 'membership', source: 'okta', group: 'g1', user },
  ...{ state, at },
});

async function aWorld() {
  const world = await aPipeline({ policy: POLICY, users: ['alice'] });
  await world.settle();
  const operate = async <T>(operation: object) => world.operate<T>(operationSchema.parse(operation));
  /** As a receiver does. */
  const receive = (event: string, ...facts: readonly Fact[]) =>
    takeIn(world.ports, { delivery: event, events: [{ cause: { source: 'okta', event, type: 't' }, facts }] });
  const joins = (event: string) =>
    receive(
      event,
      { type: 'user', source: 'okta', user: 'alice', at: world.clock.now(), login: 'alice' },
      member('alice', world.clock.now()),
    );
  const traced = (of: string) => operate<Trace>({ operation: 'trace', of });
  return { ...world, operate, receive, joins, traced };
}

describe('a trace', () => {
  it('goes from the event through what waits to what was seen on the cluster', async () => {
    const { joins, traced, settle, deliver, clock } = await aWorld();
    await joins('joined-1');
    const received = clock.now();
    expect(await traced('joined-1')).toMatchObject({
      events: [{ outcome: 'recorded' }],
      facts: [{ now: 'dirty' }, { now: 'dirty' }],
      runs: [],
      missing: [expect.stringContaining('planner'), expect.stringContaining('planner')],
    });
    await deliver('intake');
    const waiting = await traced('joined');
    expect(waiting.waiting).toMatchObject([{ subject: 'user/okta/alice' }]);
    expect(waiting.missing).toEqual([expect.stringMatching(/^user\/okta\/alice waits on iam\//)]);
    await settle(600_000);
    const done = await traced('okta/joined-1');
    expect(done).toMatchObject({
      from: received,
      facts: [{ now: 'stands' }, { now: 'stands' }],
      waiting: [],
      missing: [],
    });
    // The clock of a pipeline stands still while it works, so their order is nobody's.
    const kinds = new Map(
      done.runs.map(({ target, entries }) => [target.split('/')[0], entries.map(({ kind }) => kind)]),
    );
    expect(Object.fromEntries(kinds)).toEqual({
      iam: ['intent', 'outcome'],
      cluster: ['intent', 'outcome'],
      verify: ['verified'],
    });
    const { run } = done.runs.find(({ target }) => target.startsWith('cluster/'))!;
    const ofRun = await traced(run);
    expect(ofRun).toMatchObject({
      ...{ causes: [{ event: 'joined-1' }], events: [{ event: 'joined-1', outcome: 'recorded' }], deliveries: 1 },
      facts: [
        { event: 'okta/joined-1', fact: { type: 'user' }, now: 'stands' },
        { event: 'okta/joined-1', fact: { type: 'membership', user: 'alice' }, now: 'stands' },
      ],
    });
    expect(ofRun.runs.map((each) => each.target.split('/')[0])).toEqual(['cluster', 'verify']);
  });

  it('says which event a fact was overtaken by, and what is due to an ignored one', async () => {
    const { joins, receive, traced, settle, clock } = await aWorld();
    await joins('joined-1');
    clock.advance(1_000);
    await receive('left-1', member('alice', clock.now(), 'absent'));
    await receive('login-1');
    await settle(600_000);
    const { facts } = await traced('joined-1');
    expect(facts).toMatchObject([{ now: 'stands' }, { now: 'known', by: { event: 'left-1' } }]);
    expect((await traced('login-1')).missing).toEqual(['nothing follows: the event was ignored (nothing-said)']);
  });

  it('follows what is no delivery by the ledger alone, and knows nothing of what nobody wrote down', async () => {
    const { join, settle, traced } = await aWorld();
    await join('g1', 'alice');
    await settle(600_000);
    const { events, causes, runs } = await traced('event-2');
    expect({ events, causes }).toMatchObject({ events: [], causes: [{ source: 'okta', event: 'event-2' }] });
    expect(runs.length).toBeGreaterThan(0);
    await expect(traced('nobody-said')).rejects.toMatchObject({
      code: 'not-found',
      remedy: 'look at: gatehouse events',
    });
  });

  it('shows both events where one id was given to two', async () => {
    const { receive, traced, clock } = await aWorld();
    await receive('twice', member('alice', clock.now()));
    clock.advance(1_000);
    await receive('twice', member('bob', clock.now()));
    const { events, facts, deliveries } = await traced('twice');
    expect({ events: events.length, deliveries }).toEqual({ events: 2, deliveries: 2 });
    expect(facts).toMatchObject([{ fact: { user: 'alice' } }, { fact: { user: 'bob' } }]);
  });

  const run = { target: 'cluster/a', chain: 'cluster/a', run: 'cluster/a#1' } as const;
  const said = (kind: 'intent' | 'outcome') =>
    ({ kind, sequence: 1, at: 1, changes: [], policyVersion: { version: 1, digest: '' } }) as const;
  const mark = {
    ...{ target: 'cluster/a', subject: 'user/okta/a', urgency: 'grant', since: 1, attempts: 0, notBefore: 0 },
    cause: { source: 'okta', event: 'e', type: 't', receivedAt: 1 },
  } as const;
  const trouble = { code: 'unreachable', message: 'no answer', remedy: undefined } as const;
  it.each([
    { title: 'nothing', given: {}, missing: /^nothing followed: it stood already/ },
    {
      title: 'a run without an end',
      given: { runs: [{ ...run, entries: [said('intent')] }] },
      missing: /began, and has told no outcome/,
    },
    {
      title: 'a run that ended',
      given: { runs: [{ ...run, entries: [said('intent'), said('outcome')] }] },
      missing: undefined,
    },
    { title: 'a mark', given: { waiting: [mark] }, missing: /^user\/okta\/a waits on cluster\/a$/ },
    {
      title: 'a failure',
      given: { waiting: [{ ...mark, failure: trouble }] },
      missing: /failed \(unreachable\): no answer/,
    },
    { title: 'a second look', given: { waiting: [{ ...mark, confirming: true }] }, missing: /seen once more/ },
    {
      title: 'a finding',
      given: {
        waiting: [{ ...mark, finding: { ...trouble, code: 'no-identity', severity: 'blocks' as const, object: 'o' } }],
      },
      missing: /is parked on cluster\/a \(no-identity\)/,
    },
  ])('misses where there is $title', ({ given, missing }) => {
    const told = missingOf({ events: [], facts: [], waiting: [], runs: [], ...given } as Parameters<
      typeof missingOf
    >[0]);
    if (missing === undefined) expect(told).toEqual([]);
    else expect(told).toEqual([expect.stringMatching(missing)]);
  });
});

describe('a replay', () => {
  it('repairs a step that was lost, and changes nothing where none was', async () => {
    const { joins, operate, settle, table, traced, writes, forgetCalls } = await aWorld();
    await joins('joined-1');
    // The planner's message, and all that would remind of it, are lost.
    for (const { dirty, dueShard, dueAt, ...item } of table.items()) {
      if (dirty !== undefined && item.pk !== 'policy') await table.put(item);
    }
    await settle(600_000);
    expect((await traced('joined-1')).runs).toEqual([]);
    const outcome = await operate<ReplayOutcome>({ operation: 'replay', event: 'joined-1' });
    expect(outcome.replayed).toMatchObject([{ outcomes: ['unchanged', 'unchanged'] }]);
    await settle(600_000);
    const after = await traced('joined-1');
    expect(after.runs.map(({ target }) => target.split('/')[0])).toContain('verify');
    forgetCalls();
    await operate({ operation: 'replay', since: 0 });
    await settle(600_000);
    expect(writes()).toEqual([]);
  });

  it('gives nothing back to whoever has left', async () => {
    const { joins, receive, operate, settle, clock, table } = await aWorld();
    await joins('joined-1');
    clock.advance(1_000);
    await receive('left-1', member('alice', clock.now(), 'absent'));
    await settle(600_000);
    const { replayed } = await operate<ReplayOutcome>({ operation: 'replay', event: 'joined-1' });
    expect(replayed[0]!.outcomes).toEqual(['unchanged', 'outdated']);
    await settle(600_000);
    expect(await table.get(factKey(member('alice', 0)))).toMatchObject({ state: 'absent' });
  });

  it('raises no alarm: what was done long ago is not measured as a late revocation', async () => {
    const { joins, receive, operate, settle, clock, metrics } = await aWorld();
    await joins('joined-1');
    clock.advance(1_000);
    await receive('left-1', member('alice', clock.now(), 'absent'));
    await settle(600_000);
    clock.advance(3_600_000);
    const before = metrics.recorded.length;
    await operate({ operation: 'replay', event: 'left-1' });
    await settle(600_000);
    const latencies = metrics.recorded
      .slice(before)
      .flatMap(([metric, values]) => (metric === 'RevocationLatency' ? values : []));
    expect(latencies.length).toBeGreaterThan(0);
    expect(Math.max(...latencies)).toBeLessThan(60_000);
  });

  it('replays each event once, however often it came, and refuses what said nothing', async () => {
    const { joins, receive, operate } = await aWorld();
    await joins('joined-1');
    await joins('joined-1');
    await receive('login-1');
    const { replayed } = await operate<ReplayOutcome>({ operation: 'replay', since: 0, dryRun: true });
    expect(replayed.map(({ event }) => event.event)).toEqual(['joined-1']);
    await expect(operate({ operation: 'replay', event: 'login-1' })).rejects.toMatchObject({ code: 'invalid' });
    await expect(operate({ operation: 'replay', event: 'nobody' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it.each(['twice', 'okta/twice'])('takes all that one id was given to, in the order received: %s', async (name) => {
    const { receive, operate, settle, clock, table } = await aWorld();
    await receive('twice', member('alice', clock.now()));
    clock.advance(1_000);
    await receive('twice', member('bob', clock.now()));
    await settle(600_000);
    for (const user of ['alice', 'bob']) await table.delete(factKey(member(user, 0)));
    const { replayed } = await operate<ReplayOutcome>({ operation: 'replay', event: name });
    expect(replayed.map(({ event, outcomes }) => [event.facts, outcomes])).toMatchObject([
      [[{ user: 'alice' }], ['recorded']],
      [[{ user: 'bob' }], ['recorded']],
    ]);
  });

  it('leaves the directory as it is, and foretells that, whatever came in whichever order', async () => {
    const fact = fc.record({
      user: fc.constantFrom('a', 'b'),
      state: fc.constantFrom('present' as const, 'absent' as const),
      at: fc.integer({ min: 0, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fact, { minLength: 1, maxLength: 8 }), async (facts) => {
        const clock = fixedClock();
        const ports = { table: memoryTable(), queues: recordingQueues(), clock, random: countingRandom() };
        for (const [index, { user, state, at }] of facts.entries()) {
          const cause = { source: 'okta', event: `e${index}`, type: 't' };
          await takeIn(ports, {
            delivery: 'd',
            events: [{ cause, facts: [member(user, clock.now() - 10 + at, state)] }],
          });
          clock.advance(1);
        }
        const says = () =>
          ports.table
            .items()
            .filter(({ pk }) => pk.startsWith('group#'))
            .map(({ rev, dirty, dueShard, dueAt, cause, ...item }) => ({
              ...item,
              cause: { ...(cause as object), replayedAt: undefined },
            }));
        const before = says();
        const foretold = await replay(ports, { since: 0 }, true);
        const { replayed } = await replay(ports, { since: 0 }, false);
        expect(foretold.replayed).toEqual(replayed);
        expect(replayed.flatMap(({ outcomes }) => outcomes)).not.toContain('recorded');
        expect(says()).toEqual(before);
        for (const { pk, sk } of before) expect(await ports.table.get({ pk, sk })).toHaveProperty('dirty');
        // It is no delivery: the log says what came in.
        expect(await deliveriesOf(ports.table, 'e0', clock.now())).toHaveLength(1);
      }),
      { numRuns: 40 },
    );
  });

  it('brings back what was lost, as the dry run foretells', async () => {
    const { joins, operate, table } = await aWorld();
    await joins('joined-1');
    await table.delete(factKey(member('alice', 0)));
    const { replayed } = await operate<ReplayOutcome>({ operation: 'replay', event: 'joined-1', dryRun: true });
    expect(replayed[0]!.outcomes).toEqual(['unchanged', 'recorded']);
    expect(await table.get(factKey(member('alice', 0)))).toBeUndefined();
    expect(await operate({ operation: 'replay', event: 'joined-1' })).toMatchObject({ dryRun: false, replayed });
    expect(await table.get(factKey(member('alice', 0)))).toMatchObject({
      state: 'present',
      cause: { event: 'joined-1' },
    });
  });
});

describe('the events that are asked for', () => {
  const user = { type: 'user', source: 'okta', user: '00u1', at: 1, login: 'jo', email: 'jo@example.com' } as const;
  const entry = {
    ...{ source: 'okta', event: 'e', type: 't', receivedAt: 1 },
    ...{ outcome: 'recorded' as const, facts: [user, member('00u2', 1)] },
  };
  it.each([
    [{}, true],
    [{ source: 'okta' }, true],
    [{ source: 'aws' }, false],
    [{ ignored: true }, false],
    [{ subject: 'user/okta/00u1' }, true],
    [{ subject: 'user/okta/00u2' }, true],
    [{ subject: 'user/okta/00u3' }, false],
    [{ subject: 'user/cognito/00u1' }, false],
    [{ subject: 'machine/00u1' }, false],
    [{ user: 'jo' }, true],
    [{ user: 'jo@example.com' }, true],
    [{ user: '00u2' }, true],
    [{ user: 'g1' }, false],
    [{ user: 'jo', source: 'aws' }, false],
  ] as const)('%o: %s', (query, is) => expect(fits(entry, query)).toBe(is));

  it('are the newest, the oldest first, and say that older ones are left out', async () => {
    const { receive, operate, clock } = await aWorld();
    for (let index = 0; index < 4; index++) {
      await receive(`e${index}`, member('alice', clock.now()));
      clock.advance(1_000);
    }
    const listed = await operate<Events>({ operation: 'events', limit: 2 });
    expect(listed.events.map(({ event }) => event)).toEqual(['e2', 'e3']);
    expect(listed).toMatchObject({ more: true, lookedBackTo: clock.now() - 3_000 });
    const { lookedBackTo } = listed;
    const older = await operate<Events>({ operation: 'events', limit: 2, until: lookedBackTo });
    expect(older).toMatchObject({ events: [{ event: 'e0' }, { event: 'e1' }], more: false });
    expect(await operate({ operation: 'events', ignored: true })).toEqual({ events: [], more: false });
  });

  it('are looked for in so many, and it is said how far back that reached', async () => {
    const { receive, ports, clock } = await aWorld();
    for (let index = 0; index < 4; index++) {
      await receive(`e${index}`, member('alice', clock.now()));
      clock.advance(1_000);
    }
    const narrow = { user: 'bob' };
    expect(await listEvents(ports, narrow, 50, 4)).toEqual({ events: [], more: false });
    expect(await listEvents(ports, narrow, 50, 3)).toEqual({
      ...{ events: [], more: true },
      lookedBackTo: clock.now() - 4_000,
    });
  });
});
