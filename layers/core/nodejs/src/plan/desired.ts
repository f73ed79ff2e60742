import { awsAuthArn, parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { machinesIn } from '../access/grantee.ts';
import {
  iamRoleUsername,
  iamUserUsername,
  machineUsername,
  memberUsername,
  permissionSetUsername,
  sharedRoleUsername,
} from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant, IdentityProvider } from '../access/policy.ts';
import {
  grantSubject,
  identityProviderSubject,
  memberOf,
  permissionSetSubject,
  type Subject,
} from '../access/subject.ts';
import { wayOf } from '../access/way.ts';
import { AWS_AUTH_OBJECT, type AwsAuthClaim } from '../resources/aws-auth/model.ts';
import { LOGS_OBJECT, type LogsClaim } from '../resources/control-plane-logs/kind.ts';
import { claimOf } from '../resources/identity-provider/model.ts';
import { IMPERSONATION_OBJECT, type ImpersonationClaim } from '../resources/impersonation/model.ts';
import type { NamespaceClaim } from '../resources/namespace/model.ts';
import type { Finding, OwnedClaim } from '../resources/resource.ts';
import type { RoleClaim } from '../resources/role/model.ts';
import { type BindingWish, bindingWishes, rolesOf } from './bindings.ts';
import { grantRoleArn, isProtected, machineNamed } from './principals.ts';

/** How the members of a shared role are told apart by their sessions: by IAM user name, or by the user's unique id. */
export type SessionNaming = 'user-name' | 'unique-id';

/** Something that is known, that is still to be found out, or that is not to be had, and why. */
export type Known<T> = T | 'waiting' | { readonly problem: string; readonly remedy: string };

/** What is known of a person or machine that a turn is about, read from directory and table. */
export interface MemberFacts {
  readonly subject: Subject;
  /** Names of the grants of the policy in force that are for this subject now. */
  readonly grants: ReadonlySet<string>;
  /** The IAM principal that the policy maps the subject to on this cluster's account. */
  readonly principal: Known<{ readonly arn: string; readonly uniqueId?: string }>;
  /** The name of the subject's sessions where an identity provider sets it. */
  readonly session: Known<{ readonly session: string }>;
}

/** What policy and facts say must be on a cluster for some subjects. */
export interface DesiredOnCluster {
  readonly claims: readonly OwnedClaim[];
  readonly bindings: readonly BindingWish[];
  readonly findings: readonly Finding[];
}

/**
 * What all members of a grant share on a cluster: its namespaces, its Roles, its door; and whom it binds as groups.
 * @param provider The OIDC identity provider that the cluster shall have.
 */
export function desiredForGrant(grant: Grant, cluster: Cluster, provider?: IdentityProvider): DesiredOnCluster {
  const subject = grantSubject(grant.name);
  const own = (claim: NamespaceClaim | RoleClaim | AwsAuthClaim): OwnedClaim => ({ subject, grant: grant.name, claim });
  const namespaces = grant.namespaces.map((object) =>
    own({ kind: 'namespace', object, onAbsent: grant.absentNamespaces }),
  );
  const roles = rolesOf(grant).map(({ object, rules }) => own({ kind: 'role', object, grant: grant.name, rules }));
  const username = sharedDoor(grant);
  const doors = username === undefined ? [] : [own(roleDoor(ownRole(grant, cluster), username))];
  return { claims: [...namespaces, ...roles, ...doors], ...desiredForClaims(grant, cluster, provider) };
}

function ownRole(grant: Grant, { account, region }: Cluster): string {
  return grantRoleArn(grant, account, partitionOf(region));
}

/** The username by which a grant's own role is mapped; undefined where it has none. */
function sharedDoor(grant: Grant): string | undefined {
  switch (wayOf(grant)) {
    case 'shared-role':
      return sharedRoleUsername(grant.name);
    case 'machine-role':
      return machineUsername(grant.name, machinesIn(grant)[0]!);
    default:
      return undefined;
  }
}

/** The groups of a cluster's own OIDC provider: whoever has them is bound, whom nobody here knows. */
function desiredForClaims(
  grant: Grant,
  cluster: Cluster,
  provider: IdentityProvider | undefined,
): Pick<DesiredOnCluster, 'bindings' | 'findings'> {
  const bindings: BindingWish[] = [];
  const findings: Finding[] = [];
  const subject = grantSubject(grant.name);
  for (const grantee of grant.to) {
    if (!('claim' in grantee)) continue;
    if (provider?.name === grantee.provider) {
      bindings.push(...bindingWishes(grant, subject, { group: `${provider.groupsPrefix}${grantee.claim}` }));
      continue;
    }
    findings.push({
      code: 'no-identity-provider',
      severity: 'blocks',
      object: cluster.name,
      subject,
      message: `${grant.name}: the cluster ${cluster.name} does not have the identity provider "${grantee.provider}"`,
      remedy: `select the cluster under identityProviders.${grantee.provider}.on, or not in the grant`,
    });
  }
  return { bindings, findings };
}

/** The door of all who come to a cluster by a permission set. `role`: the ARN of its role in the cluster's account. */
export function desiredForPermissionSet(
  permissionSet: string,
  grants: readonly Grant[],
  role: { readonly arn: string } | 'waiting',
): DesiredOnCluster {
  const subject = permissionSetSubject(permissionSet);
  if (!grants.some((grant) => grant.permissionSet === permissionSet) || role === 'waiting') return NOTHING;
  return { ...NOTHING, claims: [{ subject, claim: roleDoor(role.arn, permissionSetUsername(permissionSet)) }] };
}

