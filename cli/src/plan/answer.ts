import type { TargetPlan } from '@gatehouse/core/operations/plan';
import type { RunOperation } from '../aws/run-operation.ts';
import { type Format, isForPrograms, writeAnswer } from '../terminal/answer.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type PlanRequest, type Plans, plansFor, summaryOf } from './planned.ts';
import { planListing, writePlans } from './text.ts';

/** Asks for plans, and tells a person meanwhile how many are made. `doing`: what is said of it. */
export function planWithProgress(
  { progress }: Pick<Terminal, 'progress'>,
  run: RunOperation,
  request: PlanRequest,
  output: Format,
  doing = 'planning',
): Promise<Plans> {
  return progress.during(
    doing,
    (say) => plansFor(run, request, (done, of) => say(of > 1 ? `${doing}: ${done} of ${of}` : doing)),
    { quiet: isForPrograms(output) },
  );
}

/** The plan of one target, as {@link plansFor} gives those of several. */
export function plansOfOne(plan: TargetPlan): Plans {
  return { plans: [plan], unplanned: [], policyVersion: plan.policyVersion ?? null };
}

/**
 * Answers with plans, whichever verb made them. Exit code 1 where a target could not be planned; 2 where changes are pending and
 * that was asked.
 * @param also What else is told to programs.
 */
export async function answerPlans(
  terminal: Terminal,
  all: Plans,
  { output: format, detailedExitcode }: { readonly output: Format; readonly detailedExitcode?: boolean },
  also: object = {},
): Promise<void> {
  const summary = summaryOf(all);
  await writeAnswer(terminal.out, format, {
    value: { ...also, ...all, summary },
    listing: planListing(all),
    text: (output, wide) => writePlans(output, all, wide),
  });
  if (summary.unplanned > 0) terminal.exitCode = 1;
  else if (detailedExitcode && all.plans.some(({ changes }) => changes.length > 0)) terminal.exitCode = 2;
}
