import { parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { iamRoleName } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant } from '../access/policy.ts';
import { parseSubject, type Subject } from '../access/subject.ts';
import { roleTarget } from '../access/target.ts';
import { groupsOf, isLiveMember, readGroup, readMembership, readUser } from '../directory/read.ts';
import { type MemberFacts, machineUserArn, normalArn, type SessionNaming } from '../plan/desired.ts';
import { type Identity, principalOf } from '../policy/identity.ts';
import type { TableReader } from '../ports/table.ts';
import { trustKey, uniqueIdKey } from './keys.ts';

/** The grants of the policy that are for a subject now, by name. Reads only what the subject is in. */
export async function grantsOf(reader: TableReader, policy: AccessPolicy, subject: Subject): Promise<Set<string>> {
  const parts = parseSubject(subject);
  const names = (grants: readonly Grant[]) => new Set(grants.map(({ name }) => name));
  if (parts.type === 'grant') return new Set();
  if (parts.type === 'machine') {
    return names(policy.grants.filter(({ to }) => 'machine' in to && to.machine === parts.name));
  }
  const { source, id } = parts;
  const user = await readUser(reader, source, id);
  if (user?.active === false) return new Set();
  const groups = new Set<string>();
  const granted = new Set(policy.grants.flatMap(({ to }) => ('group' in to && to.source === source ? [to.group] : [])));
  for (const group of await groupsOf(reader, source, id)) {
    if (!granted.has(group)) continue;
    const membership = await readMembership(reader, source, group, id);
    if (isLiveMember(await readGroup(reader, source, group), membership, user)) groups.add(group);
  }
  return names(
    policy.grants.filter(
      ({ to }) =>
        ('group' in to && to.source === source && groups.has(to.group)) ||
        ('user' in to && to.source === source && to.user === id),
    ),
  );
}

/** The IAM principal that the policy maps a person or machine to, for grants in an account. */
export async function principalFor(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
  account: string,
  region: string,
): Promise<Identity> {
  const parts = parseSubject(subject);
  if (parts.type === 'grant') throw new TypeError('a grant has no principal of its own');
  if (parts.type === 'machine') return { arn: machineUserArn(parts.name, account, partitionOf(region)) };
  const user = await readUser(reader, parts.source, parts.id);
  const { login, email, attributes } = user ?? {};
  const found = principalOf(
    policy.identities,
    {
      source: parts.source,
      id: parts.id,
      ...(login === undefined ? {} : { login }),
      ...(email === undefined ? {} : { email }),
      ...(attributes === undefined ? {} : { attributes }),
    },
    policy.protected.principals,
  );
  if ('problem' in found) return found;
  const arn = normalArn(found.arn);
  const machine = machineOf(policy, arn);
  if (machine === undefined) return { arn };
  // Whoever holds the machine's key would have what the person has, and the other way round.
  return {
    problem: `${arn} is the IAM user of the machine ${machine}, and no person's`,
    remedy: 'map this user to an IAM user of their own under identities in the access policy',
  };
}

/** The machine of the policy whose IAM user this is. */
function machineOf(policy: AccessPolicy, arn: string): string | undefined {
  const { account, partition } = parsePrincipalArn(arn);
  const machines = policy.grants.flatMap(({ to }) => ('machine' in to ? [to.machine] : []));
  return machines.find((machine) => machineUserArn(machine, account, partition).toLowerCase() === arn.toLowerCase());
}

/** Everything that decides what a person or machine gets on a cluster. */
export async function readMemberFacts(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
  cluster: Cluster,
): Promise<MemberFacts> {
  const grants = await grantsOf(reader, policy, subject);
  if (grants.size === 0) return { subject, grants, principal: { problem: 'nothing is granted', remedy: '' } };
  const principal = await principalFor(reader, policy, subject, cluster.account, cluster.region);
  if ('problem' in principal) return { subject, grants, principal };
  const known = await reader.get(uniqueIdKey(principal.arn));
  const uniqueId = known?.uniqueId;
  return { subject, grants, principal: typeof uniqueId === 'string' ? { ...principal, uniqueId } : principal };
}

/** How the members of a grant's shared role are told apart in an account: what its IAM turn recorded. */
export async function sessionNamingOf(reader: TableReader, grant: Grant, account: string): Promise<SessionNaming> {
  const item = await reader.get(trustKey(roleTarget(account, iamRoleName(grant.name))));
  return item?.naming === 'unique-id' ? 'unique-id' : 'user-name';
}
