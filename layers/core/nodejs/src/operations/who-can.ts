import { isFailure } from '../access/failure.ts';
import type { AccessPolicy, Account, Cluster } from '../access/policy.ts';
import type { Subject } from '../access/subject.ts';
import { clusterTarget } from '../access/target.ts';
import { BOOTSTRAP_NAME, CONTROLLER_USERNAME } from '../bootstrap/manifest.ts';
import { readAwsAuth } from '../effective-access/aws-auth.ts';
import { allows, type Question, type RbacObjects, rulesOfRole } from '../effective-access/rbac.ts';
import type { BindingSubject, KubernetesObject } from '../ports/kubernetes.ts';
import type { TableReader } from '../ports/table.ts';
import { AWS_AUTH_REF } from '../resources/aws-auth/model.ts';
import { formatObjectRef } from '../resources/object-ref.ts';
import { boundIn, boundName, type RoleBindingClaim } from '../resources/role-binding/model.ts';
import { accountById } from '../work/clusters.ts';
import { allRecords } from '../work/records.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { rbacOf, type Trouble, troubleOf } from './access-report.ts';
import { type Admissions, type Admitted, admissionsOf, admittedAs, admittedInto } from './admissions.ts';

/**
 * Whose binding it is: Gatehouse's, for a subject that it recorded; the bootstrap's, which is Gatehouse's own; one that
 * Kubernetes makes by itself; or somebody else's, which a subject is, too, that was added to Gatehouse's by hand.
 */
export type BindingOwner = 'gatehouse' | 'bootstrap' | 'kubernetes' | 'somebody-else';

/** One way in which somebody may do it. */
export interface Holder {
  readonly kind: BindingSubject['kind'];
  /** As the binding names it; a service account as `<namespace>:<name>`. */
  readonly name: string;
  /** The IAM role or user that comes in by this name. Absent: none that is known. */
  readonly arn?: string;
  /** The session that has the name, where the principal's sessions have different ones. */
  readonly session?: string;
  /** A subject of the policy. */
  readonly person?: Subject;
  /** The grant that the binding is for, and its level. */
  readonly grant?: string;
  readonly level?: string;
  /** `ClusterRoleBinding/<name>`, `RoleBinding/<namespace>/<name>`. Absent: no binding is needed (`system:masters`). */
  readonly binding?: string;
  /** `ClusterRole/<name>`, `Role/<namespace>/<name>`. */
  readonly role?: string;
  /** Absent: the whole cluster. */
  readonly namespace?: string;
  readonly by: BindingOwner;
}

/** Who may do something on one cluster. */
export interface WhoCan {
  readonly cluster: string;
  readonly arn: string;
  readonly holders: readonly Holder[];
  /** So many more are not listed. */
  readonly left: number;
  /** Whether anybody may but the components of Kubernetes itself, and a `system:masters` that nobody is in. */
  readonly somebody: boolean;
  /** Where the whole cluster was asked about: the namespaces in which a binding gives it all the same. */
  readonly alsoIn: readonly string[];
  /** Where no name was asked about: the names of objects for which a binding gives it all the same. */
  readonly alsoNamed: readonly string[];
  /** What of the answer is not known. */
  readonly troubles: readonly Trouble[];
}

/** An answer of Lambda holds 6 MB. */
const MOST_HOLDERS = 10_000;
/** The group that the API server lets do everything, whatever RBAC says. */
const MASTERS = 'system:masters';
/** Groups that are not given to anybody in particular. */
const CROWDS: ReadonlySet<string> = new Set([
  'system:authenticated',
  'system:unauthenticated',
  'system:serviceaccounts',
]);
const DEFAULTS_LABEL = 'kubernetes.io/bootstrapping';

/**
 * Everybody who may do something on a cluster: its RBAC, judged as the authorizer does, joined with whom aws-auth lets in, and
 * with the policy. Costs the lists of four kinds and one read, however many people there are, and asks no reviews.
 * @throws Failure where the cluster's RBAC cannot be read.
 */
export async function whoCan(
  ports: TurnPorts,
  policy: AccessPolicy,
  cluster: Cluster,
  question: Question,
): Promise<WhoCan> {
  const account = await accountById(ports.table, policy, cluster.account);
  const { kubernetes } = await ports.world.cluster(account, cluster);
  const [rbac, doors, awsAuth, recorded] = await Promise.all([
    rbacOf(kubernetes),
    orTrouble('EKS does not say who comes in by other doors', doorTroubles(ports, account, cluster)),
    orTrouble("aws-auth cannot be read, so nobody's ARN is known", kubernetes.read(AWS_AUTH_REF)),
    recordedOn(ports.table, cluster),
  ]);
  const troubles = [...doors.troubles, ...(doors.value ?? []), ...awsAuth.troubles];
  const answer = holdersOf(rbac, question, {
    admissions: admissionsOf(readAwsAuth(awsAuth.value?.data)),
    recorded,
    levels: new Map(policy.grants.map(({ name, level }) => [name, level.name])),
    isElsewhere: cluster.connected !== undefined,
  });
  const holders = answer.holders.slice(0, MOST_HOLDERS);
  const left = answer.holders.length - holders.length;
  return { cluster: cluster.name, arn: cluster.arn, ...answer, holders, left, troubles };
}

