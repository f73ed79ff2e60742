import { Failure } from '@gatehouse/core/access/failure';
import type { ClusterMode } from '@gatehouse/core/access/policy';
import type { ClusterModeOutcome, ModePlace, PlanCounts } from '@gatehouse/core/operations/cluster-mode';
import type { UploadOutcome } from '@gatehouse/core/policy/versions';
import { Argument, type Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { agree } from '../terminal/agree.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Fact, writeFacts } from '../terminal/facts.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly policy?: string;
  readonly yes?: boolean;
  readonly by?: string;
  readonly output: Format;
}

const MODES = ['observe', 'enforce', 'paused'] as const;

/** What each mode is, for people. */
const MEANING: Readonly<Record<ClusterMode, string>> = {
  observe: 'Gatehouse plans and reports, and writes nothing to the cluster',
  enforce: 'Gatehouse gives and takes away what the policy says',
  paused: 'Gatehouse gives nobody anything new, and still takes away',
};

/** `mode`: shows a cluster's mode and where it stands, or changes it in the policy document. */
export function addMode(program: Command, terminal: Terminal): void {
  const verb = program
    .command('mode')
    .description("show a cluster's mode and where it is written, or change it in the policy document")
    .argument('<cluster>', 'its name in the policy')
    .addArgument(new Argument('[mode]', 'the mode it shall have').choices(MODES))
    .option('--policy <file>', 'change this file instead of the newest document that was uploaded; nothing is uploaded')
    .option('--yes', 'agree without being asked; needed where nobody can be asked')
    .option('--by <who>', 'who agrees, for the record (default: the ARN that AWS knows you by)');
  withDryRun(verb, 'show what it would mean, and change nothing');
  withFormats(withAwsOptions(verb)).action((cluster: string, mode: ClusterMode | undefined, options: Options) =>
    options.policy === undefined
      ? modeOf(terminal, cluster, mode, options)
      : modeInFile(terminal, options.policy, cluster, mode, options),
  );
  withExamples(verb, [
    ['gatehouse mode prod-eu', 'which it is, and where it stands'],
    ['gatehouse mode prod-eu enforce', 'counts what would be made, changed and deleted, and asks'],
    ['gatehouse mode prod-eu paused', 'stop giving, at once; "gatehouse mode prod-eu enforce" undoes it'],
    [
      'gatehouse mode prod-eu enforce --policy access-policy.yaml',
      'in the file that you keep; nothing else in it changes',
    ],
  ]);
  withExitCodes(verb, { 2: 'the mode would change (--dry-run --detailed-exitcode)' });
}

async function modeOf(
  terminal: Terminal,
  cluster: string,
  mode: ClusterMode | undefined,
  options: Options,
): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const now = await run<ClusterModeOutcome>({ operation: 'cluster-mode', cluster, ...(mode ? { mode } : {}) });
  if (mode === undefined) return write(terminal.out, options.output, now, { state: 'shown' });
  refuseElsewhere(now, mode);
  const change = await changeOf(now, mode);
  if (change.document === now.newest.text)
    return write(terminal.out, options.output, now, { state: 'unchanged', mode });
  if (change.widens && now.newest.state === 'proposed') {
    throw new Failure('conflict', `policy version ${now.newest.version} waits for a person, and this would widen it`, {
      remedy: `agree to it first: gatehouse activate-policy ${now.newest.version}`,
    });
  }
  const { err } = terminal;
  if (!isForPrograms(options.output) || terminal.ask) writeMeaning(err, now, mode);
  if (options.dryRun) {
    if (options.detailedExitcode) terminal.exitCode = 2;
    return write(terminal.out, options.output, now, { state: 'dry-run', mode });
  }
  if (change.widens) {
    await agree(terminal, options.yes, {
      question: `It gives people access on ${now.cluster}.`,
      does: 'changes it',
      otherwise: 'nothing was changed',
      remedy: `to agree without being asked: gatehouse mode ${now.cluster} ${mode} --yes`,
    });
  }
  const { whoAmI } = await import('../aws/caller.ts');
  const by = options.by ?? (await whoAmI(options));
  const { version, state } = await run<UploadOutcome>({
    operation: 'upload-policy',
    document: change.document,
    by,
    after: now.newest.version,
  });
  // A person agreed to this; what a version before widens waits on, under the new number.
  if (state === 'proposed' && change.widens) await run({ operation: 'activate-policy', version, by });
  return write(terminal.out, options.output, now, { state: 'changed', mode, version });
}

