import { Failure } from '@gatehouse/core/access/failure';
import { CONNECTOR_PROVIDERS, type ConnectorProvider } from '@gatehouse/core/access/policy';
import type { ConnectionOutcome } from '@gatehouse/core/operations/connections';
import type { TargetPlan } from '@gatehouse/core/operations/plan';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { type Command, Option } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import type { Place } from '../connections/follow.ts';
import type { ManifestFiles } from '../connections/manifest-files.ts';
import { type Format, isForPrograms, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Fact, writeFacts } from '../terminal/facts.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes, withNote } from '../terminal/help.ts';
import { timeoutOption } from '../terminal/option-values.ts';
import type { Say } from '../terminal/progress.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { duration, timeText } from '../terminal/text.ts';

/** Where a cluster elsewhere is registered. */
export interface PlaceOptions extends AwsOptions, DryRunOptions {
  readonly account?: string;
  readonly clusterRegion?: string;
  readonly timeout: number;
  readonly output: Format;
}

interface Options extends PlaceOptions {
  readonly provider?: ConnectorProvider;
  readonly consoleUser?: readonly string[];
  readonly namespace?: readonly string[];
  readonly kubeconfigSecret?: string;
  readonly mode?: 'observe' | 'enforce';
  readonly manifests?: string;
  readonly wait?: boolean;
  readonly status?: boolean;
  readonly printAdminPolicy?: boolean;
}

/** Adds the options of {@link PlaceOptions}. */
export function withPlaceOptions(command: Command): Command {
  command
    .option('--account <id>', "AWS account in which it is registered (default: Gatehouse's own)")
    .option('--cluster-region <region>', 'Region in which it is registered (default: where Gatehouse runs)')
    .addOption(timeoutOption('how long to follow what happens', '2m'));
  withDryRun(command, 'show what would be made or removed in AWS, and change nothing');
  return withFormats(withAwsOptions(command));
}

/** `register-cluster`: a cluster that runs elsewhere comes to the EKS console. */
export function addRegisterCluster(program: Command, terminal: Terminal): void {
  const verb = program
    .command('register-cluster <name>')
    .description('register a cluster that runs elsewhere with EKS, install its connector, and say who views it')
    .addOption(new Option('--provider <provider>', 'what runs it').choices(CONNECTOR_PROVIDERS))
    .option('--console-user <arn...>', 'IAM users and roles that may view it; these and no others')
    .option('-n, --namespace <namespace...>', 'where they may look; without it: everywhere')
    .option('--kubeconfig-secret <name>', 'secret (gatehouse/kubeconfigs/...) by which Gatehouse reaches it')
    .addOption(new Option('--mode <mode>', 'observe only plans').choices(['observe', 'enforce']))
    .option('--manifests <folder>', 'write what is applied by hand into this folder')
    .option('--wait', 'until its agent has connected')
    .option('--status', 'only say how it stands; exit code 3 unless it is ACTIVE')
    .option('--print-admin-policy', 'print the IAM policy of a team that does just this, and do nothing');
  withPlaceOptions(verb).action((name: string, options: Options) => registerCluster(terminal, name, options));
  withExamples(verb, [
    [
      'gatehouse register-cluster edge-lab --provider EKS_ANYWHERE --kubeconfig-secret gatehouse/kubeconfigs/edge-lab',
      'a cluster that Gatehouse reaches: the connector is installed by itself',
    ],
    [
      'gatehouse register-cluster edge-lab --provider OTHER --manifests edge-lab && kubectl apply -f edge-lab',
      'one that it does not reach: the manifests are applied by hand',
    ],
    [
      'gatehouse register-cluster edge-lab --console-user arn:aws:iam::111122223333:user/ana arn:aws:iam::111122223333:role/ops',
      'who views it from now on, in the whole cluster',
    ],
    ['gatehouse register-cluster edge-lab --status -o json', 'how it stands, for scripts'],
    ['gatehouse register-cluster edge-lab --print-admin-policy', 'what a team needs in IAM to do this'],
  ]);
  withNote(
    verb,
    'What is not said stays as it was. A cluster that the access policy names is as the policy says; for it the ' +
      'command only makes a new activation where the last one was not used within three days. The activation is ' +
      'kept in Secrets Manager, and written into the file 2-activation.yaml with --manifests; it is never printed.',
  );
  withExitCodes(verb, {
    2: 'something would change (--dry-run --detailed-exitcode)',
    3: 'with --status: it is not ACTIVE',
  });
}

