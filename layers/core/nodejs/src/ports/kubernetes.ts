import type { AccessRule } from '../access/policy.ts';

/** The kinds of object that Gatehouse reads and writes. */
export type ObjectKind =
  | 'ConfigMap'
  | 'Namespace'
  | 'Secret'
  | 'ServiceAccount'
  | 'StatefulSet'
  | 'Role'
  | 'RoleBinding'
  | 'ClusterRole'
  | 'ClusterRoleBinding';

/** Names one object. `namespace` only for namespaced kinds. */
export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly namespace?: string;
  readonly name: string;
}

/** The metadata that Gatehouse keeps; whatever else the API server sends is kept and sent back unchanged. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

/** Who a binding binds (https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/role-binding-v1/). */
export interface BindingSubject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}

/** An object as the API server has it. Only the members of its kind are set. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: ObjectKind;
  readonly metadata: ObjectMeta;
  /** ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
  /** Role, ClusterRole. */
  readonly rules?: readonly AccessRule[] | null;
  /** RoleBinding, ClusterRoleBinding. */
  readonly subjects?: readonly BindingSubject[];
  readonly roleRef?: { readonly apiGroup: string; readonly kind: 'Role' | 'ClusterRole'; readonly name: string };
  readonly [member: string]: unknown;
}

/** May this user do this? (SubjectAccessReview, authorization.k8s.io/v1) */
export interface AccessQuestion {
  readonly user: string;
  readonly groups: readonly string[];
  readonly verb: string;
  /** Empty string: the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * The API server of one cluster.
 *
 * Every call throws Failure: `conflict` (409 on resourceVersion or uid), `already-exists` (409 on create), `not-found`,
 * `invalid` (422, 400), `escalation` (403 of the RBAC escalation check), `forbidden` (other 403), `unauthorized` (401),
 * `throttled` (429), `unreachable` (no answer, 5xx).
 */
export interface Kubernetes {
  read(ref: ObjectRef): Promise<KubernetesObject | undefined>;
  list(
    kind: ObjectKind,
    options: { namespace?: string; labelSelector?: string; limit?: number; continue?: string },
  ): Promise<{ items: readonly KubernetesObject[]; continue?: string }>;
  create(object: KubernetesObject): Promise<KubernetesObject>;
  /** Replaces the object if `metadata.resourceVersion` is still its version, and `metadata.uid` its uid: `invalid` without them. */
  replace(object: KubernetesObject): Promise<KubernetesObject>;
  /** Not found is success; with a precondition, `conflict` where it does not hold. */
  remove(ref: ObjectRef, precondition?: { uid?: string; resourceVersion?: string }): Promise<void>;
  review(question: AccessQuestion): Promise<{ allowed: boolean; reason?: string }>;
  /** Who the API server takes Gatehouse for (SelfSubjectReview). */
  whoAmI(): Promise<{ username: string; groups: readonly string[] }>;
}
