import { type Subject, userSubject } from '../access/subject.ts';
import { chainOf, type Target, verificationsOf } from '../access/target.ts';
import { deliveriesOf, type EventEntry, earliestKept, entriesOfCause, eventName } from '../directory/event-log.ts';
import type { Cause, Fact } from '../directory/fact.ts';
import { factKey } from '../directory/items.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import { recentEntries } from '../ledger/recent.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allItems } from '../ports/all-items.ts';
import type { Item } from '../ports/table.ts';
import { MARK_PREFIX, targetPk } from '../work/keys.ts';
import { type Mark, readMark } from '../work/marks.ts';
import { targetsOfPolicy } from '../work/sweep.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { unknownEvent, withoutRepetitions } from './events.ts';

/** What an event said, and how that stands now. */
export interface TracedFact {
  /** The event that said it: `<source>/<id>`. */
  readonly event: string;
  readonly fact: Fact;
  /**
   * `dirty`: the planner has not looked at it yet. `stands`: the item is as this event left it. `known`: another event said the
   * same, or something newer since; `by` is the one that changed the item last. `gone`: there is no such item.
   */
  readonly now: 'dirty' | 'stands' | 'known' | 'gone';
  readonly by?: Cause;
}

/** What still waits, or is parked, on a target. */
export type TracedMark = Pick<
  Mark,
  'target' | 'subject' | 'urgency' | 'since' | 'attempts' | 'notBefore' | 'failure' | 'finding' | 'cause' | 'confirming'
>;

/** What one run did on one target because of it: its entries in the ledger, the oldest first. */
export interface TracedRun {
  readonly target: Target;
  readonly chain: string;
  readonly run: string;
  readonly entries: readonly Pick<
    LedgerEntry,
    'kind' | 'sequence' | 'at' | 'changes' | 'failures' | 'finding' | 'subjects' | 'policyVersion'
  >[];
}

/** What followed from an event, or belongs to a run. JSON-able. */
export interface Trace {
  /**
   * The event (several, where one id was given to them), or those that caused the run, at most {@link MOST_EVENTS}. Empty where
   * it is none that is kept: an older one, an operator's command, a sweep.
   */
  readonly events: readonly EventEntry[];
  /** How often they were delivered, a repetition of what was remembered left out. */
  readonly deliveries: number;
  /** What it was because of: the event itself, or the events of the run. */
  readonly causes: readonly Cause[];
  /** From when times are counted: the reception of the first cause, milliseconds UTC. */
  readonly from: number;
  readonly facts: readonly TracedFact[];
  readonly waiting: readonly TracedMark[];
  readonly runs: readonly TracedRun[];
  /** What is not done yet, or why nothing was: a sentence each. */
  readonly missing: readonly string[];
}

/** So many events of a run are shown with their facts: it may have thousands. */
export const MOST_EVENTS = 100;

/**
 * Follows an event (by `<source>/<id>`, its id, or a beginning of that), or a run, to what it came to. Reads alone.
 * @throws Failure `not-found`; `invalid` where several are meant.
 */
export async function trace(ports: TurnPorts, text: string): Promise<Trace> {
  const deliveries = isRun(text) ? [] : await deliveriesOf(ports.table, text, ports.clock.now());
  const event = deliveries.at(-1);
  const targets = await knownTargets(ports);
  const entries = await entriesOf(ports, targets, event?.receivedAt ?? earliestKept(ports.clock.now()));
  const named = event ? [] : entries.filter((entry) => goesBy(entry, text));
  const [first] = named;
  if (!event && !first) throw unknownEvent(text);
  const causes = event
    ? [causeOf(event)]
    : isRun(text)
      ? distinct(named.flatMap((entry) => entry.causes))
      : named.flatMap((entry) => entry.causes.filter((cause) => isCalled(cause, text))).slice(0, 1);
  const because = ({ causes: theirs }: LedgerEntry) => theirs.some((cause) => causes.some((one) => isSame(one, cause)));
  const followed = entries.filter((entry) =>
    isRun(text) ? entry.run === text || (entry.kind === 'verified' && because(entry)) : because(entry),
  );
  const noted = event ? deliveries.toReversed() : await entriesOfCauses(ports, causes.slice(0, MOST_EVENTS));
  const events = withoutRepetitions(noted);
  const facts = await Promise.all(events.flatMap((one) => one.facts.map((fact) => factNow(ports, one, fact))));
  const subjects = new Set(facts.flatMap(({ fact }) => subjectOfFact(fact)));
  const waiting = await waitingFor(ports, targets, causes, subjects);
  const runs = runsOf(followed);
  return {
    events,
    deliveries: noted.length,
    causes,
    from: Math.min(...causes.map(({ receivedAt }) => receivedAt)),
    facts,
    waiting,
    runs,
    missing: missingOf({ events, facts, waiting, runs }),
  };
}

async function entriesOfCauses({ table }: TurnPorts, causes: readonly Cause[]): Promise<readonly EventEntry[]> {
  return (await Promise.all(causes.map((cause) => entriesOfCause(table, cause)))).flat();
}

/** Runs are named by their target: `cluster/<arn>#<turn>`. No id of an event that is looked for begins so. */
const isRun = (text: string): boolean => /^(cluster|iam|verify)\/.+#/.test(text);

