import type { Fact } from '@gatehouse/core/directory/fact';
import { factKey, type OnboardedItem } from '@gatehouse/core/directory/items';
import { merge } from '@gatehouse/core/directory/merge';
import { ACCOUNT } from './policy.ts';

/** The onboarding section that tests begin with. */
export const ONBOARDING = `
onboarding:
  environments:
    accounts: ["${ACCOUNT}"]
    mode: enforce
    trust: { principals: [ "arn:aws:iam::${ACCOUNT}:role/provisioner" ] }
    adopt: [ "arn:aws:iam::${ACCOUNT}:role/ops/*" ]
    people: [ { group: platform, source: okta } ]
  applications:
    absentNamespaces: create-and-delete
    trust:
      webIdentity:
        provider: token.actions.githubusercontent.com
        subjects: [ "repo:acme/{namespace}:environment:{environment}" ]
    adopt: [ "arn:aws:iam::${ACCOUNT}:role/ops/*" ]
    people: [ { group: support, source: okta } ]
    groupsOf: okta
`;

/** A policy that onboards, and says nothing of any cluster but what is given. */
export const onboardingPolicy = (more = '', section = ONBOARDING) => `
apiVersion: gatehouse/v1
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
${more}${section}`;

/** A cluster becomes an environment. */
export function environment(
  name: string,
  over: { readonly cluster?: string; readonly account?: string; readonly role?: string; readonly at?: number } = {},
): Extract<Fact, { type: 'environment' }> {
  const { cluster = name, account = ACCOUNT, role, at = 1 } = over;
  return {
    type: 'environment',
    name,
    state: 'present',
    at,
    cluster: { account, region: 'eu-west-1', name: cluster },
    ...(role === undefined ? {} : { role }),
  };
}

/** An environment is none any more. */
export const environmentGone = (name: string, at = 2): Fact => ({ type: 'environment', name, state: 'absent', at });

/** A namespace becomes an application. */
export function application(
  environmentName: string,
  namespace: string,
  over: { readonly role?: string; readonly group?: string; readonly at?: number } = {},
): Extract<Fact, { type: 'application' }> {
  const { at = 1, ...spec } = over;
  return { type: 'application', environment: environmentName, namespace, state: 'present', at, ...spec };
}

/** An application is none any more. */
export const applicationGone = (environmentName: string, namespace: string, at = 2): Fact => ({
  type: 'application',
  environment: environmentName,
  namespace,
  state: 'absent',
  at,
});

/** The items that facts leave in an empty directory. */
export function itemsOf(...facts: readonly Fact[]): OnboardedItem[] {
  const items = new Map<string, OnboardedItem>();
  for (const fact of facts) {
    const { pk, sk } = factKey(fact);
    const { attributes } = merge(items.get(sk), fact, Number.MAX_SAFE_INTEGER);
    if (attributes) items.set(sk, { ...attributes, pk, sk, rev: 'r' } as unknown as OnboardedItem);
  }
  return [...items.values()];
}
