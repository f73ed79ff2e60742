import type { PolicyDocument, Tags } from '../../ports/iam.ts';
import type { ManagedClaim } from '../managed-principal.ts';

/** Managed policies are named so where the access policy names no other. */
export const DEFAULT_POLICY_NAME = 'EKS_CICD_User_Policy';

/**
 * A managed policy of Gatehouse's, as one machine wants it. `object` is its ARN: IAM knows policies by nothing else. Machines
 * that share one claim the very same document.
 *
 *     { kind: 'iam-policy', object: 'arn:aws:iam::111122223333:policy/gatehouse/EKS_CICD_User_Policy', arn: ..., path: '/gatehouse/',
 *       name: 'EKS_CICD_User_Policy', document: {...}, tags: {} }
 */
export interface IamPolicyClaim extends ManagedClaim {
  readonly kind: 'iam-policy';
  readonly name: string;
  /** As a whole: what else stands in it goes. */
  readonly document: PolicyDocument;
}

/** A managed policy as it was observed. */
export type IamPolicyState =
  | { readonly present: false }
  | {
      readonly present: true;
      /** ANPA...: another one after the policy was deleted and made again. Empty in a change that creates. */
      readonly policyId: string;
      readonly name: string;
      readonly arn: string;
      readonly path: string;
      /** Of the version in force. */
      readonly document: PolicyDocument;
      readonly tags: Tags;
    };

/** A policy that is there. */
export type PresentPolicy = Extract<IamPolicyState, { present: true }>;

/** No such policy. */
export const ABSENT_POLICY: IamPolicyState = { present: false };
