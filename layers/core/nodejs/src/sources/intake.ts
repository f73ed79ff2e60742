import { digest } from '../access/digest.ts';
import { isFailure } from '../access/failure.ts';
import { type EventEntry, noteEvent } from '../directory/event-log.ts';
import type { Reception } from '../directory/fact.ts';
import { factKey, ignoredPartition } from '../directory/items.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { recordFact } from '../directory/record.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { Clock } from '../ports/clock.ts';
import type { Queues } from '../ports/queues.ts';
import type { Random } from '../ports/random.ts';
import type { Key, Table } from '../ports/table.ts';

/** What taking in needs from the world. */
export interface IntakePorts {
  readonly table: Table;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly random: Random;
}

/** What became of a delivery: numbers of events, but `facts` is the number of facts that were news. */
export interface Outcome {
  readonly events: number;
  readonly facts: number;
  /** Events that had been taken in before. */
  readonly repeated: number;
  /** Events of which nothing is done, by the reason why. */
  readonly ignored: ReadonlyMap<string, number>;
}

type ReceivedEvent = Reception['events'][number];

/** Deliveries are remembered for longer than any sender goes on trying (Okta: minutes; EventBridge: 24 hours). */
const MEMORY_SECONDS = 3 * 24 * 60 * 60;

/**
 * Takes an authentic delivery in: records its facts, wakes the planner and notes the events in the log of events, remembers the
 * delivery, in this order. A crash at any point is healed by the sender's next attempt, or by the tick, which finds facts that
 * are still dirty: nothing is remembered before it is recorded, enqueued and noted, recording twice changes nothing, and the
 * planner passes over clean facts.
 *
 * The log takes no more time: its entry is put beside the message to the planner, or beside the count of what is ignored. A
 * delivery that is remembered costs one read an event, and changes nothing: it stands in the log already.
 *
 * @throws Failure of the table or the queue: the sender has to try again.
 */
export async function takeIn(ports: IntakePorts, reception: Reception): Promise<Outcome> {
  const now = ports.clock.now();
  const events = withoutTwins(reception.events);
  const actionable = events.filter((event) => event.facts.length > 0);
  // Okta waits 3 s for the whole batch.
  const memories = await eachAtOnce(actionable, (event) => ports.table.get(memoryKey(event)));
  const fresh = actionable.filter((event, index) => memories[index]?.said !== digest(event.facts));
  const recorded = await eachAtOnce(fresh, (event) => recordEvent(ports, event, now));
  const changed = recorded.flatMap(({ facts }) => facts);
  await allOf(
    nudgePlanner(
      ports,
      changed.map(({ key }) => key),
    ),
    eachAtOnce(recorded, ({ event, outcome }) =>
      noteEvent(ports.table, { ...event.cause, receivedAt: now, outcome, facts: event.facts }),
    ),
  );
  const ignored = ignoredIn(events);
  await allOf(
    eachAtOnce(fresh, (event) => remember(ports.table, event, now)),
    eachAtOnce([...ignored.values()].flat(), (event) => noteIgnored(ports.table, event, now)),
    eachAtOnce([...ignored], ([reason, of]) => count(ports.table, reason, of, now)),
  );
  return {
    events: reception.events.length,
    facts: changed.filter((fact) => fact.news).length,
    repeated: reception.events.length - events.length + actionable.length - fresh.length,
    ignored: new Map([...ignored].map(([reason, of]) => [reason, of.length])),
  };
}

function remember(table: Table, event: ReceivedEvent, now: number): Promise<void> {
  const expiresAt = Math.floor(now / 1000) + MEMORY_SECONDS;
  return table.put({ ...memoryKey(event), said: digest(event.facts), expiresAt });
}

/** What is ignored goes into the log if it can: a line that is missing must not make a sender repeat anything. */
async function noteIgnored(table: Table, event: ReceivedEvent, receivedAt: number): Promise<void> {
  try {
    await noteEvent(table, { ...event.cause, receivedAt, outcome: 'ignored', reason: reasonOf(event), facts: [] });
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}

/**
 * The memory of one event. Ids are the source's own, so they are kept apart by source. Beside it stands a digest of what the
 * event said: a sender that gives one id to two events loses neither.
 */
function memoryKey(event: ReceivedEvent): Key {
  return { pk: `delivery#${event.cause.source}#${event.cause.event}`, sk: 'delivery' };
}

/** One delivery may hold the same event twice. */
function withoutTwins(events: readonly ReceivedEvent[]): readonly ReceivedEvent[] {
  return [...new Map(events.map((event) => [`${event.cause.event} ${digest(event.facts)}`, event])).values()];
}

/** An event whose facts are recorded. */
interface RecordedEvent {
  readonly event: ReceivedEvent;
  readonly outcome: Exclude<EventEntry['outcome'], 'ignored'>;
  /** What the planner should look at. */
  readonly facts: readonly { readonly key: Key; readonly news: boolean }[];
}

/**
 * Records the facts of one event, in its order, and gives the keys that the planner should look at. What was recorded
 * before but not remembered is among them: that attempt may have ended before it woke the planner. What is outdated is
 * not: whoever recorded the newer fact woke the planner.
 */
async function recordEvent(ports: IntakePorts, event: ReceivedEvent, receivedAt: number): Promise<RecordedEvent> {
  const facts: { key: Key; news: boolean }[] = [];
  for (const fact of event.facts) {
    const outcome = await recordFact(ports, fact, { ...event.cause, receivedAt });
    if (outcome !== 'outdated') facts.push({ key: factKey(fact), news: outcome === 'recorded' });
  }
  const outcome = facts.some(({ news }) => news) ? 'recorded' : facts.length > 0 ? 'unchanged' : 'outdated';
  return { event, outcome, facts };
}

const reasonOf = (event: ReceivedEvent): string => event.ignored ?? 'nothing-said';

function ignoredIn(events: readonly ReceivedEvent[]): ReadonlyMap<string, readonly ReceivedEvent[]> {
  return Map.groupBy(
    events.filter((event) => event.facts.length === 0),
    reasonOf,
  );
}

/** Counts what was ignored, for operators. Best effort: a lost count must not make a sender repeat its delivery. */
async function count(table: Table, reason: string, events: readonly ReceivedEvent[], now: number): Promise<void> {
  const last = events.at(-1)!.cause;
  const key = { pk: ignoredPartition(last.source), sk: reason };
  try {
    const item = await table.get(key);
    const before = typeof item?.count === 'number' ? item.count : 0;
    const after = { ...key, count: before + events.length, lastAt: now, lastEvent: last.event, lastType: last.type };
    await table.put(after, item ? { equals: { count: before } } : { absent: true });
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}

/** Waits for all, also where one fails, and throws the first failure. */
async function allOf(...works: readonly Promise<unknown>[]): Promise<void> {
  for (const settled of await Promise.allSettled(works)) if (settled.status === 'rejected') throw settled.reason;
}
