import type { ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { type ObjectState, observeObject } from '../managed-object.ts';
import { parseObjectRef } from '../object-ref.ts';
import type { Kind } from '../resource.ts';
import { applyRoleBinding } from './apply.ts';
import { diffRoleBinding } from './diff.ts';
import type { RoleBindingClaim } from './model.ts';

/** Bindings of the members of grants: README.md. */
export const roleBindingKind: Kind<RoleBindingClaim, ObjectState, ClusterPorts> = {
  name: 'role-binding',
  iamActions: [],
  keepsSnapshot: false,
  observe: ({ kubernetes }, object) => observeObject(kubernetes, refOf(object)),
  diff: diffRoleBinding,
  apply: (ports, change) => applyRoleBinding(ports, refOf(change.object), change),
};

function refOf(object: string): ObjectRef {
  return parseObjectRef(object, ['RoleBinding', 'ClusterRoleBinding']);
}
