import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Table } from '../ports/table.ts';
import type { Finding } from '../resources/resource.ts';
import { MARK_PREFIX, markKey, markPrefix, markShard, targetPk, type Urgency } from './keys.ts';

/** That a subject must be looked at on a target. Any number of events on a subject is one mark (of an urgency). */
export interface Mark {
  readonly target: Target;
  readonly subject: Subject;
  readonly urgency: Urgency;
  /** Changes whenever something new is to be considered; a mark is cleared only by who saw its last token. */
  readonly token: string;
  /** Not to be worked on earlier, milliseconds UTC. */
  readonly notBefore: number;
  /** When the oldest of its events came, milliseconds UTC. */
  readonly since: number;
  /** How often it has failed in a row. */
  readonly attempts: number;
  /** Why it failed last. */
  readonly failure?: MarkFailure;
  /** The newest event that led to it. */
  readonly cause: Cause;
  /** All is written, and is only to be seen once more: its successors are marked already. */
  readonly confirming?: boolean;
  /** Why it is parked: what a person must mend first. New events and the sweep look at it again. */
  readonly finding?: Finding;
}

/** What keeps a mark waiting, for people. */
export type MarkFailure = Pick<Failure, 'code' | 'message' | 'remedy'>;

/** What writing marks takes. */
export interface MarkPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly random: Random;
}

/** A request for a mark. */
export type MarkRequest = Pick<Mark, 'target' | 'subject' | 'urgency' | 'cause'> & { readonly notBefore?: number };

const MAX_CONFLICTS = 20;

/** Puts or refreshes a mark. A refresh gives it a new token, forgets its failures, and keeps how long it has waited. */
export async function putMark(ports: MarkPorts, request: MarkRequest): Promise<void> {
  const key = markKey(request.target, request.subject, request.urgency);
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    const existing = await ports.table.get(key);
    const now = ports.clock.now();
    const mark: Mark = {
      target: request.target,
      subject: request.subject,
      urgency: request.urgency,
      token: ports.random.token(),
      notBefore: request.notBefore ?? now,
      since: existing ? readMark(existing).since : now,
      attempts: 0,
      cause: request.cause,
    };
    try {
      await ports.table.put(
        markItem(mark),
        existing ? { equals: { token: readMark(existing).token } } : { absent: true },
      );
      return;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `the mark of ${request.subject} on ${request.target} changes without pause`);
}

/** At most `limit` marks of an urgency that are ripe and not parked. */
export async function takeMarks(
  ports: Pick<MarkPorts, 'table' | 'clock'>,
  target: Target,
  urgency: Urgency,
  limit: number,
): Promise<Mark[]> {
  const now = ports.clock.now();
  const marks: Mark[] = [];
  let after: string | undefined;
  do {
    const page = await ports.table.query(targetPk(target), {
      prefix: markPrefix(urgency),
      limit: Math.max(limit, 100),
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) {
      const mark = readMark(item);
      const ripe = !mark.finding && mark.notBefore <= now;
      if (ripe && marks.length < limit) marks.push(mark);
    }
    after = page.next;
  } while (after !== undefined && marks.length < limit);
  return marks;
}

/** One page of the marks that are parked, those behind the sort key `after`. `next`: the key to go on after. */
export async function parkedMarks(
  table: Pick<Table, 'query'>,
  target: Target,
  after: string | undefined,
  limit: number,
): Promise<{ marks: Mark[]; next?: string }> {
  const marks: Mark[] = [];
  let from = after;
  do {
    const page = await table.query(targetPk(target), {
      prefix: MARK_PREFIX,
      limit,
      ...(from === undefined ? {} : { after: from }),
    });
    marks.push(...page.items.map(readMark).filter(({ finding }) => finding !== undefined));
    from = page.next;
  } while (from !== undefined && marks.length === 0);
  return from === undefined ? { marks } : { marks, next: from };
}

/** Removes a mark if nothing new came since it was taken. Answers whether it is gone. */
export function clearMark(ports: Pick<MarkPorts, 'table'>, mark: Mark): Promise<boolean> {
  return ifUnchanged(() =>
    ports.table.delete(markKey(mark.target, mark.subject, mark.urgency), { equals: { token: mark.token } }),
  );
}

/** Lets a mark wait until `notBefore` for another attempt, unless something new came since it was taken. */
export function postponeMark(
  ports: Pick<MarkPorts, 'table'>,
  mark: Mark,
  notBefore: number,
  failure: MarkFailure,
): Promise<boolean> {
  const { finding: _finding, confirming: _confirming, ...rest } = mark;
  const { code, message, remedy } = failure;
  const waiting = { ...rest, notBefore, attempts: mark.attempts + 1, failure: { code, message, remedy } };
  return ifUnchanged(() => ports.table.put(markItem(waiting), { equals: { token: mark.token } }));
}

/** Lets a mark wait for a second look at what was written for it, unless something new came since it was taken. */
export function confirmMark(ports: Pick<MarkPorts, 'table'>, mark: Mark, notBefore: number): Promise<boolean> {
  const { finding: _finding, failure: _failure, ...rest } = mark;
  return ifUnchanged(() =>
    ports.table.put(markItem({ ...rest, notBefore, attempts: 0, confirming: true }), { equals: { token: mark.token } }),
  );
}

/** Parks a mark with what a person must mend, unless something new came since it was taken. */
export function parkMark(ports: Pick<MarkPorts, 'table'>, mark: Mark, finding: Finding): Promise<boolean> {
  return ifUnchanged(() => ports.table.put(markItem({ ...mark, finding }), { equals: { token: mark.token } }));
}

async function ifUnchanged(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isFailure(error, 'conflict')) return false;
    throw error;
  }
}

function markItem(mark: Mark): Item {
  const { target, subject, urgency, finding, failure, cause, confirming, ...rest } = mark;
  return {
    ...markKey(target, subject, urgency),
    ...rest,
    target,
    subject,
    urgency,
    cause: cause as unknown as Json,
    ...(confirming ? { confirming } : {}),
    ...(failure ? { failure: failure as unknown as Json } : {}),
    // A parked mark leaves the due index: nobody wakes its target for it.
    ...(finding ? { finding: finding as unknown as Json } : { dueShard: markShard(target), dueAt: mark.notBefore }),
  };
}

/** The mark that an item holds. */
export function readMark(item: Item): Mark {
  const { pk: _pk, sk: _sk, dueShard: _shard, dueAt: _at, ...mark } = item;
  return mark as unknown as Mark;
}
