import type { DerivedAccess, OnboardOutcome } from '@gatehouse/core/operations/onboard';
import type { Operation } from '@gatehouse/core/operations/operation';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { shortTarget } from '../aws/targets.ts';
import { type Column, type Format, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { writeReason } from '../terminal/facts.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
}

interface EnvironmentOptions extends Options {
  readonly account: string;
  readonly cluster?: string;
  readonly clusterRegion?: string;
  readonly role?: string;
}

interface ApplicationOptions extends Options {
  readonly environment: string;
  readonly role?: string;
  readonly group?: string;
}

type Onboarding = Extract<Operation, { operation: `${'on' | 'off'}board-${string}` }>;

/** `onboard environment | application`: what the events `environment.created` and `application.onboarded` do. */
export function addOnboard(program: Command, terminal: Terminal): void {
  const onboard = program
    .command('onboard')
    .description('have a cluster join as an environment, or a namespace on one as an application');
  withGroupExitCodes(onboard);
  const environment = onboard
    .command('environment <name>')
    .description('have a cluster join: a role for provisioning and pipelines, and people as the policy says')
    .requiredOption('--account <id>', 'AWS account of the cluster')
    .option('--cluster <name>', 'name of the cluster in EKS (default: the name of the environment)')
    .option('--cluster-region <region>', 'AWS Region of the cluster (default: where Gatehouse runs)')
    .option('--role <arn>', 'an IAM role that exists, instead of one that is made; it is left as it is');
  withOptions(environment).action(async (name: string, options: EnvironmentOptions) => {
    const { account, cluster = name, role } = options;
    const { callerOf } = await import('../aws/caller.ts');
    const region = options.clusterRegion ?? (await callerOf(options)).region;
    const named = role === undefined ? {} : { role };
    const said = { name, cluster: { account, region, name: cluster }, ...named };
    return run(terminal, options, { operation: 'onboard-environment', environment: said });
  });
  withExamples(environment, [
    [
      'gatehouse onboard environment prod-eu --account 111122223333',
      'the cluster prod-eu in the Region of Gatehouse; its role is made',
    ],
    [
      'gatehouse onboard environment prod --cluster prod-eu-7 --account 111122223333 --cluster-region eu-west-1 \\\n' +
        '    --role arn:aws:iam::111122223333:role/platform/provisioner --dry-run',
      'what would follow from a role that exists',
    ],
  ]);
  const application = onboard
    .command('application <namespace>')
    .description('have a namespace join as an application: a role limited to it, and people as the policy says')
    .requiredOption('--environment <name>', 'the environment that it is on; it may be onboarded later')
    .option('--role <arn>', 'an IAM role that exists, instead of one that is made; it is left as it is')
    .option('--group <id>', 'a group of the source that the policy names, whose people get the same');
  withOptions(application).action((namespace: string, options: ApplicationOptions) => {
    const { environment: name, role, group } = options;
    const said = {
      environment: name,
      namespace,
      ...(role === undefined ? {} : { role }),
      ...(group === undefined ? {} : { group }),
    };
    return run(terminal, options, { operation: 'onboard-application', application: said });
  });
  withExamples(application, [
    ['gatehouse onboard application payments --environment prod-eu', 'the namespace payments; its role is made'],
    ['gatehouse onboard application payments --environment prod-eu --group 00g1a2b3', 'and a group, too'],
  ]);
  withExamples(onboard, [
    ['gatehouse onboard environment prod-eu --account 111122223333', 'a cluster'],
    ['gatehouse onboard application payments --environment prod-eu', 'a namespace on it'],
  ]);
}

