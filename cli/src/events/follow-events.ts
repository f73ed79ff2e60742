import type { EventEntry } from '@gatehouse/core/directory/event-log';
import type { Events } from '@gatehouse/core/operations/events';

/** Time, as following needs it. */
export interface FollowTime {
  /** Milliseconds UTC. */
  readonly now: () => number;
  /** Waits so many milliseconds; false: it is over. */
  readonly pause: (milliseconds: number) => Promise<boolean>;
}

/** What is asked for: the newest of a span, both ends included (milliseconds UTC); without `limit` as many as were asked for. */
export interface AskedSpan {
  readonly since: number;
  readonly until?: number;
  readonly limit?: number;
}

/** As many as can be asked for. */
const MOST_AT_ONCE = 500;
/** Between two looks. */
const EVERY_MS = 2_000;
/** An event is written down some time after it was received: one that arrived late must not be passed over. */
const OVERLAP_MS = 30_000;

/**
 * Looks for new events again and again, and tells each once, the oldest first, until the time is over. Of what came in before
 * the first look, it tells as many as were asked for; from then on, all.
 *
 * @param leftOut is told the time of a moment at which more came in than can be asked for: the others are passed over.
 */
export async function followEvents(
  list: (span: AskedSpan) => Promise<Events>,
  tell: (events: readonly EventEntry[]) => unknown,
  since: number,
  { now, pause }: FollowTime,
  leftOut: (at: number) => unknown = () => {},
): Promise<void> {
  let asked = now();
  const first = await list({ since });
  if (first.events.length > 0) await tell(first.events);
  let told = new Set(first.events.map(nameOf));
  // What the first page left out is not told by the next look.
  const earliest = first.more ? (first.events[0]?.receivedAt ?? asked) : since;
  while (await pause(EVERY_MS)) {
    const from = Math.max(earliest, asked - OVERLAP_MS);
    asked = now();
    const events = await allSince(list, from, leftOut);
    const fresh = events.filter((event) => !told.has(nameOf(event)));
    if (fresh.length > 0) await tell(fresh);
    told = new Set(events.map(nameOf));
  }
}

/** Page after page, back to a time. Each begins in the millisecond in which the one before ended, so none is left out. */
async function allSince(
  list: (span: AskedSpan) => Promise<Events>,
  since: number,
  leftOut: (at: number) => unknown,
): Promise<readonly EventEntry[]> {
  const found = new Map<string, EventEntry>();
  let until: number | undefined;
  for (;;) {
    const { events, more, lookedBackTo } = await list({
      since,
      ...(until === undefined ? {} : { until }),
      limit: MOST_AT_ONCE,
    });
    for (const event of events.toReversed()) found.set(nameOf(event), event);
    if (!more || lookedBackTo === undefined) return [...found.values()].reverse();
    const isStuck = lookedBackTo === until;
    if (isStuck) leftOut(lookedBackTo);
    until = isStuck ? lookedBackTo - 1 : lookedBackTo;
  }
}

/** One delivery of an event. */
function nameOf({ source, event, receivedAt, facts }: EventEntry): string {
  return JSON.stringify([source, event, receivedAt, facts]);
}
