import { formatPrincipalArn, parsePrincipalArn, reservedRole } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { canonicalJson } from '../access/json.ts';
import { NAME_PATTERN, RESERVED_GRANT_NAMES, shortened, USERNAME_PREFIX } from '../access/names.ts';
import type { AccessRule } from '../access/policy.ts';
import { CONTROLLER_USERNAME } from '../bootstrap/manifest.ts';
import {
  type AwsAuthMapping,
  type AwsAuthMappings,
  type DecidingMappings,
  inForce,
  isOfNodes,
  readAwsAuth,
} from '../effective-access/aws-auth.ts';
import type { RbacObjects } from '../effective-access/rbac.ts';
import { READY_LEVELS } from '../policy/ready-levels.ts';
import type { KubernetesObject } from '../ports/kubernetes.ts';

/** RBAC as far as it is about those whom aws-auth maps: their bindings, and the Roles that those refer to. */
export type ExistingRbac = Pick<RbacObjects, 'roles' | 'roleBindings' | 'clusterRoleBindings'>;

/** What a policy is made from. */
export interface ImportInput {
  readonly cluster: { readonly name: string; readonly account: string; readonly region: string };
  /** `data` of the ConfigMap aws-auth; undefined where there is none. */
  readonly awsAuth: Readonly<Record<string, string>> | undefined;
  /** Without: nobody could read it, and only `system:masters` is known to give anything. */
  readonly rbac?: ExistingRbac | undefined;
  /** A principal's ARN as IAM has it, by the one that aws-auth has. Without: taken as aws-auth has it. */
  readonly arns?: ReadonlyMap<string, string> | undefined;
  /** What a document that is added to has already. */
  readonly taken?: Taken | undefined;
}

/** Names and accounts of a document that is added to. */
export interface Taken {
  readonly grants: ReadonlySet<string>;
  /** As they are written. */
  readonly levels: ReadonlyMap<string, unknown>;
  readonly accounts: ReadonlySet<string>;
}

/** A grant that equals what a principal has. */
export interface ImportedGrant {
  readonly name: string;
  /** ARN of the role or user. */
  readonly principal: string;
  readonly through: 'role' | 'user';
  readonly level: string;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  /** Where it stands, and by what it has this: `mapRoles[2], ClusterRoleBinding viewers`. */
  readonly from: string;
}

/** A level that a grant needs and no policy knows. */
export interface ImportedLevel {
  readonly name: string;
  readonly level: { readonly clusterRole: string } | { readonly rules: readonly AccessRule[] };
}

/** Why something of aws-auth is in no grant. */
export interface LeftOut {
  /** `node`: of machines that belong to the cluster. `gatehouse`: its own. `protected`: kept for emergencies. `granted`: a document that is added to grants it. */
  readonly reason: 'node' | 'gatehouse' | 'protected' | 'granted' | 'nothing-to-give' | 'not-expressible';
  /** Where it stands in aws-auth. */
  readonly place: string;
  /** As it is written there; empty where the whole list is meant. */
  readonly arn: string;
  /** One sentence. */
  readonly why: string;
  readonly remedy?: string;
}

/** What became of an aws-auth. */
export interface Imported {
  readonly grants: readonly ImportedGrant[];
  readonly levels: readonly ImportedLevel[];
  /** ARNs that Gatehouse had better never touch. */
  readonly protected: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Principals who get not quite what they have, and how it differs. */
  readonly differences: readonly { readonly principal: string; readonly text: string }[];
}

interface Entry extends AwsAuthMapping {
  readonly list: DecidingMappings['list'];
  /** Others for the same principal are in force, too. */
  readonly isAmbiguous: boolean;
}

/** What a principal has by one binding, or by being a master. */
interface Has {
  readonly namespace?: string;
  readonly level: ImportedLevel['level'];
  /** What the level would be called. */
  readonly called: string;
  readonly by: string;
}

const MASTERS = 'system:masters';
/** How people call what they keep for the day when nothing else lets them in. */
const EMERGENCY = /break-?glass|emergency|fallback/i;

/** The mappings that count, in their order. */
function entriesInForce(mappings: AwsAuthMappings): Entry[] {
  return [...inForce(mappings).values()].flatMap(({ list, mappings: rivals }) =>
    rivals.map((mapping) => ({ ...mapping, list, isAmbiguous: rivals.length > 1 })),
  );
}

