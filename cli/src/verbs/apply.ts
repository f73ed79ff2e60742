import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@gatehouse/core/access/failure';
import type { Subject } from '@gatehouse/core/access/subject';
import type { PlannedLine, TargetPlan } from '@gatehouse/core/operations/plan';
import type { PlanDifference, SavedPlan } from '@gatehouse/core/operations/saved-plan';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { shortTarget } from '../aws/targets.ts';
import type { Applied } from '../plan/applied.ts';
import type { Plans } from '../plan/planned.ts';
import { agree } from '../terminal/agree.ts';
import { type Format, isForPrograms, withFormats } from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { COMMAND, type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import { timeoutOption } from '../terminal/option-values.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  readonly subject?: readonly Subject[];
  readonly policy?: string;
  readonly yes?: boolean;
  readonly timeout: number;
  readonly by?: string;
}

/** `apply`: has a plan carried out, and waits until it is. */
export function addApply(program: Command, terminal: Terminal): void {
  const verb = program
    .command('apply [plan-or-target...]')
    .description('have what is planned done now, and follow it until it is done and verified')
    .option('--subject <subject...>', 'only for these: user/<source>/<id>, machine/<name>, grant/<name>')
    .option('--policy <file>', 'put this document in force first')
    .option('--yes', 'agree to what widens without being asked; needed where nobody can be asked')
    .option('--by <who>', 'who agrees to a document, for the record (default: the ARN that AWS knows you by)')
    .addOption(timeoutOption('how long to wait', '5m'));
  withDryRun(verb, 'show the plan, and whether it would be asked for; do nothing');
  withFormats(withAwsOptions(verb)).action((words: string[], options: Options) => apply(terminal, words, options));
  withExamples(verb, [
    ['gatehouse apply prod.plan.json', 'exactly what "plan --out" saved, unprompted; refused where it is true no more'],
    ['gatehouse apply prod-eu', 'plans, shows, asks where something widens, and follows'],
    ['gatehouse apply --policy policy.yaml', 'the same for a document: uploads and activates it'],
    ['gatehouse apply --yes -o json', 'in a pipeline that has its own approval'],
  ]);
  withExitCodes(verb, { 2: 'something would change (--dry-run --detailed-exitcode)' });
}

/** What is to be applied: what was planned, and what was agreed to already. */
interface Task {
  readonly all: Plans;
  readonly document?: string | undefined;
  readonly only?: readonly Subject[] | undefined;
  /** Who saved a plan has seen it. */
  readonly agreed: boolean;
}

async function apply(terminal: Terminal, words: readonly string[], options: Options): Promise<void> {
  const [{ operationsOf }, saved] = await Promise.all([import('../aws/run-operation.ts'), import('../plan/saved.ts')]);
  const files = words.filter(saved.isFileName);
  if (options.policy !== undefined && (words.length > 0 || options.subject !== undefined)) {
    throw new Failure('invalid', 'a document is put in force as a whole', {
      remedy: `leave targets and subjects out; to look at one alone: ${COMMAND} plan TARGET --policy FILE`,
    });
  }
  if (files.length > 0 && (words.length > 1 || options.subject !== undefined)) {
    throw new Failure('invalid', 'a saved plan says itself what it is about', { remedy: 'give the file alone' });
  }
  const [file] = files;
  const kept = file === undefined ? undefined : saved.readSavedPlan(file);
  const run = await operationsOf(options, terminal);
  const task = kept
    ? await taskOfFile(terminal, run, kept, file!, options)
    : await taskOf(terminal, run, words, options);
  if (task !== undefined) await carryOut(terminal, run, task, options);
}

async function taskOf(
  terminal: Terminal,
  run: RunOperation,
  targets: readonly string[],
  { policy, subject, yes, output }: Options,
): Promise<Task> {
  const [{ planWithProgress }, { readDocument }] = await Promise.all([
    import('../plan/answer.ts'),
    import('../policy-file.ts'),
  ]);
  const document = policy === undefined ? undefined : readDocument(policy);
  const all = await planWithProgress(terminal, run, { targets, subjects: subject, document }, output);
  return { all, document, only: subject, agreed: yes === true };
}

/**
 * A saved plan that still holds; undefined where all of it is done. @throws Failure `conflict` where it does not, once the
 * difference is shown.
 */
