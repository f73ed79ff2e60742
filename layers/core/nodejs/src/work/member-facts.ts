import { parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { groupsIn, isToGroup, isToSubject, machinesIn } from '../access/grantee.ts';
import { iamRoleName } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant } from '../access/policy.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import { roleTarget } from '../access/target.ts';
import { groupsOf, isLiveMember, readGroup, readMembership, readUser } from '../directory/read.ts';
import type { MemberFacts, SessionNaming } from '../plan/desired.ts';
import { machineNamed, machineUserArn, normalArn } from '../plan/principals.ts';
import { type Identity, type KnownUser, principalOf, sessionOf } from '../policy/identity.ts';
import type { TableReader } from '../ports/table.ts';
import { adoptedKey, permissionSetKey, trustKey, uniqueIdKey } from './keys.ts';

/** The grants of the policy that are for a subject now, by name. Reads only what the subject is in. */
export async function grantsOf(reader: TableReader, policy: AccessPolicy, subject: Subject): Promise<Set<string>> {
  const parts = memberOf(subject);
  const named = policy.grants.filter((grant) => isToSubject(grant, subject));
  const names = (grants: readonly Grant[]) => new Set(grants.map(({ name }) => name));
  if (parts === undefined) return new Set();
  if (parts.type !== 'user') return names(named);
  const { source, id } = parts;
  const user = await readUser(reader, source, id);
  if (user?.active === false) return new Set();
  const groups = new Set<string>();
  const granted = new Set(policy.grants.flatMap((grant) => groupsIn(grant, source)));
  for (const group of await groupsOf(reader, source, id)) {
    if (!granted.has(group)) continue;
    const membership = await readMembership(reader, source, group, id);
    if (isLiveMember(await readGroup(reader, source, group), membership, user)) groups.add(group);
  }
  const byGroup = policy.grants.filter((grant) => [...groups].some((group) => isToGroup(grant, source, group)));
  return names([...named, ...byGroup]);
}

/** The IAM principal that the policy maps a person or machine to, for grants in an account; that of a principal is itself. */
export async function principalFor(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
  account: string,
  region: string,
): Promise<Identity> {
  const parts = memberOf(subject);
  if (parts === undefined) throw new TypeError(`${subject} has no principal of its own`);
  if (parts.type === 'principal') return { arn: parts.arn };
  if (parts.type === 'machine') {
    return { arn: machineUserArn(machineNamed(policy, parts.name), account, partitionOf(region)) };
  }
  const user = await knownUser(reader, parts.source, parts.id);
  const found = principalOf(policy.identities, user, policy.protected.principals);
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

async function knownUser(reader: TableReader, source: string, id: string): Promise<KnownUser> {
  const { login, email, attributes } = (await readUser(reader, source, id)) ?? {};
  return {
    source,
    id,
    ...(login === undefined ? {} : { login }),
    ...(email === undefined ? {} : { email }),
    ...(attributes === undefined ? {} : { attributes }),
  };
}

/** The machine of the policy whose IAM user this is. */
function machineOf(policy: AccessPolicy, arn: string): string | undefined {
  const { account, partition } = parsePrincipalArn(arn);
  const machines = policy.grants.flatMap(machinesIn).map((name) => machineNamed(policy, name));
  return machines.find((machine) => machineUserArn(machine, account, partition).toLowerCase() === arn.toLowerCase())
    ?.name;
}

const NOTHING_GRANTED = { problem: 'nothing is granted', remedy: '' };

/** Everything that decides what a person, machine or principal gets on a cluster. */
export async function readMemberFacts(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
  cluster: Cluster,
): Promise<MemberFacts> {
  const grants = await grantsOf(reader, policy, subject);
  if (grants.size === 0) return { subject, grants, principal: NOTHING_GRANTED, session: NOTHING_GRANTED };
  return {
    subject,
    grants,
    principal: await principalFacts(reader, policy, subject, cluster),
    session: await sessionFacts(reader, policy, subject),
  };
}

async function principalFacts(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
  cluster: Cluster,
): Promise<MemberFacts['principal']> {
  const principal = await principalFor(reader, policy, subject, cluster.account, cluster.region);
  if ('problem' in principal) return principal;
  if (memberOf(subject)?.type === 'principal') return foundPrincipal(reader, principal.arn);
  const known = await reader.get(uniqueIdKey(principal.arn));
  const uniqueId = known?.uniqueId;
  return typeof uniqueId === 'string' ? { ...principal, uniqueId } : principal;
}

async function sessionFacts(
  reader: TableReader,
  policy: AccessPolicy,
  subject: Subject,
): Promise<MemberFacts['session']> {
  const parts = memberOf(subject);
  if (parts?.type !== 'user') return { problem: `${subject} is nobody whom an identity provider signs in`, remedy: '' };
  if (!policy.identities.some((rule) => rule.source === parts.source && 'session' in rule)) return NO_SESSION_RULE;
  return sessionOf(policy.identities, await knownUser(reader, parts.source, parts.id));
}

const NO_SESSION_RULE = {
  problem: 'nothing tells the names of their sessions',
  remedy: 'add a session rule of their source under identities in the access policy',
};

/** What was found of an adopted role or user when its IAM turn looked it up. */
export async function foundPrincipal(reader: TableReader, arn: string): Promise<{ readonly arn: string } | 'waiting'> {
  return foundIn(await reader.get(adoptedKey(arn)));
}

/** The role of a permission set in an account, as its IAM turn found it. */
export async function roleOfPermissionSet(
  reader: TableReader,
  account: string,
  permissionSet: string,
): Promise<{ readonly arn: string } | 'waiting'> {
  return foundIn(await reader.get(permissionSetKey(account, permissionSet)));
}

/** Until it is found, and where it is not (which is a finding of its look-up), nobody comes in by it. */
function foundIn(item: Awaited<ReturnType<TableReader['get']>>): { readonly arn: string } | 'waiting' {
  return typeof item?.arn === 'string' ? { arn: item.arn } : 'waiting';
}

/** How the members of a grant's shared role are told apart in an account: what its IAM turn recorded. */
export async function sessionNamingOf(reader: TableReader, grant: Grant, account: string): Promise<SessionNaming> {
  const item = await reader.get(trustKey(roleTarget(account, iamRoleName(grant.name))));
  return item?.naming === 'unique-id' ? 'unique-id' : 'user-name';
}
