import type { ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { applyToObject, type ObjectState, observeObject } from '../managed-object.ts';
import type { Kind } from '../resource.ts';
import { diffNamespace } from './diff.ts';
import type { NamespaceClaim } from './model.ts';

/** Namespaces that grants need: README.md. */
export const namespaceKind: Kind<NamespaceClaim, ObjectState, ClusterPorts> = {
  name: 'namespace',
  iamActions: [],
  keepsSnapshot: false,
  observe: ({ kubernetes }, object) => observeObject(kubernetes, refOf(object)),
  diff: diffNamespace,
  apply: ({ kubernetes }, change) => applyToObject(kubernetes, refOf(change.object), change),
};

function refOf(name: string): ObjectRef {
  return { kind: 'Namespace', name };
}
