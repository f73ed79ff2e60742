import { type PrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { iamRoleName, RESERVED_GRANT_NAMES } from '../access/names.ts';
import type { Path, PolicyError, PolicySource } from './document.ts';
import { checkUserArn, fillTemplate, PLACEHOLDERS, principalName, principalSet } from './identity.ts';
import { nearestName } from './nearest.ts';
import type { GrantDocument, LevelDocument, PolicyDocument } from './schema.ts';
import { selectsCluster } from './selection.ts';
import { selectorOf } from './selector.ts';

/** The identity sources whose groups and users a policy can name. */
export const SOURCES = ['okta', 'standard', 'cognito'] as const;

type Report = (path: Path, message: string, remedy: string) => void;

/** Everything that is wrong with a document of the right shape, in no particular order. */
export function checkMeaning(source: PolicySource, document: PolicyDocument): PolicyError[] {
  const errors: PolicyError[] = [];
  const report: Report = (path, message, remedy) => errors.push(source.at(path, message, remedy));
  checkAccounts(document, report);
  checkDiscovery(document, report);
  for (const [name, level] of Object.entries(document.levels ?? {})) checkLevel(['levels', name], level, report);
  checkIdentities(document, report);
  checkProtected(document, report);
  for (const [index, grant] of (document.grants ?? []).entries()) {
    checkGrant(document, grant, ['grants', index], report);
  }
  checkGrantNames(document.grants ?? [], report);
  return errors;
}

function checkAccounts(document: PolicyDocument, report: Report): void {
  for (const [id, account] of Object.entries(document.accounts ?? {})) {
    const path = ['accounts', id];
    if (account.roleArn !== undefined) {
      const arn = principalArn(account.roleArn, [...path, 'roleArn'], report);
      if (arn && arn.type !== 'role') report([...path, 'roleArn'], `"${account.roleArn}" is not a role`, 'name a role');
      if (arn && arn.account !== id) {
        report(
          [...path, 'roleArn'],
          `the role is in account ${arn.account}, not in ${id}`,
          `name a role of account ${id}`,
        );
      }
      if (account.externalId === undefined) {
        report(
          path,
          `the role of account ${id} has no external id`,
          'add externalId, and require it in the role’s trust',
        );
      }
    } else if (account.externalId !== undefined) {
      report([...path, 'externalId'], 'an external id is used only with a role', 'add roleArn, or remove externalId');
    }
    const boundary = account.permissionsBoundary;
    if (boundary === undefined) continue;
    const owner = /^arn:aws[a-z0-9-]*:iam::(aws|\d{12}):policy\/[\w+=,.@/-]{1,512}$/.exec(boundary)?.[1];
    if (owner !== 'aws' && owner !== id) {
      report(
        [...path, 'permissionsBoundary'],
        owner ? `the boundary is in account ${owner}, not in ${id}` : `"${boundary}" is not the ARN of an IAM policy`,
        `write it like arn:aws:iam::${id}:policy/gatehouse-boundary`,
      );
    }
  }
}

function checkDiscovery(document: PolicyDocument, report: Report): void {
  const modes = new Map<string, string>();
  for (const [index, rule] of (document.discover ?? []).entries()) {
    if (Object.keys(rule.tag).length === 0) {
      const message = 'a discovery without a tag would take in every cluster of the account';
      report(['discover', index, 'tag'], message, 'name a tag, like { gatehouse: managed }');
    }
    // A cluster may carry the tags of several rules: with one mode for all of them, their order means nothing.
    const place = `${rule.account} ${rule.region}`;
    const mode = rule.mode ?? 'observe';
    const other = modes.get(place) ?? mode;
    modes.set(place, other);
    if (mode === other) continue;
    const message = `clusters of ${place} are discovered in mode ${other} by one rule and ${mode} by another`;
    report(['discover', index, 'mode'], message, 'give both rules one mode, and name the exceptions under clusters');
  }
}

function checkLevel(path: Path, level: LevelDocument, report: Report): void {
  if ((level.rules === undefined) === (level.clusterRole === undefined)) {
    const message = `the level "${path.at(-1)}" needs either rules or a clusterRole`;
    report(path, message, level.rules ? 'remove one of the two' : 'add rules: [...] or clusterRole: ...');
  }
  for (const [index, rule] of (level.rules ?? []).entries()) checkRule([...path, 'rules', index], rule, report);
}

type RuleDocument = NonNullable<LevelDocument['rules']>[number];

/** What Kubernetes asks of a rule (pkg/apis/rbac/validation), and what Gatehouse never gives. */
function checkRule(path: Path, rule: RuleDocument, report: Report): void {
  if (rule.nonResourceURLs) {
    if (rule.resources || rule.apiGroups || rule.resourceNames) {
      report(path, 'a rule is for resources or for nonResourceURLs, not for both', 'make two rules of it');
    }
  } else if (!rule.resources || !rule.apiGroups) {
    const missing = rule.resources ? 'apiGroups' : 'resources';
    const hint =
      missing === 'apiGroups'
        ? 'add apiGroups: [""] for pods, services and other core resources'
        : 'add resources: [...]';
    report(path, `a rule needs ${missing}`, hint);
  }
  if (mayEscalate(rule)) {
    report(
      [...path, 'verbs'],
      'this rule gives "escalate" on roles, which Gatehouse never holds and so cannot give',
      'list the verbs that are meant, or use clusterRole: cluster-admin',
    );
  }
}

function mayEscalate(rule: RuleDocument): boolean {
  const of = (list: readonly string[] | undefined, ...names: string[]) => list?.some((item) => names.includes(item));
  return Boolean(
    of(rule.verbs, 'escalate', '*') &&
      of(rule.apiGroups, '*', 'rbac.authorization.k8s.io') &&
      of(rule.resources, '*', 'roles', 'clusterroles'),
  );
}

function checkIdentities(document: PolicyDocument, report: Report): void {
  const guarded = principalSet(document.protected?.principals ?? []);
  (document.identities ?? []).forEach((rule, index) => {
    const path: Path = ['identities', index];
    checkSource(rule.source, [...path, 'source'], report);
    const given = (['map', 'attribute', 'template'] as const).filter((field) => rule[field] !== undefined);
    if (given.length !== 1) {
      const message = `an identity rule needs one of map, attribute and template, and has ${given.length}`;
      report(
        path,
        message,
        given.length === 0 ? 'add template: ..., or map: {...}' : 'make a rule of each; they are tried in order',
      );
    }
    if (rule.template !== undefined) checkTemplate(rule.template, [...path, 'template'], guarded, report);
    checkMap(rule.map ?? {}, [...path, 'map'], guarded, report);
  });
}

function checkMap(
  map: Readonly<Record<string, string>>,
  path: Path,
  guarded: ReadonlySet<string>,
  report: Report,
): void {
  const users = new Map<string, string>();
  for (const [id, arn] of Object.entries(map)) {
    const checked = checkUserArn(arn, guarded);
    if ('problem' in checked) {
      report([...path, id], checked.problem, checked.remedy);
      continue;
    }
    const same = checked.arn.toLowerCase();
    const other = users.get(same);
    if (other !== undefined) {
      report(
        [...path, id],
        `"${id}" and "${other}" would be the same IAM user`,
        'give each person an IAM user of their own',
      );
    }
    users.set(same, id);
  }
}

/** A template must give an IAM user whose name depends on the user, whatever is filled in. */
function checkTemplate(template: string, path: Path, guarded: ReadonlySet<string>, report: Report): void {
  const unknown = [...template.matchAll(/\{([^{}]*)\}/g)]
    .map((match) => match[1]!)
    .filter((name) => !isPlaceholder(name));
  const list = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
  for (const name of unknown) {
    const near = nearestName(name, PLACEHOLDERS);
    report(path, `there is no placeholder {${name}}`, near ? `did you mean {${near}}?` : `use ${list}`);
  }
  if (unknown.length > 0) return;
  if (/[{}]/.test(template.replace(/\{\w+\}/g, ''))) {
    report(path, 'a brace is left open', `use ${list}`);
    return;
  }
  const filled = (value: string) => fillTemplate(template, { source: '', id: value, login: value, email: value });
  const one = checkUserArn(arnOf(filled('one')), guarded);
  const two = checkUserArn(arnOf(filled('two')), guarded);
  if ('problem' in one || 'problem' in two) {
    const problem = 'problem' in one ? one.problem : 'problem' in two ? two.problem : '';
    report(path, problem, 'write it like arn:aws:iam::111122223333:user/{localPart}');
    return;
  }
  if (one.arn.split('/').at(-1) === two.arn.split('/').at(-1)) {
    report(path, 'the user name in the template is the same for everybody', `put one of ${list} into its last part`);
  }
}

function isPlaceholder(name: string): boolean {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}

function arnOf(filled: ReturnType<typeof fillTemplate>): string {
  return filled && 'arn' in filled ? filled.arn : '';
}

function checkProtected(document: PolicyDocument, report: Report): void {
  const accounts = new Set(
    [...Object.values(document.clusters ?? {}), ...(document.discover ?? [])].map((c) => c.account),
  );
  const roles = new Map<string, string>();
  for (const { name, to } of document.grants ?? []) {
    if (to.machine !== undefined) continue;
    for (const account of accounts) roles.set(principalName({ account, type: 'role', name: iamRoleName(name) }), name);
  }
  document.protected?.principals.forEach((text, index) => {
    const path = ['protected', 'principals', index];
    const arn = principalArn(text, path, report);
    if (!arn) return;
    if (arn.type !== 'role' && arn.type !== 'user') {
      report(path, `"${text}" is not a role or user`, 'name the IAM role or user that stands behind it');
    }
    const grant = roles.get(principalName(arn));
    if (grant)
      report(
        path,
        `this is the role that Gatehouse makes for the grant "${grant}"`,
        'rename the grant, or remove this line',
      );
  });
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
  checkGrantee(grant, [...path, 'to'], report);
  checkScope(document, grant.on, [...path, 'on'], report);
  const levels = document.levels ?? {};
  if (!Object.hasOwn(levels, grant.level)) {
    const near = nearestName(grant.level, Object.keys(levels));
    const remedy = near ? `did you mean ${near}?` : 'define it under levels';
    report([...path, 'level'], `there is no level ${JSON.stringify(grant.level)}`, remedy);
    return;
  }
  if (grant.on.namespaces && levels[grant.level]!.rules?.some((rule) => rule.nonResourceURLs)) {
    report(
      [...path, 'level'],
      `the level "${grant.level}" has nonResourceURLs, which cannot be given in a namespace`,
      'leave namespaces out, or use a level without them',
    );
  }
}

function checkGrantee(grant: GrantDocument, path: Path, report: Report): void {
  const { group, user, machine, source } = grant.to;
  const named = [group, user, machine].filter((value) => value !== undefined).length;
  if (named !== 1) {
    report(
      path,
      `a grant is to one group, user or machine, and this one names ${named}`,
      'write { group: ..., source: ... }',
    );
    return;
  }
  if (machine === undefined) {
    if (source === undefined)
      report(path, 'the source of the group or user is missing', `add source: ${SOURCES.join(' | ')}`);
    else checkSource(source, [...path, 'source'], report);
    return;
  }
  if (source !== undefined) report([...path, 'source'], 'a machine has no source', 'remove source');
  if (grant.through !== 'user') {
    const message = 'a machine’s role comes with web identity, in a later version';
    report([...path.slice(0, -1), 'through'], message, 'use through: user for machines');
  }
}

function checkSource(source: string, path: Path, report: Report): void {
  if ((SOURCES as readonly string[]).includes(source)) return;
  const near = nearestName(source, SOURCES);
  const remedy = near ? `did you mean ${near}?` : `use one of ${SOURCES.join(', ')}`;
  report(path, `there is no identity source ${JSON.stringify(source)}`, remedy);
}

function checkScope(document: PolicyDocument, on: GrantDocument['on'], path: Path, report: Report): void {
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
  // A discovered cluster may have any name and labels, so with discovery every selector may come to match.
  if ((document.discover ?? []).length === 0) checkSelector(document, on, path, report);
}

function checkSelector(document: PolicyDocument, on: GrantDocument['on'], path: Path, report: Report): void {
  const clusters = Object.entries(document.clusters ?? {}).map(([name, { labels }]) => ({
    name,
    labels: labels ?? {},
  }));
  const selector = selectorOf(on);
  const names = clusters.map(({ name }) => name);
  const vain = selector.names.filter(
    (pattern) => !clusters.some(({ name }) => selectsCluster({ names: [pattern], labels: {} }, { name, labels: {} })),
  );
  for (const pattern of vain) {
    const near = nearestName(pattern, names);
    const at = typeof on.clusters === 'string' ? ['clusters'] : ['clusters', on.clusters?.indexOf(pattern) ?? 0];
    const remedy = near ? `did you mean ${near}?` : 'add it under clusters, or a discover rule';
    report([...path, ...at], `no cluster of this policy is named ${JSON.stringify(pattern)}`, remedy);
  }
  if (vain.length === 0 && !clusters.some((cluster) => selectsCluster(selector, cluster))) {
    report(
      [...path, 'labels'],
      'no cluster of this policy has these names and labels',
      'check the labels under clusters',
    );
  }
}

function principalArn(text: string, path: Path, report: Report): PrincipalArn | undefined {
  try {
    return parsePrincipalArn(text);
  } catch (error) {
    if (!isFailure(error, 'invalid')) throw error;
    report(path, error.message, error.remedy ?? 'write the ARN of an IAM role or user');
    return undefined;
  }
}
