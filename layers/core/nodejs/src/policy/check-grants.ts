import { reservedRole } from '../access/arn.ts';
import { IAM_PATH, iamRoleName, RESERVED_GRANT_NAMES } from '../access/names.ts';
import { checkName, checkSource, principalArn, type Report, SOURCES } from './checking.ts';
import type { Path } from './document.ts';
import { PROVIDER_PRESETS } from './identity-provider-presets.ts';
import { nearestName } from './nearest.ts';
import { READY_LEVELS } from './ready-levels.ts';
import {
  type GrantDocument,
  type GranteeDocument,
  granteesOf,
  type LevelDocument,
  type PolicyDocument,
} from './schema.ts';
import { selectsCluster } from './selection.ts';
import { selectorOf } from './selector.ts';

/** Everything that is wrong with the grants of a document. */
export function checkGrants(document: PolicyDocument, report: Report): void {
  const grants = document.grants ?? [];
  for (const [index, grant] of grants.entries()) checkGrant(document, grant, ['grants', index], report);
  checkGrantNames(grants, report);
  checkObjectNames(grants, report);
}

/** The IAM roles that Gatehouse makes for the grants of a document, each with its grant. */
export function iamRolesOf({ grants = [] }: PolicyDocument): Map<string, string> {
  const made = grants.filter(
    ({ through, to }) =>
      through === 'role' &&
      granteesOf(to).every(({ principal, claim }) => principal === undefined && claim === undefined),
  );
  return new Map(made.map(({ name }) => [iamRoleName(name), name]));
}

function checkGrantNames(grants: readonly GrantDocument[], report: Report): void {
  const roles = new Map<string, string>();
  grants.forEach(({ name }, index) => {
    const path = ['grants', index, 'name'];
    const role = iamRoleName(name);
    const other = roles.get(role);
    if (other === name) report(path, `there are two grants named "${name}"`, 'give each grant a name of its own');
    else if (other !== undefined) {
      report(path, `the grants "${other}" and "${name}" would share the IAM role ${role}`, 'rename one of the two');
    }
    roles.set(role, name);
    if (RESERVED_GRANT_NAMES.has(name)) report(path, `the name "${name}" is reserved`, 'choose another name');
  });
}

function checkGrant(document: PolicyDocument, grant: GrantDocument, path: Path, report: Report): void {
  checkGrantees(document, grant, path, report);
  checkWay(document, grant, path, report);
  checkScope(document, grant, [...path, 'on'], report);
  const levels: Readonly<Record<string, LevelDocument>> = { ...readyLevels(), ...document.levels };
  if (!checkName(grant.level, Object.keys(levels), 'level', [...path, 'level'], report)) return;
  const level = levels[grant.level]!;
  if (grant.names?.role !== undefined && level.rules === undefined) {
    const message = `the level "${grant.level}" is a ClusterRole that exists, so there is no Role to be named`;
    report([...path, 'names', 'role'], message, 'remove names.role');
  }
  if (grant.on.namespaces && level.rules?.some((rule) => rule.nonResourceURLs)) {
    report(
      [...path, 'level'],
      `the level "${grant.level}" has nonResourceURLs, which cannot be given in a namespace`,
      'leave namespaces out, or use a level without them',
    );
  }
}

const FORMS_OF_GRANTEE = ['group', 'user', 'machine', 'principal', 'claim'] as const;

type Form = (typeof FORMS_OF_GRANTEE)[number];

/** What a grantee names; undefined where it names nothing, or several things. */
function formOf(grantee: GranteeDocument): Form | undefined {
  const named = FORMS_OF_GRANTEE.filter((form) => grantee[form] !== undefined);
  return named.length === 1 ? named[0] : undefined;
}

function checkGrantees(document: PolicyDocument, grant: GrantDocument, path: Path, report: Report): void {
  const grantees = granteesOf(grant.to);
  const seen = new Set<string>();
  grantees.forEach((grantee, index) => {
    const at: Path = Array.isArray(grant.to) ? [...path, 'to', index] : [...path, 'to'];
    checkGrantee(document, grantee, at, report);
    const text = JSON.stringify(grantee);
    if (seen.has(text)) report(at, 'this grantee is listed twice', 'remove one of the two');
    seen.add(text);
  });
  const forms = new Set(grantees.flatMap((grantee) => formOf(grantee) ?? []));
  if (forms.size > 1 && (forms.has('principal') || forms.has('claim'))) {
    const message = 'what is adopted or claimed shares no role with groups, users and machines';
    report([...path, 'to'], message, 'make a grant of each');
  }
}

