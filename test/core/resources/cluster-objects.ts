import { GRANT_ANNOTATION, MANAGED_BY } from '@gatehouse/core/access/names';
import type { BindingSubject, KubernetesObject, ObjectKind } from '@gatehouse/core/ports/kubernetes';
import type { ObjectState } from '@gatehouse/core/resources/managed-object';
import { parseObjectRef } from '@gatehouse/core/resources/object-ref';

/** The labels and annotations of an object that Gatehouse made for `grant`. */
export function ours(grant: string) {
  return { labels: { [MANAGED_BY.key]: MANAGED_BY.value }, annotations: { [GRANT_ANNOTATION]: grant } };
}

/** An object as an API server would answer it, with members that Gatehouse has no word for. */
export function there(object: string, members: Partial<KubernetesObject> = {}, kinds = RBAC_KINDS): ObjectState {
  const { kind, ...names } = parseObjectRef(object, kinds);
  const { metadata, ...rest } = members;
  return {
    present: true,
    object: {
      apiVersion: kind === 'Namespace' ? 'v1' : 'rbac.authorization.k8s.io/v1',
      kind,
      metadata: {
        ...names,
        uid: 'uid-1',
        resourceVersion: '41',
        creationTimestamp: '2026-01-01T00:00:00Z',
        managedFields: [{ manager: 'kubectl' }],
        ...metadata,
      },
      ...rest,
    },
  };
}

const RBAC_KINDS: readonly ObjectKind[] = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding', 'Namespace'];

export function user(name: string): BindingSubject {
  return { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name };
}
