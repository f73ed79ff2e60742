import { connectionTarget } from '@gatehouse/core/access/target';
import type { Plan } from '@gatehouse/core/plan/plan';
import type { Command } from 'commander';
import { writePlan } from '../plan/text.ts';
import { withExamples } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';
import { connectTo, type PlaceOptions, withPlaceOptions, writeConnection } from './register-cluster.ts';

/** `deregister-cluster`: takes a registration back, with all that was made for it. */
export function addDeregisterCluster(program: Command, terminal: Terminal): void {
  const verb = program
    .command('deregister-cluster <name>')
    .description('take back the registration of a cluster elsewhere: its roles, its connector, its people; also twice');
  withPlaceOptions(verb).action((name: string, options: PlaceOptions) => deregisterCluster(terminal, name, options));
  withExamples(verb, [
    ['gatehouse deregister-cluster edge-lab', 'one that the command registered'],
    ['gatehouse deregister-cluster edge-lab --dry-run', 'what would be removed in AWS'],
    [
      'gatehouse deregister-cluster edge-lab && kubectl delete -f edge-lab',
      'one whose manifests were applied by hand: they are taken out by hand, too',
    ],
  ]);
}

async function deregisterCluster(terminal: Terminal, name: string, options: PlaceOptions): Promise<void> {
  const { run, place } = await connectTo(terminal, name, options);
  const asked = { operation: 'deregister-cluster' as const, ...place };
  if (options.dryRun) {
    const { arn, plan } = await run<{ arn: string; plan: Plan }>({ ...asked, dryRun: true });
    if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, arn, dryRun: true, ...plan });
    else writePlan(terminal.out, connectionTarget(arn), plan);
    return;
  }
  const { state } = await run<{ state: string }>(asked);
  const { follow } = await import('../connections/follow.ts');
  const outcome = await follow(terminal, run, place, {
    seconds: options.timeout,
    done: ({ by, status, waiting }) => by === 'none' && status === undefined && waiting === 0,
  });
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, ...outcome, state: 'gone' });
  else {
    const what = state === 'not-registered' ? 'was not registered' : 'is deregistered';
    terminal.out.write(`${terminal.out.style.good('done')}  ${name} ${what}\n`);
    if (outcome.trouble.length > 0) writeConnection(terminal.out, outcome);
    terminal.out.write('Manifests that were applied by hand are taken out by hand, too: kubectl delete -f DIR\n');
  }
}
