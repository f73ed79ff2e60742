import type { EventEntry } from '@gatehouse/core/directory/event-log';

/** Time, as following needs it. */
export interface FollowTime {
  /** Milliseconds UTC. */
  readonly now: () => number;
  /** Waits so many milliseconds; false: it is over. */
  readonly pause: (milliseconds: number) => Promise<boolean>;
}

/** Between two looks. */
const EVERY_MS = 2_000;
/** An event is written down some time after it was received: one that arrived late must not be passed over. */
const OVERLAP_MS = 30_000;

/** Looks for new events again and again, and tells each once, until the time is over. `since` in milliseconds UTC. */
export async function followEvents(
  list: (since: number) => Promise<readonly EventEntry[]>,
  tell: (events: readonly EventEntry[]) => void,
  since: number,
  { now, pause }: FollowTime,
): Promise<void> {
  let told = new Set<string>();
  let from = since;
  do {
    const asked = now();
    const events = await list(from);
    const fresh = events.filter((event) => !told.has(nameOf(event)));
    if (fresh.length > 0) tell(fresh);
    told = new Set(events.map(nameOf));
    from = Math.max(since, asked - OVERLAP_MS);
  } while (await pause(EVERY_MS));
}

/** One delivery of an event. */
function nameOf({ source, event, receivedAt, facts }: EventEntry): string {
  return JSON.stringify([source, event, receivedAt, facts]);
}