/** Reports what is wrong with one grantee. */
export function checkGrantee(document: PolicyDocument, grantee: GranteeDocument, path: Path, report: Report): void {
  const form = formOf(grantee);
  if (form === undefined) {
    const named = FORMS_OF_GRANTEE.filter((one) => grantee[one] !== undefined).length;
    report(
      path,
      `a grantee is one group, user, machine, principal or claim, and this one names ${named}`,
      'write { group: ..., source: ... }; for several, a list of them',
    );
    return;
  }
  const { source, provider, principal } = grantee;
  if (form === 'group' || form === 'user') {
    if (source === undefined)
      report(path, 'the source of the group or user is missing', `add source: ${SOURCES.join(' | ')}`);
    else checkSource(source, [...path, 'source'], report);
  } else if (source !== undefined) report([...path, 'source'], `a ${form} has no source`, 'remove source');
  if (form !== 'claim') {
    if (provider !== undefined) report([...path, 'provider'], `a ${form} has no provider`, 'remove provider');
  } else checkClaim(document, grantee, path, report);
  if (principal !== undefined) checkPrincipal(document, principal, [...path, 'principal'], report);
}

function checkClaim(document: PolicyDocument, { claim, provider }: GranteeDocument, path: Path, report: Report): void {
  const providers = document.identityProviders ?? {};
  if (provider === undefined) {
    report(path, 'the provider of the claim is missing', 'add provider: a name under identityProviders');
    return;
  }
  if (!checkName(provider, Object.keys(providers), 'identityProvider', [...path, 'provider'], report)) return;
  const { preset } = providers[provider]!;
  const form = preset === undefined ? undefined : PROVIDER_PRESETS[preset].group;
  if (form && !form.pattern.test(claim!)) {
    report(
      [...path, 'claim'],
      `${JSON.stringify(claim)} is not ${form.is} of ${preset}`,
      `write it like ${form.example}`,
    );
  }
}

/** An adopted principal is a role or user of an account that the policy knows, and nobody else's by nature. */
function checkPrincipal(document: PolicyDocument, text: string, path: Path, report: Report): void {
  const arn = principalArn(text, path, report);
  if (!arn) return;
  if (arn.type !== 'role' && arn.type !== 'user') {
    const remedy = arn.type === 'assumed-role' ? `name its role, arn:...:role/${arn.name}` : 'name a role or user';
    report(path, `"${text}" is not an IAM role or user`, remedy);
    return;
  }
  const reserved = reservedRole(arn);
  if (reserved) report(path, `"${text}" cannot be granted anything: ${reserved.why}`, reserved.remedy);
  if (arn.path.startsWith(IAM_PATH)) {
    report(path, `"${text}" is of Gatehouse's own making`, 'name what it was made for: a group, user or machine');
  }
  const known = new Set([
    ...Object.keys(document.accounts ?? {}),
    ...[...Object.values(document.clusters ?? {}), ...(document.discover ?? [])].map(({ account }) => account),
    ...(document.onboarding?.environments.accounts ?? []),
  ]);
  if (!known.has(arn.account)) {
    const remedy = `add "${arn.account}" under accounts, if it is yours`;
    report(path, `the account ${arn.account} of this principal is none of the policy's`, remedy);
  }
}

/** Which grantees come in by which way. */
const GRANTEES: Readonly<Record<GrantDocument['through'], readonly Form[]>> = {
  role: ['group', 'user', 'machine', 'principal'],
  user: ['group', 'user', 'machine', 'principal'],
  sso: ['group', 'user'],
  oidc: ['claim'],
  connector: ['group', 'user', 'machine', 'principal'],
};

function checkWay(document: PolicyDocument, grant: GrantDocument, path: Path, report: Report): void {
  const { through, permissionSet, saml, names } = grant;
  const grantees = granteesOf(grant.to);
  for (const form of new Set(grantees.flatMap((grantee) => formOf(grantee) ?? []))) {
    if (GRANTEES[through].includes(form)) continue;
    const ways = Object.entries(GRANTEES).flatMap(([way, forms]) => (forms.includes(form) ? [way] : []));
    report([...path, 'through'], `a ${form} does not come through: ${through}`, `use through: ${ways.join(' or ')}`);
  }
  for (const { principal } of grantees) {
    const type = /:(role|user)\//.exec(principal ?? '')?.[1];
    if (type === undefined || through === 'connector' || type === through) continue;
    report([...path, 'through'], `an adopted ${type} does not come through: ${through}`, `use through: ${type}`);
  }
  for (const { machine } of grantees) {
    if (machine === undefined || through !== 'role' || document.machines?.[machine]?.trust) continue;
    const remedy = `add trust under machines.${machine}: principals, accounts or webIdentity; or use through: user`;
    report([...path, 'through'], `nobody is trusted to assume a role as the machine "${machine}"`, remedy);
  }
  if ((permissionSet !== undefined) !== (through === 'sso')) {
    if (through === 'sso')
      report(path, 'the permission set is missing', 'add permissionSet: its name in Identity Center');
    else report([...path, 'permissionSet'], 'permissionSet is for through: sso', 'remove it, or use through: sso');
  }
  if (saml !== undefined && (through !== 'role' || grantees.some(({ group, user }) => (group ?? user) === undefined))) {
    const message = 'people of a SAML provider come through a role of their own';
    report([...path, 'saml'], message, 'use it with through: role, for groups and users only');
  }
  if (through === 'sso' || saml !== undefined) checkSessions(document, grantees, path, report);
  if (names?.binding !== undefined && !isSingle(grantees)) {
    const message = 'a binding of a given name has one subject, and this grant may have many';
    report(
      [...path, 'names', 'binding'],
      message,
      'remove names.binding, or grant it to one machine, user or principal',
    );
  }
}

