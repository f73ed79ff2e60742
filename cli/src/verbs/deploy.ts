import type { Migrated } from '@gatehouse/core/schema/migrate';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { Cloud } from '../deployment/cloud.ts';
import type { Deployed } from '../deployment/deploy.ts';
import { type Format, isForPrograms, withFormats, writeAnswer } from '../terminal/answer.ts';
import { writeFacts } from '../terminal/facts.ts';
import { COMMAND, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

/** The options by which a stack is deployed. */
export interface DeployVerbOptions extends AwsOptions {
  readonly output: Format;
  readonly stack: string;
  readonly bucket?: string;
  readonly parameter?: ReadonlyMap<string, string>;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `deploy`: the stack, made or brought to what is built. */
export function addDeploy(program: Command, terminal: Terminal): void {
  const verb = program
    .command('deploy')
    .description('make the stack in your account, or bring it to what was built: shows what would change, and asks');
  withDeployOptions(verb).action((options: DeployVerbOptions) => deployVerb(terminal, options));
  withExamples(verb, [
    ['npm run build && gatehouse deploy --region eu-west-1', 'the first time; every cluster is only observed'],
    [
      'gatehouse deploy --parameter AlarmTopicArn=arn:aws:sns:eu-west-1:111122223333:on-call',
      'with alarms; what is not said stays',
    ],
    ['gatehouse deploy --dry-run --detailed-exitcode', 'for pipelines: 0 nothing to do, 2 changes are pending'],
  ]);
  withExitCodes(verb, { 2: 'changes are pending (--dry-run --detailed-exitcode)' });
}

/** Adds the options of {@link DeployVerbOptions} to a verb. */
export function withDeployOptions(verb: Command): Command {
  verb
    .option('--stack <name>', 'name of the stack', 'gatehouse')
    .option('--bucket <name>', 'bucket of yours for the code (default: one that is made for it)')
    .option('--parameter <name=value>', 'a parameter of the template; may be said again', readParameter)
    .option('--yes', 'agree without being asked; needed where nobody can be asked');
  return withFormats(withAwsOptions(withDryRun(verb)));
}

function readParameter(text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const [, name, value] = /^([A-Za-z][A-Za-z0-9]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Write it as Name=value.');
  return new Map([...before, [name, value]]);
}

async function deployVerb(terminal: Terminal, options: DeployVerbOptions): Promise<void> {
  const { cloudOf } = await import('../deployment/cloud.ts');
  const cloud = await cloudOf(options, terminal);
  await answerDeployed(terminal, options, await deployStack(terminal, options, cloud));
}

/** Deploys as the options say. */
export async function deployStack(terminal: Terminal, options: DeployVerbOptions, cloud: Cloud): Promise<Deployed> {
  const [{ deploy }, { SYSTEM_PACE }] = await Promise.all([
    import('../deployment/deploy.ts'),
    import('../deployment/pace.ts'),
  ]);
  const forPeople = !isForPrograms(options.output);
  return deploy(terminal, cloud, { ...options, parameters: options.parameter ?? new Map(), forPeople }, SYSTEM_PACE);
}

/** Writes what came of a deployment, and of a migration after it; sets the exit code. */
export async function answerDeployed(
  terminal: Terminal,
  options: DeployVerbOptions,
  deployed: Deployed,
  migrated?: Migrated,
): Promise<void> {
  const { SCHEMA_VERSION } = await import('@gatehouse/core/schema/version');
  const isBehind = deployed.schema < SCHEMA_VERSION;
  await writeAnswer(terminal.out, options.output, {
    value: { ...deployed, ...(migrated ? { migrated } : {}) },
    listing: {
      columns: [
        { head: 'ACTION', cell: ({ action }) => action },
        { head: 'RESOURCE', cell: ({ logicalId }) => logicalId },
        { head: 'TYPE', cell: ({ type }) => type },
        { head: 'REPLACED', cell: ({ replacement }) => replacement },
        { head: 'PROPERTIES', cell: ({ properties }) => properties.join(', ') },
      ],
      rows: deployed.changes,
    },
    text: (output) => writeDeployed(output, deployed, isBehind, migrated),
  });
  if (options.detailedExitcode && (deployed.state === 'planned' || (options.dryRun && isBehind))) terminal.exitCode = 2;
}

function writeDeployed(
  output: Output,
  { stack, state, created, outputs, account, region, schema }: Deployed,
  isBehind: boolean,
  migrated?: Migrated,
): void {
  const { style } = output;
  if (state === 'planned') {
    output.write('Nothing was changed: this was a dry run.\n');
    return;
  }
  const what = state === 'unchanged' ? 'is what was built: nothing to do' : created ? 'is made' : 'is changed';
  output.write(`${style.good('done')}  the stack ${stack} in ${account}, ${region}, ${what}\n`);
  if (migrated && migrated.from !== migrated.to) {
    const items = counted(migrated.changed, 'item');
    output.write(
      `${style.good('done')}  the state went from schema version ${migrated.from} to ${migrated.to}, ${items} changed\n`,
    );
  }
  output.write('\n');
  const rows = Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1));
  writeFacts(output, rows, 2);
  const bucket = outputs.PolicyBucket ?? '<PolicyBucket>';
  const next = created
    ? [
        [
          'write a first policy; every cluster of it is only observed until its mode is enforce',
          `${COMMAND} init && ${COMMAND} validate policy.yaml`,
        ],
        ['put it in force', `aws s3 cp policy.yaml s3://${bucket}/access-policy.yaml && ${COMMAND} activate-policy 1`],
        ['let Gatehouse into a cluster', `${COMMAND} bootstrap <cluster> | kubectl apply -f -`],
        ['see what it would do', `${COMMAND} plan <cluster>`],
      ]
    : [
        ...(isBehind ? [[`the state is of schema version ${schema} still`, `${COMMAND} upgrade`]] : []),
        ['see that nothing is in the way', `${COMMAND} status`],
      ];
  output.write(`\n${style.bold('Next')}\n`);
  for (const [why, line] of next) output.write(`  ${style.dim(`# ${why}`)}\n  ${line}\n`);
}
