import { clusterArn, parsePrincipalArn } from '../access/arn.ts';
import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import { activationSecretName, KUBECONFIG_SECRET_PREFIX } from '../access/names.ts';
import type { AccessPolicy, Cluster } from '../access/policy.ts';
import { connectionSubject } from '../access/subject.ts';
import { clusterTarget, connectionTarget, parseTarget } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import type { Plan } from '../plan/plan.ts';
import { isProtected } from '../plan/principals.ts';
import type { PolicyInForce } from '../policy/in-force.ts';
import {
  putRegistration,
  REGISTRATIONS_KEY,
  type Registration,
  removeRegistration,
  withRegistrations,
} from '../policy/registrations.ts';
import { selects } from '../policy/selection.ts';
import type { KubernetesObject } from '../ports/kubernetes.ts';
import { MANAGED_TAG } from '../resources/managed-principal.ts';
import { accountById } from '../work/clusters.ts';
import { readRegistration, renewRegistration } from '../work/connection-stage.ts';
import { MARK_PREFIX, targetPk } from '../work/keys.ts';
import { putMark, readMark } from '../work/marks.ts';
import { readRecord } from '../work/records.ts';
import { planTarget } from '../work/take-turns.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { wake } from '../work/wake.ts';
import { troubleOf } from './access-report.ts';
import type { Operation } from './operation.ts';
import { planUnder } from './plan.ts';
import type { OperationSettings } from './run.ts';
import { inForce, subjectsOn } from './subjects.ts';

type Asked<O extends Operation['operation']> = Extract<Operation, { operation: O }>;

/** How a cluster elsewhere stands: what is wanted, what EKS says, and what a person must do. */
export interface ConnectionOutcome {
  readonly name: string;
  readonly arn: string;
  /** `policy`: the document names it. `registration`: somebody registered it. `none`: neither, any more. */
  readonly by: 'policy' | 'registration' | 'none';
  readonly mode?: Cluster['mode'];
  readonly provider?: string;
  /** Secret with the kubeconfig by which Gatehouse reaches it. */
  readonly kubeconfigSecret?: string;
  /** As EKS says: PENDING, ACTIVE; absent while it is not registered. */
  readonly status?: string;
  /** When the activation ends, milliseconds UTC. */
  readonly expiry?: number;
  /** Where the activation is kept. */
  readonly activationSecret: string;
  /** How many marks wait on the registration and on the cluster. */
  readonly waiting: number;
  /** Why something failed last, or waits for a person. */
  readonly trouble: readonly {
    readonly about: 'registration' | 'cluster';
    readonly code: string;
    readonly message: string;
    readonly remedy?: string;
  }[];
}

/**
 * Registers a cluster elsewhere, or changes how it is registered: who views it, how it is reached. Asked for once more, what
 * was swept is begun anew. @throws Failure `invalid` that says what is wrong with what was asked.
 */
export async function registerCluster(
  ports: TurnPorts,
  settings: OperationSettings,
  asked: Asked<'register-cluster'>,
  cause: Cause,
): Promise<Json | Readonly<Record<string, unknown>>> {
  const current = await inForce(ports.table);
  const place = placeOf(settings, asked);
  const arn = clusterArn(place.account, place.region, place.name);
  const named = current.unregistered.clusters.find((cluster) => cluster.arn === arn || cluster.name === place.name);
  const registration = named ? undefined : registrationOf(current, asked, place);
  if (named) checkNamed(named, arn, asked);
  const policy = registration ? withRegistrations(current.unregistered, [registration]) : current.policy;
  if (asked.dryRun) return { arn, dryRun: true, ...(await dryRun(ports, settings, arn, policy)) };
  await renewRegistration(ports.table, connectionTarget(arn));
  if (registration) await putRegistration(ports, registration, cause);
  await mark(ports, arn, cause);
  return { arn, by: registration ? 'registration' : 'policy' };
}

