import type { AccessRule } from '../access/policy.ts';
import type { BindingSubject, KubernetesObject } from '../ports/kubernetes.ts';

/**
 * What Kubernetes' RBAC lets a user do, as a pure function of the objects (https://kubernetes.io/docs/reference/access-authn-authz/rbac/;
 * the rules of matching follow `pkg/apis/rbac/v1/evaluation_helpers.go` and `pkg/registry/rbac/validation/rule.go`).
 */

/** The RBAC objects of a cluster. Aggregated ClusterRoles carry their rules already, as the API server shows them. */
export interface RbacObjects {
  readonly roles: readonly KubernetesObject[];
  readonly clusterRoles: readonly KubernetesObject[];
  readonly roleBindings: readonly KubernetesObject[];
  readonly clusterRoleBindings: readonly KubernetesObject[];
}

/** A user as the API server knows them. Callers name `system:authenticated` among the groups themselves. */
export interface Who {
  readonly username: string;
  readonly groups: readonly string[];
}

/** A request on a resource. Without namespace: cluster-wide, which no RoleBinding allows. */
export interface ResourceQuestion {
  readonly verb: string;
  /** Empty string: the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** A request on a path that is no resource, such as `/healthz`. */
export interface PathQuestion {
  readonly verb: string;
  readonly path: string;
}

export type Question = ResourceQuestion | PathQuestion;

/** What grants a rule: `ClusterRoleBinding name` or `RoleBinding namespace/name`, and `Role ...` or `ClusterRole ...`. */
export interface GrantedBy {
  readonly binding: string;
  readonly role: string;
}

export type Answer = { readonly allowed: true; readonly by: GrantedBy } | { readonly allowed: false };

/** May this user do this? A binding to a role that does not exist allows nothing. */
export function mayThey(rbac: RbacObjects, who: Who, question: Question): Answer {
  const namespace = 'path' in question ? undefined : question.namespace;
  for (const { rule, by } of grantedRules(rbac, who, namespace)) {
    if (allows(rule, question)) return { allowed: true, by };
  }
  return { allowed: false };
}

/** All rules that apply to a user in a namespace, those of ClusterRoleBindings first; without namespace, only these. */
export function rulesOf(rbac: RbacObjects, who: Who, namespace?: string): readonly AccessRule[] {
  return [...grantedRules(rbac, who, namespace)].map(({ rule }) => rule);
}

/** The rules that a reference names in a namespace (undefined for a ClusterRoleBinding); undefined where there is no such role. */
export function rulesOfRole(
  rbac: RbacObjects,
  roleRef: NonNullable<KubernetesObject['roleRef']>,
  namespace?: string,
): readonly AccessRule[] | undefined {
  const role =
    roleRef.kind === 'ClusterRole'
      ? rbac.clusterRoles.find(({ metadata }) => metadata.name === roleRef.name)
      : rbac.roles.find(({ metadata }) => metadata.name === roleRef.name && metadata.namespace === namespace);
  if (role === undefined || (roleRef.kind === 'Role' && namespace === undefined)) return undefined;
  return role.rules ?? [];
}

/** Rules that one binding gives a user. */
export interface Right extends GrantedBy {
  /** Absent: the whole cluster. */
  readonly namespace?: string;
  readonly rules: readonly AccessRule[];
  /** Given to every login alike. */
  readonly isForAll: boolean;
}

/** Groups that every login is in. */
const EVERYBODY: ReadonlySet<string> = new Set(['system:authenticated', 'system:unauthenticated']);

/** All that bindings give a user, in every namespace: what `kubectl auth can-i --list` says in each of them. */
export function rightsOf(rbac: RbacObjects, who: Who): readonly Right[] {
  const namespaces = new Set(
    rbac.roleBindings.flatMap(({ metadata: { namespace } }) => (namespace ? [namespace] : [])),
  );
  const own = { ...who, groups: who.groups.filter((group) => !EVERYBODY.has(group)) };
  return [undefined, ...namespaces].flatMap((namespace) => {
    const rights = new Map<string, { by: GrantedBy; rules: AccessRule[] }>();
    for (const { rule, by } of grantedRules(rbac, who, namespace)) {
      if (by.binding.startsWith('RoleBinding ') === (namespace === undefined)) continue;
      const known = rights.get(by.binding) ?? { by, rules: [] };
      rights.set(by.binding, known);
      known.rules.push(rule);
    }
    const theirs = new Set([...grantedRules(rbac, own, namespace)].map(({ by }) => by.binding));
    return [...rights.values()].map(({ by, rules }) => ({
      ...by,
      ...(namespace === undefined ? {} : { namespace }),
      rules,
      isForAll: !theirs.has(by.binding),
    }));
  });
}

function* grantedRules(
  rbac: RbacObjects,
  who: Who,
  namespace: string | undefined,
): Generator<{ readonly rule: AccessRule; readonly by: GrantedBy }> {
  const local = namespace ? rbac.roleBindings.filter(({ metadata }) => metadata.namespace === namespace) : [];
  const scoped = [
    ...rbac.clusterRoleBindings.map((binding) => ({ binding, scope: undefined })),
    ...local.map((binding) => ({ binding, scope: namespace })),
  ];
  for (const { binding, scope } of scoped) {
    const { roleRef } = binding;
    if (roleRef === undefined || !(binding.subjects ?? []).some((subject) => isMeant(subject, who, scope))) continue;
    const by = {
      binding:
        scope === undefined
          ? `ClusterRoleBinding ${binding.metadata.name}`
          : `RoleBinding ${scope}/${binding.metadata.name}`,
      role: roleRef.kind === 'Role' ? `Role ${scope ?? ''}/${roleRef.name}` : `ClusterRole ${roleRef.name}`,
    };
    for (const rule of rulesOfRole(rbac, roleRef, scope) ?? []) yield { rule, by };
  }
}

function isMeant(subject: BindingSubject, who: Who, scope: string | undefined): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === who.username;
    case 'Group':
      return who.groups.includes(subject.name);
    case 'ServiceAccount': {
      const namespace = subject.namespace || scope;
      return Boolean(namespace) && who.username === `system:serviceaccount:${namespace}:${subject.name}`;
    }
    default:
      return false;
  }
}

