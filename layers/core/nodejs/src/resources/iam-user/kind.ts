import type { AccountPorts } from '../../ports/world.ts';
import type { Kind } from '../resource.ts';
import { applyIamUser, observeIamUser } from './apply.ts';
import { diffIamUser } from './diff.ts';
import type { IamUserClaim, IamUserState } from './model.ts';

/** IAM users and their access keys: README.md. */
export const iamUserKind: Kind<IamUserClaim, IamUserState, AccountPorts> = {
  name: 'iam-user',
  iamActions: [
    'iam:GetUser',
    'iam:GetUserPolicy',
    'iam:ListAccessKeys',
    'iam:CreateUser',
    'iam:TagUser',
    'iam:PutUserPermissionsBoundary',
    'iam:PutUserPolicy',
    'iam:DeleteUserPolicy',
    'iam:CreateAccessKey',
    'iam:UpdateAccessKey',
    'iam:DeleteAccessKey',
    'iam:ListUserPolicies',
    'iam:ListAttachedUserPolicies',
    'iam:AttachUserPolicy',
    'iam:DetachUserPolicy',
    'iam:DeleteLoginProfile',
    'iam:ListGroupsForUser',
    'iam:RemoveUserFromGroup',
    'iam:DeleteUser',
    'secretsmanager:GetSecretValue',
    'secretsmanager:CreateSecret',
    'secretsmanager:PutSecretValue',
    'secretsmanager:TagResource',
    'secretsmanager:DeleteSecret',
  ],
  keepsSnapshot: false,
  observe: observeIamUser,
  diff: diffIamUser,
  apply: applyIamUser,
};
