import { mayThey, type Question, type Rbac } from './rbac-model.ts';
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

/** Decides one question. */
export function authorize(rbac: Rbac, user: UserInfo, question: Question): Decision {
  if (user.groups.includes(PRIVILEGED_GROUP)) return { allowed: true, reason: '' };
  const { allowed, because, missing } = mayThey(rbac, user, question);
  if (allowed) return { allowed, reason: because };
  const errors = [...new Set(missing)];
  if (errors.length === 0) return { allowed, reason: '' };
  return { allowed, reason: `RBAC: ${errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`}` };
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
