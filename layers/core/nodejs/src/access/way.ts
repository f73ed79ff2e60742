import { iamRoleName } from './names.ts';
import type { Cluster, Grant } from './policy.ts';
import { grantSubject, identityProviderSubject, permissionSetSubject, type Subject } from './subject.ts';

/**
 * How the grantees of a grant come in, by what is made for it:
 *
 * | way | the door | by what the cluster knows them |
 * |---|---|---|
 * | `shared-role` | one IAM role of Gatehouse's for all | the session's name, which is the user's or the machine's |
 * | `machine-role` | one IAM role of Gatehouse's for one machine | a fixed username: the session's name is free |
 * | `own-user` | each one's IAM user | a fixed username |
 * | `permission-set` | the role of an Identity Center permission set | the session's name, which Identity Center sets |
 * | `adopted` | an IAM role or user of somebody else's | a fixed username |
 * | `claim` | the cluster's own OIDC provider | the group in the token |
 * | `connector` | the EKS connector, on a cluster elsewhere | the IAM ARN |
 */
export type Way = 'shared-role' | 'machine-role' | 'own-user' | 'permission-set' | 'adopted' | 'claim' | 'connector';

/** The way in of a grant. */
export function wayOf({ through, to }: Pick<Grant, 'through' | 'to'>): Way {
  switch (through) {
    case 'sso':
      return 'permission-set';
    case 'oidc':
      return 'claim';
    case 'connector':
      return 'connector';
    default:
  }
  if (to.some((grantee) => 'principal' in grantee)) return 'adopted';
  if (through === 'user') return 'own-user';
  return to.every((grantee) => 'machine' in grantee) && to.length === 1 ? 'machine-role' : 'shared-role';
}

/** The IAM role that Gatehouse makes for a grant, in each account of its clusters; undefined where it makes none. */
export function roleOf(grant: Pick<Grant, 'name' | 'through' | 'to'>): string | undefined {
  const way = wayOf(grant);
  return way === 'shared-role' || way === 'machine-role' ? iamRoleName(grant.name) : undefined;
}

/** The subjects of what the grantees share on a cluster. */
export function sharedSubjects(grant: Grant): Subject[] {
  const own = grantSubject(grant.name);
  const permissionSet = grant.permissionSet === undefined ? [] : [permissionSetSubject(grant.permissionSet)];
  return [own, ...permissionSet, ...providersOf(grant)];
}

/** The OIDC providers that a grant's claims come from, each once. */
export function providersOf(grant: Pick<Grant, 'to'>): Subject[] {
  const names = new Set(grant.to.flatMap((grantee) => ('claim' in grantee ? [grantee.provider] : [])));
  return [...names].map(identityProviderSubject);
}

/** Whether a grant's way leads to a cluster of this sort at all: the connector to those elsewhere, every other to EKS. */
export function leadsTo(grant: Pick<Grant, 'through'>, cluster: Pick<Cluster, 'connected'>): boolean {
  return (grant.through === 'connector') === (cluster.connected !== undefined);
}