/** Takes a cluster elsewhere out again, with all that was made for it. Safe to repeat. */
export async function deregisterCluster(
  ports: TurnPorts,
  settings: OperationSettings,
  asked: Asked<'deregister-cluster'>,
  cause: Cause,
): Promise<Json | Readonly<Record<string, unknown>>> {
  const current = await inForce(ports.table);
  const place = placeOf(settings, asked);
  const arn = clusterArn(place.account, place.region, place.name);
  if (current.written.clusters.some((cluster) => cluster.arn === arn)) {
    throw new Failure(
      'invalid',
      `the access policy names the cluster "${place.name}", so only the policy takes it out`,
      {
        remedy: `remove ${place.name} under clusters, and upload the policy: what was made for it goes then`,
      },
    );
  }
  const { registrations } = current.registrations;
  const others = registrations.filter(({ name, account, region }) => clusterArn(account, region, name) !== arn);
  if (asked.dryRun) {
    return {
      arn,
      dryRun: true,
      ...(await dryRun(ports, settings, arn, withRegistrations(current.unregistered, others))),
    };
  }
  const existed = await removeRegistration(ports, place, cause);
  await mark(ports, arn, cause);
  return { arn, state: existed ? 'deregistering' : 'not-registered' };
}

/** How a cluster elsewhere stands. */
export async function connection(
  ports: TurnPorts,
  settings: OperationSettings,
  asked: Asked<'connection'>,
): Promise<ConnectionOutcome> {
  const current = await inForce(ports.table);
  const { account, region, name } = placeOf(settings, asked);
  const arn = clusterArn(account, region, name);
  const cluster = current.policy.clusters.find((one) => one.arn === arn && one.connected !== undefined);
  const written = current.written.clusters.some((one) => one.arn === arn);
  const { status, expiry } = await statusNow(ports, current.policy, { account, region, name });
  const places = [
    ['registration', connectionTarget(arn)],
    ['cluster', clusterTarget(arn)],
  ] as const;
  const trouble: ConnectionOutcome['trouble'][number][] = [];
  let waiting = 0;
  for (const [about, target] of places) {
    const { items } = await ports.table.query(targetPk(target), { prefix: MARK_PREFIX });
    for (const item of items) {
      const { finding, failure, confirming } = readMark(item);
      const why = finding ?? failure;
      if (!finding && !confirming) waiting += 1;
      if (!why || trouble.some((other) => other.about === about && other.message === why.message)) continue;
      trouble.push({ about, ...troubleOf(why) });
    }
  }
  return {
    name,
    arn,
    by: !cluster ? 'none' : written ? 'policy' : 'registration',
    ...(cluster ? { mode: cluster.mode, provider: cluster.connected!.provider } : {}),
    ...(cluster?.connected?.kubeconfigSecret ? { kubeconfigSecret: cluster.connected.kubeconfigSecret } : {}),
    ...(status === undefined ? {} : { status }),
    ...(expiry === undefined ? {} : { expiry }),
    activationSecret: activationSecretName(account, region, name),
    waiting,
    trouble,
  };
}

/** What EKS says at this moment; where it does not answer, what was seen last. What somebody else registered is not ours to tell. */
async function statusNow(
  { table, world }: TurnPorts,
  policy: AccessPolicy,
  { account, region, name }: { account: string; region: string; name: string },
): Promise<{ readonly status?: string; readonly expiry?: number }> {
  const kept = await readRegistration(table, connectionTarget(clusterArn(account, region, name)));
  try {
    const eks = await world.eks(await accountById(table, policy, account), region);
    const found = await eks.describeCluster(name);
    if (found?.connector === undefined || found.tags[MANAGED_TAG] !== 'true') return {};
    const expiry = found.connector.activationExpiry;
    return { status: found.status, ...(expiry === undefined ? {} : { expiry }) };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return kept ?? {};
  }
}

/**
 * What to apply to a cluster by hand, in this order: all that Gatehouse would make in it, as a turn would plan it for a cluster
 * in which nothing is yet but the namespaces of its grants. The secret of the activation comes without its data.
 * @throws Failure `unreachable` while the cluster is not registered yet.
 */
