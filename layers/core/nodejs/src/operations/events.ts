import { Failure } from '../access/failure.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import { type EventEntry, earliestKept, eventName, eventsIn, MOST_SEARCHED } from '../directory/event-log.ts';
import type { Fact } from '../directory/fact.ts';
import type { Clock } from '../ports/clock.ts';
import type { TableReader } from '../ports/table.ts';

/** Which events are asked for. */
export interface EventQuery {
  /** When they were received, milliseconds UTC; both ends included, as far as events are kept. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly source?: string | undefined;
  /** Only those of which nothing is done. */
  readonly ignored?: boolean | undefined;
  readonly subject?: Subject | undefined;
  /** Id, login or mail address of a user. */
  readonly user?: string | undefined;
}

/** The events that were asked for, the oldest first. */
export interface Events {
  readonly events: readonly EventEntry[];
  /** Whether older ones fit, too, or may fit, and were left out. */
  readonly more: boolean;
  /** Where there are more: the newest that was left out came in then (milliseconds UTC). To go on, ask for those `until` it. */
  readonly lookedBackTo?: number;
}

/** The newest events that fit, at most `limit`, among the newest `most` of the span. */
export async function listEvents(
  { table, clock }: { readonly table: TableReader; readonly clock: Clock },
  query: EventQuery,
  limit: number,
  most = MOST_SEARCHED,
): Promise<Events> {
  const now = clock.now();
  const span = { since: Math.max(query.since ?? 0, earliestKept(now)), until: query.until ?? now };
  const newestFirst: EventEntry[] = [];
  let searched = 0;
  for await (const entry of eventsIn(table, span)) {
    const isFit = fits(entry, query);
    if (searched === most || (isFit && newestFirst.length === limit)) {
      return { events: newestFirst.toReversed(), more: true, lookedBackTo: entry.receivedAt };
    }
    searched += 1;
    if (isFit) newestFirst.push(entry);
  }
  return { events: newestFirst.toReversed(), more: false };
}

/** Whether an event is one of those that are asked for; its time is not looked at. */
export function fits(entry: EventEntry, { source, ignored, subject, user }: EventQuery): boolean {
  if (source !== undefined && entry.source !== source) return false;
  if (ignored === true && entry.outcome !== 'ignored') return false;
  if (subject !== undefined && !entry.facts.some((fact) => isAboutSubject(fact, subject))) return false;
  return user === undefined || entry.facts.some((fact) => isAboutUser(fact, user));
}

function isAboutSubject(fact: Fact, subject: Subject): boolean {
  const member = memberOf(subject);
  if (member?.type !== 'user' || !('user' in fact)) return false;
  return fact.source === member.source && fact.user === member.id;
}

function isAboutUser(fact: Fact, text: string): boolean {
  if (!('user' in fact)) return false;
  return fact.user === text || (fact.type === 'user' && (fact.login === text || fact.email === text));
}

/** Each event once, however often it was delivered; but both where one id was given to two. The oldest of each, in their order. */
export function withoutRepetitions(oldestFirst: readonly EventEntry[]): readonly EventEntry[] {
  const distinct = new Map<string, EventEntry>();
  for (const event of oldestFirst) {
    const name = `${eventName(event)} ${JSON.stringify(event.facts)}`;
    if (!distinct.has(name)) distinct.set(name, event);
  }
  return [...distinct.values()];
}

/** Nothing goes by that name. */
export function unknownEvent(text: string): Failure {
  return new Failure('not-found', `no event that is kept is called "${text}"`, { remedy: 'look at: gatehouse events' });
}
