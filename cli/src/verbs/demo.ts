import { type Command, Option } from 'commander';
import { SCENARIOS } from '../demo/scenarios.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type CLUSTERS, clusterOption } from './sandbox.ts';

/** Options of `demo`. */
export interface DemoOptions {
  readonly scenario: string;
  readonly template?: string;
  readonly cluster: (typeof CLUSTERS)[number];
}

/** `demo`: a member comes and goes, from the webhook to the cluster's answer. */
export function addDemo(program: Command, terminal: Terminal): void {
  const verb = program
    .command('demo')
    .description('watch a group change become proven cluster access, and be taken back; needs no account')
    .option('--scenario <name>', `which story: ${Object.keys(SCENARIOS).join(', ')}`, 'main')
    .addOption(clusterOption())
    .addOption(new Option('--template <file>', 'run another template').hideHelp());
  verb.action(async (options: DemoOptions) => {
    const { runDemo } = await import('../demo/run.ts');
    await runDemo(terminal, options);
  });
  withExamples(verb, [
    ['gatehouse demo', 'about 10 seconds; exit code 0 only if every expectation held'],
    ['gatehouse demo --cluster real', 'the same with real API servers and authenticators'],
    ['gatehouse demo | cat', 'plain lines'],
  ]);
  withExitCodes(verb);
}
