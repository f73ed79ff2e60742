import type { AccountPorts } from '../../ports/world.ts';
import type { Kind } from '../resource.ts';
import { applyIamRole, observeIamRole } from './apply.ts';
import { diffIamRole } from './diff.ts';
import type { IamRoleClaim, IamRoleState } from './model.ts';

/** IAM roles made for grants: README.md. */
export const iamRoleKind: Kind<IamRoleClaim, IamRoleState, AccountPorts> = {
  name: 'iam-role',
  iamActions: [
    'iam:GetRole',
    'iam:GetRolePolicy',
    'iam:CreateRole',
    'iam:TagRole',
    'iam:UpdateAssumeRolePolicy',
    'iam:UpdateRole',
    'iam:PutRolePermissionsBoundary',
    'iam:PutRolePolicy',
    'iam:DeleteRolePolicy',
    'iam:ListRolePolicies',
    'iam:ListAttachedRolePolicies',
    'iam:DetachRolePolicy',
    'iam:DeleteRole',
  ],
  keepsSnapshot: false,
  observe: ({ iam }, object) => observeIamRole(iam, object),
  diff: diffIamRole,
  apply: ({ iam }, change) => applyIamRole(iam, change),
};
