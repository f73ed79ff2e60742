import type { Target } from '@gatehouse/core/access/target';
import type { TargetPlan } from '@gatehouse/core/operations/plan';
import { shortTarget } from '../aws/targets.ts';
import { type Format, writeAnswer } from '../terminal/answer.ts';
import { type Reason, writeReason } from '../terminal/facts.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';
import type { FollowedTo } from './follow.ts';
import { type FlatLine, findingsOf, isBlocking, isDoable, isOnlyObserved, linesOf, type Plans } from './planned.ts';

/** What was applied, and how it ended. */
export interface Applied {
  /** As it was planned, and shown. */
  readonly all: Plans;
  /** Undefined where nothing was to be done. */
  readonly to: FollowedTo | undefined;
  /** Milliseconds. */
  readonly took: number;
  /** The document that was put in force; `unchanged` where it was in force already. */
  readonly policy:
    | { readonly version: number; readonly digest: string; readonly state: 'active' | 'unchanged' }
    | undefined;
}

type Held = FollowedTo['findings'][number] | ({ readonly target: Target } & TargetPlan['findings'][number]);

/** What came of it, looked through. */
interface Outcome extends Applied {
  /** The lines that were planned, and whether each is done. */
  readonly rows: readonly (FlatLine & { readonly done: boolean })[];
  /** What would still be done. */
  readonly left: readonly FlatLine[];
  readonly unplanned: Plans['unplanned'];
  readonly waiting: FollowedTo['waiting'];
  /** What keeps something of the policy from being so, also where it stood there before. */
  readonly held: readonly Held[];
}

/**
 * Tells what came of it. Exit code 1 where anything of what was asked for is not as the policy says: something is left, could
 * not be planned, or is held back by a finding, new or old. What is only observed is nothing to be done.
 */
export async function answerApplied(terminal: Terminal, format: Format, applied: Applied): Promise<void> {
  const outcome = outcomeOf(applied);
  const { policy, rows, left, unplanned, waiting, held, all } = outcome;
  await writeAnswer(terminal.out, format, {
    value: {
      ...(policy === undefined ? {} : { policy }),
      applied: rows.filter(({ done }) => done).length,
      left: left.map(({ plan: { target }, kind, object, line }) => ({ target, kind, object, ...line })),
      unplanned,
      waiting,
      findings: held,
      observed: all.plans.filter(isOnlyObserved).map(({ target }) => target),
    },
    listing: {
      columns: [
        { head: 'TARGET', cell: ({ plan }) => plan.target },
        { head: 'OBJECT', cell: ({ object }) => object },
        { head: 'LINE', cell: ({ line }) => `${line.sign} ${line.text}` },
        { head: 'SUBJECT', cell: ({ line }) => line.subject ?? '' },
        { head: 'DONE', cell: (row) => (row.done ? 'yes' : 'no'), value: (row) => row.done },
      ],
      rows,
    },
    text: (output) => writeOutcome(output, outcome),
  });
  if (isFailed(outcome)) terminal.exitCode = 1;
}

function outcomeOf(applied: Applied): Outcome {
  const { all, to } = applied;
  const left = linesOf(to?.left.plans.filter(isDoable) ?? []);
  const rows = linesOf(all.plans.filter(isDoable)).map((one) => ({
    ...one,
    done: !left.some(
      ({ plan, object, line }) =>
        plan.target === one.plan.target && object === one.object && line.text === one.line.text,
    ),
  }));
  return {
    ...applied,
    rows,
    left,
    unplanned: [...(to?.left.unplanned ?? []), ...all.unplanned],
    waiting: to?.waiting ?? [],
    held: heldBack(applied),
  };
}

/** What blocks, by the newest plan of each target and by the status, each once. */
function heldBack({ all, to }: Applied): readonly Held[] {
  const newest = new Map([...all.plans, ...(to?.left.plans ?? [])].map((plan) => [plan.target, plan]));
  const planned = [...newest.values()]
    .filter(({ mode }) => mode !== 'observe')
    .flatMap((plan) => findingsOf(plan).map((finding) => ({ target: plan.target, ...finding })))
    .filter(isBlocking);
  const keyOf = ({ target, code, subject }: Held) => JSON.stringify([target, code, subject]);
  const known = new Set(planned.map(keyOf));
  return [...planned, ...(to?.findings ?? []).filter((finding) => !known.has(keyOf(finding)))];
}

function isFailed({ left, unplanned, waiting, held }: Outcome): boolean {
  return [left, unplanned, waiting, held].some(({ length }) => length > 0);
}

function writeOutcome(output: Output, outcome: Outcome): void {
  const { style } = output;
  const { all, policy, to, rows, left, unplanned, waiting, held, took } = outcome;
  if (policy !== undefined) {
    const already = policy.state === 'unchanged' ? ' already' : '';
    output.write(`${style.good('done')}  policy version ${policy.version} is in force${already}\n`);
  }
  // What stood there before is told with the plan, above.
  const told = new Set(all.plans.flatMap(({ findings }) => findings.map(({ message }) => message)));
  for (const reason of [
    ...held.filter(({ message }) => !told.has(message)),
    ...waiting.flatMap(({ target, failure }) => (failure ? [{ target, ...failure }] : [])),
    ...(to?.left.unplanned ?? []),
  ]) {
    writeHeld(output, reason);
  }
  for (const { plan, line } of left) {
    output.write(`  ${style.warn('left')} ${shortTarget(plan.target)} ${line.sign} ${printable(line.text)}\n`);
  }
  if (to === undefined && !isFailed(outcome)) return;
  const rest = [
    ...(left.length > 0 ? [`${left.length} left`] : []),
    ...(waiting.length > 0 ? [`${counted(waiting.length, 'mark')} waiting`] : []),
    ...(held.length > 0 ? [`${counted(held.length, 'finding')} in the way`] : []),
    ...(unplanned.length > 0 ? [`${counted(unplanned.length, 'target')} unknown`] : []),
  ];
  const word = rest.length > 0 ? style.bad('not done') : style.good('done');
  const done = counted(rows.filter((row) => row.done).length, 'line');
  output.write(`\n${word}  ${[`${done} applied`, ...rest].join(', ')} (${(took / 1_000).toFixed(1)} s)\n`);
}

function writeHeld(output: Output, { target, ...reason }: Reason & { readonly target: string }): void {
  const { style } = output;
  output.write(`\n${style.bad(reason.code)}  ${style.bold(shortTarget(target))}\n`);
  writeReason(output, reason);
}
