import { Failure } from '../access/failure.ts';
import { markDirty } from '../directory/dirty.ts';
import { type EventEntry, eventName } from '../directory/event-log.ts';
import type { Cause, Fact } from '../directory/fact.ts';
import { factKey, shardOf } from '../directory/items.ts';
import { merge } from '../directory/merge.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { type RecordPorts, recordFact } from '../directory/record.ts';
import type { Queues } from '../ports/queues.ts';
import type { Item, Key } from '../ports/table.ts';
import { type EventQuery, eventNamed, listEvents } from './events.ts';

/** What replaying takes. */
export interface ReplayPorts extends RecordPorts {
  readonly queues: Queues;
}

/** What an event that is taken in once more says to what is known by now. */
export interface Replayed {
  readonly event: EventEntry;
  /** In the order of the event's facts. `recorded`: it is news. `outdated`: something newer stands against it, and stays. */
  readonly outcomes: readonly ('recorded' | 'unchanged' | 'outdated')[];
}

/** What a replay did, or would do. JSON-able. */
export interface ReplayOutcome {
  readonly dryRun: boolean;
  /** The oldest first. */
  readonly replayed: readonly Replayed[];
}

/** More than these are replayed in several spans: a function has a minute. */
export const MOST_REPLAYED = 500;

/**
 * Records once more what events said, the oldest first, and has every item of theirs planned again, also where it says the same
 * as before or something newer: an item is planned as it stands, never as the event says. So whatever was lost on the way is
 * done, and nothing else changes.
 *
 * @throws Failure `not-found`, `too-large`; `invalid` where an event said nothing.
 */
export async function replay(
  ports: ReplayPorts,
  which: { readonly event: string } | EventQuery,
  dryRun: boolean,
): Promise<ReplayOutcome> {
  const events = 'event' in which ? [await one(ports, which.event)] : await several(ports, which);
  if (dryRun) return { dryRun, replayed: await foreseen(ports, events) };
  const replayed: Replayed[] = [];
  const keys: Key[] = [];
  for (const event of events) {
    const outcomes: Replayed['outcomes'][number][] = [];
    for (const fact of event.facts) {
      const key = factKey(fact);
      const outcome = await recordFact(ports, fact, causeOf(event, ports.clock.now()));
      if (outcome !== 'recorded') await markDirty(ports, key, shardOf(key));
      outcomes.push(outcome);
      keys.push(key);
    }
    replayed.push({ event, outcomes });
  }
  await nudgePlanner(ports, keys);
  return { dryRun, replayed };
}

async function one(ports: ReplayPorts, text: string): Promise<EventEntry> {
  const { event } = await eventNamed(ports, text);
  if (event.facts.length > 0) return event;
  throw new Failure('invalid', `${eventName(event)} was ignored (${event.reason}): there is nothing in it to replay`);
}

/** Each event once, however often it was delivered. */
async function several(ports: ReplayPorts, query: EventQuery): Promise<readonly EventEntry[]> {
  const { events, more } = await listEvents(ports, query, MOST_LISTED);
  const distinct = new Map<string, EventEntry>();
  for (const event of events) {
    const name = `${eventName(event)} ${JSON.stringify(event.facts)}`;
    if (event.facts.length > 0 && !distinct.has(name)) distinct.set(name, event);
  }
  if (!more && distinct.size <= MOST_REPLAYED) return [...distinct.values()];
  throw new Failure('too-large', `these are more than ${MOST_REPLAYED} events`, {
    remedy: 'replay a shorter span, or one source: --since, --until, --source',
  });
}

/** Ignored ones and repetitions among them. */
const MOST_LISTED = 10_000;

/** As if they were recorded one after the other: a later event may undo what an earlier one would bring. */
async function foreseen(ports: ReplayPorts, events: readonly EventEntry[]): Promise<readonly Replayed[]> {
  const known = new Map<string, Item | undefined>();
  const replayed: Replayed[] = [];
  for (const event of events) {
    const outcomes: Replayed['outcomes'][number][] = [];
    for (const fact of event.facts) outcomes.push(await foresee(ports, known, fact));
    replayed.push({ event, outcomes });
  }
  return replayed;
}

async function foresee(
  { table, clock }: ReplayPorts,
  known: Map<string, Item | undefined>,
  fact: Fact,
): Promise<Replayed['outcomes'][number]> {
  const key = factKey(fact);
  const name = JSON.stringify([key.pk, key.sk]);
  if (!known.has(name)) known.set(name, await table.get(key));
  const { outcome, attributes } = merge(known.get(name), fact, clock.now());
  if (attributes) known.set(name, { ...known.get(name), ...attributes, ...key });
  if (outcome === 'changed' || fact.type === 'principal') return 'recorded';
  return outcome === 'outdated' ? 'outdated' : 'unchanged';
}

/** The event is the cause as it was then; but what follows now is no late answer to it. */
function causeOf({ source, event, type, receivedAt }: EventEntry, replayedAt: number): Cause {
  return { source, event, type, receivedAt, replayedAt };
}