/** The roles and users that aws-auth maps, as it names them. */
export function mappedArns(mappings: AwsAuthMappings): string[] {
  return [
    ...new Set(
      entriesInForce(mappings).flatMap((entry) => {
        const principal = principalIn(entry);
        return 'arn' in principal ? principal.arn : [];
      }),
    ),
  ];
}

/** Of a cluster's RBAC, what is about those whom aws-auth maps. */
export function rbacFor(mappings: AwsAuthMappings, rbac: RbacObjects): ExistingRbac {
  const entries = entriesInForce(mappings);
  const isTheirs = (binding: KubernetesObject) => entries.some((entry) => binds(binding, entry));
  const roleBindings = rbac.roleBindings.filter(isTheirs);
  const roles = rbac.roles.filter((role) => roleBindings.some((binding) => refersTo(binding, role)));
  return { roles, roleBindings, clusterRoleBindings: rbac.clusterRoleBindings.filter(isTheirs) };
}

/** Makes grants of what aws-auth and RBAC give, as nearly as a policy can say it. Pure; never throws. */
export function importAccess({ cluster, awsAuth, rbac, arns, taken }: ImportInput): Imported {
  const mappings = readAwsAuth(awsAuth);
  const names = new Names(taken?.grants, RESERVED_GRANT_NAMES);
  const levels = new Levels(taken?.levels);
  const accounts = new Set([cluster.account, ...(taken?.accounts ?? [])]);
  const grants: ImportedGrant[] = [];
  const guarded: string[] = [];
  const leftOut: LeftOut[] = unreadIn(mappings);
  const differences: { principal: string; text: string }[] = [];
  for (const entry of entriesInForce(mappings)) {
    const leave = (reason: LeftOut['reason'], why: string, remedy?: string) =>
      leftOut.push({ reason, place: placeOf(entry), arn: entry.arn, why, ...(remedy === undefined ? {} : { remedy }) });
    const own = ownPlace(entry);
    if (own) {
      leave(own.reason, own.why);
      continue;
    }
    const principal = principalIn(entry);
    if ('why' in principal) {
      leave('not-expressible', principal.why, principal.remedy);
      continue;
    }
    if (entry.isAmbiguous) {
      leave(
        'not-expressible',
        'entries that differ only in their case: who this is, each request decides by chance',
        'take all but one out of aws-auth',
      );
      continue;
    }
    if (!accounts.has(principal.account)) {
      leave(
        'not-expressible',
        `its account ${principal.account} is none of the policy's`,
        `add "${principal.account}" under accounts with the roleArn that Gatehouse takes on there, and import again`,
      );
      continue;
    }
    const arn = arns?.get(principal.arn) ?? principal.arn;
    const has = holdingsOf(entry, rbac);
    const isMaster = entry.groups.includes(MASTERS);
    if (isMaster && EMERGENCY.test(principal.name)) {
      guarded.push(arn);
      leave('protected', 'kept for emergencies, by its name: protected, and mapped as it is');
      continue;
    }
    const unknown = rbac ? [] : entry.groups.filter((group) => group !== MASTERS);
    if (unknown.length > 0 && !isMaster) {
      leave(
        'not-expressible',
        `nobody could read what RBAC gives to ${listed(unknown)}`,
        'import again with --rbac: kubectl get clusterrolebindings,rolebindings,roles -A -o yaml',
      );
      continue;
    }
    if (has.length === 0) {
      leave('nothing-to-give', 'it is let in, and no binding gives it anything that not everybody has');
      continue;
    }
    const lost = has.filter(({ level }) => 'rules' in level && level.rules.length === 0);
    for (const { by } of lost) leave('nothing-to-give', `${by} refers to a Role that does not exist, or is empty`);
    const scopes = scopesOf(has.filter((one) => !lost.includes(one)));
    for (const { level, called, namespaces, by } of scopes) {
      const levelName = levels.nameOf(level, called);
      const stem = slug(principal.name) || principal.type;
      grants.push({
        name: names.free(scopes.length === 1 ? stem : `${stem}-${levelName}`),
        principal: arn,
        through: principal.type,
        level: levelName,
        namespaces,
        from: `${placeOf(entry)}, ${[...new Set(by)].join(', ')}`,
      });
    }
    for (const text of scopes.length === 0 ? [] : differencesOf(entry)) differences.push({ principal: arn, text });
  }
  return { grants, levels: levels.made, protected: [...new Set(guarded)], leftOut, differences };
}

