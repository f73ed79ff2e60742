import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy, Grant } from '../access/policy.ts';
import { wayOf } from '../access/way.ts';
import type { PolicyDocument } from '../ports/iam.ts';
import { closedTrust, machineTrust, samlTrust, type TrustingRole, trustTogether } from '../resources/iam-role/trust.ts';
import { machineNamed } from './principals.ts';

/**
 * Whom the policy itself names as those who may assume the role of a grant: its machines, and its SAML provider. A machine that
 * shares the role with others must call its sessions by its own name; one that has it for itself may call them anything.
 * @param absent ARNs that are left out: IAM takes no document with a principal that does not exist.
 */
export function trustOfPolicy(
  policy: AccessPolicy,
  grant: Grant,
  role: TrustingRole,
  absent: ReadonlySet<string> = new Set(),
): PolicyDocument {
  const isShared = wayOf(grant) === 'shared-role';
  const machines = machinesIn(grant).map((name) => {
    const { trust } = machineNamed(policy, name);
    if (trust === undefined) return closedTrust();
    const principals = trust.principals.filter((arn) => !absent.has(arn));
    return machineTrust({ ...trust, principals }, role, isShared ? name : undefined);
  });
  return trustTogether(...machines, ...(grant.saml ? [samlTrust(grant.saml, role)] : []));
}

/** The IAM roles and users that the policy trusts as the machines of a grant, each once. */
export function trustedAsMachines(policy: AccessPolicy, grant: Grant): string[] {
  return [...new Set(machinesIn(grant).flatMap((name) => machineNamed(policy, name).trust?.principals ?? []))];
}

/** Whether people assume the role of a grant as their own IAM users: then its document lists them, or their accounts. */
export function hasUserMembers(grant: Grant): boolean {
  return wayOf(grant) === 'shared-role' && grant.saml === undefined && machinesIn(grant).length < grant.to.length;
}