/** What is known beside the cluster's RBAC. */
export interface Surroundings {
  readonly admissions: Admissions;
  /** What Gatehouse bound, by the binding's object and the bound name. */
  readonly recorded: Recorded;
  /** The levels of the policy's grants. */
  readonly levels: ReadonlyMap<string, string>;
  /** A cluster elsewhere: whoever comes by the connector is known by their ARN. */
  readonly isElsewhere: boolean;
}

/** Whom Gatehouse bound, and for which grant. */
export interface Recorded {
  readonly byBinding: ReadonlyMap<string, Bound>;
  readonly byUsername: ReadonlyMap<string, Bound>;
}

interface Bound {
  readonly person: Subject;
  readonly grant: string;
}

const bindingKey = (object: string, name: string) => `${object} ${name}`;

/** Those of somebody first who are people; the components of Kubernetes last. */
const ORDER: readonly BindingOwner[] = ['gatehouse', 'somebody-else', 'bootstrap', 'kubernetes'];

/** The judgement over all that was read. */
export function holdersOf(
  rbac: RbacObjects,
  question: Question,
  surroundings: Surroundings,
): Pick<WhoCan, 'holders' | 'somebody' | 'alsoIn' | 'alsoNamed'> {
  const asked = 'path' in question ? undefined : question.namespace;
  const isNamed = 'path' in question || question.name !== undefined;
  const holders: Holder[] = masters(surroundings);
  const alsoIn = new Set<string>();
  const alsoNamed = new Set<string>();
  for (const binding of [...rbac.clusterRoleBindings, ...rbac.roleBindings]) {
    const { namespace } = binding.metadata;
    const { roleRef, subjects } = binding;
    if (!roleRef || !subjects?.length || ('path' in question && namespace !== undefined)) continue;
    const isOutside = namespace !== undefined && asked !== undefined && namespace !== asked;
    if (isOutside) continue;
    const rules = rulesOfRole(rbac, roleRef, namespace) ?? [];
    const scoped = { ...question, ...(namespace === undefined ? {} : { namespace }) };
    if (!rules.some((rule) => allows(rule, scoped))) {
      if (isNamed) continue;
      for (const rule of rules) {
        const { resourceNames = [], ...unnamed } = rule;
        if (resourceNames.length > 0 && allows(unnamed, scoped)) for (const name of resourceNames) alsoNamed.add(name);
      }
    } else if (namespace !== undefined && asked === undefined) alsoIn.add(namespace);
    else for (const subject of subjects) holders.push(...holdersBy(binding, subject, surroundings));
  }
  holders.sort((one, other) => ORDER.indexOf(one.by) - ORDER.indexOf(other.by));
  return { holders, somebody: holders.some(isSomebody), alsoIn: [...alsoIn].sort(), alsoNamed: [...alsoNamed].sort() };
}

function isSomebody({ by, arn, person, name }: Holder): boolean {
  return by !== 'kubernetes' || arn !== undefined || person !== undefined || CROWDS.has(name);
}

function masters(surroundings: Surroundings): Holder[] {
  return groupHolders(MASTERS, surroundings).map((who) => ({ kind: 'Group', name: MASTERS, ...who, by: 'kubernetes' }));
}

type WhoHolds = Pick<Holder, 'arn' | 'session' | 'person'>;

