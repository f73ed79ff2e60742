import type { AccessRule } from '@gatehouse/core/access/policy';
import { covers, type RbacObjects, rulesOf, rulesOfRole } from '@gatehouse/core/effective-access/rbac';
import { authorize, PRIVILEGED_GROUP, type UserInfo } from './authorizer.ts';
import type { Resource } from './kinds.ts';
import { ApiError, badRequest, forbidden, goQuoted, notFound } from './status.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** A write of an RBAC object, as the escalation check sees it. */
export interface RbacWrite {
  readonly resource: Resource;
  readonly namespace: string;
  /** The name in the path: empty for a create, which therefore no rule with resourceNames lets pass. */
  readonly nameInPath: string;
  readonly object: {
    readonly metadata: { readonly name?: string };
    readonly rules?: readonly AccessRule[] | null;
    readonly aggregationRule?: unknown;
    readonly roleRef?: { readonly kind: string; readonly name: string };
  };
  /** Whether the object that is replaced had an aggregationRule: taking it away changes what was gathered, too. */
  readonly wasAggregate: boolean;
}

/**
 * Refuses a write of a role or binding that would give away more than its writer has. Who may `escalate` on roles, or `bind`
 * the role, is let pass. Source: `pkg/registry/rbac/{role,rolebinding}/policybased/storage.go`, `escalation_check.go`.
 * @throws ApiError 403; 404 for a binding of a role that does not exist; 400 and 500 for one of what can be no role.
 */
export function checkEscalation(rbac: RbacObjects, user: UserInfo, write: RbacWrite): void {
  if (write.resource.group !== RBAC_GROUP || user.groups.includes(PRIVILEGED_GROUP)) return;
  if (write.resource.kind === 'Role' || write.resource.kind === 'ClusterRole') checkRole(rbac, user, write);
  else checkBinding(rbac, user, write);
}

function checkRole(rbac: RbacObjects, user: UserInfo, write: RbacWrite): void {
  const { resource, namespace, nameInPath, object, wasAggregate } = write;
  const question = { verb: 'escalate', group: RBAC_GROUP, resource: resource.resource, namespace, name: nameInPath };
  if (authorize(rbac, user, question).allowed) return;
  const name = object.metadata.name ?? '';
  const aggregate = object.aggregationRule !== undefined || wasAggregate;
  if (aggregate && missingRules(rbac, user, namespace, EVERYTHING).length > 0) {
    throw forbidden(resource, name, 'must have cluster-admin privileges to use the aggregationRule');
  }
  confirm(rbac, user, namespace, object.rules ?? [], resource, name);
}

function checkBinding(rbac: RbacObjects, user: UserInfo, { resource, namespace, object }: RbacWrite): void {
  const { kind = '', name: role = '' } = object.roleRef ?? {};
  const roles = kind === 'Role' ? 'roles' : 'clusterroles';
  const question = { verb: 'bind', group: RBAC_GROUP, resource: roles, namespace, name: role };
  const known = kind === 'Role' || kind === 'ClusterRole';
  if (known && authorize(rbac, user, question).allowed) return;
  if (!known) throw new ApiError(500, '', `unsupported role reference kind: ${goQuoted(kind)}`);
  if (role === '') throw badRequest('Name parameter required.');
  if (kind === 'Role' && namespace === '') throw badRequest('Namespace parameter required.');
  const found = rulesOfRole(rbac, { apiGroup: RBAC_GROUP, kind, name: role }, namespace);
  // The API server says of the binding that it is missing, by the name of the role.
  if (found === undefined) throw notFound(resource, role);
  confirm(rbac, user, namespace, found, resource, object.metadata.name ?? '');
}

const EVERYTHING: readonly AccessRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

function missingRules(
  rbac: RbacObjects,
  user: UserInfo,
  namespace: string,
  rules: readonly AccessRule[],
): readonly AccessRule[] {
  return covers(rulesOf(rbac, user, namespace), rules).uncovered;
}

function confirm(
  rbac: RbacObjects,
  user: UserInfo,
  namespace: string,
  rules: readonly AccessRule[],
  resource: Resource,
  name: string,
): void {
  const missing = missingRules(rbac, user, namespace, rules);
  if (missing.length === 0) return;
  const groups = `[${user.groups.map(goQuoted).join(' ')}]`;
  const described = [...new Set(compacted(missing).map(ruleText))].sort();
  throw forbidden(
    resource,
    name,
    `user ${goQuoted(user.username)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:\n` +
      described.join('\n'),
  );
}

/** Rules that differ only in their verb, made one, as `CompactRules` does. */
function compacted(rules: readonly AccessRule[]): AccessRule[] {
  const verbs = new Map<string, string[]>();
  const whole = new Map<string, AccessRule>();
  for (const rule of rules) {
    const { verbs: own, ...where } = rule;
    const key = rule.nonResourceURLs === undefined ? JSON.stringify(where) : JSON.stringify(rule);
    whole.set(key, rule);
    verbs.set(key, [...(verbs.get(key) ?? []), ...own.filter((verb) => !verbs.get(key)?.includes(verb))]);
  }
  return [...whole].map(([key, rule]) => ({ ...rule, verbs: verbs.get(key)! }));
}

function ruleText(rule: AccessRule): string {
  const part = (name: string, values: readonly string[] | undefined) =>
    values?.length ? [`${name}:[${values.map(goQuoted).join(' ')}]`] : [];
  const parts = [
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ];
  return `{${parts.join(', ')}}`;
}
