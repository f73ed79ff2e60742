import type { BindingSubject } from '../../ports/kubernetes.ts';
import type { Claim } from '../resource.ts';

/**
 * One user or group in a binding: `RoleBinding/<namespace>/<name>` or `ClusterRoleBinding/<name>`. All claims on one binding
 * name the same `roleRef`, which Kubernetes never lets change.
 */
export type RoleBindingClaim = Claim & {
  readonly kind: 'role-binding';
  readonly grant: string;
  readonly roleRef: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string };
} & Bound;

/** Whom a claim binds. A group is one of the tokens of the cluster's OIDC provider. */
export type Bound =
  | { readonly username: string; readonly group?: undefined }
  | { readonly group: string; readonly username?: undefined };

/** The API group of roles, of `roleRef` and of `User` subjects. */
export const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** Most subjects in one binding. What comes after goes into the next shard, so that every write stays small. */
export const MAX_SUBJECTS = 1000;

/** The subject of a binding for a user or group. */
export function subjectFor({ username, group }: Bound): BindingSubject {
  return username === undefined
    ? { apiGroup: RBAC_GROUP, kind: 'Group', name: group }
    : { apiGroup: RBAC_GROUP, kind: 'User', name: username };
}

/** A user or group as one text: `User alice`, `Group okta:devs`. Names of users and groups are told apart by it. */
export function boundName({ username, group }: Bound): string {
  return username === undefined ? `Group ${group}` : `User ${username}`;
}

/** A binding's subject in the words of {@link boundName}; undefined for service accounts and whatever else there is. */
export function boundIn({ kind, name, apiGroup = '' }: BindingSubject): string | undefined {
  const isBound = (kind === 'User' || kind === 'Group') && (apiGroup === '' || apiGroup === RBAC_GROUP);
  return isBound ? `${kind} ${name}` : undefined;
}
