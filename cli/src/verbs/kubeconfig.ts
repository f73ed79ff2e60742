import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { type Command, Option } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { ExecPlugin, KubeconfigEntry } from '../kubeconfig/entry.ts';
import { type Format, isForPrograms, withFormats, writeAnswer } from '../terminal/answer.ts';
import { writeFacts } from '../terminal/facts.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly level?: string;
  readonly grant?: string;
  readonly roleArn?: string;
  readonly sessionName?: string;
  readonly policy?: string;
  readonly plugin: ExecPlugin;
  readonly kubeconfig?: string;
  readonly alias?: string;
  readonly namespace?: string;
  readonly output: Format;
}

/** `kubeconfig`: what `aws eks update-kubeconfig` does, for roles whose sessions bear their members' names. */
export function addKubeconfig(program: Command, terminal: Terminal): void {
  const verb = program
    .command('kubeconfig <cluster>')
    .description('add a cluster to your kubeconfig, as "aws eks update-kubeconfig" does, and by a role of the policy')
    .option('--level <level>', 'come in by the grant that gives this level')
    .option('--grant <grant>', 'come in by this grant')
    .option('--role-arn <arn>', 'assume this role, whatever the policy says')
    .option('--session-name <name>', 'another session name than your IAM user name')
    .option('--policy <file>', 'look levels and grants up in this policy instead of the one in force')
    .addOption(
      new Option('--plugin <plugin>', 'what makes the tokens; "aws" needs a --profile for a role')
        .choices(['gatehouse', 'aws'])
        .default('gatehouse'),
    )
    .option('--kubeconfig <file>', 'write this file (default: KUBECONFIG, else ~/.kube/config)')
    .option('--alias <name>', "name of the context (default: the cluster's ARN, or <cluster>-<grant>)")
    .option('-n, --namespace <namespace>', 'namespace of the context (default: that of the grant, if it has one)');
  withDryRun(verb, 'show what would change, and write nothing');
  withFormats(withAwsOptions(verb)).action((cluster: string, options: Options) =>
    kubeconfig(terminal, cluster, options),
  );
  withExamples(verb, [
    ['gatehouse kubeconfig prod-eu', 'as whoever you are'],
    ['gatehouse kubeconfig prod-eu --level namespace-admin --dry-run', 'what would be written for a level'],
    ['gatehouse kubeconfig prod-eu --grant payments-operators --alias pay', 'by one of several grants'],
    ['gatehouse kubeconfig prod-eu --grant payments-operators --plugin aws --profile pay', 'without this command'],
  ]);
  withExitCodes(verb, { 2: 'the file would change (--dry-run --detailed-exitcode)' });
  withNote(
    verb,
    `The entries of others, unknown members and comments stay. The file is written whole or not at all, under ` +
      `kubectl's lock, for you alone to read. A role is assumed under your own name: "aws eks update-kubeconfig ` +
      `--role-arn" calls all sessions the same, which the trust of a shared role refuses.`,
  );
}

async function kubeconfig(terminal: Terminal, wanted: string, options: Options): Promise<void> {
  const { out, err, env } = terminal;
  const [{ mergeKubeconfig }, file, { profileText }] = await Promise.all([
    import('../kubeconfig/merge.ts'),
    import('../kubeconfig/file.ts'),
    import('../kubeconfig/entry.ts'),
  ]);
  const { entry, notes, profile } = await terminal.progress.during(
    `looking for the way into ${wanted}`,
    () => entryWanted(terminal, wanted, options),
    { quiet: isForPrograms(options.output) },
  );
  const { context } = entry;
  const path = file.kubeconfigPath(options.kubeconfig, env, (text) => text.includes(entry.cluster.name));
  let difference = '';
  const change = async (before: string) => {
    const after = mergeKubeconfig(before, entry, path);
    difference = await differenceOf(path, before, after);
    return after;
  };
  if (options.dryRun) await change(file.readKubeconfig(path));
  else await file.changeKubeconfig(path, change);
  const changed = difference !== '';
  const outcome = { file: path, context, changed, written: changed && !options.dryRun, difference };
  const { cluster, user } = entry;
  await writeAnswer(out, options.output, {
    value: outcome,
    listing: {
      rows: [outcome],
      columns: [
        { head: 'FILE', cell: (row) => row.file },
        { head: 'CONTEXT', cell: (row) => row.context },
        { head: 'CHANGED', cell: (row) => String(row.changed), value: (row) => row.changed },
        { head: 'WRITTEN', cell: (row) => String(row.written), value: (row) => row.written },
        { head: 'CLUSTER', cell: () => cluster.name },
        { head: 'SERVER', cell: () => cluster.server },
        { head: 'USER', cell: () => user.name },
        { head: 'NAMESPACE', cell: () => entry.namespace ?? '' },
      ],
    },
    text: (output, wide) => {
      const { style } = output;
      if (!options.dryRun) {
        output.write(`${changed ? style.good('written') : 'unchanged'}  ${path}: context ${style.name(context)}\n`);
      } else if (changed) output.write(coloured(output, difference));
      else output.write(`${path}: nothing to change for the context ${context}\n`);
      if (!wide) return;
      writeFacts(
        output,
        [
          ['cluster', cluster.name],
          ['server', cluster.server],
          ['user', user.name],
          ['tokens by', [user.exec.command, ...user.exec.args].join(' ')],
          ['namespace', entry.namespace],
        ],
        2,
      );
    },
  });
  if (options.dryRun && options.detailedExitcode && changed) terminal.exitCode = 2;
  for (const note of notes) err.write(`${note}\n`);
  if (profile) {
    err.write(`Where ~/.aws/config has no such profile yet, add it:\n\n`);
    err.write(profileText(profile.name, profile.role, profile.region));
  }
}

