import type { PolicyDocument, Tags } from '../../ports/iam.ts';
import type { InlinePolicies, PrincipalClaim } from '../managed-principal.ts';

/**
 * The role that the members of a grant assume. `object` is its name.
 *
 *     { kind: 'iam-role', object: 'gatehouse-admins', arn: 'arn:aws:iam::111122223333:role/gatehouse/gatehouse-admins',
 *       path: '/gatehouse/', state: 'open', trust: memberTrust([...]), policies: { 'gatehouse-clusters': {...} },
 *       tags: { 'gatehouse:grant': 'admins' }, maxSessionSeconds: 3600 }
 */
export interface IamRoleClaim extends PrincipalClaim {
  readonly kind: 'iam-role';
  /** Who may assume it while it is open: from `trust.ts`. While closed it does not count. */
  readonly trust: PolicyDocument;
  readonly maxSessionSeconds: 3600;
}

/** A role as it was observed. Of its inline policies only Gatehouse's own is read. */
export type IamRoleState =
  | { readonly present: false }
  | {
      readonly present: true;
      /** AROA...: another one after the role was deleted and made again. Empty in a change that creates. */
      readonly roleId: string;
      readonly arn: string;
      readonly path: string;
      readonly trust: PolicyDocument;
      readonly policies: InlinePolicies;
      readonly boundary?: string;
      readonly tags: Tags;
      readonly maxSessionSeconds: number;
    };

/** A role that is there. */
export type PresentRole = Extract<IamRoleState, { present: true }>;

/** No such role. */
export const ABSENT_ROLE: IamRoleState = { present: false };