export async function connectorManifests(
  ports: TurnPorts,
  settings: OperationSettings,
  asked: Asked<'connector-manifests'>,
): Promise<{
  readonly objects: readonly KubernetesObject[];
  readonly findings: Plan['findings'];
  /** ARNs of grants that are not part of it yet: they are still looked up in IAM, or are not there. */
  readonly missing: readonly string[];
}> {
  const current = await inForce(ports.table);
  const place = placeOf(settings, asked);
  const arn = clusterArn(place.account, place.region, place.name);
  const cluster = current.policy.clusters.find((one) => one.arn === arn && one.connected !== undefined);
  if (!cluster) {
    throw new Failure('not-found', `no cluster elsewhere is known as "${place.name}"`, {
      remedy: `register it first: gatehouse register-cluster ${place.name} --provider OTHER`,
    });
  }
  if ((await readRegistration(ports.table, connectionTarget(arn)))?.expiry === undefined) {
    throw new Failure('unreachable', `${place.name} is not registered yet, so there is no activation to apply`, {
      remedy: `wait for it, or see why: gatehouse register-cluster ${place.name} --status`,
    });
  }
  const target = clusterTarget(arn);
  const subjects = new Set([...(await subjectsOn(ports.table, target)), connectionSubject(place.name)]);
  const { secrets } = ports.world;
  const world: TurnPorts['world'] = {
    secrets,
    account: (one) => ports.world.account(one),
    eks: (one, region) => ports.world.eks(one, region),
    cluster: async () => ({ kubernetes: emptyCluster() }),
  };
  const enforced = { ...current.policy, clusters: current.policy.clusters.map((one) => asEnforced(one, arn)) };
  const nothingRecorded = { ...ports, world, table: withoutRecords(ports.table, targetPk(target)) };
  const plan = await planTarget(nothingRecorded, settings.limits, target, [...subjects], enforced);
  const objects = plan.changes.flatMap(({ change }) => {
    const after = change.after as { present?: boolean; object?: KubernetesObject };
    return after.present && after.object ? [after.object] : [];
  });
  const listed = new Set(
    objects.flatMap(({ rules }) => rules ?? []).flatMap(({ resourceNames }) => resourceNames ?? []),
  );
  const named = current.policy.grants
    .filter((grant) => selects(grant, cluster))
    .flatMap(({ to }) => to.flatMap((grantee) => ('principal' in grantee ? [grantee.principal] : [])));
  return { objects, findings: plan.findings, missing: [...new Set(named)].filter((arn) => !listed.has(arn)) };
}

const asEnforced = (cluster: Cluster, arn: string): Cluster =>
  cluster.arn === arn ? { ...cluster, mode: 'enforce' } : cluster;

/** A cluster in which there is nothing but every namespace that somebody asks for, and not the connector's. */
function emptyCluster() {
  const refused = () => Promise.reject(new TypeError('nothing is written to a cluster that is only thought of'));
  return {
    read: async ({ kind, name }: { kind: string; name: string }) =>
      kind === 'Namespace' && name !== 'eks-connector'
        ? ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } } as const)
        : undefined,
    list: async () => ({ items: [] }),
    create: refused,
    replace: refused,
    remove: refused,
    review: refused,
    whoAmI: refused,
  };
}

/** The table as if nothing had been made on a target: all of it is to be shown. */
function withoutRecords(table: TurnPorts['table'], pk: string): TurnPorts['table'] {
  return {
    get: async (key) => (key.pk === pk && key.sk.startsWith('record#') ? undefined : table.get(key)),
    query: async (one, options) =>
      one === pk && options?.prefix === 'record#' ? { items: [] } : table.query(one, options),
    due: (...parameters) => table.due(...parameters),
    put: (...parameters) => table.put(...parameters),
    delete: (...parameters) => table.delete(...parameters),
  };
}

function placeOf(
  { clusterAccessRole }: OperationSettings,
  { name, account, region }: { readonly name: string; readonly account?: string | undefined; readonly region: string },
) {
  return { name, account: account ?? parsePrincipalArn(clusterAccessRole).account, region };
}

/** A cluster that the document names is as the document says. */
function checkNamed(named: Cluster, arn: string, asked: Asked<'register-cluster'>): void {
  const { name } = asked;
  if (named.arn !== arn) {
    throw new Failure('invalid', `the access policy knows another cluster by the name "${name}": ${named.arn}`, {
      remedy: 'choose another name, or say --cluster-region and --account of that one',
    });
  }
  if (!named.connected) {
    throw new Failure('invalid', `the access policy names "${name}" as a cluster that EKS runs`, {
      remedy: 'choose another name, or make it kind: connected in the policy',
    });
  }
  const { provider, consoleUsers, kubeconfigSecret, mode } = asked;
  const isOther =
    (provider !== undefined && provider !== named.connected.provider) ||
    consoleUsers !== undefined ||
    kubeconfigSecret !== undefined ||
    mode !== undefined;
  if (!isOther) return;
  throw new Failure('invalid', `the access policy names the cluster "${name}": provider, people and mode stand there`, {
    remedy: 'change them in the policy; without these options the command gives it another activation',
  });
}

