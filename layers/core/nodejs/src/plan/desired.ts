import { awsAuthArn, formatPrincipalArn, parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import {
  IAM_PATH,
  iamRoleName,
  iamUserUsername,
  memberUsername,
  sharedRoleUsername,
  shortened,
} from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant } from '../access/policy.ts';
import { grantSubject, type Subject } from '../access/subject.ts';
import { AWS_AUTH_OBJECT, type AwsAuthClaim } from '../resources/aws-auth/model.ts';
import type { NamespaceClaim } from '../resources/namespace/model.ts';
import { formatObjectRef } from '../resources/object-ref.ts';
import type { Finding, OwnedClaim } from '../resources/resource.ts';
import type { RoleClaim } from '../resources/role/model.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';

/** How the members of a shared role are told apart by their sessions: by IAM user name, or by the user's unique id. */
export type SessionNaming = 'user-name' | 'unique-id';

/** What is known of a person or machine that a turn is about, read from directory and table. */
export interface MemberFacts {
  readonly subject: Subject;
  /** Names of the grants of the policy in force that are for this subject now. */
  readonly grants: ReadonlySet<string>;
  /** The IAM principal that the policy maps the subject to on this cluster's account, or why there is none. */
  readonly principal:
    | { readonly arn: string; readonly uniqueId?: string }
    | { readonly problem: string; readonly remedy: string };
}

/** A username to be bound, before it has a place in one of the binding's shards. */
export interface BindingWish {
  readonly subject: Subject;
  readonly grant: string;
  /** The binding's object without the shard's number. */
  readonly binding: string;
  readonly roleRef: RoleBindingClaim['roleRef'];
  readonly username: string;
}

/** What policy and facts say must be on a cluster for some subjects. */
export interface DesiredOnCluster {
  readonly claims: readonly OwnedClaim[];
  readonly bindings: readonly BindingWish[];
  readonly findings: readonly Finding[];
}

/** The IAM role that the members of a grant share in an account. */
export function grantRoleArn(grant: Grant, account: string, partition: string): string {
  return `arn:${partition}:iam::${account}:role${IAM_PATH}${iamRoleName(grant.name)}`;
}

/** The IAM user that Gatehouse makes for a machine in an account. */
export function machineUserArn(machine: string, account: string, partition: string): string {
  return `arn:${partition}:iam::${account}:user${IAM_PATH}${shortened(`gatehouse-${machine}`, 64)}`;
}

/** True where Gatehouse itself makes and removes this principal: it lies under its own path. */
export function isManagedPrincipal(arn: string): boolean {
  return parsePrincipalArn(arn).path.startsWith(IAM_PATH);
}

/** What all members of a grant share on a cluster: its namespaces, its Role, and for a shared role the door. */
export function desiredForGrant(grant: Grant, cluster: Cluster): OwnedClaim[] {
  const own = (claim: NamespaceClaim | RoleClaim | AwsAuthClaim): OwnedClaim => ({
    subject: grantSubject(grant.name),
    grant: grant.name,
    claim,
  });
  const namespaces = grant.namespaces.map((object) =>
    own({ kind: 'namespace', object, onAbsent: grant.absentNamespaces }),
  );
  const roles = roleObjects(grant).map((object) =>
    own({ kind: 'role', object, grant: grant.name, rules: 'rules' in grant.level ? grant.level.rules : [] }),
  );
  if (grant.through !== 'role') return [...namespaces, ...roles];
  const arn = awsAuthArn(grantRoleArn(grant, cluster.account, partitionOf(cluster.region)));
  const door = own({
    kind: 'aws-auth',
    object: AWS_AUTH_OBJECT,
    list: 'mapRoles',
    arn,
    username: sharedRoleUsername(grant.name),
  });
  return [...namespaces, ...roles, door];
}