/** The document with the mode, and whether that gives anybody more than the document before. */
async function changeOf({ cluster, newest }: ClusterModeOutcome, mode: ClusterMode) {
  const [{ withMode }, { requirePolicy }, { compare }] = await Promise.all([
    import('@gatehouse/core/policy/set-mode'),
    import('@gatehouse/core/policy/require'),
    import('@gatehouse/core/policy/widening'),
  ]);
  const document = withMode(newest.text, cluster, mode);
  const { widens } = compare(requirePolicy(newest.text), requirePolicy(document));
  return { document, widens: widens.length > 0 };
}

/** What stands elsewhere than under `clusters` is not one cluster's alone, or not in the document. */
function refuseElsewhere({ cluster, arn, place }: ClusterModeOutcome, mode: ClusterMode): void {
  if (place.in === 'clusters') return;
  const [, , , region = '', account = ''] = arn.split(':');
  const remedies: Readonly<Record<Exclude<ModePlace['in'], 'clusters'>, string>> = {
    registration: `gatehouse register-cluster ${cluster} --mode ${mode === 'paused' ? 'observe' : mode}`,
    discover: `for it alone, add to clusters: ${cluster}: { account: "${account}", region: ${region}, mode: ${mode} } (with the labels that grants select it by)`,
    onboarding: `for it alone, add to clusters: ${cluster}: { account: "${account}", region: ${region}, mode: ${mode} }`,
  };
  throw new Failure('unsupported', `the mode of "${cluster}" is not its own: ${whereText(place)}`, {
    remedy: remedies[place.in],
  });
}

function whereText({ in: where, field }: ModePlace): string {
  switch (where) {
    case 'clusters':
      return `${field} of the access policy`;
    case 'discover':
      return `it was discovered, and ${field} of the access policy is for all that are discovered so`;
    case 'onboarding':
      return `it was onboarded, and ${field} of the access policy is for all environments`;
    case 'registration':
      return 'it was registered by command or event, and its registration has the mode';
  }
}

function countsText({ create, update, delete: gone, blocked }: PlanCounts): string {
  const held = blocked === 0 ? '' : `; ${counted(blocked, 'finding')} in the way`;
  return create + update + gone === 0
    ? `nothing to do${held}`
    : `${create} to make, ${update} to change, ${gone} to delete${held}`;
}

/** What another mode means, before anybody agrees. */
export function writeMeaning(output: Output, now: ClusterModeOutcome, mode: ClusterMode): void {
  const { style } = output;
  const { would, grants } = now;
  const facts: Fact[] = [['means', MEANING[mode]]];
  if (would && mode !== 'observe') facts.push(['then', countsText(would.asked)]);
  const { create, update } = would?.enforced ?? { create: 0, update: 0 };
  if (mode !== 'enforce') {
    const given = grants.length === 0 ? 'no grant is for it' : `new members of ${grants.join(', ')}`;
    facts.push(['not given', given]);
    if (create + update > 0) facts.push(['stays undone', `${create} to make, ${update} to change`]);
    if (now.mode === 'enforce' && mode === 'observe') {
      facts.push(['but', 'who leaves keeps what was written here until their session ends; paused takes it away']);
    }
  }
  output.write(`${style.bold(now.cluster)}  ${now.mode} ${style.dim('to')} ${style.bold(mode)}\n`);
  writeFacts(output, facts, 2);
}

type Outcome =
  | { readonly state: 'shown' }
  | { readonly state: 'unchanged' | 'dry-run'; readonly mode: ClusterMode }
  | { readonly state: 'changed'; readonly mode: ClusterMode; readonly version: number };

interface Row {
  readonly cluster: string;
  readonly mode: string;
  readonly where: string;
  readonly state: string;
}

