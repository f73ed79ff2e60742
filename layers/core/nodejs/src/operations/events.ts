import { Failure } from '../access/failure.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import { deliveriesOf, type EventEntry, earliestKept, eventsIn } from '../directory/event-log.ts';
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
  /** Whether older ones fit, too, and were left out. */
  readonly more: boolean;
}

/** The newest events that fit, at most `limit`. */
export async function listEvents(
  { table, clock }: { readonly table: TableReader; readonly clock: Clock },
  query: EventQuery,
  limit: number,
): Promise<Events> {
  const now = clock.now();
  const span = { since: Math.max(query.since ?? 0, earliestKept(now)), until: query.until ?? now };
  const newestFirst: EventEntry[] = [];
  for await (const entry of eventsIn(table, span)) {
    if (!fits(entry, query)) continue;
    if (newestFirst.length === limit) return { events: newestFirst.toReversed(), more: true };
    newestFirst.push(entry);
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

/** One event, with all of its deliveries. @throws Failure `not-found`; `invalid` where several are meant. */
export async function eventNamed(
  { table, clock }: { readonly table: TableReader; readonly clock: Clock },
  text: string,
): Promise<{ readonly event: EventEntry; readonly deliveries: number }> {
  const deliveries = await deliveriesOf(table, text, clock.now());
  const event = deliveries.findLast(({ outcome }) => outcome !== 'repeated') ?? deliveries.at(-1);
  if (event) return { event, deliveries: deliveries.length };
  throw unknownEvent(text);
}

/** Nothing goes by that name. */
export function unknownEvent(text: string): Failure {
  return new Failure('not-found', `no event that is kept is called "${text}"`, { remedy: 'look at: gatehouse events' });
}
