import { awsAuthArn, formatPrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { IAM_PATH, iamRoleName, machineUserName } from '../access/names.ts';
import type { AccessPolicy, Grant, Machine } from '../access/policy.ts';
import { DEFAULT_POLICY_NAME } from '../resources/iam-policy/model.ts';

/** The IAM role that Gatehouse makes for a grant in an account. */
export function grantRoleArn(grant: Pick<Grant, 'name'>, account: string, partition: string): string {
  return `arn:${partition}:iam::${account}:role${IAM_PATH}${iamRoleName(grant.name)}`;
}

/** A machine as the policy describes it, or only mentions it. */
export function machineNamed(policy: AccessPolicy, name: string): Machine {
  return policy.machines.find((machine) => machine.name === name) ?? { name };
}

/** The IAM user that Gatehouse makes for a machine in an account. */
export function machineUserArn(machine: Machine, account: string, partition: string): string {
  return `arn:${partition}:iam::${account}:user${IAM_PATH}${machineUserName(machine)}`;
}

/** The name of the managed policy of a machine. Machines that name none share one. */
export function machinePolicyName({ policy }: Machine): string {
  return policy ?? DEFAULT_POLICY_NAME;
}

/** The managed policy that Gatehouse makes for a machine in an account. */
export function machinePolicyArn(machine: Machine, account: string, partition: string): string {
  return `arn:${partition}:iam::${account}:policy${IAM_PATH}${machinePolicyName(machine)}`;
}

/** True where Gatehouse itself makes and removes this principal: it lies under its own path. */
export function isManagedPrincipal(arn: string): boolean {
  return parsePrincipalArn(arn).path.startsWith(IAM_PATH);
}

/** True where the policy protects a principal, in whatever form its ARN is written. */
export function isProtected(policy: AccessPolicy, arn: string): boolean {
  return protectedArns(policy).has(protectedForm(arn));
}

/** The principals that the policy protects, in the one form in which ARNs are compared with them: {@link protectedForm}. */
export function protectedArns(policy: AccessPolicy): ReadonlySet<string> {
  return new Set(policy.protected.principals.map(protectedForm));
}

/** As aws-auth has it, in lower case. @throws Failure `invalid` for what is no principal's ARN. */
export function protectedForm(arn: string): string {
  return awsAuthArn(arn).toLowerCase();
}

/** An ARN as IAM writes it, for comparison. */
export const normalArn = (arn: string): string => formatPrincipalArn(parsePrincipalArn(arn));