/** The way to the function that registers, and which cluster is meant. */
export async function connectTo(
  terminal: Terminal,
  name: string,
  options: PlaceOptions,
): Promise<{ readonly run: RunOperation; readonly place: Place; readonly gatehouseRegion: string }> {
  const [{ operationsOf }, { CONNECT_FUNCTION_NAME }, { callerOf }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('@gatehouse/core/bootstrap/connector-admin-policy'),
    import('../aws/caller.ts'),
  ]);
  const { region } = await callerOf(options);
  const account = options.account === undefined ? {} : { account: options.account };
  return {
    run: await operationsOf(options, terminal, { functionName: CONNECT_FUNCTION_NAME }),
    place: { name, region: options.clusterRegion ?? region, ...account },
    gatehouseRegion: region,
  };
}

async function registerCluster(terminal: Terminal, name: string, options: Options): Promise<void> {
  if (options.printAdminPolicy) return printAdminPolicy(terminal, options);
  const { run, place } = await connectTo(terminal, name, options);
  if (options.status) return showStatus(terminal, await run({ operation: 'connection', ...place }), options.output);
  const asked = {
    operation: 'register-cluster' as const,
    ...place,
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.kubeconfigSecret === undefined ? {} : { kubeconfigSecret: options.kubeconfigSecret }),
    ...(options.consoleUser === undefined ? {} : { consoleUsers: [...options.consoleUser] }),
    ...(options.namespace === undefined ? {} : { namespaces: [...options.namespace] }),
  };
  if (options.dryRun) {
    const { answerPlans, plansOfOne } = await import('../plan/answer.ts');
    const { arn, plan } = await run<{ arn: string; plan: TargetPlan }>({ ...asked, dryRun: true });
    return answerPlans(terminal, plansOfOne(plan), options, { arn, dryRun: true });
  }
  const { follow } = await import('../connections/follow.ts');
  const register = async (say: Say) => {
    await run(asked);
    return follow(say, run, place, { seconds: options.timeout, done: (one) => isDone(one, options) });
  };
  const quiet = isForPrograms(options.output);
  const outcome = await terminal.progress.during(`registering ${name}`, register, { quiet });
  const stuck = outcome.trouble.find(isFinal);
  if (stuck && outcome.status === undefined) {
    const { code, message, remedy } = stuck;
    throw new Failure('invalid', `${code}: ${message}`, remedy === undefined ? {} : { remedy });
  }
  const written = options.manifests === undefined ? undefined : await manifests(terminal, run, place, options);
  await report(terminal, outcome, written, options);
}

/** Registered, and as far as Gatehouse comes by itself. */
function isDone(
  { mode, status, kubeconfigSecret, waiting, trouble, expiry }: ConnectionOutcome,
  { wait }: Options,
): boolean {
  if (mode !== 'enforce') return waiting === 0;
  if (status === 'ACTIVE') return waiting === 0;
  if (wait || status !== 'PENDING' || expiry === undefined) return trouble.some(isFinal);
  return kubeconfigSecret === undefined || waiting === 0;
}

/** What does not go away by waiting. */
const FINAL = new Set(['name-taken', 'foreign-registration', 'foreign-principal', 'invalid', 'too-large', 'forbidden']);
const isFinal = ({ code }: ConnectionOutcome['trouble'][number]) => FINAL.has(code);

/** Asks for the manifests until nobody is missing from them any more, puts the activation in, and writes them. */
async function manifests({ err }: Terminal, run: RunOperation, place: Place, options: Options): Promise<ManifestFiles> {
  const [{ secretsManager }, { SecretsManagerClient }, { CLIENT_DEFAULTS }, { withActivation }, files, { callerOf }] =
    await Promise.all([
      import('@gatehouse/core/aws/secrets'),
      import('@aws-sdk/client-secrets-manager'),
      import('@gatehouse/core/aws/client-defaults'),
      import('@gatehouse/core/resources/connector-object/apply'),
      import('../connections/manifest-files.ts'),
      import('../aws/caller.ts'),
    ]);
  const { region, credentials } = await callerOf(options);
  const secrets = secretsManager(new SecretsManagerClient({ ...CLIENT_DEFAULTS, region, credentials }));
  const end = Date.now() + Math.min(options.timeout, 20) * 1_000;
  for (;;) {
    const { objects, missing } = await run<{ objects: KubernetesObject[]; missing: string[] }>({
      operation: 'connector-manifests',
      ...place,
    });
    if (missing.length > 0 && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      continue;
    }
    for (const arn of missing) {
      err.write(`${err.style.warn('notice')}  ${arn} is not among them: it was not found in IAM\n`);
    }
    return files.writeManifests(
      options.manifests!,
      await Promise.all(objects.map((object) => withActivation(object, secrets))),
    );
  }
}