function registrationOf(
  { registrations, unregistered }: PolicyInForce,
  asked: Asked<'register-cluster'>,
  place: { name: string; account: string; region: string },
): Registration {
  const known = registrations.registrations.find(
    (one) => one.name === place.name && one.account === place.account && one.region === place.region,
  );
  const provider = asked.provider ?? known?.provider;
  if (provider === undefined) {
    throw new Failure('invalid', `nothing says what runs "${place.name}"`, {
      remedy: 'say --provider EKS_ANYWHERE, for example',
    });
  }
  const consoleUsers = asked.consoleUsers ?? known?.consoleUsers ?? [];
  const accounts = new Set([...unregistered.accounts.map(({ id }) => id), place.account]);
  for (const arn of consoleUsers) checkConsoleUser(unregistered, arn, accounts);
  const kubeconfigSecret = asked.kubeconfigSecret ?? known?.kubeconfigSecret;
  if (kubeconfigSecret !== undefined && !kubeconfigSecret.startsWith(KUBECONFIG_SECRET_PREFIX)) {
    throw new Failure('invalid', `Gatehouse may not read the secret "${kubeconfigSecret}"`, {
      remedy: `keep the kubeconfig in a secret whose name begins with ${KUBECONFIG_SECRET_PREFIX}`,
    });
  }
  return {
    ...place,
    provider,
    mode: asked.mode ?? known?.mode ?? 'enforce',
    consoleUsers: [...new Set(consoleUsers)].sort(),
    namespaces: [...new Set(asked.namespaces ?? known?.namespaces ?? [])].sort(),
    ...(kubeconfigSecret === undefined ? {} : { kubeconfigSecret }),
  };
}

/** @throws Failure `invalid` for whoever cannot look from the console, or must not be handed out. */
function checkConsoleUser(policy: AccessPolicy, text: string, accounts: ReadonlySet<string>): void {
  const refuse = (why: string, remedy: string): never => {
    throw new Failure('invalid', `"${text}" cannot be a console user: ${why}`, { remedy });
  };
  const found = principalOf(text);
  const { type, account, path } =
    typeof found === 'string' ? refuse(found, 'name an IAM user or role by its ARN') : found;
  if (type !== 'user' && type !== 'role')
    refuse(`it is no IAM user or role, but a ${type}`, 'name the role behind the session');
  if (path.startsWith('/aws-service-role/'))
    refuse('it is a service-linked role, which AWS uses itself', 'name another role');
  if (!accounts.has(account))
    refuse(`the account ${account} is none of the policy's`, `add "${account}" under accounts, if it is yours`);
  if (isProtected(policy, text)) refuse('the policy protects it', 'take it out of protected.principals');
}

function principalOf(text: string) {
  try {
    return parsePrincipalArn(text);
  } catch (error) {
    if (isFailure(error, 'invalid')) return error.message;
    throw error;
  }
}

async function dryRun(ports: TurnPorts, { limits }: OperationSettings, arn: string, policy: AccessPolicy) {
  const name = parseTarget(connectionTarget(arn)).type === 'iam' ? arn.split('/').at(-1)! : '';
  return { plan: await planUnder(ports, limits, connectionTarget(arn), [connectionSubject(name)], policy) };
}

/** Marks the registration, and the cluster where anything is recorded or reached; the planner marks the people. */
async function mark(ports: TurnPorts, arn: string, cause: Cause): Promise<void> {
  const subject = connectionSubject(arn.split('/').at(-1)!);
  const onCluster = clusterTarget(arn);
  const isRecorded = (await readRecord(ports.table, onCluster, subject)).length > 0;
  // What was parked because the cluster was not reached is looked at again: there may be nothing to be done for it any more.
  const { items } = await ports.table.query(targetPk(onCluster), { prefix: MARK_PREFIX });
  const parked = items.map(readMark).filter(({ finding }) => finding !== undefined);
  const marks = [
    { target: connectionTarget(arn), subject, urgency: 'revocation' as const },
    ...(isRecorded ? [{ target: onCluster, subject, urgency: 'revocation' as const }] : []),
    ...parked.map(({ subject: of, urgency }) => ({ target: onCluster, subject: of, urgency })),
  ];
  for (const one of marks) await putMark(ports, { ...one, cause });
  await wake(
    ports,
    marks.map(({ target }) => target),
  );
  await nudgePlanner(ports, [REGISTRATIONS_KEY]);
}
