import { Failure } from './failure.ts';

/** What one worker at a time changes, as a key: `iam/<account>/role/<name>`, `iam/<account>/user/<name>` or `cluster/<arn>`. */
export type Target = `iam/${string}/role/${string}` | `iam/${string}/user/${string}` | `cluster/${string}`;

/** The target of an IAM role. Role names are unique in an account whatever their path. */
export const roleTarget = (account: string, name: string): Target => `iam/${account}/role/${name}`;
/** The target of an IAM user. */
export const userTarget = (account: string, name: string): Target => `iam/${account}/user/${name}`;
/** The target of a cluster. */
export const clusterTarget = (arn: string): Target => `cluster/${arn}`;

/** A target, taken apart. */
export type TargetParts =
  | { readonly type: 'iam'; readonly account: string; readonly principal: 'role' | 'user'; readonly name: string }
  | { readonly type: 'cluster'; readonly arn: string };

/** Takes a target apart. @throws Failure `invalid`. */
export function parseTarget(target: string): TargetParts {
  if (target.startsWith('cluster/')) return { type: 'cluster', arn: target.slice('cluster/'.length) };
  const match = /^iam\/(\d{12})\/(role|user)\/(.+)$/.exec(target);
  if (!match) throw new Failure('invalid', `"${target}" is not a target`);
  return { type: 'iam', account: match[1]!, principal: match[2] as 'role' | 'user', name: match[3]! };
}
