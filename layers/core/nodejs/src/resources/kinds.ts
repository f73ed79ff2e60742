import { awsAuthKind } from './aws-auth/kind.ts';
import { connectorKind } from './connector/kind.ts';
import { connectorObjectKind } from './connector-object/kind.ts';
import { controlPlaneLogsKind } from './control-plane-logs/kind.ts';
import { iamPolicyKind } from './iam-policy/kind.ts';
import { iamRoleKind } from './iam-role/kind.ts';
import { iamUserKind } from './iam-user/kind.ts';
import { identityProviderKind } from './identity-provider/kind.ts';
import { impersonationKind } from './impersonation/kind.ts';
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

/** The kinds on a cluster elsewhere: the connector, what one may do, and last the door, which is whom it impersonates. */
export const CONNECTED_CLUSTER_KINDS: readonly Kind[] = list(
  namespaceKind,
  connectorObjectKind,
  roleKind,
  roleBindingKind,
  impersonationKind,
);

/** The kinds in an account's IAM: a policy before the user that has it. */
export const IAM_KINDS: readonly Kind[] = list(iamPolicyKind, iamRoleKind, iamUserKind);

/** The kinds of a registration: the role that the agent works as, then the registration that names it. */
export const CONNECTION_KINDS: readonly Kind[] = list(iamRoleKind, connectorKind);
