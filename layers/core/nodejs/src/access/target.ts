import { type PrincipalArn, parseClusterArn } from './arn.ts';
import { Failure } from './failure.ts';

/**
 * What one worker at a time changes, as a key: `iam/<account>/role/<name>`, `iam/<account>/user/<name>`,
 * `iam/<account>/policy/<name>`, `iam/<account>/connection/<region>/<cluster>` (the registration of a cluster elsewhere, with
 * the role of its agent) or `cluster/<arn>`. `iam/<account>/permission-set/<name>` is looked up only: its role is Identity Center's. `verify/<arn>` is a cluster seen by verification, which changes nothing.
 */
export type Target = `iam/${string}/${IamTargetType}/${string}` | `cluster/${string}` | `verify/${string}`;

/** What in IAM is a target of its own. */
export type IamTargetType = (typeof IAM_TARGET_TYPES)[number];
const IAM_TARGET_TYPES = ['role', 'user', 'policy', 'permission-set', 'connection'] as const;

/** The target of an IAM role. Role names are unique in an account whatever their path. */
export const roleTarget = (account: string, name: string): Target => `iam/${account}/role/${name}`;
/** The target of an IAM user. */
export const userTarget = (account: string, name: string): Target => `iam/${account}/user/${name}`;
/** Where an IAM role or user that was adopted is looked up. */
export const lookUpTarget = ({ account, type, name }: Pick<PrincipalArn, 'account' | 'type' | 'name'>): Target =>
  type === 'role' ? roleTarget(account, name) : userTarget(account, name);
/** The target of a managed policy. */
export const policyTarget = (account: string, name: string): Target => `iam/${account}/policy/${name}`;
/** Where the role of a permission set is looked up. */
export const permissionSetTarget = (account: string, name: string): Target => `iam/${account}/permission-set/${name}`;
/** The target of a registration: of the cluster elsewhere that EKS knows by this ARN. */
export function connectionTarget(arn: string): Target {
  const { account, region, name } = parseClusterArn(arn);
  return `iam/${account}/connection/${region}/${name}`;
}
/** The target of a cluster. */
export const clusterTarget = (arn: string): Target => `cluster/${arn}`;
/** Where what is to be verified on a cluster is marked. */
export const verificationTarget = (arn: string): Target => `verify/${arn}`;

/** A target, taken apart. */
export type TargetParts =
  | { readonly type: 'iam'; readonly account: string; readonly principal: IamTargetType; readonly name: string }
  | { readonly type: 'cluster' | 'verify'; readonly arn: string };

/** Takes a target apart. @throws Failure `invalid`. */
export function parseTarget(target: string): TargetParts {
  const cluster = /^(cluster|verify)\/(.+)$/.exec(target);
  if (cluster) return { type: cluster[1] as 'cluster' | 'verify', arn: cluster[2]! };
  const [, account, type, name] = /^iam\/(\d{12})\/([a-z-]+)\/(.+)$/.exec(target) ?? [];
  const principal = IAM_TARGET_TYPES.find((one) => one === type);
  if (!account || !principal || !name) throw new Failure('invalid', `"${target}" is not a target`);
  return { type: 'iam', account, principal, name };
}

/** The chain of the ledger in which the runs on a target stand: one a cluster, and one for all of IAM in an account. */
export function chainOf(target: Target): string {
  const parts = parseTarget(target);
  return parts.type === 'iam' ? `iam/${parts.account}` : `cluster/${parts.arn}`;
}

/** The verifications that follow the turns on some targets: one for each cluster among them. */
export function verificationsOf(targets: readonly Target[]): readonly Target[] {
  return targets.map(parseTarget).flatMap((parts) => (parts.type === 'cluster' ? [verificationTarget(parts.arn)] : []));
}