/** What the authenticator could not read itself, and what maps whole accounts. */
function unreadIn({ problems, accounts }: AwsAuthMappings): LeftOut[] {
  const unread = problems
    .filter(({ severity }) => severity === 'error')
    .map(
      ({ key, index, message }): LeftOut => ({
        reason: 'not-expressible',
        place: index === undefined ? key : `${key}[${index}]`,
        arn: '',
        why: `the cluster cannot read it either: ${message}`,
        remedy: 'mend it in aws-auth, and import again',
      }),
    );
  const whole = accounts.map(
    (account): LeftOut => ({
      reason: 'not-expressible',
      place: 'mapAccounts',
      arn: account,
      why: 'it lets in everybody of an account, and a policy grants to somebody',
      remedy: 'grant to those who are meant, and take the account out of aws-auth',
    }),
  );
  return [...unread, ...whole];
}

const placeOf = ({ list, index }: Entry): string => `${list}[${index}]`;

/** Whether an entry is of the cluster's own machines, or of Gatehouse's. */
function ownPlace({ username, groups }: AwsAuthMapping): Pick<LeftOut, 'reason' | 'why'> | undefined {
  if (isOfNodes({ username, groups }))
    return { reason: 'node', why: 'nodes, or pods on Fargate, come in by it: it stays as it is' };
  if (username.startsWith(USERNAME_PREFIX)) return { reason: 'gatehouse', why: 'Gatehouse itself wrote it' };
  if (username === CONTROLLER_USERNAME) return { reason: 'gatehouse', why: 'Gatehouse itself comes in by it' };
  return undefined;
}

type Principal = {
  readonly arn: string;
  readonly account: string;
  readonly name: string;
  readonly type: 'role' | 'user';
};

