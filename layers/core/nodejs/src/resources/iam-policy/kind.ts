import type { AccountPorts } from '../../ports/world.ts';
import type { Kind } from '../resource.ts';
import { applyIamPolicy, observeIamPolicy } from './apply.ts';
import { diffIamPolicy } from './diff.ts';
import type { IamPolicyClaim, IamPolicyState } from './model.ts';

/** Managed policies of machines: README.md. */
export const iamPolicyKind: Kind<IamPolicyClaim, IamPolicyState, AccountPorts> = {
  name: 'iam-policy',
  iamActions: [
    'iam:GetPolicy',
    'iam:GetPolicyVersion',
    'iam:CreatePolicy',
    'iam:TagPolicy',
    'iam:ListPolicyVersions',
    'iam:CreatePolicyVersion',
    'iam:DeletePolicyVersion',
    'iam:DeletePolicy',
  ],
  keepsSnapshot: false,
  observe: ({ iam }, object) => observeIamPolicy(iam, object),
  diff: diffIamPolicy,
  apply: ({ iam }, change) => applyIamPolicy(iam, change),
};
