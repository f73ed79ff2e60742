import type { Subject } from '@gatehouse/core/access/subject';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { shortTarget, targetOf } from '../aws/targets.ts';
import { type Format, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  readonly subject?: readonly Subject[];
}

/** `reconcile`: has a target looked at now. */
export function addReconcile(program: Command, terminal: Terminal): void {
  const verb = program
    .command('reconcile <target>')
    .description('have a cluster or IAM principal looked at now: what differs from the policy is put right')
    .option('--subject <subject...>', 'only for these: user/<source>/<id>, machine/<name>, grant/<name>');
  withDryRun(verb, 'show what would be put right, as "plan" does, and have nothing looked at');
  withFormats(withAwsOptions(verb)).action((target: string, options: Options) => reconcile(terminal, target, options));
  withExamples(verb, [
    ['gatehouse reconcile prod-eu', 'everybody on a cluster'],
    ['gatehouse reconcile prod-eu --subject user/okta/00u1a2b3c4JO00000001', 'one person'],
    ['gatehouse reconcile prod-eu --dry-run', 'what that would change'],
  ]);
  withExitCodes(verb, { 2: 'changes are pending (--dry-run --detailed-exitcode)' });
}

async function reconcile(terminal: Terminal, text: string, options: Options): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  if (options.dryRun) {
    const { answerPlans, planWithProgress } = await import('../plan/answer.ts');
    const request = { targets: [text], subjects: options.subject };
    return answerPlans(terminal, await planWithProgress(terminal, run, request, options.output), options);
  }
  const target = await targetOf(text, run);
  const subjects = options.subject === undefined ? {} : { subjects: [...options.subject] };
  const { marked } = await run<{ marked: number }>({ operation: 'reconcile', target, ...subjects });
  await writeAnswer(terminal.out, options.output, {
    value: { target, marked },
    listing: {
      rows: [{ target, marked }],
      columns: [
        { head: 'TARGET', cell: (row) => row.target },
        { head: 'MARKED', cell: (row) => String(row.marked), value: (row) => row.marked },
      ],
    },
    text: (output, wide) => {
      const about = wide ? target : shortTarget(target);
      output.write(`${about}: ${counted(marked, 'subject')} to be looked at now\n`);
      output.write(output.style.dim(`"gatehouse status" shows what is left\n`));
    },
  });
}
