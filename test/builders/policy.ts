import type { AccessPolicy, Cluster, Grant, IdentityProvider } from '@gatehouse/core/access/policy';
import { readPolicy } from '@gatehouse/core/policy/read';

export const ACCOUNT = '111122223333';

/** A cluster in force, of the account and Region all tests share. */
export function aCluster(over: Partial<Cluster> = {}): Cluster {
  const name = over.name ?? 'prod-eu';
  return {
    name,
    account: ACCOUNT,
    region: 'eu-west-1',
    arn: `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${name}`,
    labels: {},
    mode: 'enforce',
    ...over,
  };
}

/** A grant of read access to an Okta group, on every cluster. */
export function aGrant(over: Partial<Grant> = {}): Grant {
  return {
    name: 'readers',
    to: [{ group: '00g1', source: 'okta' }],
    clusters: { names: ['*'], labels: {} },
    namespaces: [],
    absentNamespaces: 'refuse',
    level: { name: 'reader', rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }] },
    through: 'role',
    ...over,
  };
}

/** A policy of one cluster, one grant and one identity rule. */
export function aPolicy(over: Partial<AccessPolicy> = {}): AccessPolicy {
  return {
    clusters: [aCluster()],
    discover: [],
    accounts: [{ id: ACCOUNT }],
    grants: [aGrant()],
    machines: [],
    identityProviders: [],
    identities: [{ source: 'okta', template: `arn:aws:iam::${ACCOUNT}:user/{localPart}` }],
    protected: { principals: [] },
    ...over,
  };
}

/** The policy a document stands for. Throws what is wrong with it. */
export function policyOf(text: string): AccessPolicy {
  const reading = readPolicy(text);
  if (!reading.ok) throw new Error(JSON.stringify(reading.errors, null, 2));
  return reading.policy;
}

/** An OIDC provider of every cluster. */
export function anIdentityProvider(over: Partial<IdentityProvider> = {}): IdentityProvider {
  return {
    name: 'okta',
    clusters: { names: ['*'], labels: {} },
    issuer: 'https://acme.okta.com',
    clientId: '0oa1',
    usernameClaim: 'email',
    usernamePrefix: 'okta:',
    groupsClaim: 'groups',
    groupsPrefix: 'okta:',
    requiredClaims: {},
    logs: [],
    ...over,
  };
}
