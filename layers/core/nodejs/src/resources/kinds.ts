import { awsAuthKind } from './aws-auth/kind.ts';
import { controlPlaneLogsKind } from './control-plane-logs/kind.ts';
import { iamPolicyKind } from './iam-policy/kind.ts';
import { iamRoleKind } from './iam-role/kind.ts';
import { iamUserKind } from './iam-user/kind.ts';
import { identityProviderKind } from './identity-provider/kind.ts';
import { namespaceKind } from './namespace/kind.ts';
import type { Kind } from './resource.ts';
import { roleKind } from './role/kind.ts';
import { roleBindingKind } from './role-binding/kind.ts';

// A kind's own types are narrower than the planner's; each is only ever given its own claims and observations.
const list = (...kinds: readonly { readonly name: string }[]): readonly Kind[] => kinds as unknown as readonly Kind[];

/** The kinds on a cluster, in the order of granting: what one may do before the door one comes in by. */
export const CLUSTER_KINDS: readonly Kind[] = list(
  namespaceKind,
  roleKind,
  roleBindingKind,
  awsAuthKind,
  // Who comes in by it leaves a trace from the first day on.
  controlPlaneLogsKind,
  identityProviderKind,
);

/** The kinds in an account's IAM: a policy before the user that has it. */
export const IAM_KINDS: readonly Kind[] = list(iamPolicyKind, iamRoleKind, iamUserKind);
