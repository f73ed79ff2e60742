import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { AwsEndpoint } from './aws/endpoint.ts';
import {
  attachPolicy,
  createAccessKey,
  createRole,
  createUser,
  deletePolicy,
  putPolicy,
  roleOf,
  userOf,
} from './aws/iam/operations.ts';
import type { FunctionCredentials } from './lambda/functions.ts';
import type { FunctionWiring } from './template/wiring.ts';

/** Credentials of a user. */
export interface UserCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Name of the user who may do everything, in each account. */
const ADMINISTRATOR = 'administrator';
const ADMINISTRATOR_POLICY = 'arn:aws:iam::aws:policy/AdministratorAccess';
/** Longer than any session that STS gives: these are the sandbox's own, and made anew at every start. */
const FUNCTION_SESSION_SECONDS = 10 * 365 * 24 * 3600;

/** ARN of the administrator of an account. */
export const administratorArn = (account: string): string => `arn:aws:iam::${account}:user/${ADMINISTRATOR}`;

/** Makes the administrator of an account, where there is none yet; answers their key. */
export function seedAdministrator({ iam }: AwsEndpoint, account: string): UserCredentials {
  let user = iam.accounts.get(account)!.users.get(ADMINISTRATOR);
  if (!user) {
    user = createUser(iam, account, { name: ADMINISTRATOR });
    attachPolicy(iam, account, 'user', ADMINISTRATOR, ADMINISTRATOR_POLICY);
  }
  const key = [...user.keys.values()].find(({ active }) => active) ?? createAccessKey(iam, account, ADMINISTRATOR);
  return { accessKeyId: key.id, secretAccessKey: key.secret };
}

/** Makes the IAM users that these ARNs name, where they do not exist; ARNs of other accounts and of other kinds are passed over. */
export function seedUsers({ iam }: AwsEndpoint, arns: Iterable<string>): void {
  for (const arn of arns) {
    const { type, account, path, name } = parsePrincipalArn(arn);
    if (type !== 'user' || !iam.accounts.has(account) || iam.accounts.get(account)!.users.has(name.toLowerCase()))
      continue;
    createUser(iam, account, { name, path });
  }
}

/** The keys of a person's IAM user, as the person would have them. @throws Failure `not-found` where there is no such user. */
export function keyOf({ iam }: AwsEndpoint, arn: string): UserCredentials {
  const { account, name } = parsePrincipalArn(arn);
  const user = userOf(iam, account, name);
  const key = [...user.keys.values()].find(({ active }) => active) ?? createAccessKey(iam, account, name);
  return { accessKeyId: key.id, secretAccessKey: key.secret };
}

/** ARNs of the people whom a policy names one by one. */
export function peopleOf(policy: AccessPolicy): readonly string[] {
  const mapped = policy.identities.flatMap((rule) => ('map' in rule ? Object.values(rule.map) : []));
  const viewers = policy.grants.flatMap(({ through, to }) =>
    through === 'connector' ? to.flatMap((grantee) => ('principal' in grantee ? [grantee.principal] : [])) : [],
  );
  return [...mapped, ...viewers];
}

/** Makes the roles that a policy protects, as their owners would have made them, where they do not exist. */
export function seedProtectedRoles({ iam }: AwsEndpoint, policy: AccessPolicy): void {
  for (const arn of policy.protected.principals) {
    const { type, account, path, name } = parsePrincipalArn(arn);
    if (type !== 'role' || !iam.accounts.has(account) || iam.accounts.get(account)!.roles.has(name.toLowerCase()))
      continue;
    const AWS = `arn:aws:iam::${account}:root`;
    const Statement = [{ Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' }];
    createRole(iam, account, { name, path, trust: JSON.stringify({ Version: '2012-10-17', Statement }) });
  }
}

/** The roles through which Gatehouse enters other accounts, as their owners would have made them. */
export function seedAccountRoles({ iam, home }: AwsEndpoint, policy: AccessPolicy): void {
  for (const { id, roleArn, externalId } of policy.accounts) {
    if (roleArn === undefined) continue;
    const { account, path, name } = parsePrincipalArn(roleArn);
    if (account !== id || iam.accounts.get(account)!.roles.has(name.toLowerCase())) continue;
    const condition = externalId === undefined ? {} : { Condition: { StringEquals: { 'sts:ExternalId': externalId } } };
    createRole(iam, account, {
      name,
      path,
      trust: document({
        Action: 'sts:AssumeRole',
        Principal: { AWS: `arn:aws:iam::${home.account}:root` },
        ...condition,
      }),
    });
    const enter = { Action: ['iam:*', 'eks:*'], Resource: '*' };
    putPolicy(iam, account, 'role', name, 'gatehouse', document(enter));
  }
}

/** Makes or renews the roles of functions, with the policies that the template gives them; several functions may share one. */
export function seedFunctionRoles({ iam, home }: AwsEndpoint, functions: readonly FunctionWiring[]): void {
  const trust = document({ Action: 'sts:AssumeRole', Principal: { Service: 'lambda.amazonaws.com' } });
  for (const { role, policies } of new Map(functions.map((each) => [each.role.arn, each])).values()) {
    const existing = iam.accounts.get(home.account)!.roles.get(role.name.toLowerCase());
    const { inline } = existing ?? createRole(iam, home.account, { name: role.name, path: role.path, trust });
    for (const old of [...inline.keys()]) deletePolicy(iam, home.account, 'role', role.name, old);
    for (const [index, policy] of policies.entries()) {
      putPolicy(iam, home.account, 'role', role.name, `policy-${index}`, JSON.stringify(policy));
    }
  }
}

/** Begins the session in which a function runs, as Lambda does: its name is the function's. */
export function functionCredentials(
  { iam, home, sessions }: AwsEndpoint,
  { name, role }: FunctionWiring,
): FunctionCredentials {
  return sessions.issue(home.account, roleOf(iam, home.account, role.name), name, FUNCTION_SESSION_SECONDS);
}

function document(statement: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] });
}
