import { parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { iamRoleName } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant } from '../access/policy.ts';
import { memberOf } from '../access/subject.ts';
import { wayOf } from '../access/way.ts';
import { type AwsAuthMappings, identify } from '../effective-access/aws-auth.ts';
import type { BindingWish } from '../plan/bindings.ts';
import type { MemberFacts } from '../plan/desired.ts';
import type { TableReader } from '../ports/table.ts';
import { roleOfPermissionSet } from '../work/member-facts.ts';
import { callerFor } from './person.ts';

/** One way in which somebody comes to a cluster, and what the cluster makes of them then. */
export interface Login {
  /** The grants that lead this way; none for what the policy knows nothing of. */
  readonly grants: readonly string[];
  /** As GetCallerIdentity shows them. */
  readonly arn: string;
  /** Who they are there; without it they are not let in, and `refused` says why. */
  readonly username?: string;
  readonly groups: readonly string[];
  readonly refused?: string;
  /** Who they are by the policy, where that is another one. */
  readonly expected?: string;
}

/** The logins of a subject of the policy: one for each username that it gives them, and their own principal where it is let in. */
export async function loginsOf(
  reader: TableReader,
  policy: AccessPolicy,
  cluster: Cluster,
  { member, wishes, mappings }: { member: MemberFacts; wishes: readonly BindingWish[]; mappings: AwsAuthMappings },
): Promise<readonly Login[]> {
  const grantsBy = Map.groupBy(wishes, ({ username }) => username);
  const logins: Login[] = [];
  for (const [username, wished] of grantsBy) {
    if (username === undefined) continue;
    const grants = [...new Set(wished.map(({ grant }) => grant))];
    const grant = policy.grants.find(({ name }) => name === grants[0])!;
    const arn = await callerBy(reader, grant, cluster, username, member);
    logins.push(
      wayOf(grant) === 'connector'
        ? { grants, arn, username, groups: [] }
        : { grants, ...loginOf(mappings, arn, username) },
    );
  }
  const { principal } = member;
  const parts = memberOf(member.subject);
  const adopted = parts?.type === 'principal' ? parts.arn : undefined;
  const own = adopted ?? (typeof principal === 'object' && 'arn' in principal ? principal.arn : undefined);
  if (own !== undefined && !logins.some(({ arn }) => arn === callerFor(own).arn)) {
    const login = loginOf(mappings, own);
    // Somebody's IAM user need not be let in; a principal that the policy adopts should be.
    if (login.username !== undefined || adopted !== undefined) logins.push({ grants: [], ...login });
  }
  return logins;
}

/** What a cluster makes of a caller. `expected`: who they are by the policy. */
export function loginOf(mappings: AwsAuthMappings, arn: string, expected?: string): Omit<Login, 'grants'> {
  const caller = callerFor(arn);
  const found = identify(mappings, caller);
  if ('ambiguous' in found) {
    return {
      arn: caller.arn,
      groups: [],
      refused: 'aws-auth maps this ARN twice, in different spellings: chance decides',
    };
  }
  if ('denied' in found)
    return { arn: caller.arn, groups: [], refused: `aws-auth does not let them in: ${found.denied}` };
  const { username, groups } = found;
  const other = expected !== undefined && expected !== username ? { expected } : {};
  return { arn: caller.arn, username, groups, ...other };
}

/** The ARN by which the door of a grant knows whoever has this username there. */
async function callerBy(
  reader: TableReader,
  grant: Grant,
  { account, region }: Cluster,
  username: string,
  { subject, principal }: MemberFacts,
): Promise<string> {
  const session = username.slice(username.lastIndexOf(':') + 1);
  const partition = partitionOf(region);
  const assumed = (role: string) => `arn:${partition}:sts::${account}:assumed-role/${role}/${session}`;
  const way = wayOf(grant);
  if (way === 'shared-role' || way === 'machine-role') return assumed(iamRoleName(grant.name));
  if (way === 'permission-set') {
    const role = await roleOfPermissionSet(reader, account, grant.permissionSet!);
    // Until its role is known nobody is let in by it; the name shows which it would be.
    return assumed(role === 'waiting' ? `AWSReservedSSO_${grant.permissionSet}_0` : parsePrincipalArn(role.arn).name);
  }
  const parts = memberOf(subject);
  if (parts?.type === 'principal') return parts.arn;
  return typeof principal === 'object' && 'arn' in principal ? principal.arn : username;
}
