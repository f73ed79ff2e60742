import { granteeText } from '../access/grantee.ts';
import { canonicalJson, sameJson } from '../access/json.ts';
import type {
  AccessPolicy,
  Account,
  ApplicationRules,
  Cluster,
  ClusterMode,
  ClusterSelector,
  Discovery,
  EnvironmentRules,
  Grant,
  IdentityProvider,
  IdentityRule,
  Machine,
  MachineTrust,
  Onboarding,
  OnboardingRules,
} from '../access/policy.ts';
import { levelCovers, levelMeet } from './levels.ts';
import { matchesName, selects, selectsCluster } from './selection.ts';

/** One difference between two policies, for people. JSON-able. */
export interface PolicyChange {
  /**
   * `grant/<name>`, `cluster/<name>`, `machine/<name>`, `identity-provider/<name>`, `discover/<account>/<region>`,
   * `identities/<source>`, `account/<id>`, `onboarding`, `onboarding/<what>` or `protected`.
   */
  readonly about: string;
  /** One sentence. */
  readonly text: string;
}

/** What changes from one policy to another, by whether it can give somebody more than before. */
export interface Comparison {
  readonly widens: readonly PolicyChange[];
  readonly narrows: readonly PolicyChange[];
}

/** A policy that allows nothing: what is in force before the first one. */
export const EMPTY_POLICY: AccessPolicy = {
  clusters: [],
  discover: [],
  accounts: [],
  grants: [],
  machines: [],
  identityProviders: [],
  identities: [],
  protected: { principals: [] },
};

/**
 * What changes from `old` to `next`. What cannot be compared counts as widening, so that a person looks at it. A difference
 * that gives nobody more and takes nothing away is in neither list.
 */
export function compare(old: AccessPolicy | undefined, next: AccessPolicy): Comparison {
  const { widens, narrows } = combine(old ?? EMPTY_POLICY, next);
  return { widens, narrows };
}

/**
 * What may be in force of `next` before a person has agreed to what it widens: all that narrows, and of what widens only what
 * `old` allows already. Equal to `next` where it widens nothing. Where a part of a grant is replaced by something that cannot
 * be compared (another ClusterRole, another way in), the old part stays; where the grantee is another, the grant is left out.
 */
export function withoutWidening(old: AccessPolicy | undefined, next: AccessPolicy): AccessPolicy {
  return combine(old ?? EMPTY_POLICY, next).effective;
}

class Notes {
  readonly widens: PolicyChange[] = [];
  readonly narrows: PolicyChange[] = [];
  widen(about: string, text: string): void {
    this.widens.push({ about, text });
  }
  narrow(about: string, text: string): void {
    this.narrows.push({ about, text });
  }
}

function combine(old: AccessPolicy, next: AccessPolicy): Comparison & { effective: AccessPolicy } {
  const notes = new Notes();
  const discover = meetDiscovery(old.discover, next.discover, notes);
  const onboarding = meetOnboarding(old.onboarding, next.onboarding, notes);
  const discovers = discover.length > 0 || onboarding !== undefined;
  const clusters = meetClusters(old, next, discovers, notes);
  const accounts = meetAccounts(old, next, notes);
  const scope: Scope = { old, next, clusters, discovers };
  const grants = meetGrants(scope, notes);
  const machines = meetMachines(old, next, notes);
  const identityProviders = meetIdentityProviders(old.identityProviders, next.identityProviders, notes);
  const identities = meetIdentities(old.identities, next.identities, notes);
  const principals = meetProtected(old.protected.principals, next.protected.principals, notes);
  const { widens, narrows } = notes;
  const effective =
    widens.length === 0
      ? next
      : {
          ...{ clusters, discover, accounts, grants, machines, identityProviders, identities },
          protected: { principals },
          ...(onboarding ? { onboarding } : {}),
        };
  return { widens, narrows, effective };
}

const GIVES: ReadonlySet<ClusterMode> = new Set(['enforce']);
const TAKES: ReadonlySet<ClusterMode> = new Set(['enforce', 'paused']);

