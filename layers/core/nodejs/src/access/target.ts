import { Failure } from './failure.ts';

/**
 * What one worker at a time changes, as a key: `iam/<account>/role/<name>`, `iam/<account>/user/<name>` or
 * `cluster/<arn>`. `verify/<arn>` is the same cluster seen by verification, which changes nothing.
 */
export type Target =
  | `iam/${string}/role/${string}`
  | `iam/${string}/user/${string}`
  | `cluster/${string}`
  | `verify/${string}`;

/** The target of an IAM role. Role names are unique in an account whatever their path. */
export const roleTarget = (account: string, name: string): Target => `iam/${account}/role/${name}`;
/** The target of an IAM user. */
export const userTarget = (account: string, name: string): Target => `iam/${account}/user/${name}`;
/** The target of a cluster. */
export const clusterTarget = (arn: string): Target => `cluster/${arn}`;
/** Where what is to be verified on a cluster is marked. */
export const verificationTarget = (arn: string): Target => `verify/${arn}`;

/** A target, taken apart. */
export type TargetParts =
  | { readonly type: 'iam'; readonly account: string; readonly principal: 'role' | 'user'; readonly name: string }
  | { readonly type: 'cluster' | 'verify'; readonly arn: string };

/** Takes a target apart. @throws Failure `invalid`. */
export function parseTarget(target: string): TargetParts {
  const cluster = /^(cluster|verify)\/(.+)$/.exec(target);
  if (cluster) return { type: cluster[1] as 'cluster' | 'verify', arn: cluster[2]! };
  const principal = /^iam\/(\d{12})\/(role|user)\/(.+)$/.exec(target);
  if (!principal) throw new Failure('invalid', `"${target}" is not a target`);
  return { type: 'iam', account: principal[1]!, principal: principal[2] as 'role' | 'user', name: principal[3]! };
}
