import { Failure } from '@gatehouse/core/access/failure';
import type { Question } from '@gatehouse/core/effective-access/rbac';
import { askedText } from '@gatehouse/core/operations/denial';
import type { BindingOwner, Holder, WhoCan } from '@gatehouse/core/operations/who-can';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { StatusOutcome } from '../aws/status-outcome.ts';
import {
  type Format,
  isForPrograms,
  type Listing,
  withFormats,
  writeAnswer,
  writeListing,
} from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly cluster?: readonly string[];
  readonly allClusters?: boolean;
  readonly namespace?: string;
  readonly subresource?: string;
  readonly output: Format;
}

/** A cluster that could not be asked. */
export interface Unread {
  readonly cluster: string;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
}

/** `who-can`: everybody who may do something, on one cluster, some, or all. */
export function addWhoCan(program: Command, terminal: Terminal): void {
  const verb = program
    .command('who-can <verb> <resource> [name]')
    .description('list everybody who may do something: by which binding, whose it is, and who comes in by that name')
    .option('--cluster <cluster...>', 'the clusters that are asked')
    .option(
      '-A, --all-clusters',
      'ask all clusters of the policy; about namespaces says -n, and without it the whole cluster is meant',
    )
    .option('-n, --namespace <namespace>', 'in this namespace (default: the whole cluster)')
    .option('--subresource <subresource>', 'such as log, exec, scale');
  withFormats(withAwsOptions(verb)).action(
    (what: string, resource: string, name: string | undefined, options: Options) =>
      whoCan(terminal, what, resource, name, options),
  );
  withExamples(verb, [
    ['gatehouse who-can delete pods --cluster prod-eu -n pay', 'in one namespace of one cluster'],
    ['gatehouse who-can get secrets tls -A -n pay -o wide', 'one secret, on all clusters, with bindings and roles'],
    ["gatehouse who-can '*' '*' -A -o csv", 'the administrators of all clusters, for a spreadsheet'],
    ['gatehouse who-can create pods/exec --cluster prod-eu -n pay -o json', 'for scripts: exit code 3 means nobody'],
  ]);
  withExitCodes(verb, { 3: 'nobody may (1 where no cluster could be read)' });
}

