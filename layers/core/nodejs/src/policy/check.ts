import { ENVIRONMENT_LABEL, KUBECONFIG_SECRET_PREFIX, SESSION_NAME_PATTERN } from '../access/names.ts';
import { checkGrants, iamRolesOf } from './check-grants.ts';
import { checkIdentityProviders } from './check-identity-providers.ts';
import { checkMachines } from './check-machines.ts';
import { checkOnboarding } from './check-onboarding.ts';
import { checkSource, principalArn, type Report } from './checking.ts';
import type { Path, PolicyError, PolicySource } from './document.ts';
import { checkUserArn, fillTemplate, PLACEHOLDERS, principalName, principalSet } from './identity.ts';
import { nearestName } from './nearest.ts';
import { granteesOf, type LevelDocument, type PolicyDocument } from './schema.ts';

/** Everything that is wrong with a document of the right shape, in no particular order. */
export function checkMeaning(source: PolicySource, document: PolicyDocument): PolicyError[] {
  const errors: PolicyError[] = [];
  const report: Report = (path, message, remedy) => errors.push(source.at(path, message, remedy));
  checkAccounts(document, report);
  checkClusters(document, report);
  checkDiscovery(document, report);
  for (const [name, level] of Object.entries(document.levels ?? {})) checkLevel(['levels', name], level, report);
  checkIdentities(document, report);
  checkProtected(document, report);
  checkMachines(document, report);
  checkIdentityProviders(document, report);
  checkGrants(document, report);
  checkOnboarding(document, report);
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

function checkClusters(document: PolicyDocument, report: Report): void {
  for (const [name, { kind, provider, kubeconfigSecret, labels }] of Object.entries(document.clusters ?? {})) {
    if (labels && Object.hasOwn(labels, ENVIRONMENT_LABEL)) {
      const message = `the label ${ENVIRONMENT_LABEL} is given by onboarding alone`;
      report(['clusters', name, 'labels', ENVIRONMENT_LABEL], message, 'use another label, or onboard the environment');
    }
    if (kind === 'connected') {
      if (provider === undefined) {
        report(
          ['clusters', name],
          `the connected cluster "${name}" has no provider`,
          'add provider: EKS_ANYWHERE, say',
        );
      }
      if (kubeconfigSecret !== undefined && !kubeconfigSecret.startsWith(KUBECONFIG_SECRET_PREFIX)) {
        report(
          ['clusters', name, 'kubeconfigSecret'],
          `Gatehouse may not read the secret "${kubeconfigSecret}"`,
          `keep the kubeconfig in a secret whose name begins with ${KUBECONFIG_SECRET_PREFIX}`,
        );
      }
      continue;
    }
    for (const [field, value] of Object.entries({ provider, kubeconfigSecret })) {
      if (value === undefined) continue;
      const remedy = `add kind: connected, or remove ${field}`;
      report(['clusters', name, field], `${field} is for connected clusters only`, remedy);
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
  for (const field of ['rules', 'clusterWide'] as const) {
    for (const [index, rule] of (level[field] ?? []).entries()) checkRule([...path, field, index], rule, report);
  }
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
    const given = (['map', 'attribute', 'template', 'session'] as const).filter((field) => rule[field] !== undefined);
    if (given.length !== 1) {
      const message = `an identity rule needs one of map, attribute, template and session, and has ${given.length}`;
      report(
        path,
        message,
        given.length === 0 ? 'add template: ..., or map: {...}' : 'make a rule of each; they are tried in order',
      );
    }
    if (rule.template !== undefined) checkTemplate(rule.template, [...path, 'template'], guarded, report);
    if (rule.session !== undefined) checkSession(rule.session, [...path, 'session'], report);
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
  if (!checkPlaceholders(template, path, report)) return;
  const one = checkUserArn(filledWith(template, 'one'), guarded);
  const two = checkUserArn(filledWith(template, 'two'), guarded);
  if ('problem' in one || 'problem' in two) {
    const problem = 'problem' in one ? one.problem : 'problem' in two ? two.problem : '';
    report(path, problem, 'write it like arn:aws:iam::111122223333:user/{localPart}');
    return;
  }
  if (one.arn.split('/').at(-1) === two.arn.split('/').at(-1)) {
    const list = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
    report(path, 'the user name in the template is the same for everybody', `put one of ${list} into its last part`);
  }
}

/** A template must give a session name that depends on the user. */
function checkSession(template: string, path: Path, report: Report): void {
  if (!checkPlaceholders(template, path, report)) return;
  const [one, two] = [filledWith(template, 'one'), filledWith(template, 'two')];
  if (!SESSION_NAME_PATTERN.test(one)) {
    report(path, `${JSON.stringify(template)} makes no session name`, 'use letters, digits and _+=,.@- around {login}');
  } else if (one === two) {
    report(path, 'the session name is the same for everybody', 'put {login} or {email} into it');
  }
}

/** Whether all that stands in braces is known, and every brace closed. */
function checkPlaceholders(template: string, path: Path, report: Report): boolean {
  const list = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
  const unknown = [...template.matchAll(/\{([^{}]*)\}/g)]
    .map((match) => match[1]!)
    .filter((name) => !isPlaceholder(name));
  for (const name of unknown) {
    const near = nearestName(name, PLACEHOLDERS);
    report(path, `there is no placeholder {${name}}`, near ? `did you mean {${near}}?` : `use ${list}`);
  }
  if (unknown.length > 0) return false;
  if (!/[{}]/.test(template.replace(/\{\w+\}/g, ''))) return true;
  report(path, 'a brace is left open', `use ${list}`);
  return false;
}

function isPlaceholder(name: string): boolean {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}

function filledWith(template: string, value: string): string {
  const filled = fillTemplate(template, { source: '', id: value, login: value, email: value });
  return filled && 'text' in filled ? filled.text : '';
}

function checkProtected(document: PolicyDocument, report: Report): void {
  const accounts = new Set(
    [...Object.values(document.clusters ?? {}), ...(document.discover ?? [])].map((c) => c.account),
  );
  const roles = new Map<string, string>();
  for (const [role, grant] of iamRolesOf(document)) {
    for (const account of accounts) roles.set(principalName({ account, type: 'role', name: role }), grant);
  }
  const adopted = new Map<string, string>();
  for (const { name, to } of document.grants ?? []) {
    for (const { principal } of granteesOf(to)) if (principal !== undefined) adopted.set(principal, name);
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
    for (const [principal, of] of adopted) {
      if (!principalSet([principal]).has(principalName(arn))) continue;
      report(
        path,
        `the grant "${of}" is to this principal, so it cannot be protected from it`,
        'remove one of the two',
      );
    }
  });
}
