import type { Failure } from '../access/failure.ts';
import { grantSubject, type Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import { appendEntry } from '../ledger/ledger.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { TableReader } from '../ports/table.ts';
import type { Finding, OwnedClaim } from '../resources/resource.ts';
import type { Result, Run } from './carry-out.ts';
import type { FactReader } from './fact-reader.ts';
import { markKey } from './keys.ts';
import { clearMark, confirmMark, type Mark, parkMark, postponeMark, putMark, readMark } from './marks.ts';
import type { TurnPorts } from './turn-ports.ts';

/** How a turn ended for one mark. */
export type Settlement = 'cleared' | 'refreshed' | 'postponed' | 'parked';

/** The claims of a turn, as far as they say whom a finding or failure concerns. */
export interface ConcernedClaims {
  /** What a subject is to have: it waits for what its grant needs, too. */
  readonly wanted: readonly OwnedClaim[];
  readonly recorded: readonly OwnedClaim[];
}

/** What decides over the marks of a turn. */
export interface Ending {
  readonly chain: string;
  readonly run: Run;
  readonly reader: FactReader;
  readonly result: Pick<Result, 'failed' | 'findings'>;
  readonly claims: ConcernedClaims;
  /** Marks that wait for this long (milliseconds) although nothing failed: a write that must be seen once more. */
  readonly confirmAfter?: number;
}

/** What became of the marks of a turn. */
export interface Settled {
  readonly settled: ReadonlyMap<Mark, Settlement>;
  /** Those of which everything is written now, and was not before: cleared, or to be seen once more. */
  readonly written: readonly Mark[];
  /** When the earliest postponed mark is ripe. */
  readonly retryAt?: number;
}

const FIRST_RETRY = 1_000;
const LAST_RETRY = 300_000;

/** How long to wait after so many failures in a row, in milliseconds: doubling up to five minutes, the upper half by chance. */
export function backOff(attempts: number, fraction: number): number {
  const ceiling = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** Math.min(attempts, 20));
  return Math.round(ceiling / 2 + (ceiling / 2) * fraction);
}

/**
 * Settles the marks of a turn: cleared where all is done and what the turn derived from still holds, postponed where
 * trying again may help, parked with the finding where a person must mend something first. Answers when the earliest
 * postponed mark is ripe, and what became of each.
 */
export async function settleMarks(ports: TurnPorts, marks: readonly Mark[], ending: Ending): Promise<Settled> {
  const holds = await ending.reader.stillHolds();
  const settled = new Map<Mark, Settlement>();
  const written: Mark[] = [];
  let retryAt: number | undefined;
  const trouble = troubleIn(ending);
  const postpone = async (mark: Mark, delay: number, write: (at: number) => Promise<boolean>) => {
    const at = ports.clock.now() + delay;
    settled.set(mark, (await write(at)) ? 'postponed' : 'refreshed');
    retryAt = Math.min(retryAt ?? at, at);
  };
  const settle = async (mark: Mark) => {
    const { failure, finding } = trouble(mark.subject);
    if (failure) {
      const delay = failure.code === 'deadline' ? 0 : backOff(mark.attempts, ports.random.fraction());
      await postpone(mark, delay, (at) => postponeMark(ports, mark, at, failure));
    } else if (!holds) {
      settled.set(mark, 'refreshed');
    } else if (finding) {
      const known = mark.finding?.code === finding.code && mark.finding.message === finding.message;
      if (!known) await recordFinding(ports, ending, mark, finding);
      settled.set(mark, (await parkMark(ports, mark, finding)) ? 'parked' : 'refreshed');
    } else if (ending.confirmAfter !== undefined) {
      await postpone(mark, ending.confirmAfter, (at) => confirmMark(ports, mark, at));
      if (!mark.confirming && settled.get(mark) === 'postponed') written.push(mark);
    } else {
      const cleared = await clearMark(ports, mark);
      if (cleared) await clearParkedTwin(ports, mark);
      settled.set(mark, cleared ? 'cleared' : 'refreshed');
      if (cleared && !mark.confirming) written.push(mark);
    }
  };
  const { sound = [], troubled = [] } = Object.groupBy(marks, ({ subject }) => {
    const { failure, finding } = trouble(subject);
    return failure === undefined && finding === undefined ? 'sound' : 'troubled';
  });
  await eachAtOnce(sound, settle);
  // One after the other: what is found goes into one chain of the ledger, where equal entries at once would pass for one.
  for (const mark of troubled) await settle(mark);
  return { settled, written, ...(retryAt === undefined ? {} : { retryAt }) };
}