async function whoCan(
  terminal: Terminal,
  verb: string,
  resource: string,
  name: string | undefined,
  options: Options,
): Promise<void> {
  const question = await questionOf(verb, resource, name, options);
  const [{ operationsOf }, { eachCluster }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/each-cluster.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  const clusters = await clustersAsked(options, () => run<StatusOutcome>({ operation: 'status' }));
  const asked = JSON.parse(JSON.stringify(question)) as { verb: string; path: string };
  const ask = (cluster: string) => run<WhoCan>({ operation: 'who-can', cluster, question: asked });
  const found = await eachCluster(terminal, clusters, ask, isForPrograms(options.output));
  const read = found.flatMap((one) => ('answer' in one ? [one.answer] : []));
  const unread = found.flatMap((one): Unread[] => {
    if (!('failure' in one)) return [];
    const { code, message, remedy } = one.failure;
    return [{ cluster: one.cluster, code, message, ...(remedy === undefined ? {} : { remedy }) }];
  });
  const [first, another] = found;
  // Where it was the only one, that is the answer.
  if (first && !another && 'failure' in first) throw first.failure;
  await write(terminal.out, options.output, question, read, unread);
  if (read.length === 0) terminal.exitCode = 1;
  else if (!read.some(({ somebody }) => somebody)) terminal.exitCode = 3;
}

async function questionOf(verb: string, text: string, name: string | undefined, options: Options): Promise<Question> {
  if (text.startsWith('/')) return { verb, path: text };
  const { resourceNamed } = await import('../cluster/resource-type.ts');
  const { namespace, subresource } = options;
  return {
    verb,
    ...resourceNamed(text),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

async function clustersAsked(options: Options, status: () => Promise<StatusOutcome>): Promise<readonly string[]> {
  const remedy = 'name it with --cluster, or ask all with -A';
  if (!options.allClusters) {
    if (options.cluster) return [...new Set(options.cluster)];
    throw new Failure('invalid', 'it takes a cluster to ask', { remedy });
  }
  const arns = (await status()).clusters.map(({ arn }) => arn);
  if (arns.length === 0) throw new Failure('not-found', 'the policy in force names no cluster');
  return arns;
}

const WHOSE: Readonly<Record<BindingOwner, string>> = {
  gatehouse: 'Gatehouse',
  bootstrap: 'bootstrap',
  kubernetes: 'Kubernetes',
  'somebody-else': 'somebody else',
};

type Row = Holder & { readonly cluster: string };

function listingOf(read: readonly WhoCan[], isOne: boolean): Listing<Row> {
  const scope = ({ namespace }: Row) => namespace ?? 'the whole cluster';
  const principal = ({ arn, session }: Row) =>
    arn === undefined ? '' : session === undefined ? arn : `${arn} as ${session}`;
  const all: Listing<Row>['columns'] = [
    { head: 'CLUSTER', cell: ({ cluster }) => cluster },
    {
      head: 'WHO',
      cell: ({ kind, name }) => `${kind === 'ServiceAccount' ? 'service account' : kind.toLowerCase()} ${name}`,
    },
    { head: 'PERSON', cell: ({ person }) => person ?? '' },
    { head: 'PRINCIPAL', cell: principal },
    { head: 'GRANT', cell: ({ grant }) => grant ?? '' },
    { head: 'LEVEL', cell: ({ level }) => level ?? '', wide: true },
    { head: 'SCOPE', cell: scope },
    {
      head: 'BY',
      cell: ({ by }, style) => ({ text: WHOSE[by], paint: by === 'somebody-else' ? style.warn : (text) => text }),
    },
    { head: 'BINDING', cell: ({ binding }) => binding ?? 'none is needed', wide: true },
    { head: 'ROLE', cell: ({ role }) => role ?? '', wide: true },
  ];
  const rows = read.flatMap(({ cluster, holders }) => holders.map((holder) => ({ ...holder, cluster })));
  return { columns: isOne ? all.map((one) => (one.head === 'CLUSTER' ? { ...one, wide: true } : one)) : all, rows };
}

function write(
  out: Output,
  format: Format,
  question: Question,
  read: readonly WhoCan[],
  unread: readonly Unread[],
): Promise<void> {
  const listing = listingOf(read, read.length + unread.length === 1);
  return writeAnswer(out, format, {
    value: { question, clusters: read, unread },
    listing,
    text: (output, wide) => {
      const { style, width } = output;
      const asked = 'path' in question ? `${question.verb} ${question.path}` : askedText(question);
      const some = read.filter(({ somebody }) => somebody);
      if (read.length > 0) {
        const word = some.length > 0 ? style.bold('who can') : style.bad('nobody can');
        output.write(`${word} ${printable(asked)}, on ${counted(read.length, 'cluster')}:\n\n`);
        writeListing(output, listing, { wide });
      }
      for (const { cluster, alsoIn, alsoNamed, left } of read) {
        const more = [
          ...(alsoIn.length > 0 ? [`more may in single namespaces: ask with -n ${named(alsoIn)}`] : []),
          ...(alsoNamed.length > 0 ? [`more may with single objects: ask for ${named(alsoNamed)} by name`] : []),
          ...(left > 0 ? [`${counted(left, 'more line')} of this answer are left out`] : []),
        ];
        for (const sentence of more) output.write(`\n${style.name(cluster)}: ${printable(sentence)}\n`);
      }
      const notes = read.flatMap(({ cluster, troubles }) => troubles.map((trouble) => ({ cluster, ...trouble })));
      for (const [head, some] of [
        ['Not known', notes],
        ['Not read', unread],
      ] as const) {
        if (some.length === 0) continue;
        output.write(`\n${style.warn(head)}\n`);
        const rows = some.flatMap(({ cluster, code, message, remedy }) => [
          [cluster, `${code}: ${message}`],
          ...(remedy === undefined ? [] : [['', { text: remedy, paint: style.dim }]]),
        ]);
        output.write(columns(rows, { style, width, indent: 2 }));
      }
    },
  });
}

/** At most so many names are told in a sentence. */
const MOST_NAMED = 10;

function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return names.length > MOST_NAMED ? `${shown} and ${names.length - MOST_NAMED} more` : shown;
}
