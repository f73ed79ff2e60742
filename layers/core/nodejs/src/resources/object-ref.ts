import { Failure } from '../access/failure.ts';
import type { ObjectKind, ObjectRef } from '../ports/kubernetes.ts';

const NAMESPACED: ReadonlySet<string> = new Set<ObjectKind>([
  'ConfigMap',
  'Secret',
  'ServiceAccount',
  'StatefulSet',
  'Role',
  'RoleBinding',
]);
const CLUSTER_WIDE: ReadonlySet<string> = new Set<ObjectKind>(['Namespace', 'ClusterRole', 'ClusterRoleBinding']);

/** An object as claims name it: `Role/<namespace>/<name>`, `ClusterRole/<name>`. */
export function formatObjectRef(ref: ObjectRef): string {
  return ref.namespace === undefined ? `${ref.kind}/${ref.name}` : `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/**
 * What {@link formatObjectRef} wrote. No name in Kubernetes holds a slash.
 * @throws Failure `invalid` for anything else, also for a kind that is not among `kinds`.
 */
export function parseObjectRef(text: string, kinds: readonly ObjectKind[]): ObjectRef {
  const [kind = '', ...names] = text.split('/');
  const known = kinds.find((candidate) => candidate === kind);
  const complete = names.every((name) => name !== '');
  if (known && complete && NAMESPACED.has(known) && names.length === 2) {
    return { kind: known, namespace: names[0]!, name: names[1]! };
  }
  if (known && complete && CLUSTER_WIDE.has(known) && names.length === 1) return { kind: known, name: names[0]! };
  throw new Failure('invalid', `"${text}" does not name a ${kinds.join(' or a ')}`, {
    remedy: 'write it like Role/<namespace>/<name> or ClusterRole/<name>',
  });
}