/** Notes a change of mode, and answers the mode until somebody agrees: never one that gives more or stops taking away. */
function meetMode(about: string, old: ClusterMode, next: ClusterMode, notes: Notes): ClusterMode {
  if (old === next) return next;
  const change = `the mode goes from ${old} to ${next}`;
  if (TAKES.has(old) && !TAKES.has(next)) {
    notes.widen(about, `${change}, so access is no longer taken away there`);
    if (GIVES.has(old)) notes.narrow(about, `${change}, so grants no longer take effect there`);
    return 'paused';
  }
  if (!GIVES.has(old) && GIVES.has(next)) {
    notes.widen(about, `${change}, so grants take effect there`);
    return old;
  }
  notes.narrow(about, `${change}`);
  return next;
}

function meetClusters(old: AccessPolicy, next: AccessPolicy, discovers: boolean, notes: Notes): Cluster[] {
  const before = new Map(old.clusters.map((cluster) => [cluster.arn, cluster]));
  const after = new Set(next.clusters.map(({ arn }) => arn));
  const leaving = old.clusters.filter(({ arn }) => !after.has(arn));
  for (const { arn, name } of leaving)
    notes.narrow(`cluster/${name}`, `the cluster ${name} (${arn}) leaves the policy`);
  const returning = leaving.filter((cluster) => mayReturn(cluster, next) !== undefined);
  for (const cluster of returning) {
    const how = `${mayReturn(cluster, next)} again, with another mode and other labels`;
    notes.widen(`cluster/${cluster.name}`, `the cluster ${cluster.name} may be ${how}`);
  }
  const staying = next.clusters.flatMap((cluster) => {
    const known = before.get(cluster.arn);
    const about = `cluster/${cluster.name}`;
    if (!known) {
      notes.widen(about, `the cluster ${cluster.name} (${cluster.arn}) joins the policy`);
      return [];
    }
    const mode = meetMode(about, known.mode, cluster.mode, notes);
    if (!sameJson(known.connected, cluster.connected)) {
      notes.widen(about, `the cluster ${cluster.name} is reached another way`);
    }
    const labels = discovers ? commonLabels(known.labels, cluster.labels) : cluster.labels;
    const { connected: _, ...rest } = cluster;
    return [{ ...rest, mode, labels, ...(known.connected ? { connected: known.connected } : {}) }];
  });
  return [...staying, ...returning.map((cluster) => ({ ...cluster, mode: withoutGiving(cluster.mode) }))];
}

/** What the policy says of a cluster counts more than what others say of it: without the one, the other takes effect. */
function mayReturn(
  { account, region }: Cluster,
  { discover, onboarding }: AccessPolicy,
): 'discovered' | 'onboarded' | undefined {
  if (discover.some((rule) => rule.account === account && rule.region === region)) return 'discovered';
  return onboarding?.environments.accounts.includes(account) ? 'onboarded' : undefined;
}

function withoutGiving(mode: ClusterMode): ClusterMode {
  return GIVES.has(mode) ? 'paused' : mode;
}

/** With fewer labels a cluster is selected by fewer grants. */
function commonLabels(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(a).filter(([key, value]) => Object.hasOwn(b, key) && b[key] === value));
}

function meetDiscovery(old: readonly Discovery[], next: readonly Discovery[], notes: Notes): Discovery[] {
  const about = (rule: Discovery) => `discover/${rule.account}/${rule.region}`;
  const name = (rule: Discovery) => `clusters in ${rule.account} ${rule.region} tagged ${canonicalJson(rule.tag)}`;
  const within = (wide: Discovery, narrow: Discovery) =>
    wide.account === narrow.account && wide.region === narrow.region && labelsWithin(wide.tag, narrow.tag);
  for (const rule of old) {
    if (!next.some((other) => within(other, rule)))
      notes.narrow(about(rule), `${name(rule)} no longer all join by themselves`);
  }
  return next.flatMap((rule) => {
    const known =
      old.find((other) => sameJson(other.tag, rule.tag) && within(other, rule)) ??
      old.find((other) => within(other, rule));
    if (known) return [{ ...rule, mode: meetMode(about(rule), known.mode, rule.mode, notes) }];
    notes.widen(about(rule), `${name(rule)} join by themselves`);
    return [];
  });
}

