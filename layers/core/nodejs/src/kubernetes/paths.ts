import { Failure } from '../access/failure.ts';
import type { ObjectKind, ObjectRef } from '../ports/kubernetes.ts';

/** Where the API server keeps a kind (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris). */
interface Location {
  readonly apiVersion: string;
  readonly root: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const RBAC = { apiVersion: 'rbac.authorization.k8s.io/v1', root: '/apis/rbac.authorization.k8s.io/v1' };
const CORE = { apiVersion: 'v1', root: '/api/v1' };

const LOCATIONS: Readonly<Record<ObjectKind, Location>> = {
  ConfigMap: { ...CORE, plural: 'configmaps', namespaced: true },
  Secret: { ...CORE, plural: 'secrets', namespaced: true },
  ServiceAccount: { ...CORE, plural: 'serviceaccounts', namespaced: true },
  StatefulSet: { apiVersion: 'apps/v1', root: '/apis/apps/v1', plural: 'statefulsets', namespaced: true },
  Namespace: { ...CORE, plural: 'namespaces', namespaced: false },
  Role: { ...RBAC, plural: 'roles', namespaced: true },
  RoleBinding: { ...RBAC, plural: 'rolebindings', namespaced: true },
  ClusterRole: { ...RBAC, plural: 'clusterroles', namespaced: false },
  ClusterRoleBinding: { ...RBAC, plural: 'clusterrolebindings', namespaced: false },
};

/** The group and version of a kind, as `apiVersion` names it. */
export function apiVersionOf(kind: ObjectKind): string {
  return LOCATIONS[kind].apiVersion;
}

/**
 * A name as one segment of a path. What the API server refuses as a segment (`IsValidPathSegmentName`) is refused here,
 * before it could lead to another resource.
 * @throws Failure `invalid`.
 */
function segment(name: string, what: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name)) {
    throw new Failure('invalid', `"${name}" cannot be the name of a ${what} in Kubernetes`, {
      remedy: 'use a name that is not empty, not "." or "..", and holds neither "/" nor "%"',
    });
  }
  return encodeURIComponent(name);
}

/**
 * The path under which all objects of a kind are: of one namespace, or of all where none is given.
 * @throws Failure `invalid` for a name that is no path segment, or a namespace where the kind has none.
 */
export function collectionPath(kind: ObjectKind, namespace: string | undefined): string {
  const { root, plural, namespaced } = LOCATIONS[kind];
  if (namespace === undefined) return `${root}/${plural}`;
  if (!namespaced) throw new Failure('invalid', `a ${kind} is in no namespace, but "${namespace}" was given`);
  return `${root}/namespaces/${segment(namespace, 'namespace')}/${plural}`;
}

/** The path of one object. @throws Failure `invalid`, also where a namespaced kind has no namespace. */
export function objectPath(ref: ObjectRef): string {
  if (LOCATIONS[ref.kind].namespaced && ref.namespace === undefined) {
    throw new Failure('invalid', `the ${ref.kind} "${ref.name}" is named without its namespace`);
  }
  return `${collectionPath(ref.kind, ref.namespace)}/${segment(ref.name, ref.kind)}`;
}
