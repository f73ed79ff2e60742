import { type Command, Option } from 'commander';
import { type Format, withFormats } from '../terminal/answer.ts';
import { withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import { wholeNumber } from '../terminal/option-values.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** What clusters may be: played, or the programs of a real one. */
export const CLUSTERS = ['simulated', 'real'] as const;

/** Options of `sandbox`. */
export interface SandboxOptions {
  readonly port: number;
  readonly policy?: string;
  readonly state?: string;
  readonly cluster: (typeof CLUSTERS)[number];
  readonly output: Format;
}

/** `sandbox`: everything on loopback, until Ctrl-C. */
export function addSandbox(program: Command, terminal: Terminal): void {
  const verb = program
    .command('sandbox')
    .description('run Gatehouse on this machine, with an AWS and two clusters that play along; needs no account')
    .option('--port <port>', 'port of the webhooks; 0 takes any free one', wholeNumber(0, 65_535), 8787)
    .option('--policy <file>', 'access policy to begin with (default: the example in sandbox/policy.yaml)')
    .option('--state <folder>', 'keep everything in this folder; it survives a restart (default: nothing is kept)')
    .addOption(clusterOption());
  withFormats(verb, ['table', 'json']).action(async (options: SandboxOptions) => {
    const { runSandbox } = await import('../sandbox/run.ts');
    await runSandbox(terminal, options);
  });
  withExamples(verb, [
    ['gatehouse sandbox', 'then paste the curl that it prints'],
    ['gatehouse sandbox --policy policy.yaml --state .gatehouse', 'your own policy, kept between restarts'],
    ['gatehouse sandbox --policy docs/examples/limited.yaml', 'a policy of a how-to'],
    ['gatehouse sandbox --cluster real', 'real API servers and authenticators; the first time builds them'],
    ['gatehouse sandbox --port 0 --output json', 'one line of JSON with its addresses, for scripts'],
  ]);
  withNote(
    verb,
    'It tells what happens while it happens, until it is ended; with -o json only its addresses, in one line, and ' +
      'errors.',
  );
  withExitCodes(verb);
}

/** `--cluster`. */
export function clusterOption(): Option {
  const text = 'clusters that are played, or real ones: etcd, kube-apiserver, aws-iam-authenticator (needs Go)';
  return new Option('--cluster <kind>', text).choices(CLUSTERS).default(CLUSTERS[0]);
}