/** Whether whatever has all labels of `narrow` has all of `wide`. */
function labelsWithin(wide: Readonly<Record<string, string>>, narrow: Readonly<Record<string, string>>): boolean {
  return Object.entries(wide).every(([key, value]) => Object.hasOwn(narrow, key) && narrow[key] === value);
}

function meetAccounts(old: AccessPolicy, next: AccessPolicy, notes: Notes): Account[] {
  const before = new Map(old.accounts.map((account) => [account.id, account]));
  return next.accounts.flatMap((account): Account[] => {
    const known = before.get(account.id);
    if (known && sameJson(known, account)) return [account];
    const about = `account/${account.id}`;
    if (!known) {
      if (account.roleArn !== undefined)
        notes.widen(about, `Gatehouse may enter account ${account.id} by ${account.roleArn}`);
      return [];
    }
    const { permissionsBoundary: _was, ...entry } = known;
    const { permissionsBoundary: boundary, ...newEntry } = account;
    if (known.permissionsBoundary === undefined && boundary !== undefined) {
      notes.narrow(about, `principals in account ${account.id} get the permissions boundary ${boundary}`);
    } else if (known.permissionsBoundary !== boundary) {
      notes.widen(about, `the permissions boundary in account ${account.id} becomes ${boundary ?? 'none'}`);
    }
    if (!sameJson(entry, newEntry)) notes.widen(about, `Gatehouse enters account ${account.id} another way`);
    const limit = known.permissionsBoundary ?? boundary;
    return [limit === undefined ? entry : { ...entry, permissionsBoundary: limit }];
  });
}

/** A machine that is only mentioned goes by derived names, and nobody is trusted to be it. */
function meetMachines(old: AccessPolicy, next: AccessPolicy, notes: Notes): Machine[] {
  const before = new Map(old.machines.map((machine) => [machine.name, machine]));
  return next.machines.map((machine) => {
    const about = `machine/${machine.name}`;
    const { trust: knownTrust, ...known } = before.get(machine.name) ?? { name: machine.name };
    const { trust, ...names } = machine;
    const { username: newName, ...others } = names;
    const isNewName = newName !== undefined && newName !== known.username;
    // A derived name is nobody else's; one that is given may stand in RBAC that others wrote.
    if (isNewName) notes.widen(about, `whatever a cluster gives the user "${newName}" is the machine's, too`);
    if (before.has(machine.name) && !sameJson(known, names)) {
      notes.narrow(about, `the machine ${machine.name} goes by other names`);
    }
    const common = meetTrust(about, knownTrust, trust, notes);
    const username = isNewName ? known.username : newName;
    return { ...others, ...(username === undefined ? {} : { username }), ...(common ? { trust: common } : {}) };
  });
}

const TRUST_PARTS = ['principals', 'accounts', 'webIdentity'] as const;

function meetTrust(
  about: string,
  old: MachineTrust | undefined,
  next: MachineTrust | undefined,
  notes: Notes,
): MachineTrust | undefined {
  const of = <T>(list: readonly T[] | undefined) => new Map((list ?? []).map((one) => [canonicalJson(one), one]));
  for (const part of TRUST_PARTS) {
    const [was, is] = [of<unknown>(old?.[part]), of<unknown>(next?.[part])];
    for (const key of is.keys()) if (!was.has(key)) notes.widen(about, `its roles may be assumed by ${key}`);
    for (const key of was.keys()) if (!is.has(key)) notes.narrow(about, `its roles may no longer be assumed by ${key}`);
  }
  if (!old || !next) return undefined;
  const both = <T>(a: readonly T[], b: readonly T[]) => b.filter((one) => of(a).has(canonicalJson(one)));
  return {
    principals: both(old.principals, next.principals),
    accounts: both(old.accounts, next.accounts),
    webIdentity: both(old.webIdentity, next.webIdentity),
  };
}