/**
 * What stands against a subject: trouble of its own, and, where it is to get something, trouble of what the members of its
 * grant share. Who only loses something does not wait for a grant.
 */
export function troubleIn({
  claims,
  result,
}: Pick<Ending, 'claims' | 'result'>): (subject: Subject) => { failure?: Failure; finding?: Finding } {
  const needs = new Map<Subject, Set<Subject>>();
  const objects = new Map<Subject, Set<string>>();
  for (const { subject, grant } of claims.wanted) {
    if (grant !== undefined) collect(needs, subject, grantSubject(grant));
  }
  for (const { subject, claim } of [...claims.wanted, ...claims.recorded]) collect(objects, subject, claim.object);
  const blocking = result.findings.filter(({ severity }) => severity === 'blocks');
  return (subject) => {
    const concerned = [...new Set<Subject>([subject, ...(needs.get(subject) ?? [])])];
    const failure = concerned.map((one) => result.failed.get(one)).find((one) => one !== undefined);
    const finding = blocking.find(({ subject: about, object }) =>
      about === undefined
        ? object === '' || concerned.some((one) => objects.get(one)?.has(object))
        : concerned.includes(about),
    );
    return { ...(failure ? { failure } : {}), ...(finding ? { finding } : {}) };
  };
}

function collect<T>(map: Map<Subject, Set<T>>, subject: Subject, value: T): void {
  const values = map.get(subject);
  if (values) values.add(value);
  else map.set(subject, new Set([value]));
}

/** What a mark of the other urgency is parked for stands no more: all of the subject's claims were looked at. */
async function clearParkedTwin(ports: TurnPorts, { target, subject, urgency }: Mark): Promise<void> {
  const other = urgency === 'grant' ? 'revocation' : 'grant';
  const item = await ports.table.get(markKey(target, subject, other));
  if (item && readMark(item).finding !== undefined) await clearMark(ports, readMark(item));
}

async function recordFinding(ports: TurnPorts, ending: Ending, mark: Mark, finding: Finding): Promise<void> {
  await appendEntry(ports, ending.chain, {
    kind: 'finding',
    run: ending.run.id,
    target: mark.target,
    policyVersion: ending.run.policyVersion,
    causes: [mark.cause],
    changes: [],
    finding: { ...finding, subject: finding.subject ?? mark.subject },
  });
}

/**
 * Gives what a sweep found amiss a mark of its own, so that it is tried again, or told, like anything else. What is parked
 * already was told.
 */
export async function markSweptTrouble(
  ports: TurnPorts,
  mark: Pick<Mark, 'target' | 'cause'>,
  subjects: readonly Subject[],
  ending: Ending,
): Promise<boolean> {
  const trouble = troubleIn(ending);
  let any = false;
  for (const subject of subjects) {
    const { failure, finding } = trouble(subject);
    if (!failure && (!finding || (await isParked(ports.table, mark.target, subject)))) continue;
    any = true;
    await putMark(ports, { ...mark, subject, urgency: 'grant' });
  }
  return any;
}

/** True where a subject's mark on a target, of either urgency, waits for a person. */
async function isParked(reader: TableReader, target: Target, subject: Subject): Promise<boolean> {
  for (const urgency of ['revocation', 'grant'] as const) {
    const item = await reader.get(markKey(target, subject, urgency));
    if (item && readMark(item).finding !== undefined) return true;
  }
  return false;
}