/** Whoever comes in by a session that a provider names must have a name known here. */
function checkSessions(
  { identities = [] }: PolicyDocument,
  grantees: readonly GranteeDocument[],
  path: Path,
  report: Report,
): void {
  for (const source of new Set(grantees.flatMap((grantee) => grantee.source ?? []))) {
    if (identities.some((rule) => rule.source === source && rule.session !== undefined)) continue;
    const remedy = `add { source: ${source}, session: "{login}" } under identities: the name as the provider sets it`;
    report([...path, 'to'], `nothing tells the session names of users of ${source}`, remedy);
  }
}

function isSingle(grantees: readonly GranteeDocument[]): boolean {
  return grantees.length === 1 && grantees.every(({ group }) => group === undefined);
}

/** A name that two grants give to their Roles, or bindings, would be one object with two owners. */
function checkObjectNames(grants: readonly GrantDocument[], report: Report): void {
  for (const field of ['role', 'binding'] as const) {
    const owners = new Map<string, string>();
    grants.forEach(({ name, names }, index) => {
      const given = names?.[field];
      if (given === undefined) return;
      const path: Path = ['grants', index, 'names', field];
      const other = owners.get(given);
      if (other !== undefined) {
        report(
          path,
          `the grants "${other}" and "${name}" both name their ${field} "${given}"`,
          'rename one of the two',
        );
      }
      owners.set(given, name);
    });
  }
}

function readyLevels(): Readonly<Record<string, LevelDocument>> {
  return READY_LEVELS as unknown as Readonly<Record<string, LevelDocument>>;
}

function checkScope(document: PolicyDocument, grant: GrantDocument, path: Path, report: Report): void {
  const { on } = grant;
  on.namespaces?.forEach((namespace, index) => {
    if (!namespace.startsWith('kube-')) return;
    report(
      [...path, 'namespaces', index],
      `the namespace "${namespace}" belongs to Kubernetes`,
      'name namespaces of your own',
    );
  });
  if (on.absentNamespaces !== undefined && on.namespaces === undefined) {
    report(
      [...path, 'absentNamespaces'],
      'absentNamespaces has no namespaces to be about',
      'add namespaces, or remove it',
    );
  }
  if (on.clusters === undefined && on.labels === undefined) {
    report(path, 'the grant selects no clusters', 'add clusters: "*", a name, or labels');
    return;
  }
  if (on.labels !== undefined && Object.keys(on.labels).length === 0) {
    report([...path, 'labels'], 'an empty map of labels would select every cluster', 'name a label, or remove labels');
    return;
  }
  // A cluster that joins later may have any name, and a discovered one any labels: every selector may come to match.
  if ((document.discover ?? []).length === 0 && !document.onboarding) checkSelector(document, grant, path, report);
}

function checkSelector(document: PolicyDocument, { on, through }: GrantDocument, path: Path, report: Report): void {
  const all = Object.entries(document.clusters ?? {}).map(([name, { labels, kind }]) => ({
    name,
    labels: labels ?? {},
    isConnected: kind === 'connected',
  }));
  const selector = selectorOf(on);
  const names = all.map(({ name }) => name);
  const vain = selector.names.filter(
    (pattern) => !all.some(({ name }) => selectsCluster({ names: [pattern], labels: {} }, { name, labels: {} })),
  );
  for (const pattern of vain) {
    const near = nearestName(pattern, names);
    const at = typeof on.clusters === 'string' ? ['clusters'] : ['clusters', on.clusters?.indexOf(pattern) ?? 0];
    const remedy = near ? `did you mean ${near}?` : 'add it under clusters, or a discover rule';
    report([...path, ...at], `no cluster of this policy is named ${JSON.stringify(pattern)}`, remedy);
  }
  if (vain.length > 0) return;
  const selected = all.filter((cluster) => selectsCluster(selector, cluster));
  if (selected.length === 0) {
    report(
      [...path, 'labels'],
      'no cluster of this policy has these names and labels',
      'check the labels under clusters',
    );
    return;
  }
  if (selected.some(({ isConnected }) => isConnected === (through === 'connector'))) return;
  const message =
    through === 'connector'
      ? 'none of these clusters is connected: an EKS cluster has ways in of its own'
      : 'all of these clusters are connected ones, and nobody comes to them but through the connector';
  const remedy = through === 'connector' ? 'use through: role, user, sso or oidc' : 'use through: connector';
  report([...path.slice(0, -1), 'through'], message, remedy);
}
