import { parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy, Cluster, IdentityProvider } from '../access/policy.ts';
import { roleOf, type Way, wayOf } from '../access/way.ts';
import { grantRoleArn } from '../plan/principals.ts';
import { identityProviderOf, selects } from '../policy/selection.ts';

/** One grant as a way into a cluster. */
export interface WayInto {
  readonly grant: string;
  readonly level: string;
  readonly way: Way;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  /** ARNs of the roles that its grantees assume: Gatehouse's own, or those that were adopted. */
  readonly roles: readonly string[];
  /** The machine that has it to itself, or shares it: its sessions bear this name. */
  readonly machines: readonly string[];
  /** Its people come by a SAML provider, and so with a session that they have already. */
  readonly saml: boolean;
  readonly permissionSet?: string;
  /** The OIDC provider of the cluster that its people sign in to. */
  readonly provider?: Pick<IdentityProvider, 'issuer' | 'clientId' | 'usernameClaim' | 'groupsClaim'>;
}

/** The ways into a cluster. */
export interface WaysInto {
  readonly cluster: { readonly name: string; readonly arn: string; readonly account: string; readonly region: string };
  readonly ways: readonly WayInto[];
}

/** The grants of a policy that lead into a cluster, by what their grantees assume to get there. */
export function waysInto(policy: AccessPolicy, cluster: Cluster): WaysInto {
  const { name, arn, account, region } = cluster;
  const ways = policy.grants
    .filter((grant) => selects(grant, cluster))
    .map((grant): WayInto => {
      const own = roleOf(grant) === undefined ? [] : [grantRoleArn(grant, account, partitionOf(region))];
      const adopted = grant.to.flatMap((to) =>
        'principal' in to && parsePrincipalArn(to.principal).type === 'role' ? [to.principal] : [],
      );
      return {
        grant: grant.name,
        level: grant.level.name,
        way: wayOf(grant),
        namespaces: grant.namespaces,
        roles: [...own, ...adopted],
        machines: machinesIn(grant),
        saml: grant.saml !== undefined,
        ...(grant.permissionSet === undefined ? {} : { permissionSet: grant.permissionSet }),
        ...(grant.through === 'oidc' ? providerOf(policy, cluster) : {}),
      };
    });
  return { cluster: { name, arn, account, region }, ways };
}

function providerOf(policy: AccessPolicy, cluster: Cluster): Pick<WayInto, 'provider'> {
  const provider = identityProviderOf(policy, cluster);
  if (!provider) return {};
  const { issuer, clientId, usernameClaim, groupsClaim } = provider;
  return { provider: { issuer, clientId, usernameClaim, groupsClaim } };
}
