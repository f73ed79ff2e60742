import type { AccessRule } from '@gatehouse/core/access/policy';

export interface RbacSubject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}
export interface RbacRole {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly AccessRule[] | null;
}
export interface RbacBinding {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly subjects?: readonly RbacSubject[];
  readonly roleRef: { readonly kind: string; readonly name: string };
}
export interface Rbac {
  readonly roles: readonly RbacRole[];
  readonly clusterRoles: readonly RbacRole[];
  readonly roleBindings: readonly RbacBinding[];
  readonly clusterRoleBindings: readonly RbacBinding[];
}
export interface Who {
  readonly username: string;
  readonly groups: readonly string[];
}
export type Question =
  | { verb: string; group: string; resource: string; subresource?: string; namespace?: string; name?: string }
  | { verb: string; path: string };

export function rulesOf(rbac: Rbac, who: Who, namespace: string) {
  const found: { rule: AccessRule; because: string }[] = [];
  const missing: string[] = [];
  const visit = (binding: RbacBinding, kind: string, where: string) => {
    const subject = (binding.subjects ?? []).find((one) => applies(one, who, where));
    if (!subject) return;
    const { kind: roleKind, name } = binding.roleRef;
    const role =
      roleKind === 'Role'
        ? rbac.roles.find((one) => one.metadata.namespace === where && one.metadata.name === name)
        : rbac.clusterRoles.find((one) => one.metadata.name === name);
    if (!role) {
      missing.push(`${roleKind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`);
      return;
    }
    const bindingName = where === '' ? binding.metadata.name : `${binding.metadata.name}/${where}`;
    const subjectName =
      subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? where}` : subject.name;
    const because = `RBAC: allowed by ${kind} ${JSON.stringify(bindingName)} of ${roleKind} ${JSON.stringify(name)} to ${subject.kind} ${JSON.stringify(subjectName)}`;
    for (const rule of role.rules ?? []) found.push({ rule, because });
  };
  for (const binding of rbac.clusterRoleBindings) visit(binding, 'ClusterRoleBinding', '');
  if (namespace !== '')
    for (const binding of rbac.roleBindings)
      if (binding.metadata.namespace === namespace) visit(binding, 'RoleBinding', namespace);
  return { rules: found, missing };
}

function applies(subject: RbacSubject, who: Who, namespace: string): boolean {
  if (subject.kind === 'User') return who.username === subject.name;
  if (subject.kind === 'Group') return who.groups.includes(subject.name);
  const where = subject.namespace || namespace;
  return where !== '' && who.username === `system:serviceaccount:${where}:${subject.name}`;
}

export function ruleAllows(rule: AccessRule, question: Question): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list?.some((one) => one === '*' || one === value) ?? false;
  if (!has(rule.verbs, question.verb)) return false;
  if ('path' in question)
    return (rule.nonResourceURLs ?? []).some(
      (url) =>
        url === '*' ||
        url === question.path ||
        (url.endsWith('*') && question.path.startsWith(url.replace(/\*+$/, ''))),
    );
  const sub = question.subresource ?? '';
  const combined = sub === '' ? question.resource : `${question.resource}/${sub}`;
  const resource = (rule.resources ?? []).some(
    (one) => one === '*' || one === combined || (sub !== '' && one === `*/${sub}`),
  );
  const names = rule.resourceNames ?? [];
  return has(rule.apiGroups, question.group) && resource && (names.length === 0 || names.includes(question.name ?? ''));
}

export function mayThey(rbac: Rbac, who: Who, question: Question) {
  const { rules, missing } = rulesOf(rbac, who, 'path' in question ? '' : (question.namespace ?? ''));
  const hit = rules.find(({ rule }) => ruleAllows(rule, question));
  return { allowed: hit !== undefined, because: hit?.because ?? '', missing };
}

export function covers(owner: readonly AccessRule[], servant: readonly AccessRule[]) {
  const missing = servant.flatMap(atoms).filter((atom) => !owner.some((rule) => coversAtom(rule, atom)));
  return { covers: missing.length === 0, missing };
}

function atoms(rule: AccessRule): AccessRule[] {
  const urls = (rule.nonResourceURLs ?? []).flatMap((url) =>
    rule.verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })),
  );
  const names = rule.resourceNames?.length ? rule.resourceNames.map((name) => [name]) : [undefined];
  const resources = (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      names.flatMap((name) =>
        rule.verbs.map((verb) => ({
          apiGroups: [group],
          resources: [resource],
          ...(name ? { resourceNames: name } : {}),
          verbs: [verb],
        })),
      ),
    ),
  );
  return [...urls, ...resources];
}

function coversAtom(owner: AccessRule, atom: AccessRule): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list?.some((one) => one === '*' || one === value) ?? false;
  if (!has(owner.verbs, atom.verbs[0]!)) return false;
  const url = atom.nonResourceURLs?.[0];
  if (url !== undefined)
    return (owner.nonResourceURLs ?? []).some(
      (one) => one === '*' || one === url || (one.endsWith('*') && url.startsWith(one.slice(0, -1))),
    );
  const resource = atom.resources![0]!;
  const slash = resource.indexOf('/');
  const covered = (owner.resources ?? []).some(
    (one) => one === '*' || one === resource || (slash >= 0 && one === `*${resource.slice(slash)}`),
  );
  const names = owner.resourceNames ?? [];
  const name = atom.resourceNames?.[0];
  return (
    has(owner.apiGroups, atom.apiGroups![0]!) &&
    covered &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}
