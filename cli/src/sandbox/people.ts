import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import { groupsIn, machinesIn } from '@gatehouse/core/access/grantee';
import type { AccessPolicy } from '@gatehouse/core/access/policy';

/** Somebody whom the policy maps to an IAM user, and the profile in which the sandbox keeps the keys of that user. */
export interface PersonProfile {
  readonly source: string;
  /** Id at the source. */
  readonly user: string;
  readonly arn: string;
  /** The name of the IAM user. */
  readonly profile: string;
}

/** The people whom a policy maps one by one to IAM users of accounts that it knows; each profile once. */
export function profilesOf({ identities, accounts }: AccessPolicy): readonly PersonProfile[] {
  const known = new Set(accounts.map(({ id }) => id));
  const people = identities.flatMap((rule) =>
    'map' in rule ? Object.entries(rule.map).map(([user, arn]) => ({ source: rule.source, user, arn })) : [],
  );
  const named = people.flatMap((person) => {
    const { type, account, name } = parsePrincipalArn(person.arn);
    return type === 'user' && known.has(account) ? [{ ...person, profile: name }] : [];
  });
  return [...new Map(named.map((person) => [person.profile, person])).values()];
}

/** Somebody whom the policy knows, and a group of the same source that it grants something to, by an example's names if by none. */
export function exampleMember(policy: AccessPolicy) {
  const { grants, identities } = policy;
  const grant = grants.find((one) => groupsIn(one, 'standard').length > 0);
  const [group] = grant === undefined ? [] : groupsIn(grant, 'standard');
  const people = identities.flatMap((rule) =>
    rule.source === 'standard' && 'map' in rule ? Object.keys(rule.map) : [],
  );
  return { group: group ?? 'operators', user: people[0] ?? 'mia', granted: group !== undefined };
}

/** Names to try the command with, as far as the policy has them. */
export interface Examples {
  /** The name of the policy's first cluster. */
  readonly cluster?: string;
  /** A grant of a shared role to the example's group, with the profile of somebody who can be a member. */
  readonly way?: { readonly grant: string; readonly profile: string };
  /** A machine that has an access key. */
  readonly machine?: string;
}

/** What of a policy the commands can be tried with. */
export function examplesOf(policy: AccessPolicy): Examples {
  const [cluster] = policy.clusters;
  const { group, user } = exampleMember(policy);
  const grant = policy.grants.find((one) => one.through === 'role' && groupsIn(one, 'standard').includes(group));
  const person = profilesOf(policy).find((one) => one.source === 'standard' && one.user === user);
  const [machine] = policy.grants.filter(({ through }) => through === 'user').flatMap(machinesIn);
  return {
    ...(cluster === undefined ? {} : { cluster: cluster.name }),
    ...(grant === undefined || person === undefined ? {} : { way: { grant: grant.name, profile: person.profile } }),
    ...(machine === undefined ? {} : { machine }),
  };
}
