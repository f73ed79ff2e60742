import { parseClusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { ExistingAccess } from '@gatehouse/core/operations/existing-access';
import type { ImportedGrant, ImportInput } from '@gatehouse/core/operations/import';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { ImportedPolicy } from '../policy/imported.ts';
import { type Format, withFormats, writeAnswer } from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { COMMAND, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly awsAuth?: string;
  readonly rbac?: string;
  readonly account?: string;
  readonly policy?: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** `import`: a policy of what a cluster has. */
export function addImport(program: Command, terminal: Terminal): void {
  const verb = program
    .command('import <cluster>')
    .description('write a policy that grants what aws-auth and RBAC of a cluster give today')
    .option('--aws-auth <file>', 'read this instead of asking Gatehouse, as kubectl writes it; - is standard input')
    .option('--rbac <file>', 'bindings and Roles beside --aws-auth, as kubectl writes them')
    .option('--account <id>', 'account of the cluster, beside --aws-auth, where no ARN is given')
    .option('--policy <file>', 'add to this document; every byte of it is kept')
    .option('--out <file>', 'write it there (default: standard output)')
    .option('--force', 'also over a file that is there');
  withFormats(withAwsOptions(verb)).action((cluster: string, options: Options) =>
    importCluster(terminal, cluster, options),
  );
  withExamples(verb, [
    ['gatehouse import prod-eu --out policy.yaml', 'through Gatehouse: a cluster of the policy in force'],
    ['gatehouse import prod-eu --policy policy.yaml --out policy.yaml --force', 'adds to the document that there is'],
    [
      'kubectl get configmap aws-auth -n kube-system -o yaml | gatehouse import arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu --aws-auth - --rbac rbac.yaml',
      'without Gatehouse; rbac.yaml: kubectl get clusterrolebindings,rolebindings,roles -A -o yaml',
    ],
  ]);
  withExitCodes(verb);
}

async function importCluster(terminal: Terminal, cluster: string, options: Options): Promise<void> {
  const base = options.policy === undefined ? undefined : await documentIn(options.policy);
  const input =
    options.awsAuth === undefined
      ? await throughGatehouse(terminal, cluster, options)
      : await fromFiles(terminal, cluster, options, base?.policy);
  const { importedPolicy } = await import('../policy/imported.ts');
  const imported = importedPolicy(input, base?.text);
  const { document, ...outcome } = imported;
  if (options.out !== undefined) {
    const { writeDocument } = await import('../policy/document-file.ts');
    writeDocument(options.out, document, options.force === true);
  }
  await writeAnswer(terminal.out, options.output, {
    value: { cluster: input.cluster, document, ...outcome },
    listing: {
      columns: [
        { head: 'GRANT', cell: ({ name }) => name },
        { head: 'PRINCIPAL', cell: ({ principal }) => principal },
        { head: 'LEVEL', cell: ({ level }) => level },
        {
          head: 'NAMESPACES',
          cell: ({ namespaces }) => namespaces.join(' ') || '*',
          value: (row) => row.namespaces.join(' '),
        },
        { head: 'FROM', cell: ({ from }: ImportedGrant) => from },
      ],
      rows: imported.grants,
    },
    text: (output) => {
      if (options.out === undefined) output.write(document);
    },
  });
  // JSON and YAML hold all of it.
  if (options.output !== 'json' && options.output !== 'yaml')
    writeOutcome(terminal.err, imported, { ...options, cluster });
}

/** The document that is added to, which has to be right before it is. */
async function documentIn(file: string): Promise<{ readonly text: string; readonly policy: AccessPolicy }> {
  const [{ readDocument }, { requirePolicy }] = await Promise.all([
    import('../policy-file.ts'),
    import('@gatehouse/core/policy/require'),
  ]);
  const text = readDocument(file);
  return { text, policy: requirePolicy(text, file) };
}

async function throughGatehouse(terminal: Terminal, cluster: string, options: Options): Promise<ImportInput> {
  if (options.rbac !== undefined) {
    throw new Failure('invalid', '--rbac goes with --aws-auth', { remedy: 'give both, or none' });
  }
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const existing = await run<ExistingAccess>({ operation: 'existing-access', cluster });
  const { awsAuth, principals, unasked, ...rest } = existing;
  if (unasked !== undefined) terminal.err.write(`IAM could not be asked for the paths of roles: ${unasked}\n`);
  const arns = new Map(principals.map(({ mapped, arn }) => [mapped, arn]));
  return { cluster: rest.cluster, rbac: rest.rbac, awsAuth: awsAuth ?? undefined, arns };
}

async function fromFiles(
  { env }: Terminal,
  text: string,
  { account, region = env.AWS_REGION, rbac, awsAuth = '-' }: Options,
  base: AccessPolicy | undefined,
): Promise<ImportInput> {
  if (rbac === '-' && awsAuth === '-') {
    throw new Failure('invalid', 'only one of --aws-auth and --rbac can come from standard input');
  }
  const { readAwsAuthFile, readRbacFile } = await import('../policy/kubectl-files.ts');
  const cluster = clusterOf(text, { account, region }, base);
  const data = readAwsAuthFile(awsAuth);
  return { cluster, awsAuth: data, ...(rbac === undefined ? {} : { rbac: readRbacFile(rbac) }) };
}

/** Which cluster is meant: by its ARN, by the document that is added to, or by the options. */
function clusterOf(
  text: string,
  { account, region }: { readonly account: string | undefined; readonly region: string | undefined },
  base: AccessPolicy | undefined,
): ImportInput['cluster'] {
  if (text.startsWith('arn:')) return parseClusterArn(text);
  const known = base?.clusters.find(({ name }) => name === text);
  if (known) return { name: known.name, account: known.account, region: known.region };
  if (account !== undefined && region !== undefined) return { name: text, account, region };
  throw new Failure('invalid', `nothing tells in which account and Region "${text}" is`, {
    remedy: 'name it by its ARN, or give --account and --region',
  });
}

/** What became of what there was, and what to do next. */
function writeOutcome(
  output: Output,
  { grants, leftOut, differences, protected: guarded }: ImportedPolicy,
  { out, cluster }: { readonly out?: string; readonly cluster: string },
): void {
  const { style, width } = output;
  const kept = counted(grants.length, 'grant');
  output.write(`${style.good('imported')}  ${kept}, ${guarded.length} protected, ${leftOut.length} left out\n`);
  const rows = leftOut.map(({ place, arn, reason, why, remedy }) => [
    { text: reason, paint: reason === 'not-expressible' ? style.warn : style.dim },
    `${place} ${arn}`,
    remedy === undefined ? why : `${why}; ${remedy}`,
  ]);
  const told = differences.map(({ principal, text }) => [{ text: 'differs', paint: style.warn }, principal, text]);
  output.write(columns([...rows, ...told], { style, width, indent: 2 }));
  if (out === undefined) return;
  output.write(style.dim(`next: ${COMMAND} validate ${out}; ${COMMAND} plan ${cluster} --policy ${out}\n`));
}
