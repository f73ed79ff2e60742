import { Failure } from '@gatehouse/core/access/failure';
import { type Command, Option } from 'commander';
import { withExamples } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type CLUSTERS, clusterOption } from './sandbox.ts';

/** Options of `demo`. */
export interface DemoOptions {
  readonly scenario?: string;
  readonly template?: string;
  readonly cluster: (typeof CLUSTERS)[number];
}

/** `demo`: a member comes and goes, from the webhook to the cluster's answer. */
export function addDemo(program: Command, terminal: Terminal): void {
  const verb = program
    .command('demo')
    .description('watch a group change become proven cluster access, and be taken back; needs no account')
    .option('--scenario <name>', 'another story than the main one (there is none yet)')
    .addOption(clusterOption())
    .addOption(new Option('--template <file>', 'run another template').hideHelp());
  verb.action(async (options: DemoOptions) => {
    if (options.scenario !== undefined) {
      const remedy = 'leave --scenario out: the demo has one story so far';
      throw new Failure('not-found', `there is no scenario "${options.scenario}"`, { remedy });
    }
    const { runDemo } = await import('../demo/run.ts');
    await runDemo(terminal, options);
  });
  withExamples(verb, [
    ['gatehouse demo', 'about 15 seconds; exit code 0 only if every expectation held'],
    ['gatehouse demo --cluster real', 'the same with real API servers and authenticators'],
    ['gatehouse demo | cat', 'plain lines'],
  ]);
}
