import type { TargetPlan } from '@gatehouse/core/operations/plan';
import type { Command } from 'commander';
import { isForPrograms, writeAnswer } from '../terminal/answer.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Say } from '../terminal/progress.ts';
import type { Terminal } from '../terminal/terminal.ts';
import {
  connectionListing,
  connectTo,
  type PlaceOptions,
  withPlaceOptions,
  writeConnection,
} from './register-cluster.ts';

/** `deregister-cluster`: takes a registration back, with all that was made for it. */
export function addDeregisterCluster(program: Command, terminal: Terminal): void {
  const verb = program
    .command('deregister-cluster <name>')
    .description('take back the registration of a cluster elsewhere: its roles, its connector, its people');
  withPlaceOptions(verb).action((name: string, options: PlaceOptions) => deregisterCluster(terminal, name, options));
  withExamples(verb, [
    ['gatehouse deregister-cluster edge-lab', 'one that the command registered'],
    ['gatehouse deregister-cluster edge-lab --dry-run', 'what would be removed in AWS'],
    [
      'gatehouse deregister-cluster edge-lab && kubectl delete -f edge-lab',
      'one whose manifests were applied by hand: they are taken out by hand, too',
    ],
  ]);
  withExitCodes(verb, { 2: 'something would change (--dry-run --detailed-exitcode)' });
}

async function deregisterCluster(terminal: Terminal, name: string, options: PlaceOptions): Promise<void> {
  const { run, place } = await connectTo(terminal, name, options);
  const asked = { operation: 'deregister-cluster' as const, ...place };
  if (options.dryRun) {
    const { answerPlans, plansOfOne } = await import('../plan/answer.ts');
    const { arn, plan } = await run<{ arn: string; plan: TargetPlan }>({ ...asked, dryRun: true });
    return answerPlans(terminal, plansOfOne(plan), options, { arn, dryRun: true });
  }
  const { follow } = await import('../connections/follow.ts');
  const deregister = async (say: Say) => {
    const { state } = await run<{ state: string }>(asked);
    const outcome = await follow(say, run, place, {
      seconds: options.timeout,
      done: ({ by, status, waiting }) => by === 'none' && status === undefined && waiting === 0,
    });
    return { state, outcome };
  };
  const quiet = isForPrograms(options.output);
  const { state, outcome } = await terminal.progress.during(`deregistering ${name}`, deregister, { quiet });
  await writeAnswer(terminal.out, options.output, {
    value: { ...outcome, state: 'gone' },
    listing: connectionListing(outcome),
    text: (output, wide) => {
      const what = state === 'not-registered' ? 'was not registered' : 'is deregistered';
      output.write(`${output.style.good('done')}  ${name} ${what}\n`);
      if (wide || outcome.trouble.length > 0) writeConnection(output, outcome, wide);
      output.write('Manifests that were applied by hand are taken out by hand, too: kubectl delete -f DIR\n');
    },
  });
}
