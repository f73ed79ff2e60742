import type { Grant } from '@gatehouse/core/access/policy';
import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import type { RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';

/** One place where a grant takes effect: its own role, if its level has rules, and the binding. */
export interface BindingWish {
  readonly role?: ObjectRef;
  readonly binding: ObjectRef;
  readonly roleRef: RoleBindingClaim['roleRef'];
}

/** The roles and bindings of a grant, worked out from architecture.md and not from the planner. */
export function roleBindingWishes({ name, level, namespaces }: Grant): readonly BindingWish[] {
  const own = `gatehouse:${name}`;
  const wish = (role: ObjectRef, binding: ObjectRef): BindingWish =>
    'rules' in level
      ? { role, binding, roleRef: { kind: role.kind as 'Role' | 'ClusterRole', name: own } }
      : { binding, roleRef: { kind: 'ClusterRole', name: level.clusterRole } };
  if (namespaces.length === 0) {
    return [wish({ kind: 'ClusterRole', name: own }, { kind: 'ClusterRoleBinding', name: `${own}:role:0` })];
  }
  return namespaces.map((namespace) =>
    wish({ kind: 'Role', namespace, name: own }, { kind: 'RoleBinding', namespace, name: `${own}:role:0` }),
  );
}
