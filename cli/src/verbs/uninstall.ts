import { Failure, isFailure } from '@gatehouse/core/access/failure';
import type { Inventory, Owned } from '@gatehouse/core/operations/inventory';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { shortTarget } from '../aws/targets.ts';
import type { StackState } from '../deployment/stack.ts';
import type { Kept } from '../deployment/uninstall.ts';
import { agree } from '../terminal/agree.ts';
import { type Format, isForPrograms, withFormats, writeAnswer } from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import { timeoutOption } from '../terminal/option-values.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly stack: string;
  readonly keepAccess?: boolean;
  readonly revoke?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly timeout: number;
}

/** `uninstall`: the stack goes, with all access that it gave or without. */
export function addUninstall(program: Command, terminal: Terminal): void {
  const verb = program
    .command('uninstall')
    .description('remove the stack; say whether the access that people have goes or stays')
    .option('--revoke', 'first take back all that Gatehouse made, in IAM and on clusters')
    .option('--keep-access', 'leave all of it as it is; lists it, and how each is removed by hand')
    .option('--dry-run', 'list what would go and what would stay, and change nothing')
    .option('--yes', 'agree without being asked; needed where nobody can be asked')
    .option('--stack <name>', 'name of the stack', 'gatehouse')
    .addOption(timeoutOption('with --revoke: how long to wait until all is taken back', '15m'));
  withFormats(withAwsOptions(verb)).action((options: Options) => uninstall(terminal, options));
  withExamples(verb, [
    ['gatehouse uninstall --revoke --dry-run', 'what it would take back'],
    ['gatehouse uninstall --revoke', 'nobody keeps anything; the tables, the bucket and the ledger stay'],
    ['gatehouse uninstall --keep-access', 'Gatehouse goes, access stays'],
  ]);
  withExitCodes(verb);
}

/** What it answers. */
interface Uninstalled {
  readonly stack: string;
  readonly state: 'planned' | 'uninstalled';
  readonly access: 'kept' | 'revoked';
  /** What was (or would be) taken back, or stays; each with the line that removes it by hand. */
  readonly owned: readonly (Owned & { readonly target: string; readonly removedBy: string })[];
  readonly retained: readonly Kept[];
}

async function uninstall(terminal: Terminal, typed: Options): Promise<void> {
  if (Boolean(typed.keepAccess) === Boolean(typed.revoke)) {
    throw new Failure('invalid', 'say what becomes of the access that people have', {
      remedy:
        'gatehouse uninstall --revoke takes all of it back, gatehouse uninstall --keep-access leaves it; --dry-run lists it',
    });
  }
  const [{ cloudOf }, work, { operationsOf }, { callerOf, whoAmI }, { byHand }, { SYSTEM_PACE }] = await Promise.all([
    import('../deployment/cloud.ts'),
    import('../deployment/uninstall.ts'),
    import('../aws/run-operation.ts'),
    import('../aws/caller.ts'),
    import('../deployment/by-hand.ts'),
    import('../deployment/pace.ts'),
  ]);
  const options = { ...typed, caller: await callerOf(typed) };
  const cloud = await cloudOf(options, terminal);
  const stack = await work.removableStack(cloud, options.stack);
  const retained = [...(await work.keptBy(cloud, options.stack))];
  const run = await operationsOf(options, terminal);
  const inventory = await inventoryOf(run, stack, options);
  const answer: Uninstalled = {
    stack: options.stack,
    state: 'planned',
    access: options.revoke ? 'revoked' : 'kept',
    owned: inventory.targets.flatMap(({ target, owned }) =>
      owned.map((one) => ({ target, ...one, removedBy: byHand(target, one) })),
    ),
    retained,
  };
  const people = !isForPrograms(options.output);
  if (options.dryRun) return write(terminal, options, answer);
  if (people || !options.yes) writeLists(terminal.err, answer);
  await agree(terminal, options.yes, {
    question: options.revoke
      ? `Take back all access and remove the stack ${options.stack} of account ${cloud.account}, ${cloud.region}?`
      : `Remove the stack ${options.stack} of account ${cloud.account}, ${cloud.region}, and leave what is listed?`,
    otherwise: 'nothing was removed',
    remedy: `to agree without being asked: gatehouse uninstall ${options.revoke ? '--revoke' : '--keep-access'} --yes`,
  });
  // Somebody may have begun something while a person was asked.
  await work.removableStack(cloud, options.stack);
  if (options.revoke) {
    await work.takeBack(terminal, run, inventory, {
      by: await whoAmI(options),
      seconds: options.timeout,
      pace: SYSTEM_PACE,
      quiet: !people,
    });
  }
  const { boundaryStays } = await work.deleteStack(cloud, stack, terminal, SYSTEM_PACE);
  const boundary = stack.outputs.PermissionsBoundary;
  if (boundaryStays && boundary !== undefined) {
    retained.push({
      logicalId: 'PermissionsBoundary',
      name: boundary,
      removedBy: `aws iam delete-policy --policy-arn ${boundary}`,
    });
  }
  await write(terminal, options, { ...answer, state: 'uninstalled', retained });
}