function write(out: Output, format: Format, now: ClusterModeOutcome, outcome: Outcome): Promise<void> {
  const { newest, ...told } = now;
  const where = whereText(now.place);
  const row = { cluster: now.cluster, mode: 'mode' in outcome ? outcome.mode : now.mode, where, state: outcome.state };
  const listing: Listing<Row> = {
    columns: [
      { head: 'CLUSTER', cell: ({ cluster }) => cluster },
      { head: 'MODE', cell: ({ mode }) => mode },
      { head: 'WHERE', cell: ({ where: place }) => place },
      { head: 'STATE', cell: ({ state }) => state },
    ],
    rows: [row],
  };
  const { version, state } = newest;
  const value = { ...told, newest: { version, state }, outcome };
  return writeAnswer(out, format, { value, listing, text: (output) => writeOutcome(output, now, outcome) });
}

function writeOutcome(output: Output, now: ClusterModeOutcome, outcome: Outcome): void {
  const { style } = output;
  const { cluster, mode, place, version } = now;
  switch (outcome.state) {
    case 'shown': {
      output.write(`${style.bold(cluster)}  ${style.bold(mode)}\n`);
      const facts: Fact[] = [
        ['means', MEANING[mode]],
        ['why', `${whereText(place)}, version ${version}`],
        ['grants', now.grants.join(', ') || 'none is for it'],
      ];
      writeFacts(output, facts, 2);
      return;
    }
    case 'unchanged':
      output.write(`${cluster} is in mode ${outcome.mode} by the newest document already: nothing was changed\n`);
      return;
    case 'dry-run':
      output.write('Nothing was changed.\n');
      return;
    case 'changed':
      output.write(
        `${style.good('done')}  ${cluster} is in mode ${outcome.mode}, by policy version ${outcome.version}\n`,
      );
      output.write(
        `${style.dim('keep your own copy in step:')} gatehouse mode ${cluster} ${outcome.mode} --policy access-policy.yaml\n`,
      );
      output.write(`${style.dim('to undo it:')} gatehouse mode ${cluster} ${mode}\n`);
  }
}

async function modeInFile(
  terminal: Terminal,
  file: string,
  cluster: string,
  mode: ClusterMode | undefined,
  { output: format, dryRun, detailedExitcode }: Options,
): Promise<void> {
  const [{ readDocument }, { requirePolicy }, { withMode }] = await Promise.all([
    import('../policy-file.ts'),
    import('@gatehouse/core/policy/require'),
    import('@gatehouse/core/policy/set-mode'),
  ]);
  const text = readDocument(file);
  const known = requirePolicy(text, file).clusters.find(({ name }) => name === cluster);
  const edited = withMode(text, cluster, mode ?? known?.mode ?? 'observe');
  const isChanged = edited !== text;
  if (isChanged && !dryRun) {
    const { replaceInPlace } = await import('../files/replace-file.ts');
    replaceInPlace(file, edited);
  }
  if (isChanged && dryRun && detailedExitcode) terminal.exitCode = 2;
  const next = mode ?? known!.mode;
  const state = mode === undefined ? 'shown' : !isChanged ? 'unchanged' : dryRun ? 'dry-run' : 'changed';
  const row: Row = { cluster, mode: next, where: file, state };
  await writeAnswer(terminal.out, format, {
    value: { cluster, mode: next, before: known!.mode, file, state },
    listing: {
      columns: [
        { head: 'CLUSTER', cell: (one: Row) => one.cluster },
        { head: 'MODE', cell: (one: Row) => one.mode },
        { head: 'WHERE', cell: (one: Row) => one.where },
        { head: 'STATE', cell: (one: Row) => one.state },
      ],
      rows: [row],
    },
    text: (output) => {
      const { style } = output;
      const words = {
        shown: `${cluster} is in mode ${next} in ${printable(file)}`,
        unchanged: `${cluster} is in mode ${next} in ${printable(file)} already: nothing was changed`,
        'dry-run': `${cluster} would go from ${known!.mode} to ${next} in ${printable(file)}; nothing was changed`,
        changed: `${style.good('done')}  ${cluster} goes from ${known!.mode} to ${next} in ${printable(file)}, once it is uploaded`,
      } as const;
      output.write(`${words[state]}\n`);
    },
  });
}
