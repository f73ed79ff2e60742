import { Failure } from '@gatehouse/core/access/failure';
import { type Command, Option } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { Choices } from '../policy/first.ts';
import { type Format, isForPrograms, withFormats, writeAnswer } from '../terminal/answer.ts';
import { COMMAND, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly regions?: readonly string[];
  readonly cluster?: readonly string[];
  readonly source: string;
  readonly group?: string;
  readonly permissionSet?: string;
  readonly out: string;
  readonly force?: boolean;
}

/** `init`: a first policy of the clusters that there are. */
export function addInit(program: Command, terminal: Terminal): void {
  const verb = program
    .command('init')
    .description('find the clusters of this account, and write a first policy for them, in observe mode')
    .option('--regions <region...>', 'Regions to look through (default: the one of --region)')
    .option('--cluster <name...>', 'only these')
    .addOption(new Option('--source <source>', 'who says who people are').default('standard'))
    .option('--group <id>', 'id of the group that administers the clusters')
    .option('--permission-set <name>', 'its way in, where Identity Center signs people in')
    .option('--out <file>', 'where to write it', 'policy.yaml')
    .option('--force', 'also over a file that is there');
  withFormats(withAwsOptions(verb)).action((options: Options) => init(terminal, options));
  withExamples(verb, [
    ['gatehouse init', 'asks what it cannot find out'],
    ['gatehouse init --regions eu-west-1 us-east-1 --group 00g1 --source okta', 'asks nothing'],
    [
      'gatehouse init --group 9067-admins --permission-set ClusterAdmins --out access-policy.yaml',
      'with Identity Center',
    ],
  ]);
  withExitCodes(verb);
}

async function init(terminal: Terminal, options: Options): Promise<void> {
  const [{ callerOf }, { findClusters }, { firstPolicy }, { requirePolicy }, { writeDocument }] = await Promise.all([
    import('../aws/caller.ts'),
    import('../aws/found-clusters.ts'),
    import('../policy/first.ts'),
    import('@gatehouse/core/policy/require'),
    import('../policy/document-file.ts'),
  ]);
  const caller = await callerOf(options);
  const regions = options.regions ?? [caller.region];
  const found = await terminal.progress.during(
    'looking for clusters',
    (say) => findClusters(caller, regions, (text) => say(`looking for ${text}`)),
    { quiet: isForPrograms(options.output) },
  );
  const { cluster: only } = options;
  const clusters = only ? found.clusters.filter(({ name }) => only.includes(name)) : found.clusters;
  const absent = only?.find((name) => !clusters.some((one) => one.name === name));
  if (absent !== undefined) {
    throw new Failure('not-found', `there is no cluster "${absent}" in ${regions.join(', ')}`, {
      remedy: `there are ${found.clusters.map(({ name }) => name).join(', ') || 'none'}; look elsewhere with --regions`,
    });
  }
  for (const said of found.unasked) terminal.err.write(`left out, because it could not be asked: ${said}\n`);
  const twice = clusters.find(({ name }, index) => clusters.findIndex((one) => one.name === name) !== index);
  if (twice) {
    throw new Failure('invalid', `there are two clusters named "${twice.name}", and a policy names each once`, {
      remedy: 'look through one Region at a time, with --regions',
    });
  }
  const choices = await chosen(terminal, options, found.permissionSets);
  const document = firstPolicy({ ...found, clusters }, choices);
  requirePolicy(document, options.out);
  writeDocument(options.out, document, options.force === true);
  await writeAnswer(terminal.out, options.output, {
    value: {
      file: options.out,
      account: found.account,
      clusters: clusters.map(({ name, arn, region, status, version, authenticationMode, tags }) => ({
        ...{ name, arn, region, status, version, authenticationMode, tags },
      })),
      permissionSets: found.permissionSets,
      unasked: found.unasked,
    },
    listing: {
      none: `no clusters in ${regions.join(', ')}: look elsewhere with --regions`,
      columns: [
        { head: 'CLUSTER', cell: ({ name }, style) => ({ text: name, paint: style.name }) },
        { head: 'REGION', cell: ({ region }) => region },
        { head: 'VERSION', cell: ({ version }) => version ?? '' },
        { head: 'AUTHENTICATION', cell: ({ authenticationMode }) => authenticationMode },
        { head: 'STATUS', cell: ({ status }) => status },
        { head: 'ARN', cell: ({ arn }) => arn, wide: true },
      ],
      rows: clusters,
    },
  });
  const { err } = terminal;
  err.write(`${err.style.good('written')}  ${options.out}: ${counted(clusters.length, 'cluster')}, in observe mode\n`);
  const [first = { name: 'CLUSTER' }] = clusters;
  const steps = [
    [`${COMMAND} validate ${options.out}`, 'is it right'],
    [
      `${COMMAND} import ${first.name} --policy ${options.out} --out ${options.out} --force`,
      'what people have already',
    ],
    ['docs/deploy.md', 'deploy Gatehouse, and send it the events of your identity provider'],
    [`${COMMAND} plan --policy ${options.out}`, 'what it would change'],
  ];
  for (const [line, does] of steps) err.write(err.style.dim(`  ${line}   # ${does}\n`));
}

/** What options say; what they leave open, a person is asked, where there is one. */
async function chosen(
  { ask }: Terminal,
  { source, group, permissionSet }: Options,
  permissionSets: readonly string[],
): Promise<Choices> {
  if (!ask || group !== undefined) return { source, group, permissionSet };
  const id = (await ask('Id of the group that administers the clusters (empty: later): ')).trim();
  if (id === '') return { source };
  if (permissionSet !== undefined || permissionSets.length === 0) return { source, group: id, permissionSet };
  const set = (await ask(`Its permission set, of ${permissionSets.join(', ')} (empty: a role of its own): `)).trim();
  return { source, group: id, ...(set === '' ? {} : { permissionSet: set }) };
}
