import {
  type GrantedBy,
  mayThey,
  type Question,
  type RbacObjects,
  rulesOfRole,
} from '@gatehouse/core/effective-access/rbac';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { RequestInfo } from './request-info.ts';
import { type ApiError, forbidden, goQuoted } from './status.ts';

/** Who asks, as authentication found out. */
export interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Whose members may do everything, whatever RBAC says. */
export const PRIVILEGED_GROUP = 'system:masters';

/** What kube-apiserver's chain of authorizers says: the privileged group first, then RBAC. */
export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Decides one question. A denial's reason names the roles that bindings of this user refer to and that do not exist. */
export function authorize(rbac: RbacObjects, user: UserInfo, question: Question): Decision {
  if (user.groups.includes(PRIVILEGED_GROUP)) return { allowed: true, reason: '' };
  const answer = mayThey(rbac, user, question);
  if (answer.allowed) return { allowed: true, reason: allowedBy(rbac, user, answer.by) };
  const missing = missingRoles(rbac, user, 'path' in question ? '' : (question.namespace ?? ''));
  if (missing.length === 0) return { allowed: false, reason: '' };
  return { allowed: false, reason: `RBAC: ${aggregated(missing)}` };
}

/** Several errors as Go makes one of them. */
export function aggregated(errors: readonly string[]): string {
  return errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`;
}

/** The roles that a user's bindings name in vain, as the authorizer reports them. */
export function missingRoles(rbac: RbacObjects, user: UserInfo, namespace: string): readonly string[] {
  const local = rbac.roleBindings.filter(({ metadata }) => namespace !== '' && metadata.namespace === namespace);
  const missing = [...rbac.clusterRoleBindings, ...local].flatMap((binding) => {
    const { roleRef, metadata } = binding;
    if (roleRef === undefined || rulesOfRole(rbac, roleRef, metadata.namespace) !== undefined) return [];
    if (subjectMeaning(user, binding) === undefined) return [];
    return [`${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${goQuoted(roleRef.name)} not found`];
  });
  return [...new Set(missing)];
}

type Subject = NonNullable<KubernetesObject['subjects']>[number];

function subjectMeaning(user: UserInfo, { subjects, metadata }: KubernetesObject): Subject | undefined {
  return subjects?.find(({ kind, name, namespace }) => {
    if (kind === 'User') return name === user.username;
    if (kind === 'Group') return user.groups.includes(name);
    return user.username === `system:serviceaccount:${namespace || (metadata.namespace ?? '')}:${name}`;
  });
}

function allowedBy(rbac: RbacObjects, user: UserInfo, by: GrantedBy): string {
  const clusterWide = by.binding.startsWith('ClusterRoleBinding ');
  const key = by.binding.slice(by.binding.indexOf(' ') + 1);
  const found = (clusterWide ? rbac.clusterRoleBindings : rbac.roleBindings).find(({ metadata }) =>
    clusterWide ? metadata.name === key : `${metadata.namespace}/${metadata.name}` === key,
  );
  const subject = found && subjectMeaning(user, found);
  if (found?.roleRef === undefined || subject === undefined) return `RBAC: allowed by ${by.binding}`;
  const { name, namespace = '' } = found.metadata;
  const binding = clusterWide
    ? `ClusterRoleBinding ${goQuoted(name)}`
    : `RoleBinding ${goQuoted(`${name}/${namespace}`)}`;
  const whom = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
  const { kind, name: role } = found.roleRef;
  return `RBAC: allowed by ${binding} of ${kind} ${goQuoted(role)} to ${subject.kind} ${goQuoted(whom)}`;
}

/** The question a request asks the authorizer. */
export function questionOf(info: RequestInfo): Question {
  if (info.type === 'path') return { verb: info.verb, path: info.path };
  const { verb, group, resource, subresource, namespace, name } = info;
  return { verb, group, resource, subresource, namespace, name };
}

/** The 403 of a denied question, worded as `apiserver/pkg/endpoints/handlers/responsewriters/errors.go` words it. */
export function denial(user: UserInfo, question: Question, reason: string): ApiError {
  const because = reason === '' ? '' : `: ${reason}`;
  if ('path' in question) {
    const text = `User ${goQuoted(user.username)} cannot ${question.verb} path ${goQuoted(question.path)}`;
    return forbidden({ group: '', resource: '' }, '', text + because);
  }
  const { group, resource, subresource = '', namespace = '', name = '', verb } = question;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuoted(namespace)}`;
  const text = `User ${goQuoted(user.username)} cannot ${verb} resource ${goQuoted(what)} in API group ${goQuoted(group)} ${where}`;
  return forbidden({ group, resource }, name, text + because);
}
