import { digest } from '../access/digest.ts';
import { Failure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Item, Key, Table, TableReader } from '../ports/table.ts';
import type { Cause, Fact } from './fact.ts';

/** An authentic event as it came in, and what became of it. JSON-able. It holds what a source read, never the request. */
export interface EventEntry extends Cause {
  /**
   * `recorded`: some of its facts were news. `unchanged`: all were known. `outdated`: newer facts stood against all of them.
   * `repeated`: it had been taken in before. `ignored`: it says nothing that Gatehouse acts on.
   */
  readonly outcome: 'recorded' | 'unchanged' | 'outdated' | 'repeated' | 'ignored';
  /** Why it was ignored: a code that the guide explains. */
  readonly reason?: string;
  /** What it said: enough to record it again. */
  readonly facts: readonly Fact[];
}

/** Which events are asked for. Times are of their reception, in milliseconds UTC, both ends included. */
export interface EventSpan {
  readonly since: number;
  readonly until: number;
}

/** How long an event is kept, in days: as long as SQS keeps a dead letter, so that one can be held against the other. */
export const DAYS_KEPT = 14;
const DAY = 24 * 60 * 60 * 1000;

/** A storm's events go to so many partitions of a day: DynamoDB takes some 1,000 writes a second in each. */
const SHARDS = [0, 1, 2, 3] as const;
/** Entries a query: enough for a screen. */
const PAGE = 100;
/** So many entries are looked through for an id at most: some seconds of queries. */
const MOST_SEARCHED = 100_000;

/** Writes an event into the log: one put, without a condition. Written twice, it stands there once. */
export async function noteEvent(table: Pick<Table, 'put'>, entry: EventEntry): Promise<void> {
  const { receivedAt, facts } = entry;
  await table.put({
    ...keyOf(entry),
    ...entry,
    facts: facts as unknown as Json,
    expiresAt: Math.floor((receivedAt + DAYS_KEPT * DAY) / 1000),
  });
}

/** The earliest time of which events are still kept. */
export const earliestKept = (now: number): number => now - DAYS_KEPT * DAY;

/** The events of a span, the newest first. Consistent; nothing is read before it is asked for but a page of each shard. */
export async function* eventsIn(reader: TableReader, { since, until }: EventSpan): AsyncGenerator<EventEntry> {
  for (let day = startOfDay(until); day >= startOfDay(since); day -= DAY) {
    const shards = SHARDS.map((shard) => shardOfDay(reader, partition(day, shard), until));
    const heads = await Promise.all(shards.map((shard) => shard.next()));
    for (;;) {
      let newest = -1;
      for (const [index, head] of heads.entries()) {
        if (!head.done && (newest < 0 || head.value.sk > heads[newest]!.value!.sk)) newest = index;
      }
      const item = newest < 0 ? undefined : heads[newest]!.value;
      if (!item) break;
      const entry = entryOf(item);
      if (entry.receivedAt < since) return;
      yield entry;
      heads[newest] = await shards[newest]!.next();
    }
  }
}

/**
 * Every delivery of one event, the newest first: by `<source>/<id>`, by its id, or by a beginning of its id that no other has.
 *
 * @returns empty where no event of the days that are kept is meant.
 * @throws Failure `invalid` where several are meant.
 */
export async function deliveriesOf(reader: TableReader, text: string, now: number): Promise<readonly EventEntry[]> {
  const exact = new Map<string, EventEntry[]>();
  const beginning = new Map<string, EventEntry[]>();
  let searched = 0;
  for await (const entry of eventsIn(reader, { since: earliestKept(now), until: now })) {
    const name = eventName(entry);
    const isExact = name === text || entry.event === text;
    const found = isExact ? exact : beginning;
    if (isExact || entry.event.startsWith(text) || name.startsWith(text)) {
      found.set(name, [...(found.get(name) ?? []), entry]);
    }
    // Only repetitions are newer than the delivery that was taken in.
    if (name === text && entry.outcome !== 'repeated') break;
    searched += 1;
    if (searched >= MOST_SEARCHED) break;
  }
  const meant = exact.size > 0 ? exact : beginning;
  if (meant.size > 1) {
    const names = [...meant.keys()].slice(0, 5).join(', ');
    throw new Failure('invalid', `"${text}" is more than one event: ${names}`, {
      remedy: 'write more of its id, or <source>/<id>',
    });
  }
  return [...meant.values()][0] ?? [];
}

/** How an event is named in one word: ids are the source's own. */
export const eventName = ({ source, event }: Pick<Cause, 'source' | 'event'>): string => `${source}/${event}`;

async function* shardOfDay(reader: TableReader, pk: string, until: number): AsyncGenerator<Item, undefined> {
  let after: string | undefined = timeKey(until + 1);
  do {
    const page = await reader.query(pk, { limit: PAGE, reverse: true, after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
  return undefined;
}

/** Beside the id stands a digest of what the event said, as in the memory of deliveries: one id may be given to two events. */
function keyOf({ source, event, receivedAt, facts }: EventEntry): Key {
  const shard = Number.parseInt(digest(`${source} ${event}`).slice(0, 4), 16) % SHARDS.length;
  return {
    pk: partition(startOfDay(receivedAt), shard),
    sk: `${timeKey(receivedAt)}#${source}#${event}#${digest(facts).slice(0, 8)}`,
  };
}

const startOfDay = (time: number): number => Math.floor(time / DAY) * DAY;
const partition = (day: number, shard: number): string => `events#${new Date(day).toISOString().slice(0, 10)}#${shard}`;
const timeKey = (time: number): string => String(Math.max(0, Math.floor(time))).padStart(15, '0');

function entryOf({ pk: _pk, sk: _sk, expiresAt: _expiresAt, ...entry }: Item): EventEntry {
  return entry as unknown as EventEntry;
}