function holdersBy(binding: KubernetesObject, subject: BindingSubject, surroundings: Surroundings): Holder[] {
  const { recorded, levels } = surroundings;
  const { kind, metadata, roleRef } = binding;
  const { namespace } = metadata;
  const scope = namespace === undefined ? {} : { namespace };
  const object = formatObjectRef({ kind, name: metadata.name, ...scope });
  const role = formatObjectRef({
    kind: roleRef!.kind,
    name: roleRef!.name,
    ...(roleRef!.kind === 'Role' ? scope : {}),
  });
  const bound = boundIn(subject);
  const ours = bound === undefined ? undefined : recorded.byBinding.get(bindingKey(object, bound));
  const level = ours && levels.get(ours.grant);
  const common = {
    ...(ours ? { grant: ours.grant } : {}),
    ...(level === undefined ? {} : { level }),
    binding: object,
    role,
    ...scope,
    by: ours ? 'gatehouse' : ownerOf(binding, subject),
  } as const;
  if (subject.kind === 'ServiceAccount') {
    const home = subject.namespace || namespace;
    // Without a namespace it is nobody; https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects
    return home ? [{ kind: 'ServiceAccount', name: `${home}:${subject.name}`, ...common }] : [];
  }
  // Kubernetes binds its masters by default, and the API server never looks.
  if (bound === undefined || (bound === `Group ${MASTERS}` && common.by === 'kubernetes')) return [];
  const found = subject.kind === 'User' ? userHolders : groupHolders;
  return found(subject.name, surroundings).map((who) => ({
    kind: subject.kind,
    name: subject.name,
    ...who,
    ...(who.person === undefined && ours ? { person: ours.person } : {}),
    ...common,
  }));
}

function ownerOf({ metadata }: KubernetesObject, subject: BindingSubject): BindingOwner {
  if (metadata.labels?.[DEFAULTS_LABEL] === 'rbac-defaults') return 'kubernetes';
  const isOwn = metadata.name === BOOTSTRAP_NAME && subject.kind === 'User' && subject.name === CONTROLLER_USERNAME;
  return isOwn ? 'bootstrap' : 'somebody-else';
}

function userHolders(username: string, { admissions, recorded, isElsewhere }: Surroundings): readonly WhoHolds[] {
  const person = recorded.byUsername.get(username)?.person;
  const known = person === undefined ? {} : { person };
  const principals = admittedAs(admissions, username).map(({ arn, session }) => ({
    arn,
    ...(session === undefined ? {} : { session }),
    ...known,
  }));
  if (principals.length > 0) return principals;
  return [isElsewhere && username.startsWith('arn:') ? { arn: username, ...known } : known];
}

function groupHolders(group: string, { admissions, recorded }: Surroundings): readonly WhoHolds[] {
  const principals = admittedInto(admissions, group).flatMap((admitted) => {
    const { arn } = admitted;
    const members = membersBehind(admitted, recorded);
    return members.length === 0 ? [{ arn }] : members.map(({ session, person }) => ({ arn, session, person }));
  });
  return principals.length > 0 ? principals : [{}];
}

/** Those whom Gatehouse bound by their names as sessions of this role. */
function membersBehind({ username }: Admitted, { byUsername }: Recorded) {
  const [prefix, rest] = username.split('{{SessionNameRaw}}');
  if (prefix === undefined || rest !== '') return [];
  return [...byUsername].flatMap(([name, { person }]) =>
    name.startsWith(prefix) ? [{ session: name.slice(prefix.length), person }] : [],
  );
}

async function recordedOn(reader: TableReader, cluster: Cluster): Promise<Recorded> {
  const byBinding = new Map<string, Bound>();
  const byUsername = new Map<string, Bound>();
  for await (const [person, claims] of allRecords(reader, clusterTarget(cluster.arn))) {
    for (const { claim } of claims) {
      if (claim.kind !== 'role-binding') continue;
      const binding = claim as RoleBindingClaim;
      const bound = { person, grant: binding.grant };
      byBinding.set(bindingKey(claim.object, boundName(binding)), bound);
      if (binding.username !== undefined) byUsername.set(binding.username, bound);
    }
  }
  return { byBinding, byUsername };
}

/** What was read, or why it could not be: the rest of the answer holds without it. */
async function orTrouble<T>(
  without: string,
  reading: Promise<T>,
): Promise<{ readonly value?: T; readonly troubles: readonly Trouble[] }> {
  try {
    return { value: await reading, troubles: [] };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { troubles: [{ ...troubleOf(error), message: `${without}: ${error.message}` }] };
  }
}

/** Who comes in by other doors than aws-auth is not known. */
async function doorTroubles(ports: TurnPorts, account: Account, cluster: Cluster): Promise<readonly Trouble[]> {
  if (cluster.connected) return [];
  const eks = await ports.world.eks(account, cluster.region);
  const mode = (await eks.describeCluster(cluster.name))?.authenticationMode;
  // One in mode API is not reached at all.
  if (mode === undefined || mode === 'CONFIG_MAP') return [];
  return [
    {
      code: 'access-entries',
      message: `its authentication mode is ${mode}: EKS access entries let people in, too, and their access policies give rights beside RBAC; both are not read`,
      remedy: `aws eks list-access-entries --cluster-name ${cluster.name} --region ${cluster.region}`,
    },
  ];
}