interface Wanted {
  readonly entry: KubeconfigEntry;
  readonly notes: readonly string[];
  /** The profile that the AWS CLI needs. */
  readonly profile?: {
    readonly name: string;
    readonly role: { readonly arn: string; readonly sessionName: string };
    readonly region: string;
  };
}

async function entryWanted(terminal: Terminal, wanted: string, options: Options): Promise<Wanted> {
  const { plugin, profile, roleArn, sessionName, grant, level } = options;
  const [{ chooseWay, assumptionOf }, { operationsOf }, { callerOf }, { assumedSession }, { entryFor }, eks] =
    await Promise.all([
      import('../kubeconfig/way.ts'),
      import('../aws/run-operation.ts'),
      import('../aws/caller.ts'),
      import('../aws/assumed-session.ts'),
      import('../kubeconfig/entry.ts'),
      import('../aws/described-cluster.ts'),
    ]);
  const chosen = await chooseWay(wanted, { ...(level && { level }), ...(grant && { grant }) }, options.policy, () =>
    operationsOf(options, terminal).catch((error: unknown) => {
      // The profile of a role, for the AWS CLI: it may not exist yet.
      if (plugin !== 'aws' || profile === undefined || !isFailure(error, 'unauthorized')) throw error;
      return operationsOf(withoutProfile(options), terminal);
    }),
  ).catch((error: unknown) => {
    if (!isFailure(error, 'forbidden')) throw error;
    throw new Failure('forbidden', error.message, { remedy: WITHOUT_GATEHOUSE, cause: error.cause });
  });
  const { way, name } = chosen;
  const assumption = way ? assumptionOf(way, roleArn) : roleArn === undefined ? {} : { role: { arn: roleArn } };
  // With the AWS CLI the profile is the role's, and may not exist yet; the caller is whoever they are without it.
  const isOfRole = plugin === 'aws' && assumption.role !== undefined;
  if (isOfRole && profile === undefined) {
    throw new Failure('invalid', 'the AWS CLI assumes a role under a name of your own only by a profile', {
      remedy: 'name one with --profile; where it does not exist, this command prints it',
    });
  }
  const { region: ownRegion, credentials, sts } = await callerOf(isOfRole ? withoutProfile(options) : options);
  const region = chosen.region ?? ownRegion;
  const named = sessionName ?? assumption.role?.sessionName;
  const session = assumption.role ? await assumedSession(sts, assumption.role.arn, named) : undefined;
  const found = await eks.describedCluster(name, region, session ? async () => session.credentials : credentials);
  const role = assumption.role && { arn: assumption.role.arn, ...(named === undefined ? {} : { sessionName: named }) };
  const [onlyNamespace, another] = way?.namespaces ?? [];
  const namespace = options.namespace ?? (another === undefined ? onlyNamespace : undefined);
  const entry = entryFor({
    ...found,
    name,
    region,
    plugin,
    ...(profile === undefined ? {} : { profile }),
    ...(role === undefined ? {} : { role }),
    ...(way === undefined ? {} : { grant: way.grant }),
    ...(way?.provider === undefined ? {} : { provider: way.provider }),
    ...(options.alias === undefined ? {} : { alias: options.alias }),
    ...(namespace === undefined ? {} : { namespace }),
  });
  const notes = assumption.note === undefined ? [] : [assumption.note];
  if (!isOfRole || !session || profile === undefined) return { entry, notes };
  return {
    entry,
    notes,
    profile: { name: profile, role: { arn: assumption.role!.arn, sessionName: session.sessionName }, region },
  };
}

/** Members of a grant may not invoke Gatehouse's function; they need not. */
const WITHOUT_GATEHOUSE =
  'name the policy document with --policy FILE, or the role with --role-arn: only who may invoke gatehouse-run-operation can ask for the policy in force';

function withoutProfile({ profile: _profile, ...rest }: Options): AwsOptions {
  return rest;
}

/** What changes, without a line of what does not: that may hold other people's keys. */
async function differenceOf(path: string, before: string, after: string): Promise<string> {
  if (before === after) return '';
  const { createTwoFilesPatch } = await import('diff');
  return createTwoFilesPatch(path, path, before, after, 'now', 'then', { context: 0 });
}

function coloured({ style }: Output, difference: string): string {
  const paint = (line: string) =>
    line.startsWith('+') ? style.good(line) : line.startsWith('-') ? style.bad(line) : style.dim(line);
  return difference.split('\n').map(paint).join('\n');
}
