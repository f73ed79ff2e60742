import type { Question, RbacObjects } from '@gatehouse/core/effective-access/rbac';
import { authorize, denial, type UserInfo } from './authorizer.ts';
import { PlainError } from './status.ts';

/** Request headers, lower case; a repeated one has several values. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** All values of a header. */
export function headerValues(headers: Headers, name: string): readonly string[] {
  const value = headers[name];
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

const EXTRA_PREFIX = 'impersonate-extra-';
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

/**
 * Who the request is to be judged as: the user who sent it, or the one it impersonates, if each part of that identity may be.
 * Source: `apiserver/pkg/endpoints/filters/impersonation.go`.
 * @param path of the request, for the failure.
 * @throws ApiError 403; PlainError 500 where groups, a uid or extras come without a user.
 */
export function effectiveUser(rbac: RbacObjects, sender: UserInfo, headers: Headers, path: string): UserInfo {
  const username = headerValues(headers, 'impersonate-user')[0] ?? '';
  const groups = headerValues(headers, 'impersonate-group');
  const uid = headerValues(headers, 'impersonate-uid')[0] ?? '';
  const extra = new Map(
    Object.keys(headers)
      .filter((name) => name.startsWith(EXTRA_PREFIX))
      .map((name) => [unescaped(name.slice(EXTRA_PREFIX.length)).toLowerCase(), headerValues(headers, name)]),
  );
  if (username === '') {
    if (groups.length === 0 && uid === '' && extra.size === 0) return sender;
    const requested = asGoPrintsThem(groups, uid, extra);
    throw new PlainError(
      500,
      `Internal Server Error: "${path}": requested [${requested}] without impersonating a user\n`,
    );
  }
  const account = SERVICE_ACCOUNT.exec(username);
  for (const question of questions(username, account, groups, uid, extra)) {
    const { allowed, reason } = authorize(rbac, sender, question);
    if (!allowed) throw denial(sender, question, reason);
  }
  const own =
    groups.length > 0 || !account ? groups : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  return {
    username,
    groups: withAuthentication(username, own),
    ...(uid === '' ? {} : { uid }),
    ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** A namespace and a name, as DNS has them. */
const SERVICE_ACCOUNT = /^system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;

/** Object references, all of their fields in a row. */
function asGoPrintsThem(groups: readonly string[], uid: string, extra: ReadonlyMap<string, readonly string[]>): string {
  const reference = (kind: string, name: string, apiVersion = '', fieldPath = '') =>
    `{${kind}  ${name}  ${apiVersion}  ${fieldPath}}`;
  const authentication = 'authentication.k8s.io/v1';
  return [
    ...groups.map((group) => reference('Group', group)),
    ...[...extra].flatMap(([key, values]) => values.map((value) => reference('UserExtra', value, authentication, key))),
    ...(uid === '' ? [] : [reference('UID', uid, authentication)]),
  ].join(' ');
}

function* questions(
  username: string,
  account: RegExpExecArray | null,
  groups: readonly string[],
  uid: string,
  extra: ReadonlyMap<string, readonly string[]>,
): Generator<Question> {
  const verb = 'impersonate';
  const authentication = 'authentication.k8s.io';
  yield account
    ? { verb, group: '', resource: 'serviceaccounts', namespace: account[1]!, name: account[3]! }
    : { verb, group: '', resource: 'users', name: username };
  for (const name of groups) yield { verb, group: '', resource: 'groups', name };
  for (const [subresource, values] of extra) {
    for (const name of values) yield { verb, group: authentication, resource: 'userextras', subresource, name };
  }
  if (uid !== '') yield { verb, group: authentication, resource: 'uids', name: uid };
}

function withAuthentication(username: string, groups: readonly string[]): readonly string[] {
  if (groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED)) return groups;
  return [...groups, username === 'system:anonymous' ? UNAUTHENTICATED : AUTHENTICATED];
}

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