/** What one person or machine must have on a cluster of its own: a username bound, and for `through: user` the door. */
export function desiredForMember(
  policy: AccessPolicy,
  member: MemberFacts,
  grants: readonly Grant[],
  naming: (grant: Grant) => SessionNaming,
): DesiredOnCluster {
  const claims: OwnedClaim[] = [];
  const bindings: BindingWish[] = [];
  const findings: Finding[] = [];
  for (const grant of grants) {
    if (!member.grants.has(grant.name)) continue;
    const blocked = (code: string, message: string, remedy: string) =>
      findings.push({ code, severity: 'blocks', object: AWS_AUTH_OBJECT, subject: member.subject, message, remedy });
    const { principal } = member;
    if ('problem' in principal) {
      blocked('no-principal', `${grant.name}: ${principal.problem}`, principal.remedy);
      continue;
    }
    if (isProtected(policy, principal.arn)) {
      blocked(
        'protected-principal',
        `${grant.name}: ${principal.arn} is protected by the policy, so Gatehouse never touches it`,
        'take it out of the group, or out of protected.principals',
      );
      continue;
    }
    const username = usernameOf(grant, principal, naming(grant));
    if (username === 'waiting') continue;
    if (typeof username === 'object') {
      blocked('no-username', `${grant.name}: ${username.problem}`, username.remedy);
      continue;
    }
    bindings.push(...bindingWishes(grant, member.subject, username));
    if (grant.through === 'user') {
      claims.push({
        subject: member.subject,
        grant: grant.name,
        claim: userDoor(principal.arn, username),
      });
    }
  }
  return { claims, bindings, findings };
}

function userDoor(arn: string, username: string): AwsAuthClaim {
  return { kind: 'aws-auth', object: AWS_AUTH_OBJECT, list: 'mapUsers', arn: awsAuthArn(arn), username };
}

/** True where the policy protects a principal, in whatever form its ARN is written. */
export function isProtected(policy: AccessPolicy, arn: string): boolean {
  const canonical = awsAuthArn(arn).toLowerCase();
  return policy.protected.principals.some((principal) => awsAuthArn(principal).toLowerCase() === canonical);
}

function usernameOf(
  grant: Grant,
  principal: { readonly arn: string; readonly uniqueId?: string },
  naming: SessionNaming,
): string | 'waiting' | { problem: string; remedy: string } {
  const { account, name } = parsePrincipalArn(principal.arn);
  if (grant.through === 'user') return iamUserUsername(account, name);
  // The unique id is read when the member's role is reconciled, which marks this cluster again.
  if (naming === 'unique-id')
    return principal.uniqueId === undefined ? 'waiting' : memberUsername(grant.name, principal.uniqueId);
  try {
    return memberUsername(grant.name, name);
  } catch (error) {
    if (isFailure(error, 'invalid')) return { problem: error.message, remedy: error.remedy ?? '' };
    throw error;
  }
}

function roleObjects(grant: Grant): string[] {
  if (!('rules' in grant.level)) return [];
  const name = `gatehouse:${grant.name}`;
  return grant.namespaces.length === 0
    ? [formatObjectRef({ kind: 'ClusterRole', name })]
    : grant.namespaces.map((namespace) => formatObjectRef({ kind: 'Role', namespace, name }));
}

/**
 * The bindings of a grant, as objects without a shard's number. What a binding refers to never changes, so it is part of its
 * name.
 */
export function bindingsOf(grant: Grant): string[] {
  const reference = 'clusterRole' in grant.level ? `clusterrole-${shortened(grant.level.clusterRole, 120)}` : 'role';
  const name = `gatehouse:${grant.name}:${reference}`;
  if (grant.namespaces.length === 0) return [formatObjectRef({ kind: 'ClusterRoleBinding', name })];
  return grant.namespaces.map((namespace) => formatObjectRef({ kind: 'RoleBinding', namespace, name }));
}

function bindingWishes(grant: Grant, subject: Subject, username: string): BindingWish[] {
  const kind = 'rules' in grant.level && grant.namespaces.length > 0 ? 'Role' : 'ClusterRole';
  const name = 'clusterRole' in grant.level ? grant.level.clusterRole : `gatehouse:${grant.name}`;
  return bindingsOf(grant).map((binding) => ({
    subject,
    grant: grant.name,
    binding,
    roleRef: { kind, name },
    username,
  }));
}

/** The claim of a wish that has found its shard. */
export function placedClaim(wish: BindingWish, shard: number): OwnedClaim<RoleBindingClaim> {
  return {
    subject: wish.subject,
    grant: wish.grant,
    claim: {
      kind: 'role-binding',
      object: `${wish.binding}:${shard}`,
      grant: wish.grant,
      roleRef: wish.roleRef,
      username: wish.username,
    },
  };
}

/** Whether a claim is a wish's, in whatever shard. */
export function fulfils(claim: RoleBindingClaim, wish: BindingWish): boolean {
  return (
    claim.username === wish.username &&
    claim.object.startsWith(`${wish.binding}:`) &&
    /^\d+$/.test(claim.object.slice(wish.binding.length + 1))
  );
}

/** An ARN as IAM writes it, for comparison. */
export const normalArn = (arn: string): string => formatPrincipalArn(parsePrincipalArn(arn));