/** The OIDC identity provider that a cluster shall have, and the control plane logs that come with it. */
export function desiredForIdentityProvider(provider: IdentityProvider): DesiredOnCluster {
  const subject = identityProviderSubject(provider.name);
  const logs: LogsClaim = { kind: 'control-plane-logs', object: LOGS_OBJECT, logs: [...provider.logs].sort() };
  const claims: OwnedClaim[] = [{ subject, claim: claimOf(provider) }];
  return { ...NOTHING, claims: provider.logs.length === 0 ? claims : [...claims, { subject, claim: logs }] };
}

const NOTHING: DesiredOnCluster = { claims: [], bindings: [], findings: [] };

/** What one person, machine or principal must have on a cluster of its own: a name bound, and where it has one the door. */
export function desiredForMember(
  policy: AccessPolicy,
  member: MemberFacts,
  grants: readonly Grant[],
  naming: (grant: Grant) => SessionNaming,
): DesiredOnCluster {
  const claims: OwnedClaim[] = [];
  const bindings: BindingWish[] = [];
  const findings: Finding[] = [];
  const { subject } = member;
  for (const grant of grants) {
    if (!member.grants.has(grant.name)) continue;
    const entry = entryOf(policy, grant, member, naming(grant));
    if (entry === 'waiting') continue;
    if ('problem' in entry) {
      findings.push(blocked(subject, entry.code, `${grant.name}: ${entry.problem}`, entry.remedy));
      continue;
    }
    bindings.push(...bindingWishes(grant, subject, { username: entry.username }));
    if (entry.door) claims.push({ subject, grant: grant.name, claim: entry.door });
    if (wayOf(grant) === 'connector') claims.push({ subject, grant: grant.name, claim: consoleDoor(entry.username) });
  }
  return { claims, bindings, findings };
}

/** By what a member is known on a cluster, and the line of aws-auth that is theirs alone. */
type Entry =
  | { readonly username: string; readonly door?: AwsAuthClaim }
  | 'waiting'
  | { readonly code: string; readonly problem: string; readonly remedy: string };

function entryOf(policy: AccessPolicy, grant: Grant, member: MemberFacts, naming: SessionNaming): Entry {
  const parts = memberOf(member.subject);
  const machine = parts?.type === 'machine' ? parts.name : undefined;
  const way = wayOf(grant);
  if (way === 'machine-role') return { username: machineUsername(grant.name, machine ?? '') };
  if (way === 'shared-role' && machine !== undefined) return named(() => memberUsername(grant.name, machine));
  if (way === 'permission-set' || (way === 'shared-role' && grant.saml)) {
    const { session } = member;
    if (session === 'waiting') return session;
    if ('problem' in session) return { code: 'no-session-name', ...session };
    return grant.permissionSet === undefined
      ? named(() => memberUsername(grant.name, session.session))
      : { username: permissionSetUsername(grant.permissionSet, session.session) };
  }
  const { principal } = member;
  if (principal === 'waiting') return principal;
  if ('problem' in principal) return { code: 'no-principal', ...principal };
  if (isProtected(policy, principal.arn)) {
    return {
      code: 'protected-principal',
      problem: `${principal.arn} is protected by the policy, so Gatehouse never touches it`,
      remedy: 'take it out of the group, or out of protected.principals',
    };
  }
  const { account, name, type } = parsePrincipalArn(principal.arn);
  if (way === 'connector') return { username: principal.arn };
  if (way === 'adopted' && type === 'role') {
    const username = iamRoleUsername(account, name);
    return { username, door: roleDoor(principal.arn, username) };
  }
  if (way === 'adopted' || way === 'own-user') {
    const given = machine === undefined ? undefined : machineNamed(policy, machine).username;
    const username = given ?? iamUserUsername(account, name);
    return { username, door: userDoor(principal.arn, username) };
  }
  if (naming === 'user-name') return named(() => memberUsername(grant.name, name));
  // The unique id is read when the member's role is reconciled, which marks this cluster again.
  const { uniqueId } = principal;
  return uniqueId === undefined ? 'waiting' : { username: memberUsername(grant.name, uniqueId) };
}

function named(username: () => string): Entry {
  try {
    return { username: username() };
  } catch (error) {
    if (isFailure(error, 'invalid')) {
      return { code: 'no-username', problem: error.message, remedy: error.remedy ?? 'choose another name' };
    }
    throw error;
  }
}

function blocked(subject: Subject, code: string, message: string, remedy: string): Finding {
  return { code, severity: 'blocks', object: AWS_AUTH_OBJECT, subject, message, remedy };
}

function roleDoor(arn: string, username: string): AwsAuthClaim {
  return { kind: 'aws-auth', object: AWS_AUTH_OBJECT, list: 'mapRoles', arn: awsAuthArn(arn), username };
}

function consoleDoor(arn: string): ImpersonationClaim {
  return { kind: 'impersonation', object: IMPERSONATION_OBJECT, arn };
}

function userDoor(arn: string, username: string): AwsAuthClaim {
  return { kind: 'aws-auth', object: AWS_AUTH_OBJECT, list: 'mapUsers', arn: awsAuthArn(arn), username };
}
