import { clusterArn } from '@gatehouse/core/access/arn';
import { iamRoleName } from '@gatehouse/core/access/names';
import { machineSubject, userSubject } from '@gatehouse/core/access/subject';

/* Who plays in the demo, as sandbox/policy.yaml knows them. */

export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-1';

/** Known to Okta; an administrator everywhere, as long as she is in the group. */
export const JO = {
  name: 'jo',
  id: '00u1a2b3c4JO00000001',
  subject: userSubject('okta', '00u1a2b3c4JO00000001'),
} as const;
export const ADMINS = { name: 'platform-admins', group: '00g1a2b3c4ADMINS0001' } as const;

/** Known to the company's own directory; operates the payments in production. */
export const MIA = {
  name: 'mia',
  id: 'mia',
  login: 'mia@example.com',
  subject: userSubject('standard', 'mia'),
} as const;
export const OPERATORS = { name: 'payments-operators', group: 'payments-operators' } as const;

/** A pipeline with a key of its own. */
export const CI = {
  name: 'payments-ci',
  user: 'gatehouse-payments-ci',
  secret: `gatehouse/keys/${ACCOUNT}/gatehouse-payments-ci`,
  subject: machineSubject('payments-ci'),
} as const;

export const PROD = { name: 'prod-eu', arn: clusterArn(ACCOUNT, REGION, 'prod-eu') } as const;
export const STAGING = { name: 'staging', arn: clusterArn(ACCOUNT, REGION, 'staging') } as const;
export const CLUSTERS = [PROD, STAGING] as const;

/** ARN of the role that the members of a grant share. */
export const roleArnOf = (grant: string): string => `arn:aws:iam::${ACCOUNT}:role/gatehouse/${iamRoleName(grant)}`;
