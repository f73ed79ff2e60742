import { Failure } from './failure.ts';

/**
 * Whom or what a piece of work is about, as a key: `user/<source>/<id>`, `machine/<name>`, `principal/<arn>`, or what several
 * of them share: `grant/<name>` (the role, its line in aws-auth, the Role that bindings refer to), `permission-set/<name>` (its
 * line in aws-auth), `identity-provider/<name>` (its association), `connection/<cluster>` (the registration of a cluster that
 * runs elsewhere).
 */
export type Subject =
  | `user/${string}/${string}`
  | `machine/${string}`
  | `principal/${string}`
  | `grant/${string}`
  | `permission-set/${string}`
  | `identity-provider/${string}`
  | `connection/${string}`;

/** The subject of a person known to a source by `id`. */
export const userSubject = (source: string, id: string): Subject => `user/${source}/${id}`;
/** The subject of a machine of the policy. */
export const machineSubject = (name: string): Subject => `machine/${name}`;
/** The subject of an IAM role or user that exists and was adopted. */
export const principalSubject = (arn: string): Subject => `principal/${arn}`;
/** The subject of what the members of a grant share. */
export const grantSubject = (name: string): Subject => `grant/${name}`;
/** The subject of what all share who come by a permission set. */
export const permissionSetSubject = (name: string): Subject => `permission-set/${name}`;
/** The subject of an OIDC identity provider's association with clusters. */
export const identityProviderSubject = (name: string): Subject => `identity-provider/${name}`;
/** The subject of a cluster's registration. */
export const connectionSubject = (cluster: string): Subject => `connection/${cluster}`;

const NAMED = ['machine', 'grant', 'permission-set', 'identity-provider', 'connection'] as const;

/** A subject, taken apart. */
export type SubjectParts =
  | { readonly type: 'user'; readonly source: string; readonly id: string }
  | { readonly type: 'principal'; readonly arn: string }
  | { readonly type: (typeof NAMED)[number]; readonly name: string };

/** A subject that comes in by itself. */
export type MemberParts = Extract<SubjectParts, { type: 'user' | 'principal' }> | { type: 'machine'; name: string };

/** Takes a subject apart. A user's id may itself hold slashes. @throws Failure `invalid`. */
export function parseSubject(subject: string): SubjectParts {
  const [type, first, ...rest] = subject.split('/');
  if (type === 'user' && first && rest.length > 0) return { type, source: first, id: rest.join('/') };
  if (type === 'principal' && first) return { type, arn: [first, ...rest].join('/') };
  const named = NAMED.find((one) => one === type);
  if (named && first && rest.length === 0) return { type: named, name: first };
  throw new Failure('invalid', `"${subject}" is not a subject`);
}

/** A subject that comes in by itself, taken apart; undefined for what several share. */
export function memberOf(subject: string): MemberParts | undefined {
  const parts = parseSubject(subject);
  return parts.type === 'user' || parts.type === 'machine' || parts.type === 'principal'
    ? (parts as MemberParts)
    : undefined;
}
