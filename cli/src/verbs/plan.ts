import { Failure } from '@gatehouse/core/access/failure';
import type { Subject } from '@gatehouse/core/access/subject';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, withFormats } from '../terminal/answer.ts';
import { COMMAND, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly subject?: readonly Subject[];
  readonly policy?: string;
  readonly out?: string;
  readonly detailedExitcode?: boolean;
}

/** `plan`: what turns would do now. */
export function addPlan(program: Command, terminal: Terminal): void {
  const verb = program
    .command('plan [target...]')
    .description('show what would change on clusters and in IAM now, for whom and why, and change nothing')
    .option('--subject <subject...>', 'only for these: user/<source>/<id>, machine/<name>, grant/<name>')
    .option('--policy <file>', 'as if this document were in force, before it is uploaded')
    .option('--out <file>', 'save the plan; "apply" carries it out while it is still true')
    .option('--detailed-exitcode', 'exit with 2 where something would change');
  withFormats(withAwsOptions(verb)).action((targets: string[], options: Options) => plan(terminal, targets, options));
  withExamples(verb, [
    ['gatehouse plan', 'everything that the policy in force speaks of'],
    ['gatehouse plan prod-eu', 'a cluster by its name'],
    ['gatehouse plan iam/111122223333/role/gatehouse-platform-admins -o wide', 'an IAM principal, with ids and times'],
    ['gatehouse plan --policy policy.yaml', 'what a document would change, before it is uploaded'],
    ['gatehouse plan --out prod.plan.json && gatehouse apply prod.plan.json', 'look first, then do exactly that'],
    ['gatehouse plan prod-eu --detailed-exitcode', 'for pipelines: 0 nothing to do, 2 changes are pending'],
  ]);
  withExitCodes(verb, { 2: 'changes are pending (--detailed-exitcode)' });
}

async function plan(terminal: Terminal, targets: readonly string[], options: Options): Promise<void> {
  const [{ operationsOf }, { answerPlans, planWithProgress }, { readDocument }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../plan/answer.ts'),
    import('../policy-file.ts'),
  ]);
  if (
    options.out !== undefined &&
    options.policy !== undefined &&
    (targets.length > 0 || options.subject !== undefined)
  ) {
    throw new Failure('invalid', 'a document is put in force as a whole, so a plan of a part of it is not saved', {
      remedy: 'leave targets and subjects out; or --out, to look at them alone',
    });
  }
  const document = options.policy === undefined ? undefined : readDocument(options.policy);
  const run = await operationsOf(options, terminal);
  const request = { targets, subjects: options.subject, document };
  const all = await planWithProgress(terminal, run, request, options.output);
  await answerPlans(terminal, all, options);
  if (options.out !== undefined) {
    const [{ savedPlan }, { writeSavedPlan, isFileName }] = await Promise.all([
      import('@gatehouse/core/operations/saved-plan'),
      import('../plan/saved.ts'),
    ]);
    writeSavedPlan(options.out, savedPlan(all, { subjects: options.subject, document, at: Date.now() }));
    const { err } = terminal;
    const file = isFileName(options.out) ? options.out : `./${options.out}`;
    err.write(err.style.dim(`saved; to carry it out while it is still true: ${COMMAND} apply ${file}\n`));
  }
}