/** What there is to take back or to leave. Of a stack that is half deleted, whose functions are gone, nothing is known. */
async function inventoryOf(run: RunOperation, { status }: StackState, { revoke }: Options): Promise<Inventory> {
  try {
    return await run<Inventory>({ operation: 'inventory' });
  } catch (error) {
    if (status !== 'DELETE_FAILED' || !isFailure(error, 'not-found')) throw error;
    if (!revoke) return { policy: null, registrations: [], targets: [] };
    throw new Failure('conflict', 'the functions are deleted already, so nothing more can be taken back', {
      remedy: 'gatehouse uninstall --keep-access removes what is left of the stack',
      cause: error,
    });
  }
}

async function write(terminal: Terminal, options: Options, answer: Uninstalled): Promise<void> {
  await writeAnswer(terminal.out, options.output, {
    value: answer,
    listing: {
      columns: [
        { head: 'TARGET', cell: ({ target }) => shortTarget(target), value: ({ target }) => target },
        { head: 'KIND', cell: ({ kind }) => kind },
        { head: 'OBJECT', cell: ({ object }) => object },
        { head: 'PARTS', cell: ({ parts }) => parts.join('; ') },
        { head: 'REMOVED BY', cell: ({ removedBy }) => removedBy },
      ],
      rows: answer.owned,
    },
    text: (output) => {
      if (answer.state === 'planned') {
        writeLists(output, answer);
        output.write('\nNothing was changed: this was a dry run.\n');
      } else {
        const access = answer.access === 'kept' ? 'access stays as it is' : 'all access is taken back';
        output.write(`${output.style.good('done')}  the stack ${printable(answer.stack)} is removed; ${access}\n`);
        if (answer.access === 'kept') writeOwned(output, answer);
        writeRetained(output, answer);
      }
    },
  });
}

function writeLists(output: Output, answer: Uninstalled): void {
  writeOwned(output, answer);
  writeRetained(output, answer);
}

function writeOwned(output: Output, { owned, access }: Uninstalled): void {
  const { style, width } = output;
  const stays = access === 'kept';
  const title = stays ? 'Stays, and nobody looks after it any more' : 'Is taken back';
  output.write(`\n${style.bold(`${title}: ${owned.length === 0 ? 'nothing' : counted(owned.length, 'object')}`)}\n`);
  for (const [target, group] of Map.groupBy(owned, (one) => one.target)) {
    output.write(`  ${style.name(shortTarget(target))}\n`);
    for (const { kind, object, parts, subjects, removedBy } of group) {
      output.write(
        columns(
          [[stays ? '=' : '-', kind, object, { text: `for ${counted(subjects, 'subject')}`, paint: style.dim }]],
          { style, indent: 4 },
        ),
      );
      const lines = [...parts, ...(stays ? [`by hand: ${removedBy}`] : [])];
      output.write(
        columns(
          lines.map((text) => [{ text, paint: style.dim }]),
          { style, width, indent: 9 },
        ),
      );
    }
  }
}

function writeRetained(output: Output, { retained }: Uninstalled): void {
  const { style, width } = output;
  output.write(`\n${style.bold('Is kept in any case')}\n`);
  output.write(
    columns(
      retained.map(({ name, removedBy }) => [name, { text: removedBy, paint: style.dim }]),
      { style, width, indent: 2 },
    ),
  );
  output.write(
    `${style.dim("  and on each cluster what its administrator applied: kubectl delete -f bootstrap-<cluster>.yaml, and Gatehouse's own line of aws-auth")}\n`,
  );
}