async function report(
  { out }: Terminal,
  outcome: ConnectionOutcome,
  written: ManifestFiles | undefined,
  options: Options,
): Promise<void> {
  await writeAnswer(out, options.output, {
    value: { ...outcome, ...(written ? { manifests: written } : {}) },
    listing: connectionListing(outcome),
    text: (output, wide) => {
      writeConnection(output, written ? withoutReach(outcome) : outcome, wide);
      if (written) output.write(`\nWritten: ${written.objects}, ${written.activation} (yours alone to read)\n`);
      const next = nextStep(outcome, written, options);
      if (next !== undefined) output.write(`${output.style.dim(next)}\n`);
    },
  });
}

/** That Gatehouse does not come into a cluster is no news to who has just got the manifests to apply by hand. */
function withoutReach(outcome: ConnectionOutcome): ConnectionOutcome {
  if (outcome.kubeconfigSecret !== undefined) return outcome;
  const trouble = outcome.trouble.filter(({ about, code }) => about !== 'cluster' || code !== 'unsupported');
  return { ...outcome, trouble };
}

function nextStep(
  { status, kubeconfigSecret, name }: ConnectionOutcome,
  written: ManifestFiles | undefined,
  { manifests }: Options,
): string | undefined {
  if (status !== 'PENDING') return undefined;
  if (kubeconfigSecret !== undefined) return 'Its agent connects within some minutes; --wait waits for it.';
  if (written) return `Next: kubectl apply -f ${manifests}`;
  return `Next: gatehouse register-cluster ${name} --manifests ${name} && kubectl apply -f ${name}`;
}

async function showStatus(terminal: Terminal, outcome: ConnectionOutcome, format: Format): Promise<void> {
  await writeAnswer(terminal.out, format, {
    value: outcome,
    listing: connectionListing(outcome),
    text: (output, wide) => writeConnection(output, outcome, wide),
  });
  if (outcome.status !== 'ACTIVE') terminal.exitCode = 3;
}

/** A registration as a row. */
export function connectionListing(outcome: ConnectionOutcome): Listing<ConnectionOutcome> {
  return {
    rows: [outcome],
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'STATUS', cell: ({ status }) => status ?? '' },
      { head: 'BY', cell: ({ by }) => by },
      { head: 'MODE', cell: ({ mode }) => mode ?? '' },
      { head: 'PROVIDER', cell: ({ provider }) => provider ?? '' },
      { head: 'REACHED', cell: ({ kubeconfigSecret }) => kubeconfigSecret ?? '' },
      { head: 'WAITING', cell: ({ waiting }) => String(waiting), value: ({ waiting }) => waiting },
      { head: 'EXPIRY', cell: ({ expiry }) => (expiry === undefined ? '' : timeText(expiry)) },
      { head: 'TROUBLE', cell: ({ trouble }) => trouble.map(({ code }) => code).join(' ') },
      { head: 'ARN', cell: ({ arn }) => arn },
    ],
  };
}

/** How a cluster elsewhere stands, for people. `wide` with its mode, what waits, and where and until when the activation is. */
export function writeConnection(out: Output, outcome: ConnectionOutcome, wide = false): void {
  const { arn, by, mode, provider, status, expiry, kubeconfigSecret, activationSecret, waiting, trouble } = outcome;
  const left = expiry === undefined ? '' : `, for ${duration(Math.max(0, expiry - Date.now()))} more`;
  const reached = kubeconfigSecret === undefined ? 'by hand' : `by ${kubeconfigSecret}`;
  writeFacts(out, [
    ['cluster', arn],
    ['wanted by', by === 'none' ? 'nobody' : `${by === 'policy' ? 'the access policy' : 'this command'}, ${provider}`],
    ['status', status === undefined ? 'not registered' : status === 'PENDING' ? `PENDING${left}` : status],
    ['reached', by === 'none' ? undefined : reached],
    ['mode', wide ? mode : undefined],
    ['waiting', wide ? String(waiting) : undefined],
    ['activation', wide ? activationSecret : undefined],
    ['ends', wide && expiry !== undefined ? timeText(expiry) : undefined],
    ...trouble.flatMap(({ code, message, remedy }): Fact[] => [
      [code, message],
      ['try', remedy],
    ]),
  ]);
}

async function printAdminPolicy({ out }: Terminal, options: Options): Promise<void> {
  const [{ connectorAdminPolicy }, { callerOf, whoAmI }] = await Promise.all([
    import('@gatehouse/core/bootstrap/connector-admin-policy'),
    import('../aws/caller.ts'),
  ]);
  const { region } = await callerOf(options);
  const account = options.account ?? (await whoAmI(options)).split(':')[4];
  if (!account) throw new Failure('invalid', 'no AWS account is known', { remedy: 'name it with --account' });
  out.write(`${JSON.stringify(connectorAdminPolicy({ account, region }), null, 2)}\n`);
}
