import type { Subject } from '@gatehouse/core/access/subject';
import { type Target, verificationsOf } from '@gatehouse/core/access/target';
import type { RunOperation } from '../aws/run-operation.ts';
import type { StatusOutcome } from '../aws/status-outcome.ts';
import { isBlocking, isDoable, type Plans, plansFor } from './planned.ts';

/** What is followed until it is done. */
export interface Followed {
  readonly targets: readonly Target[];
  /** Whose marks count, wherever they are: what is done in IAM goes on to clusters, and to verification. */
  readonly subjects: ReadonlySet<Subject>;
  /** Of a plan that was limited to some. */
  readonly only?: readonly Subject[] | undefined;
}

/** How it ended. */
export interface FollowedTo {
  /** What would still be done, as a fresh plan says. */
  readonly left: Plans;
  readonly waiting: StatusOutcome['waiting'];
  readonly findings: StatusOutcome['findings'];
}

/** Time, as the edge has it. */
export interface Pace {
  /** Milliseconds, of any origin. */
  readonly now: () => number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Milliseconds to wait at most. */
  readonly timeout: number;
}

const INTERVAL_MS = 1_000;
/** How long nothing may be marked while something is still planned: a planner may not have come to it yet. */
const GRACE_MS = 10_000;
/** The same, where a finding says why. */
const GRACE_WITH_FINDING_MS = 3_000;

/**
 * Waits until nothing of it is marked any more and a fresh plan finds nothing left; or until that will not come by itself, because
 * something stands in the way; or the time is over.
 */
export async function follow(
  run: RunOperation,
  followed: Followed,
  { now, sleep, timeout }: Pace,
  told: (waiting: number) => void,
): Promise<FollowedTo> {
  const until = now() + timeout;
  let idleSince: number | undefined;
  for (;;) {
    const status = await run<StatusOutcome>({ operation: 'status' });
    const waiting = status.waiting.filter((mark) => !mark.confirming && followed.subjects.has(mark.subject as Subject));
    const isOver = now() >= until;
    told(waiting.length);
    if (waiting.length > 0) idleSince = undefined;
    else idleSince ??= now();
    if (isOver || idleSince !== undefined) {
      const left = await plansFor(run, { targets: followed.targets, subjects: followed.only });
      const findings = status.findings.filter((finding) => isAbout(finding, followed));
      const isDone = left.unplanned.length === 0 && !left.plans.some(isDoable);
      const isStuck =
        idleSince !== undefined && now() - idleSince >= (findings.length > 0 ? GRACE_WITH_FINDING_MS : GRACE_MS);
      if (isOver || isDone || isStuck) return { left, waiting, findings };
    }
    await sleep(INTERVAL_MS);
  }
}

function isAbout(finding: StatusOutcome['findings'][number], { targets, subjects }: Followed): boolean {
  const { target, subject } = finding;
  const isHere = [...targets, ...verificationsOf(targets)].includes(target as Target);
  return isBlocking(finding) && isHere && (subject === undefined || subjects.has(subject));
}