function meetIdentityProviders(
  old: readonly IdentityProvider[],
  next: readonly IdentityProvider[],
  notes: Notes,
): IdentityProvider[] {
  const before = new Map(old.map((provider) => [provider.name, provider]));
  const after = new Set(next.map(({ name }) => name));
  for (const { name, issuer } of old) {
    if (after.has(name)) continue;
    notes.narrow(`identity-provider/${name}`, `clusters no longer believe the tokens of ${issuer}`);
  }
  return next.flatMap((provider) => {
    const { name, issuer } = provider;
    const about = `identity-provider/${name}`;
    const known = before.get(name);
    if (!known) {
      notes.widen(about, `clusters believe the tokens of ${issuer}`);
      return [];
    }
    const [settings, knownSettings] = [provider, known].map(({ clusters: _, logs: __, ...rest }) => rest);
    const same = sameJson(settings, knownSettings);
    if (!same) {
      notes.widen(about, `clusters believe other tokens than before: of ${issuer}, for ${provider.clientId}`);
      notes.narrow(
        about,
        `clusters no longer believe the tokens of ${known.issuer}, for ${known.clientId}, as they are`,
      );
    }
    if (!selectorCovers(known.clusters, provider.clusters)) notes.widen(about, 'more clusters may believe its tokens');
    if (!selectorCovers(provider.clusters, known.clusters)) notes.narrow(about, 'fewer clusters believe its tokens');
    const clusters = selectorMeet(known.clusters, provider.clusters);
    return clusters ? [{ ...(same ? provider : known), clusters }] : [];
  });
}

function meetProtected(old: readonly string[], next: readonly string[], notes: Notes): string[] {
  for (const arn of old) if (!next.includes(arn)) notes.widen('protected', `${arn} is no longer protected`);
  for (const arn of next) if (!old.includes(arn)) notes.narrow('protected', `${arn} is protected`);
  return [...new Set([...old, ...next])];
}

function meetIdentities(old: readonly IdentityRule[], next: readonly IdentityRule[], notes: Notes): IdentityRule[] {
  const sources = new Set([...old, ...next].map(({ source }) => source));
  return [...sources].flatMap((source) => {
    const of = (rules: readonly IdentityRule[]) => rules.filter((rule) => rule.source === source);
    return meetRules(source, of(old), of(next), notes);
  });
}

function meetRules(
  source: string,
  old: readonly IdentityRule[],
  next: readonly IdentityRule[],
  notes: Notes,
): readonly IdentityRule[] {
  const about = `identities/${source}`;
  if (sameJson(old, next)) return next;
  const before = old.length === 1 && 'map' in old[0]! ? old[0].map : undefined;
  const after = next.length === 1 && 'map' in next[0]! ? next[0].map : undefined;
  if (before && after) return [{ source, map: meetMaps(about, before, after, notes) }];
  if (next.length === 0) {
    notes.narrow(about, `users of ${source} no longer have IAM principals`);
    return [];
  }
  notes.widen(about, `users of ${source} get ${old.length === 0 ? '' : 'other '}IAM principals by new rules`);
  return old;
}

function meetMaps(
  about: string,
  old: Readonly<Record<string, string>>,
  next: Readonly<Record<string, string>>,
  notes: Notes,
): Record<string, string> {
  const same: [string, string][] = [];
  for (const [id, arn] of Object.entries(next)) {
    const known = Object.hasOwn(old, id) ? old[id] : undefined;
    if (known === arn) same.push([id, arn]);
    else notes.widen(about, `the user ${id} becomes ${arn}`);
  }
  for (const [id, arn] of Object.entries(old)) {
    if (!Object.hasOwn(next, id) || next[id] !== arn) notes.narrow(about, `the user ${id} is no longer ${arn}`);
  }
  return Object.fromEntries(same);
}

interface Scope {
  readonly old: AccessPolicy;
  readonly next: AccessPolicy;
  /** Clusters that are in force whatever is decided. */
  readonly clusters: readonly Cluster[];
  /** Whether clusters join by themselves or by onboarding, whose names and labels are not known here. */
  readonly discovers: boolean;
}

function meetOnboarding(
  old: Onboarding | undefined,
  next: Onboarding | undefined,
  notes: Notes,
): Onboarding | undefined {
  if (!next) {
    if (old) notes.narrow('onboarding', 'nothing is onboarded any more, and what was onboarded loses what it gave');
    return undefined;
  }
  if (!old) {
    const accounts = next.environments.accounts.join(', ');
    notes.widen(
      'onboarding',
      `clusters of the accounts ${accounts} may be onboarded, at ${next.environments.level.name}`,
    );
    return undefined;
  }
  const environments = meetEnvironments(old.environments, next.environments, notes);
  const applications = meetApplications(old.applications, next.applications, notes);
  return environments && { environments, ...(applications ? { applications } : {}) };
}