async function taskOfFile(
  terminal: Terminal,
  run: RunOperation,
  kept: SavedPlan,
  file: string,
  options: Options,
): Promise<Task | undefined> {
  const { all, differences } = await plannedAnew(terminal, run, kept, options);
  const document = kept.policy?.document;
  const only = kept.subjects as readonly Subject[] | undefined;
  const isEmpty = all.unplanned.length === 0 && all.plans.every(({ changes }) => changes.length === 0);
  const isInTheWay = differences.some(({ sign }) => sign === '+');
  if (differences.length > 0 && isEmpty && !isInTheWay && document === undefined) {
    terminal.out.write(`${terminal.out.style.good('done')}  nothing of the plan is left to do\n`);
    return undefined;
  }
  if (differences.length > 0) {
    writeDifferences(terminal.err, differences);
    throw new Failure('conflict', `${file} is stale: what would be done now is not what was saved`, {
      remedy: 'look at it anew, and save it again: gatehouse plan --out FILE',
    });
  }
  return { all, document, only, agreed: true };
}

/** What is to be done now of what was planned, and in what that is something else. */
async function plannedAnew(
  terminal: Terminal,
  run: RunOperation,
  kept: SavedPlan,
  { output }: Options,
): Promise<{ readonly all: Plans; readonly differences: readonly PlanDifference[] }> {
  const [{ planWithProgress }, { savedPlan, differencesOf }] = await Promise.all([
    import('../plan/answer.ts'),
    import('@gatehouse/core/operations/saved-plan'),
  ]);
  const document = kept.policy?.document;
  const isWhole = document !== undefined;
  // A document is put in force as a whole, whatever a plan under it was limited to.
  const subjects = isWhole ? undefined : (kept.subjects as readonly Subject[] | undefined);
  const asked = { targets: isWhole ? [] : kept.targets.map(({ target }) => target), subjects, document };
  const all = await planWithProgress(terminal, run, asked, output, 'planning anew');
  const fresh = savedPlan(all, { at: kept.at, document, subjects });
  const unknown = all.unplanned.map(({ target, message }): PlanDifference => ({ target, sign: '~', text: message }));
  return { all, differences: [...differencesOf(kept, fresh), ...unknown] };
}

/** Asks, and looks once more: a person may read for long. @throws Failure `conflict` where it is something else by then. */
async function agreeTo(
  terminal: Terminal,
  run: RunOperation,
  { all, document, only }: Task,
  options: Options,
): Promise<void> {
  const asked = options.policy === undefined ? '' : ` --policy ${options.policy}`;
  await agree(terminal, false, {
    question: `${(all.proposed?.widens.length ?? 0) === 0 ? 'It gives' : 'The document gives'} people more than they have now.`,
    does: 'applies it',
    otherwise: 'nothing was applied',
    alone: 'it widens, and nobody is there to agree, so nothing was applied',
    remedy: `to agree without being asked: --yes; or save the plan, and apply that: ${COMMAND} plan${asked} --out FILE`,
  });
  const { savedPlan } = await import('@gatehouse/core/operations/saved-plan');
  const shown = savedPlan(all, { at: Date.now(), document, subjects: only });
  const { differences } = await plannedAnew(terminal, run, shown, options);
  if (differences.length === 0) return;
  writeDifferences(terminal.err, differences);
  throw new Failure('conflict', 'what would be done is not what was shown any more, so nothing was applied', {
    remedy: 'apply again',
  });
}

function writeDifferences({ write, style }: Output, differences: readonly PlanDifference[]): void {
  write(`${style.bold('Since it was planned')}  ${style.dim('+ only now, - only then:')}\n`);
  write(
    columns(
      differences.map(({ target, sign, text }) => [
        { text: sign, paint: sign === '+' ? style.good : sign === '-' ? style.bad : style.warn },
        { text: target === undefined ? 'policy' : shortTarget(target), paint: style.name },
        text,
      ]),
      { style, indent: 2 },
    ),
  );
  write('\n');
}

