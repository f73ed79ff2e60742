import { digest } from '../access/digest.ts';
import { Failure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Item, Key, Table, TableReader } from '../ports/table.ts';
import type { Cause, Fact } from './fact.ts';

/** An authentic event as it came in, and what became of it. JSON-able. It holds what a source read, never the request. */
export interface EventEntry extends Cause {
  /**
   * `recorded`: some of its facts were news. `unchanged`: all were known. `outdated`: newer facts stood against all of them.
   * `ignored`: it says nothing that Gatehouse acts on. A delivery that is remembered is not noted once more.
   */
  readonly outcome: 'recorded' | 'unchanged' | 'outdated' | 'ignored';
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
/** So many entries are looked through at most for a few of them: some seconds of queries. */
export const MOST_SEARCHED = 100_000;
/** Deliveries of one event lie no farther apart: so long goes EventBridge on trying, and everybody else shorter. */
const DELIVERIES_APART = DAY;

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

/**
 * The events of a span, the newest first; `among`: those of some shards alone. Consistent; nothing is read before it is asked
 * for but a page of each shard.
 */
export async function* eventsIn(
  reader: TableReader,
  { since, until }: EventSpan,
  among: readonly number[] = SHARDS,
): AsyncGenerator<EventEntry> {
  for (let day = startOfDay(until); day >= startOfDay(since); day -= DAY) {
    const shards = among.map((shard) => shardOfDay(reader, partition(day, shard), until));
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
 * An id in full ends the search where it is found; a beginning of one is looked for in all that is kept, but in no more than
 * `most` entries.
 *
 * @returns empty where no event of the days that are kept is meant.
 * @throws Failure `invalid` where several are meant; `too-large` where the search ended before all was looked through.
 */
export async function deliveriesOf(
  reader: TableReader,
  text: string,
  now: number,
  most = MOST_SEARCHED,
): Promise<readonly EventEntry[]> {
  // A name in full says where it stands: one shard of each day, however much came in.
  const named = text.includes('/') ? await search(reader, text, now, most, [shardOfName(text)]) : undefined;
  const found = named && named.exact.size > 0 ? named : await search(reader, text, now, most, SHARDS);
  const meant = found.exact.size > 0 ? found.exact : found.beginning;
  if (meant.size > 1) {
    const names = [...meant.keys()].slice(0, 5).join(', ');
    throw new Failure('invalid', `"${text}" is more than one event: ${names}`, {
      remedy: 'write more of its id, or <source>/<id>',
    });
  }
  const [deliveries] = meant.values();
  if (deliveries || found.endedAt === undefined) return deliveries ?? [];
  const looked = `the newest ${most} events, back to ${new Date(found.endedAt).toISOString()}`;
  throw new Failure('too-large', `"${text}" is not among ${looked}; older ones were not looked through`, {
    remedy: 'name it in full, <source>/<id>: that reaches four times as far back',
  });
}

/** Deliveries by the name of their event. */
interface Found {
  readonly exact: ReadonlyMap<string, readonly EventEntry[]>;
  readonly beginning: ReadonlyMap<string, readonly EventEntry[]>;
  /** The time up to which was searched, where not all was looked through. */
  readonly endedAt?: number;
}

async function search(
  reader: TableReader,
  text: string,
  now: number,
  most: number,
  among: readonly number[],
): Promise<Found> {
  const exact = new Map<string, EventEntry[]>();
  const beginning = new Map<string, EventEntry[]>();
  let since = earliestKept(now);
  let searched = 0;
  // Day by day, for what is found moves the end.
  for (let day = startOfDay(now); day >= startOfDay(since); day -= DAY) {
    const span = { since: Math.max(since, day), until: Math.min(now, day + DAY - 1) };
    for await (const entry of eventsIn(reader, span, among)) {
      if (entry.receivedAt < since) break;
      if (searched === most) return { exact, beginning, endedAt: entry.receivedAt };
      searched += 1;
      const name = eventName(entry);
      const isExact = name === text || entry.event === text;
      if (isExact && exact.size === 0) since = Math.max(since, entry.receivedAt - DELIVERIES_APART);
      if (!isExact && !entry.event.startsWith(text) && !name.startsWith(text)) continue;
      const of = isExact ? exact : beginning;
      of.set(name, [...(of.get(name) ?? []), entry]);
    }
  }
  return { exact, beginning };
}

/** What the log holds of the cause of something: one query. Empty where it is kept no more, or is no event. */
export async function entriesOfCause(reader: TableReader, cause: Cause): Promise<readonly EventEntry[]> {
  const { pk, sk } = keyOf({ ...cause, facts: [] });
  const { items } = await reader.query(pk, { prefix: sk.slice(0, sk.lastIndexOf('#') + 1) });
  return items.map(entryOf).filter(({ source, event }) => source === cause.source && event === cause.event);
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
function keyOf({
  source,
  event,
  receivedAt,
  facts,
}: Pick<EventEntry, 'source' | 'event' | 'receivedAt' | 'facts'>): Key {
  return {
    pk: partition(startOfDay(receivedAt), shardOfName(eventName({ source, event }))),
    sk: `${timeKey(receivedAt)}#${source}#${event}#${digest(facts).slice(0, 8)}`,
  };
}

const shardOfName = (name: string): number => Number.parseInt(digest(name).slice(0, 4), 16) % SHARDS.length;
const startOfDay = (time: number): number => Math.floor(time / DAY) * DAY;
const partition = (day: number, shard: number): string => `events#${new Date(day).toISOString().slice(0, 10)}#${shard}`;
const timeKey = (time: number): string => String(Math.max(0, Math.floor(time))).padStart(15, '0');

function entryOf({ pk: _pk, sk: _sk, expiresAt: _expiresAt, ...entry }: Item): EventEntry {
  return entry as unknown as EventEntry;
}
