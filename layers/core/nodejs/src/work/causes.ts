import { sameJson } from '../access/json.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import type { Cause } from '../directory/fact.ts';
import { ACTIVE_KEY } from '../policy/in-force.ts';
import type { FactReader } from './fact-reader.ts';
import type { Urgency } from './keys.ts';
import type { Mark } from './marks.ts';

/** The event because of which a subject gets something (`grant`) or loses it (`revocation`). */
export type CauseOf = (subject: Subject, urgency: Urgency) => Cause;

/** A ledger entry names at most this many events; the marks of a storm would not fit an item. */
const MOST_CAUSES = 25;

/** The events of marks, or of what was read beside them, each once. */
export function distinctCauses(causes: Iterable<Cause>): Cause[] {
  const distinct: Cause[] = [];
  for (const cause of causes) {
    if (distinct.length < MOST_CAUSES && !distinct.some((known) => sameJson(known, cause))) distinct.push(cause);
  }
  return distinct;
}

/**
 * Whose event it was. A turn follows the policy and the facts, not its marks: the mark of somebody's joining takes them away,
 * where they have left since, or a policy came that gives them nothing. So what a subject's marks do not speak of is because
 * of the newest that was read: a fact about it, or the policy; what no fact speaks of, because of `first` or a newer policy.
 */
export function causesBySubject(marks: readonly Mark[], reader: FactReader, first: Cause): CauseOf {
  return (subject, urgency) => {
    const own = marks.filter((mark) => mark.subject === subject);
    const marked = own.find((mark) => mark.urgency === urgency);
    const known = newestFact(reader, subject) ?? own[0]?.cause ?? first;
    return marked?.cause ?? newestOf([known, policyCause(reader)]) ?? known;
  };
}

/** The events of facts and policy that came after those of the marks that a turn works on: it does what they say, too. */
export function newerCauses(marks: readonly Mark[], reader: FactReader): Cause[] {
  return marks.flatMap(({ subject, cause }) => {
    const newest = newestOf([newestFact(reader, subject), policyCause(reader)]);
    return newest && newest.receivedAt > cause.receivedAt ? [newest] : [];
  });
}

/** The event by which the policy came into force that was read. */
function policyCause(reader: FactReader): Cause | undefined {
  for (const { pk, sk, cause } of reader.items()) {
    if (pk === ACTIVE_KEY.pk && sk === ACTIVE_KEY.sk) return cause as unknown as Cause | undefined;
  }
  return undefined;
}

/** The event that came last; of two at one time, the first. */
export function newestOf(causes: readonly (Cause | undefined)[]): Cause | undefined {
  return causes.filter((cause) => cause !== undefined).toSorted((a, b) => b.receivedAt - a.receivedAt)[0];
}

/** The event of the newest fact about a person, among those that were read; undefined for what is no person. */
export function newestFact(reader: FactReader, subject: Subject): Cause | undefined {
  const member = memberOf(subject);
  if (member?.type !== 'user') return undefined;
  const facts = [...reader.items()].filter(({ source, user }) => source === member.source && user === member.id);
  return newestOf(facts.map(({ cause }) => cause as unknown as Cause | undefined));
}
