import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy, Grant } from '../access/policy.ts';
import { wayOf } from '../access/way.ts';
import type { PolicyDocument } from '../ports/iam.ts';
import { closedTrust, machineTrust, samlTrust, type TrustingRole, trustTogether } from '../resources/iam-role/trust.ts';
import { machineNamed } from './principals.ts';

/**
 * Whom the policy itself names as those who may assume the role of a grant: its machines, and its SAML provider. A machine that
 * shares the role with others must call its sessions by its own name; one that has it for itself may call them anything.
 */
export function trustOfPolicy(policy: AccessPolicy, grant: Grant, role: TrustingRole): PolicyDocument {
  const isShared = wayOf(grant) === 'shared-role';
  const machines = machinesIn(grant).map((name) => {
    const { trust } = machineNamed(policy, name);
    return trust === undefined ? closedTrust() : machineTrust(trust, role, isShared ? name : undefined);
  });
  return trustTogether(...machines, ...(grant.saml ? [samlTrust(grant.saml, role)] : []));
}

/** Whether people assume the role of a grant as their own IAM users: then its document lists them, or their accounts. */
export function hasUserMembers(grant: Grant): boolean {
  return wayOf(grant) === 'shared-role' && grant.saml === undefined && machinesIn(grant).length < grant.to.length;
}
