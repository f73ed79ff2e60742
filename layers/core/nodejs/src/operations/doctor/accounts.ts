import { type PrincipalArn, parsePrincipalArn } from '../../access/arn.ts';
import { isFailure } from '../../access/failure.ts';
import type { Account } from '../../access/policy.ts';
import type { Iam } from '../../ports/iam.ts';
import type { World } from '../../ports/world.ts';
import type { Check } from './check.ts';

/** Whether an account lets Gatehouse in and answers, whether its protected principals are there, and its boundary. */
export async function checkAccount(
  world: World,
  account: Account,
  { isOwn, protectedArns }: { readonly isOwn: boolean; readonly protectedArns: readonly string[] },
): Promise<readonly Check[]> {
  const about = { check: 'account', of: account.id };
  let iam: Iam;
  try {
    ({ iam } = await world.account(account));
    // A name that nobody has: any answer shows that IAM may be asked.
    await iam.getRole('gatehouse-doctor-asks');
  } catch (error) {
    if (!isFailure(error)) throw error;
    const how = account.roleArn ?? 'with its own credentials';
    const fix = isOwn
      ? 'deploy the stack again: a policy of its role was changed'
      : `deploy templates/member-account.yaml in ${account.id}, and name its role and external id under accounts`;
    return [{ ...about, verdict: 'fail', saw: `it cannot be entered (${how}): ${error.message}`, fix }];
  }
  const by = account.roleArn === undefined ? 'with its own credentials' : `by ${account.roleArn}`;
  const principals = await Promise.all(protectedArns.map((arn) => checkProtected(iam, parsePrincipalArn(arn), arn)));
  const boundary =
    account.permissionsBoundary === undefined ? [] : [await checkBoundary(iam, account.permissionsBoundary)];
  return [{ ...about, verdict: 'ok', saw: `it is entered ${by}, and IAM answers` }, ...principals, ...boundary];
}

async function checkProtected(iam: Iam, { type, name }: PrincipalArn, arn: string): Promise<Check> {
  const about = { check: 'protected', of: arn };
  const found = type === 'role' ? await iam.getRole(name) : await iam.getUser(name);
  if (found) return { ...about, verdict: 'ok', saw: 'it is there' };
  const fix = 'correct protected.principals in the policy: what is misspelled there protects nobody';
  return { ...about, verdict: 'warn', saw: `there is no such IAM ${type}`, fix };
}

async function checkBoundary(iam: Iam, arn: string): Promise<Check> {
  const about = { check: 'boundary', of: arn };
  try {
    if (await iam.getPolicy(arn)) return { ...about, verdict: 'ok', saw: 'it is there' };
  } catch (error) {
    if (!isFailure(error, 'forbidden')) throw error;
    return { ...about, verdict: 'not-checked', saw: error.message, fix: `aws iam get-policy --policy-arn ${arn}` };
  }
  return {
    ...about,
    verdict: 'fail',
    saw: 'there is no such policy',
    fix: 'deploy templates/member-account.yaml there',
  };
}
