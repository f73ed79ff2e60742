import { Failure } from './failure.ts';

/**
 * Whom or what a piece of work is about, as a key: `user/<source>/<id>`, `machine/<name>` or `grant/<name>`. A grant is the
 * subject of what all its members share: the role, its line in aws-auth, the Role that bindings refer to.
 */
export type Subject = `user/${string}/${string}` | `machine/${string}` | `grant/${string}`;

/** The subject of a person known to a source by `id`. */
export const userSubject = (source: string, id: string): Subject => `user/${source}/${id}`;
/** The subject of a machine of the policy. */
export const machineSubject = (name: string): Subject => `machine/${name}`;
/** The subject of what the members of a grant share. */
export const grantSubject = (name: string): Subject => `grant/${name}`;

/** A subject, taken apart. */
export type SubjectParts =
  | { readonly type: 'user'; readonly source: string; readonly id: string }
  | { readonly type: 'machine'; readonly name: string }
  | { readonly type: 'grant'; readonly name: string };

/** Takes a subject apart. A user's id may itself hold slashes. @throws Failure `invalid`. */
export function parseSubject(subject: string): SubjectParts {
  const [type, first, ...rest] = subject.split('/');
  if (type === 'user' && first && rest.length > 0) return { type, source: first, id: rest.join('/') };
  if ((type === 'machine' || type === 'grant') && first && rest.length === 0) return { type, name: first };
  throw new Failure('invalid', `"${subject}" is not a subject`);
}