/** The role or user that an entry names; or why a policy cannot name it. */
function principalIn(entry: Entry): Principal | { why: string; remedy?: string } {
  const { arn } = entry;
  if (ownPlace(entry)) return { why: 'it is of no person' };
  let parts: ReturnType<typeof parsePrincipalArn>;
  try {
    // The authenticator compares without case; here only what IAM itself never writes otherwise.
    parts = parsePrincipalArn(arn.replace(/^arn:[^/]*\//i, (head) => head.toLowerCase()));
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { why: 'no role or user has such an ARN', remedy: 'mend it, or take it out of aws-auth' };
  }
  const { type, account, path, name } = parts;
  if (type === 'root') {
    return { why: 'it is the root of an account', remedy: 'let a role of your own in instead' };
  }
  if (type !== 'role' && type !== 'user') {
    return { why: 'it is a session, which aws-auth never matches', remedy: 'take it out of aws-auth' };
  }
  if (type === 'role' && path !== '/') {
    return { why: 'a role with its path is never matched, so it lets in nobody', remedy: 'take it out of aws-auth' };
  }
  const reserved = reservedRole(parts);
  if (!reserved) return { arn: formatPrincipalArn(parts), account, name, type };
  const set = /^AWSReservedSSO_(.+)_[0-9a-f]{16}$/.exec(name)?.[1];
  if (set === undefined) return { why: reserved.why, remedy: reserved.remedy };
  return {
    why: reserved.why,
    remedy: `grant to the group that is assigned to it, with through: sso and permissionSet: ${set}`,
  };
}

function binds({ subjects }: KubernetesObject, { username, groups }: Pick<Entry, 'username' | 'groups'>): boolean {
  return (subjects ?? []).some(
    ({ kind, name }) =>
      (kind === 'Group' && groups.includes(name)) || (kind === 'User' && username !== '' && name === username),
  );
}

function refersTo({ roleRef, metadata }: KubernetesObject, role: KubernetesObject): boolean {
  const isIt = roleRef?.kind === 'Role' && roleRef.name === role.metadata.name;
  return isIt && metadata.namespace === role.metadata.namespace;
}

function holdingsOf(entry: Entry, rbac: ExistingRbac | undefined): Has[] {
  const has: Has[] = [];
  if (entry.groups.includes(MASTERS)) {
    has.push({ level: { clusterRole: 'cluster-admin' }, called: 'cluster-admin', by: `the group ${MASTERS}` });
  }
  for (const binding of rbac?.clusterRoleBindings ?? []) {
    const { roleRef, metadata } = binding;
    if (!binds(binding, entry) || roleRef?.kind !== 'ClusterRole') continue;
    has.push({
      level: { clusterRole: roleRef.name },
      called: roleRef.name,
      by: `ClusterRoleBinding ${metadata.name}`,
    });
  }
  for (const binding of rbac?.roleBindings ?? []) {
    const { roleRef, metadata } = binding;
    const { namespace } = metadata;
    if (!binds(binding, entry) || !roleRef || namespace === undefined) continue;
    const role = rbac?.roles.find((one) => refersTo(binding, one));
    const level =
      roleRef.kind === 'ClusterRole'
        ? { clusterRole: roleRef.name }
        : { rules: [...(role?.rules ?? [])].map(plainRule) };
    has.push({ namespace, level, called: roleRef.name, by: `RoleBinding ${namespace}/${metadata.name}` });
  }
  // Whoever may do everything everywhere needs no second grant for a part of it.
  const all = has.filter(({ namespace, called }) => namespace === undefined && called === 'cluster-admin');
  return all.length > 0 ? all : has;
}

/** A rule without members that are empty or unknown: an empty list says what is left out says. */
function plainRule({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: AccessRule): AccessRule {
  const filled = Object.entries({ apiGroups, resources, resourceNames, nonResourceURLs }).filter(
    ([, list]) => list !== undefined && list !== null && list.length > 0,
  );
  return { ...Object.fromEntries(filled), verbs };
}

/** What is had by the same level, in one grant: the namespaces together. */
function scopesOf(has: readonly Has[]): { level: Has['level']; called: string; namespaces: string[]; by: string[] }[] {
  const scopes = Map.groupBy(has, ({ level, namespace }) => JSON.stringify([namespace === undefined, level]));
  return [...scopes.values()].map((same) => ({
    level: same[0]!.level,
    called: same[0]!.called,
    namespaces: [...new Set(same.flatMap(({ namespace }) => namespace ?? []))].sort(),
    by: same.map(({ by }) => by),
  }));
}

function differencesOf({ username, groups }: Entry): string[] {
  const told: string[] = [];
  if (groups.includes(MASTERS)) {
    told.push(
      'has everything by RBAC afterwards, and not by system:masters, which nobody can take away in the cluster',
    );
  }
  if (username.includes('{{')) {
    told.push('all its sessions have one username afterwards: what is bound to single sessions is not theirs any more');
  }
  return told;
}

const listed = (items: readonly string[]): string => items.map((item) => JSON.stringify(item)).join(', ');

/** What is left of a name as a part of ours. */
function slug(name: string): string {
  return shortened(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, ''),
    40,
  );
}

/** Names that are each given once. */
class Names {
  readonly #used: Set<string>;

  constructor(...taken: readonly (ReadonlySet<string> | undefined)[]) {
    this.#used = new Set(taken.flatMap((names) => [...(names ?? [])]));
  }

  free(wanted: string): string {
    const stem = NAME_PATTERN.test(wanted) ? wanted : shortened(slug(wanted) || 'imported', 60);
    let name = stem;
    for (let count = 2; this.#used.has(name); count++) name = `${shortened(stem, 58)}-${count}`;
    this.#used.add(name);
    return name;
  }
}

/** Levels by what they give: one that every policy knows, or one of its own. */
class Levels {
  readonly #names: Names;
  readonly #known = new Map<string, string>();
  readonly made: ImportedLevel[] = [];

  constructor(taken: Taken['levels'] = new Map()) {
    this.#names = new Names(new Set(taken.keys()), new Set(Object.keys(READY_LEVELS)));
    // What the document calls so may be something else.
    if (!taken.has('cluster-admin')) this.#known.set(canonicalJson({ clusterRole: 'cluster-admin' }), 'cluster-admin');
    for (const [name, level] of taken) this.#known.set(canonicalJson(level), name);
  }

  nameOf(level: ImportedLevel['level'], called: string): string {
    const key = canonicalJson(level);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const name = this.#names.free(slug(called) || 'imported');
    this.#known.set(key, name);
    this.made.push({ name, level });
    return name;
  }
}