/** Does this rule alone allow it? */
export function allows(rule: AccessRule, question: Question): boolean {
  if (!anyOrOne(rule.verbs, question.verb)) return false;
  if ('path' in question) return (rule.nonResourceURLs ?? []).some((url) => urlCovers(url, question.path));
  const names = rule.resourceNames ?? [];
  return (
    anyOrOne(rule.apiGroups, question.group) &&
    (rule.resources ?? []).some((resource) => resourceAllows(resource, question)) &&
    (names.length === 0 || names.includes(question.name ?? ''))
  );
}

function resourceAllows(resource: string, { resource: asked, subresource }: ResourceQuestion): boolean {
  if (resource === '*') return true;
  if (!subresource) return resource === asked;
  return resource === `${asked}/${subresource}` || resource === `*/${subresource}`;
}

function anyOrOne(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(value));
}

/** A URL of a rule covers itself, and what begins with it where it ends in `*`. */
function urlCovers(url: string, path: string): boolean {
  return url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));
}

/**
 * Kubernetes' escalation check: nobody may grant what they do not hold. Each rule of `servantRules` is taken apart into single
 * verbs, groups, resources and names, and each of these must be covered by one rule of `ownerRules` alone. Follows
 * `k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go`, also where it is stricter than the authorizer: a
 * resource name is covered only by the same name or by a rule without names.
 */
export function covers(
  ownerRules: readonly AccessRule[],
  servantRules: readonly AccessRule[],
): { readonly uncovered: readonly AccessRule[] } {
  const atoms = servantRules.flatMap(takenApart);
  return { uncovered: atoms.filter((atom) => !ownerRules.some((owner) => coversAtom(owner, atom))) };
}

/** A rule as many rules, each with one verb and one URL, or one verb, group, resource and at most one name. */
export function takenApart(rule: AccessRule): readonly AccessRule[] {
  const names = rule.resourceNames?.length ? rule.resourceNames.map((name) => ({ resourceNames: [name] })) : [{}];
  const onResources = (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      rule.verbs.flatMap((verb) =>
        names.map((name) => ({ apiGroups: [group], resources: [resource], verbs: [verb], ...name })),
      ),
    ),
  );
  const onUrls = (rule.nonResourceURLs ?? []).flatMap((url) =>
    rule.verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })),
  );
  return [...onResources, ...onUrls];
}

function coversAtom(owner: AccessRule, atom: AccessRule): boolean {
  const ownerNames = owner.resourceNames ?? [];
  const namesCovered =
    ownerNames.length === 0 ||
    (atom.resourceNames ?? [undefined]).every((name) => name !== undefined && ownerNames.includes(name));
  return (
    namesCovered &&
    atom.verbs.every((verb) => anyOrOne(owner.verbs, verb)) &&
    (atom.apiGroups ?? []).every((group) => anyOrOne(owner.apiGroups, group)) &&
    (atom.resources ?? []).every((resource) => resourceCovers(owner.resources ?? [], resource)) &&
    (atom.nonResourceURLs ?? []).every((url) => (owner.nonResourceURLs ?? []).some((one) => urlCovers(one, url)))
  );
}

function resourceCovers(owned: readonly string[], resource: string): boolean {
  if (owned.includes('*') || owned.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && owned.includes(`*${resource.slice(slash)}`);
}
