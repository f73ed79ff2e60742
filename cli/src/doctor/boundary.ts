import { IAMClient, type IAMClientConfig } from '@aws-sdk/client-iam';
import { partitionOf } from '@gatehouse/core/access/arn';
import { isFailure } from '@gatehouse/core/access/failure';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import { iamOver } from '@gatehouse/core/aws/iam';
import type { Check } from '@gatehouse/core/operations/doctor/check';

/** The boundary of the template, in Gatehouse's own account. */
export function boundaryArn(account: string, region: string): string {
  return `arn:${partitionOf(region)}:iam::${account}:policy/gatehouse-system/gatehouse-boundary`;
}

/** Whether it is there; `forbidden` where the caller may not ask. @throws Failure whatever else is wrong. */
export async function readBoundary(
  arn: string,
  caller: Pick<IAMClientConfig, 'region' | 'credentials'>,
): Promise<boolean | 'forbidden'> {
  const client = new IAMClient({ ...CLIENT_DEFAULTS, ...caller });
  try {
    return (await iamOver(client).getPolicy(arn)) !== undefined;
  } catch (error) {
    if (isFailure(error, 'forbidden')) return 'forbidden';
    throw error;
  } finally {
    client.destroy();
  }
}

/** What that means. */
export function judgeBoundary(arn: string, found: boolean | 'forbidden'): Check {
  const about = { check: 'boundary', of: arn };
  if (found === 'forbidden') {
    const saw = 'you may not read it: Gatehouse may run in an account of which you have no iam:GetPolicy';
    return { ...about, verdict: 'not-checked', saw, fix: `aws iam get-policy --policy-arn ${arn}` };
  }
  if (found) return { ...about, verdict: 'ok', saw: 'it is there' };
  const saw = 'there is no such policy: no role or user can be made';
  return { ...about, verdict: 'fail', saw, fix: 'deploy the stack again: it makes the policy' };
}
