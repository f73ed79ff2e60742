import { shortened, USERNAME_PREFIX } from '../access/names.ts';
import type { AccessRule, Grant } from '../access/policy.ts';
import type { Subject } from '../access/subject.ts';
import { formatObjectRef } from '../resources/object-ref.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import { type Bound, boundName, type RoleBindingClaim } from '../resources/role-binding/model.ts';

/** A binding of a grant, whoever it binds. */
export interface GrantBinding {
  /** The object; without the shard's number, unless it is named. */
  readonly binding: string;
  /** True where it has the name that the policy gives it, and so no shards. */
  readonly isNamed: boolean;
  readonly roleRef: RoleBindingClaim['roleRef'];
}

/** A user or group to be bound, before it has a place in one of the binding's shards. */
export type BindingWish = GrantBinding & { readonly subject: Subject; readonly grant: string } & Bound;

/** The Roles and ClusterRoles that Gatehouse makes for a grant, each with its rules. */
export function rolesOf(grant: Grant): { readonly object: string; readonly rules: readonly AccessRule[] }[] {
  const { level, namespaces } = grant;
  const wide = level.clusterWide
    ? [{ object: formatObjectRef({ kind: 'ClusterRole', name: wideRoleName(grant) }), rules: level.clusterWide }]
    : [];
  if (!('rules' in level)) return wide;
  const name = ownRoleName(grant);
  const objects =
    namespaces.length === 0
      ? [formatObjectRef({ kind: 'ClusterRole', name })]
      : namespaces.map((namespace) => formatObjectRef({ kind: 'Role', namespace, name }));
  return [...objects.map((object) => ({ object, rules: level.rules })), ...wide];
}

const ownRoleName = (grant: Grant): string => grant.names?.role ?? `${USERNAME_PREFIX}${grant.name}`;
/** The ClusterRole of what a level gives on the whole cluster. */
export const wideRoleName = (grant: Pick<Grant, 'name'>): string => `${USERNAME_PREFIX}${grant.name}:cluster-wide`;

/** The bindings of a grant. What a binding refers to never changes, so it is part of a derived name. */
export function bindingsOf(grant: Grant): GrantBinding[] {
  const { level, namespaces } = grant;
  const kind = 'rules' in level && namespaces.length > 0 ? 'Role' : 'ClusterRole';
  const roleRef = { kind, name: 'clusterRole' in level ? level.clusterRole : ownRoleName(grant) } as const;
  const reference = 'clusterRole' in level ? `clusterrole-${shortened(level.clusterRole, 120)}` : 'role';
  const name = grant.names?.binding ?? `${USERNAME_PREFIX}${grant.name}:${reference}`;
  const isNamed = grant.names?.binding !== undefined;
  const objects =
    namespaces.length === 0
      ? [formatObjectRef({ kind: 'ClusterRoleBinding', name })]
      : namespaces.map((namespace) => formatObjectRef({ kind: 'RoleBinding', namespace, name }));
  const bindings = objects.map((binding) => ({ binding, isNamed, roleRef }));
  if (!level.clusterWide) return bindings;
  const wide = wideRoleName(grant);
  const binding = formatObjectRef({ kind: 'ClusterRoleBinding', name: wide });
  return [...bindings, { binding, isNamed: false, roleRef: { kind: 'ClusterRole', name: wide } }];
}

/** The wishes that bind a user or group by all bindings of a grant. */
export function bindingWishes(grant: Grant, subject: Subject, bound: Bound): BindingWish[] {
  return bindingsOf(grant).map((binding) => ({ subject, grant: grant.name, ...binding, ...bound }));
}

/** The claim of a wish that has found its shard. */
export function placedClaim(
  { subject, grant, binding, isNamed, roleRef, username, group }: BindingWish,
  shard: number,
): OwnedClaim<RoleBindingClaim> {
  const object = isNamed ? binding : `${binding}:${shard}`;
  const bound: Bound = username === undefined ? { group } : { username };
  return { subject, grant, claim: { kind: 'role-binding', object, grant, roleRef, ...bound } };
}

/** Whether an object is a binding, in whatever shard. */
export function isShardOf({ binding, isNamed }: Pick<GrantBinding, 'binding' | 'isNamed'>, object: string): boolean {
  if (isNamed) return object === binding;
  return object.startsWith(`${binding}:`) && /^\d+$/.test(object.slice(binding.length + 1));
}

/** Whether a claim is a wish's, in whatever shard. */
export function fulfils(claim: RoleBindingClaim, wish: BindingWish): boolean {
  return boundName(claim) === boundName(wish) && isShardOf(wish, claim.object);
}
