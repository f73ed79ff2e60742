import type { BindingSubject } from '../../ports/kubernetes.ts';
import type { Claim } from '../resource.ts';

/**
 * One username in a binding: `RoleBinding/<namespace>/<name>` or `ClusterRoleBinding/<name>`. All claims on one binding name
 * the same `roleRef`, which Kubernetes never lets change.
 */
export interface RoleBindingClaim extends Claim {
  readonly kind: 'role-binding';
  readonly grant: string;
  readonly roleRef: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string };
  readonly username: string;
}

/** The API group of roles, of `roleRef` and of `User` subjects. */
export const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** Most subjects in one binding. What comes after goes into the next shard, so that every write stays small. */
export const MAX_SUBJECTS = 1000;

/** The subject of a username. */
export function userSubject(username: string): BindingSubject {
  return { apiGroup: RBAC_GROUP, kind: 'User', name: username };
}

/** The username of a `User` subject, undefined for groups and service accounts. */
export function usernameOf(subject: BindingSubject): string | undefined {
  const group = subject.apiGroup ?? '';
  return subject.kind === 'User' && (group === '' || group === RBAC_GROUP) ? subject.name : undefined;
}