function meetEnvironments(old: EnvironmentRules, next: EnvironmentRules, notes: Notes): EnvironmentRules | undefined {
  const about = 'onboarding/environments';
  const rules = meetRulesOf(about, old, next, notes);
  const accounts = meetList(about, old.accounts, next.accounts, (id) => `clusters of account ${id} may join`, notes);
  const mode = meetMode(about, old.mode, next.mode, notes);
  return rules && { ...rules, accounts, mode };
}

function meetApplications(
  old: ApplicationRules | undefined,
  next: ApplicationRules | undefined,
  notes: Notes,
): ApplicationRules | undefined {
  const about = 'onboarding/applications';
  if (!next) {
    if (old) notes.narrow(about, 'no application is onboarded any more');
    return undefined;
  }
  if (!old) {
    notes.widen(about, `applications may be onboarded, at ${next.level.name}`);
    return undefined;
  }
  const rules = meetRulesOf(about, old, next, notes);
  const namespaces = meetPatterns(about, old.namespaces, next.namespaces, (one) => `namespaces ${one}`, notes);
  const absentNamespaces = meetAbsent(about, old, next, notes);
  const list = ({ groupsOf }: ApplicationRules) => (groupsOf === undefined ? [] : [groupsOf]);
  const [groupsOf] = meetList(about, list(old), list(next), (id) => `groups of ${id} may be named`, notes);
  return rules && { ...rules, namespaces, absentNamespaces, ...(groupsOf === undefined ? {} : { groupsOf }) };
}

function meetRulesOf(
  about: string,
  old: OnboardingRules,
  next: OnboardingRules,
  notes: Notes,
): OnboardingRules | undefined {
  const level = meetLevels(about, old, next, notes);
  const trust = meetTrust(about, old.trust, next.trust, notes);
  const adopt = meetList(about, old.adopt, next.adopt, (arn) => `${arn} may be named`, notes);
  const people = meetGrantees(about, { to: old.people }, { to: next.people }, notes);
  return level && { level, ...(trust ? { trust } : {}), adopt, people };
}

/** A list of things that may be: what is new widens, what is gone narrows, what both have is in force. */
function meetList(
  about: string,
  old: readonly string[],
  next: readonly string[],
  text: (one: string) => string,
  notes: Notes,
): readonly string[] {
  for (const one of next) if (!old.includes(one)) notes.widen(about, text(one));
  for (const one of old) if (!next.includes(one)) notes.narrow(about, `no longer: ${text(one)}`);
  return next.filter((one) => old.includes(one));
}

/** Names that match a pattern of both lists. A name or pattern is no wider where one of the other list matches all of it. */
function meetPatterns(
  about: string,
  old: readonly string[],
  next: readonly string[],
  text: (one: string) => string,
  notes: Notes,
): readonly string[] {
  const within = (one: string, list: readonly string[]) =>
    list.some((pattern) => pattern === one || pattern === '*' || (!one.includes('*') && matchesName(pattern, one)));
  for (const one of next) if (!within(one, old)) notes.widen(about, `${text(one)} may be onboarded`);
  for (const one of old) if (!within(one, next)) notes.narrow(about, `no longer: ${text(one)} may be onboarded`);
  return [...new Set([...next.filter((one) => within(one, old)), ...old.filter((one) => within(one, next))])];
}

function meetGrants(scope: Scope, notes: Notes): Grant[] {
  const before = new Map(scope.old.grants.map((grant) => [grant.name, grant]));
  const after = new Set(scope.next.grants.map(({ name }) => name));
  for (const grant of scope.old.grants) {
    if (!after.has(grant.name)) notes.narrow(`grant/${grant.name}`, `the grant is removed: ${summary(grant)}`);
  }
  return scope.next.grants.flatMap((grant) => {
    const known = before.get(grant.name);
    if (known) return meetGrant(scope, known, grant, notes) ?? [];
    notes.widen(`grant/${grant.name}`, `the grant is new: ${summary(grant)}`);
    return [];
  });
}

