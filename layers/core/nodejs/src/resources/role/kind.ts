import type { ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { type ObjectState, observeObject } from '../managed-object.ts';
import { parseObjectRef } from '../object-ref.ts';
import type { Kind } from '../resource.ts';
import { applyRole } from './apply.ts';
import { diffRole } from './diff.ts';
import type { RoleClaim } from './model.ts';

/** Roles and ClusterRoles made for grants: README.md. */
export const roleKind: Kind<RoleClaim, ObjectState, ClusterPorts> = {
  name: 'role',
  iamActions: [],
  keepsSnapshot: false,
  observe: ({ kubernetes }, object) => observeObject(kubernetes, refOf(object)),
  diff: diffRole,
  apply: (ports, change) => applyRole(ports, refOf(change.object), change),
};

function refOf(object: string): ObjectRef {
  return parseObjectRef(object, ['Role', 'ClusterRole']);
}