/** `offboard environment | application`: takes back all that followed. */
export function addOffboard(program: Command, terminal: Terminal): void {
  const offboard = program
    .command('offboard')
    .description('take back what followed from onboarding: roles, mappings, bindings, and namespaces that were made');
  withGroupExitCodes(offboard);
  const environment = offboard
    .command('environment <name>')
    .description('the cluster leaves, and what its applications have on it goes, too');
  withOptions(environment).action((name: string, options: Options) =>
    run(terminal, options, { operation: 'offboard-environment', environment: { name } }),
  );
  withExamples(environment, [['gatehouse offboard environment prod-eu', 'nothing of it is left']]);
  const application = offboard
    .command('application <namespace>')
    .description('the namespace is an application no more')
    .requiredOption('--environment <name>', 'the environment that it is on');
  withOptions(application).action((namespace: string, options: ApplicationOptions) =>
    run(terminal, options, {
      operation: 'offboard-application',
      application: { environment: options.environment, namespace },
    }),
  );
  withExamples(application, [
    ['gatehouse offboard application payments --environment prod-eu', 'nothing of it is left'],
  ]);
  withExamples(offboard, [['gatehouse offboard application payments --environment prod-eu', 'nothing of it is left']]);
}

function withOptions(command: Command): Command {
  withDryRun(command, 'tell what would follow, and record nothing');
  return withFormats(withAwsOptions(command));
}

/** Of a group of verbs: its own help and that of each of them says so. */
function withGroupExitCodes(group: Command): Command {
  return withExitCodes(group, {
    2: 'it would be recorded (--dry-run --detailed-exitcode)',
    3: 'the policy refuses it',
  });
}

async function run(terminal: Terminal, options: Options, operation: Onboarding): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const ask = await operationsOf(options, terminal);
  const dryRun = options.dryRun ? { dryRun: true } : {};
  const outcome = await ask<OnboardOutcome>({ ...operation, ...dryRun });
  await writeAnswer(terminal.out, options.output, {
    value: outcome,
    listing: { columns: COLUMNS, rows: outcome.gives },
    text: (output, wide) => write(output, outcome, about(operation), wide),
  });
  if (outcome.state === 'dry-run' && options.detailedExitcode) terminal.exitCode = 2;
  if (outcome.state === 'refused') terminal.exitCode = 3;
}

function about(operation: Onboarding): string {
  const what = operation.operation.startsWith('off') ? 'the removal of the' : 'the';
  if ('environment' in operation) return `${what} environment ${operation.environment.name}`;
  const { environment, namespace } = operation.application;
  return `${what} application ${namespace} on ${environment}`;
}

const STATES: Readonly<Record<OnboardOutcome['state'], string>> = {
  recorded: 'is recorded; what follows is under way',
  unchanged: 'is so already',
  'dry-run': 'would be recorded; nothing was',
  refused: 'is refused by the policy, and nothing was recorded',
};

const COLUMNS: readonly Column<DerivedAccess>[] = [
  { head: 'LEVEL', cell: ({ level }) => level },
  {
    head: 'NAMESPACES',
    cell: ({ namespaces, cluster }) =>
      `${namespaces.length === 0 ? 'all' : namespaces.join(', ')} of ${shortTarget(`cluster/${cluster}`)}`,
    value: ({ namespaces }) => namespaces.join(' ') || '*',
  },
  { head: 'ROLE', cell: ({ role }) => role },
  { head: 'FOR', cell: ({ to }) => to.join(', ') },
  { head: 'GRANT', cell: ({ grant }) => grant, wide: true },
  { head: 'CLUSTER', cell: ({ cluster }) => cluster, wide: true },
];

function write(output: Output, { state, gives, findings }: OnboardOutcome, what: string, wide: boolean): void {
  const { style } = output;
  const paint = state === 'refused' ? style.bad : style.good;
  output.write(`${paint(state)}  ${printable(what)} ${STATES[state]}\n`);
  if (gives.length > 0) {
    output.write('\n');
    writeListing(output, { columns: COLUMNS, rows: gives }, { wide, indent: 2 });
  }
  for (const finding of findings) {
    output.write(`\n${style.warn(finding.code)}\n`);
    writeReason(output, finding);
  }
  if (state === 'recorded') output.write(style.dim(`\n"gatehouse status" shows what is left\n`));
}