async function carryOut(terminal: Terminal, run: RunOperation, task: Task, options: Options): Promise<void> {
  const [{ writePlans }, { isDoable, isOnlyObserved, linesOf, widens }] = await Promise.all([
    import('../plan/text.ts'),
    import('../plan/planned.ts'),
  ]);
  const { all, document } = task;
  const isForPeople = !isForPrograms(options.output);
  writePlans(isForPeople ? terminal.out : terminal.err, all, options.output === 'wide');
  for (const { target } of all.plans.filter(isOnlyObserved)) {
    const remedy = `${COMMAND} mode ${target.split('/').at(-1)} enforce`;
    terminal.err.write(
      `${shortTarget(target)} is in mode observe, so nothing is applied there; to have it: ${remedy}\n`,
    );
  }
  const doable = all.plans.filter(isDoable);
  const lines = linesOf(doable);
  const isWider = lines.some(({ line }) => widens(line)) || (all.proposed?.widens.length ?? 0) > 0;
  if (options.dryRun) {
    const asks = isWider && !task.agreed ? 'it would ask first, because something widens' : 'it would not ask';
    terminal.err.write(`dry run: nothing was applied; ${asks}\n`);
    if (options.detailedExitcode && doable.length > 0) terminal.exitCode = 2;
    return;
  }
  if (isWider && !task.agreed) await agreeTo(terminal, run, task, options);
  const began = performance.now();
  const policy = document === undefined ? undefined : await putInForce(run, document, all, options);
  const [{ follow }, { answerApplied }] = await Promise.all([
    import('../plan/follow.ts'),
    import('../plan/applied.ts'),
  ]);
  const told = { all, policy };
  if (doable.length === 0) {
    return answerApplied(terminal, options.output, { ...told, to: undefined, took: performance.now() - began });
  }
  // A document that comes into force is planned by itself, and no line of it is drift.
  const isPlannedAlready = policy?.state === 'active';
  for (const { target, changes } of doable) {
    const subjects = subjectsIn(changes, (line) => !isPlannedAlready || line.drifted === true);
    if (subjects?.size === 0) continue;
    await run({ operation: 'reconcile', target, ...(subjects === undefined ? {} : { subjects: [...subjects] }) });
  }
  const subjects = new Set(lines.flatMap(({ line }) => line.subject ?? []));
  const to = await terminal.progress.during(
    'applying',
    (say) =>
      follow(
        run,
        { targets: doable.map(({ target }) => target), subjects, only: task.only },
        {
          now: () => performance.now(),
          sleep: (milliseconds) => sleep(milliseconds),
          timeout: options.timeout * 1_000,
        },
        (waiting) => say(`applying: ${counted(waiting, 'mark')} to go`),
      ),
    { quiet: isForPrograms(options.output) },
  );
  await answerApplied(terminal, options.output, { ...told, to, took: performance.now() - began });
}

/** Those of some of a target's lines; undefined where one of these is nobody's, so that everybody's are looked at. */
function subjectsIn(
  changes: TargetPlan['changes'],
  isMeant: (line: PlannedLine) => boolean,
): ReadonlySet<Subject> | undefined {
  const subjects = changes.flatMap(({ change }) => change.lines.filter(isMeant).map(({ subject }) => subject));
  return subjects.includes(undefined) ? undefined : new Set(subjects as Subject[]);
}

/** Uploads the document, and activates what of it waits; answers its version. @throws Failure `conflict` where another came in between. */
async function putInForce(
  run: RunOperation,
  document: string,
  { proposed }: Plans,
  options: Options,
): Promise<Applied['policy']> {
  const { whoAmI } = await import('../aws/caller.ts');
  const by = options.by ?? (await whoAmI(options));
  const uploaded = await run<
    { version: number; digest: string; state: string } & Pick<NonNullable<Plans['proposed']>, 'widens'>
  >({
    operation: 'upload-policy',
    document,
    by,
  });
  const agreed = new Set((proposed?.widens ?? []).map(({ about, text }) => `${about} ${text}`));
  const unseen = uploaded.widens.filter(({ about, text }) => !agreed.has(`${about} ${text}`));
  if (uploaded.state === 'superseded' || unseen.length > 0) {
    throw new Failure(
      'conflict',
      `another policy came into force meanwhile, so version ${uploaded.version} was not activated`,
      {
        remedy: 'look at the plan again, and apply it then',
      },
    );
  }
  const { version, digest } = uploaded;
  if (uploaded.widens.length > 0) await run({ operation: 'activate-policy', version, by });
  const isKnown = uploaded.state === 'unchanged' && uploaded.widens.length === 0;
  return { version, digest, state: isKnown ? 'unchanged' : 'active' };
}