const isSame = (one: Cause, other: Cause) => one.source === other.source && one.event === other.event;
const isCalled = (cause: Cause, text: string) => cause.event === text || eventName(cause) === text;
const goesBy = (entry: LedgerEntry, text: string) =>
  entry.run === text || entry.causes.some((cause) => isCalled(cause, text));

function distinct(causes: readonly Cause[]): readonly Cause[] {
  return [...new Map(causes.map((cause) => [`${cause.source} ${cause.event}`, cause])).values()];
}

function causeOf({ source, event, type, receivedAt }: EventEntry): Cause {
  return { source, event, type, receivedAt };
}

async function knownTargets({ table }: TurnPorts): Promise<readonly Target[]> {
  const inForce = await policyInForce(table);
  if (!inForce) return [];
  const targets = await targetsOfPolicy(table, inForce.policy);
  return [...targets, ...verificationsOf(targets)];
}

/** The recent entries of all chains that the targets have, the oldest first in each. */
async function entriesOf({ ledger }: TurnPorts, targets: readonly Target[], since: number): Promise<LedgerEntry[]> {
  const chains = new Set(targets.map(chainOf));
  const entries: LedgerEntry[] = [];
  for (const chain of chains) entries.push(...(await recentEntries(ledger, chain, since)).toReversed());
  return entries;
}

async function factNow({ table }: TurnPorts, event: EventEntry, fact: Fact): Promise<TracedFact> {
  const item: Item | undefined = await table.get(factKey(fact));
  const said = { event: eventName(event), fact };
  if (!item) return { ...said, now: 'gone' };
  const by = item.cause as unknown as Cause | undefined;
  if (item.dirty !== undefined) return { ...said, now: 'dirty' };
  if (by && isSame(by, event)) return { ...said, now: 'stands' };
  return { ...said, now: 'known', ...(by ? { by } : {}) };
}

function subjectOfFact(fact: Fact): readonly Subject[] {
  return 'user' in fact ? [userSubject(fact.source, fact.user)] : [];
}

/** The marks of these causes, and those of the same people: a newer event takes over the mark of the one before. */
async function waitingFor(
  { table }: TurnPorts,
  targets: readonly Target[],
  causes: readonly Cause[],
  subjects: ReadonlySet<Subject>,
): Promise<readonly TracedMark[]> {
  const waiting: TracedMark[] = [];
  for (const target of targets) {
    for (const item of await allItems(table, targetPk(target), MARK_PREFIX)) {
      const { token: _token, ...mark } = readMark(item);
      const isTheirs = causes.some((cause) => isSame(cause, mark.cause)) || subjects.has(mark.subject);
      if (isTheirs) waiting.push(mark);
    }
  }
  return waiting;
}

function runsOf(entries: readonly LedgerEntry[]): readonly TracedRun[] {
  const runs = Map.groupBy(entries, ({ chain, run }) => `${chain} ${run}`);
  return [...runs.values()]
    .map((all): TracedRun => {
      const { target, chain, run } = all[0]!;
      return { target, chain, run, entries: all.map(shownOf) };
    })
    .sort((one, other) => one.entries[0]!.at - other.entries[0]!.at);
}

function shownOf(entry: LedgerEntry): TracedRun['entries'][number] {
  const { kind, sequence, at, changes, failures, finding, subjects, policyVersion } = entry;
  return {
    ...{ kind, sequence, at, changes, policyVersion },
    ...(failures ? { failures } : {}),
    ...(finding ? { finding } : {}),
    ...(subjects ? { subjects } : {}),
  };
}

/** What is missing of the way from an event to what a cluster was seen to allow. */
export function missingOf({
  events,
  facts,
  waiting,
  runs,
}: Pick<Trace, 'events' | 'facts' | 'waiting' | 'runs'>): readonly string[] {
  const [first] = events;
  if (first && events.every(({ outcome }) => outcome === 'ignored')) {
    return [`nothing follows: the event was ignored (${first.reason})`];
  }
  const missing: string[] = [];
  for (const { fact, now } of facts) {
    if (now === 'dirty') missing.push(`the planner has not looked at the ${fact.type} fact yet`);
    if (now === 'gone') missing.push(`the ${fact.type} fact is not in the directory: replay the event`);
  }
  for (const { target, subject, finding, failure, confirming } of waiting) {
    if (finding) missing.push(`${subject} is parked on ${target} (${finding.code}): ${finding.message}`);
    else if (confirming) missing.push(`${subject} on ${target} is written, and is to be seen once more`);
    else if (failure) missing.push(`${subject} waits on ${target}, which failed (${failure.code}): ${failure.message}`);
    else missing.push(`${subject} waits on ${target}`);
  }
  for (const { run, entries } of runs) {
    const kinds = new Set(entries.map(({ kind }) => kind));
    if (kinds.has('intent') && !kinds.has('outcome')) missing.push(`the run ${run} began, and has told no outcome`);
  }
  if (missing.length === 0 && runs.length === 0) {
    missing.push('nothing followed: it stood already, or no grant of the policy in force is about it');
  }
  return missing;
}
