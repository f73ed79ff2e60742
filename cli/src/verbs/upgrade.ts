import { Failure } from '@gatehouse/core/access/failure';
import type { Migrated } from '@gatehouse/core/schema/migrate';
import type { Command } from 'commander';
import { agree } from '../terminal/agree.ts';
import { writeAnswer } from '../terminal/answer.ts';
import { COMMAND, withExamples, withExitCodes } from '../terminal/help.ts';
import { writeStep } from '../terminal/step.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';
import { answerDeployed, type DeployVerbOptions, deployStack, withDeployOptions } from './deploy.ts';

interface Options extends DeployVerbOptions {
  readonly stateBack?: boolean;
}

/** `upgrade`: another release, with what it needs of the state. */
export function addUpgrade(program: Command, terminal: Terminal): void {
  const verb = program
    .command('upgrade')
    .description('deploy this release over another, then bring the state to its schema version')
    .option('--state-back', 'bring the state one schema version back, before the release before is deployed again');
  withDeployOptions(verb).action((options: Options) =>
    options.stateBack ? stateBack(terminal, options) : upgrade(terminal, options),
  );
  withExamples(verb, [
    ['npm run build && gatehouse upgrade', 'shows what would change, asks, deploys, then migrates the state'],
    ['gatehouse upgrade --state-back', 'with the newer release; then deploy the older one'],
  ]);
  withExitCodes(verb, { 2: 'changes are pending (--dry-run --detailed-exitcode)' });
}

const load = async () => {
  const [{ cloudOf }, { stateOf }, { migrate }, { readSchema, SCHEMA_VERSION }] = await Promise.all([
    import('../deployment/cloud.ts'),
    import('../deployment/state.ts'),
    import('@gatehouse/core/schema/migrate'),
    import('@gatehouse/core/schema/version'),
  ]);
  return { cloudOf, stateOf, migrate, readSchema, SCHEMA_VERSION };
};

async function upgrade(terminal: Terminal, options: Options): Promise<void> {
  const { cloudOf, stateOf, migrate, SCHEMA_VERSION } = await load();
  const cloud = await cloudOf(options, terminal);
  const deployed = await deployStack(terminal, options, cloud);
  if (options.dryRun) return answerDeployed(terminal, options, deployed);
  const state = await stateOf(cloud, options.stack);
  const migrated = await migrate(state, SCHEMA_VERSION, (line) => writeStep(terminal.err, line));
  await answerDeployed(terminal, options, { ...deployed, schema: SCHEMA_VERSION }, migrated);
}

async function stateBack(terminal: Terminal, options: Options): Promise<void> {
  const { cloudOf, stateOf, migrate, readSchema, SCHEMA_VERSION } = await load();
  const to = SCHEMA_VERSION - 1;
  if (to < 1) {
    throw new Failure(
      'unsupported',
      `this release is of schema version ${SCHEMA_VERSION}, the first: there is none before`,
      {
        remedy: 'deploy the older release as it is: nothing has to be brought back',
      },
    );
  }
  const cloud = await cloudOf(options, terminal);
  const state = await stateOf(cloud, options.stack);
  const from = (await readSchema(state)).version;
  let migrated: Migrated = { from, to, changed: 0 };
  if (!options.dryRun) {
    await agree(terminal, options.yes, {
      question: `Bring the state of ${options.stack} in ${cloud.account}, ${cloud.region}, from schema version ${from} back to ${to}?`,
      otherwise: 'the state stays',
      remedy: 'to agree without being asked: gatehouse upgrade --state-back --yes',
    });
    migrated = await migrate(state, to, (line) => writeStep(terminal.err, line));
  }
  const done = !options.dryRun;
  await writeAnswer(terminal.out, options.output, {
    value: { stack: options.stack, state: done ? 'migrated' : 'planned', schema: migrated },
    listing: {
      columns: [
        { head: 'FROM', cell: (one) => String(one.from) },
        { head: 'TO', cell: (one) => String(one.to) },
        { head: 'CHANGED', cell: (one) => String(one.changed) },
      ],
      rows: [migrated],
    },
    text: ({ write, style }) =>
      write(
        done
          ? `${style.good('done')}  the state is of schema version ${to}, ${counted(migrated.changed, 'item')} changed\n\n${style.bold('Next')}\n  ${style.dim('# with the older release')}\n  npm run build && ${COMMAND} deploy\n`
          : `The state would go from schema version ${from} back to ${to}. Nothing was changed: this was a dry run.\n`,
      ),
  });
}
