import type { Subject } from '@gatehouse/core/access/subject';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { COMMAND, withExamples, withOutput } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import { shortTarget } from './status.ts';

interface Options extends AwsOptions {
  readonly output: string;
  readonly subject?: readonly Subject[];
}

/** `reconcile`: has a target looked at now. */
export function addReconcile(program: Command, terminal: Terminal): void {
  const verb = program
    .command('reconcile <target>')
    .description('have a cluster or IAM principal looked at now: what differs from the policy is put right')
    .option('--subject <subject...>', 'only for these: user/<source>/<id>, machine/<name>, grant/<name>');
  withOutput(withAwsOptions(verb)).action((target: string, options: Options) => reconcile(terminal, target, options));
  withExamples(verb, [
    ['gatehouse reconcile prod-eu', 'everybody on a cluster'],
    ['gatehouse reconcile prod-eu --subject user/okta/00u1a2b3c4JO00000001', 'one person'],
  ]);
}

async function reconcile(terminal: Terminal, text: string, options: Options): Promise<void> {
  const [{ operationsOf }, { targetOf }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/targets.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  const target = await targetOf(text, run);
  const subjects = options.subject === undefined ? {} : { subjects: [...options.subject] };
  const { marked } = await run<{ marked: number }>({ operation: 'reconcile', target, ...subjects });
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, target, marked });
  else {
    terminal.out.write(`${shortTarget(target)}: ${counted(marked, 'subject')} to be looked at now\n`);
    terminal.out.write(terminal.out.style.dim(`"${COMMAND} status" shows what is left\n`));
  }
}