function meetGrant(scope: Scope, old: Grant, next: Grant, notes: Notes): Grant | undefined {
  const about = `grant/${next.name}`;
  const to = meetGrantees(about, old, next, notes);
  const clusters = meetScopes(scope, old, next, notes);
  const namespaces = meetNamespaces(about, old, next, notes);
  const level = meetLevels(about, old, next, notes);
  const way = meetWays(about, old, next, notes);
  const absentNamespaces = meetAbsent(about, old, next, notes);
  if (to.length === 0 || !clusters || !namespaces || !level) return undefined;
  const { names } = next;
  return { name: next.name, to, clusters, namespaces, absentNamespaces, level, ...way, ...(names ? { names } : {}) };
}

function meetGrantees(about: string, old: Pick<Grant, 'to'>, next: Pick<Grant, 'to'>, notes: Notes): Grant['to'] {
  const was = new Set(old.to.map(canonicalJson));
  const is = new Set(next.to.map(canonicalJson));
  for (const one of next.to) if (!was.has(canonicalJson(one))) notes.widen(about, `it is given to ${granteeText(one)}`);
  for (const one of old.to) {
    if (!is.has(canonicalJson(one))) notes.narrow(about, `it is no longer given to ${granteeText(one)}`);
  }
  return next.to.filter((one) => was.has(canonicalJson(one)));
}

/** Another way in is not to be compared: the old one stays. */
function meetWays(
  about: string,
  old: Grant,
  next: Grant,
  notes: Notes,
): Pick<Grant, 'through' | 'permissionSet' | 'saml'> {
  const way = ({ through, permissionSet, saml }: Grant) => ({
    through,
    ...(permissionSet === undefined ? {} : { permissionSet }),
    ...(saml === undefined ? {} : { saml }),
  });
  if (!sameJson(way(old), way(next))) notes.widen(about, `the way in goes from ${wayText(old)} to ${wayText(next)}`);
  return way(old);
}

function meetScopes(scope: Scope, old: Grant, next: Grant, notes: Notes): ClusterSelector | undefined {
  const about = `grant/${next.name}`;
  const before = new Set(scope.old.clusters.filter((cluster) => selects(old, cluster)).map(({ arn }) => arn));
  const after = new Set(scope.next.clusters.filter((cluster) => selects(next, cluster)).map(({ arn }) => arn));
  const named = (policy: AccessPolicy, chosen: Set<string>, other: Set<string>) =>
    policy.clusters.filter(({ arn }) => chosen.has(arn) && !other.has(arn)).map(({ name }) => name);
  const gained = named(scope.next, after, before);
  const lost = named(scope.old, before, after);
  if (gained.length > 0) notes.widen(about, `it reaches the clusters ${gained.join(', ')}`);
  if (lost.length > 0) notes.narrow(about, `it no longer reaches the clusters ${lost.join(', ')}`);
  if (scope.discovers) {
    if (!selectorCovers(old.clusters, next.clusters))
      notes.widen(about, 'it may reach more of the discovered clusters');
    if (!selectorCovers(next.clusters, old.clusters))
      notes.narrow(about, 'it may reach fewer of the discovered clusters');
    const selector = selectorMeet(old.clusters, next.clusters);
    const kept = scope.clusters.filter(({ arn }) => before.has(arn) && after.has(arn));
    const missed = kept.filter((cluster) => !selector || !selectsCluster(selector, cluster)).map(({ name }) => name);
    // Selector and labels change together: what both say is less than either.
    if (missed.length > 0) notes.narrow(about, `until somebody agrees, it does not reach ${missed.join(', ')}`);
    return selector;
  }
  const names = scope.clusters.filter(({ arn }) => before.has(arn) && after.has(arn)).map(({ name }) => name);
  return names.length > 0 ? { names, labels: {} } : undefined;
}

/** Whether `wide` certainly selects every cluster that `narrow` selects. A `*` in `narrow` is matched as if it were a letter. */
function selectorCovers(wide: ClusterSelector, narrow: ClusterSelector): boolean {
  return (
    narrow.names.every((name) => wide.names.some((pattern) => matchesName(pattern, name))) &&
    labelsWithin(wide.labels, narrow.labels)
  );
}

/** A selector of nothing but what both select. */
function selectorMeet(a: ClusterSelector, b: ClusterSelector): ClusterSelector | undefined {
  const held = (names: readonly string[], other: readonly string[]) =>
    names.filter((name) => other.some((pattern) => matchesName(pattern, name)));
  const names = [...new Set([...held(a.names, b.names), ...held(b.names, a.names)])];
  const labels = { ...a.labels, ...b.labels };
  return names.length > 0 && labelsWithin(a.labels, labels) ? { names, labels } : undefined;
}

function meetNamespaces(about: string, old: Grant, next: Grant, notes: Notes): readonly string[] | undefined {
  if (next.namespaces.length === 0) {
    if (old.namespaces.length > 0) notes.widen(about, 'it is for the whole cluster, no longer for single namespaces');
    return old.namespaces;
  }
  if (old.namespaces.length === 0) {
    notes.narrow(about, `it is only for the namespaces ${next.namespaces.join(', ')}`);
    return next.namespaces;
  }
  const gained = next.namespaces.filter((name) => !old.namespaces.includes(name));
  const lost = old.namespaces.filter((name) => !next.namespaces.includes(name));
  if (gained.length > 0) notes.widen(about, `it is for the namespaces ${gained.join(', ')}, too`);
  if (lost.length > 0) notes.narrow(about, `it is no longer for the namespaces ${lost.join(', ')}`);
  const common = next.namespaces.filter((name) => old.namespaces.includes(name));
  // An empty list would mean the whole cluster.
  return common.length > 0 ? common : undefined;
}

function meetLevels(
  about: string,
  old: Pick<Grant, 'level'>,
  next: Pick<Grant, 'level'>,
  notes: Notes,
): Grant['level'] | undefined {
  const { level: before } = old;
  const { level: after } = next;
  const narrower = levelCovers(before, after);
  const wider = levelCovers(after, before);
  if (narrower && wider) return after;
  if (narrower) {
    notes.narrow(about, `the level ${after.name} gives less than ${before.name} gave`);
    return after;
  }
  if ('rules' in before && 'rules' in after) {
    notes.widen(about, `the level ${after.name} gives more than ${before.name} gave`);
    if (!wider) notes.narrow(about, `the level ${after.name} no longer gives all that ${before.name} gave`);
    return levelMeet(before, after);
  }
  const unsure = wider ? '' : ', as far as can be told';
  notes.widen(about, `the level ${after.name} gives more than ${before.name} gave${unsure}`);
  return before;
}

function meetAbsent(
  about: string,
  old: Pick<Grant, 'absentNamespaces'>,
  next: Pick<Grant, 'absentNamespaces'>,
  notes: Notes,
): Grant['absentNamespaces'] {
  if (old.absentNamespaces === next.absentNamespaces) return next.absentNamespaces;
  const change = `absent namespaces: ${next.absentNamespaces} instead of ${old.absentNamespaces}`;
  if (next.absentNamespaces === 'refuse') {
    notes.narrow(about, change);
    return 'refuse';
  }
  notes.widen(about, change);
  return old.absentNamespaces;
}

function wayText({ through, permissionSet, saml }: Grant): string {
  if (permissionSet !== undefined) return `${through} (${permissionSet})`;
  return saml === undefined ? through : `${through} (the SAML provider ${saml.provider})`;
}

function summary(grant: Grant): string {
  const labels = Object.entries(grant.clusters.labels).map(([key, value]) => `${key}=${value}`);
  const where = grant.namespaces.length === 0 ? 'the whole of' : `the namespaces ${grant.namespaces.join(', ')} of`;
  const which = [...grant.clusters.names, ...labels].join(', ');
  const to = grant.to.map(granteeText).join(', ');
  const gets = grant.to.length === 1 ? 'gets' : 'get';
  return `${to} ${gets} ${grant.level.name} in ${where} the clusters ${which}, through ${wayText(grant)}`;
}
