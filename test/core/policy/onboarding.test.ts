import { ENVIRONMENT_LABEL } from '@gatehouse/core/access/names';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Fact } from '@gatehouse/core/directory/fact';
import { earlierOnboarded, foreseenGrants, onboardedDigest, withOnboarded } from '@gatehouse/core/policy/onboarding';
import { allClusters, clustersOf } from '@gatehouse/core/policy/selection';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  application,
  applicationGone,
  environment,
  environmentGone,
  itemsOf,
  ONBOARDING,
  onboardingPolicy,
} from '../../builders/onboarding.ts';
import { ACCOUNT, aCluster, policyOf } from '../../builders/policy.ts';

const POLICY = policyOf(onboardingPolicy());
const OPS = `arn:aws:iam::${ACCOUNT}:role/ops/one`;
const onboarded = (policy: AccessPolicy, ...facts: readonly Fact[]) => withOnboarded(policy, itemsOf(...facts));
const grantsOf = ({ grants }: AccessPolicy) => grants.map(({ name, to, namespaces }) => ({ name, to, namespaces }));
const platform = { group: 'platform', source: 'okta' };
const support = { group: 'support', source: 'okta' };

describe('what follows from what is onboarded', () => {
  it.each<[string, readonly Fact[], readonly object[]]>([
    ['nothing', [], []],
    [
      'an environment',
      [environment('prod')],
      [{ name: 'env-prod', to: [{ machine: 'env-prod' }, platform], namespaces: [] }],
    ],
    [
      'an environment with a role that exists',
      [environment('prod', { role: OPS })],
      [
        { name: 'env-prod', to: [{ principal: OPS }], namespaces: [] },
        { name: 'people-env-prod', to: [platform], namespaces: [] },
      ],
    ],
    [
      'an application with a group',
      [environment('prod', { role: OPS }), application('prod', 'pay', { group: 'devs' })],
      [
        { name: 'env-prod', to: [{ principal: OPS }], namespaces: [] },
        { name: 'people-env-prod', to: [platform], namespaces: [] },
        {
          name: 'app-prod--pay',
          to: [{ machine: 'app-prod--pay' }, support, { group: 'devs', source: 'okta' }],
          namespaces: ['pay'],
        },
      ],
    ],
    ['an application whose environment is gone', [application('prod', 'pay'), environmentGone('prod')], []],
  ])('%s', (_what, facts, grants) => {
    expect(grantsOf(onboarded(POLICY, ...facts).policy)).toEqual(grants);
  });

  it('a cluster joins, in the mode that the policy says, and what is granted on it is for it alone', () => {
    const { policy } = onboarded(POLICY, environment('prod', { cluster: 'prod-7' }), environment('test'));
    expect(policy.clusters).toEqual([
      aCluster({ name: 'prod-7', labels: { [ENVIRONMENT_LABEL]: 'prod' } }),
      aCluster({ name: 'test', labels: { [ENVIRONMENT_LABEL]: 'test' } }),
    ]);
    const reached = policy.grants.map((grant) => clustersOf(policy, grant, []).map(({ name }) => name));
    expect(reached).toEqual([['prod-7'], ['test']]);
  });

  it('a cluster that the policy names keeps its mode and labels', () => {
    const named = policyOf(
      onboardingPolicy(`clusters:\n  prod: { account: "${ACCOUNT}", region: eu-west-1, labels: { tier: gold } }\n`),
    );
    expect(onboarded(named, environment('prod')).policy.clusters).toEqual([
      aCluster({ name: 'prod', mode: 'observe', labels: { tier: 'gold', [ENVIRONMENT_LABEL]: 'prod' } }),
    ]);
  });

  it('a made role is trusted as the policy says, with the names filled in', () => {
    const { machines } = onboarded(POLICY, environment('prod'), application('prod', 'pay')).policy;
    expect(machines).toEqual([
      {
        name: 'env-prod',
        trust: { principals: [`arn:aws:iam::${ACCOUNT}:role/provisioner`], accounts: [], webIdentity: [] },
      },
      {
        name: 'app-prod--pay',
        trust: {
          principals: [],
          accounts: [],
          webIdentity: [
            {
              provider: 'token.actions.githubusercontent.com',
              audiences: ['sts.amazonaws.com'],
              subjects: ['repo:acme/pay:environment:prod'],
            },
          ],
        },
      },
    ]);
  });

  it('a tag makes no cluster an environment', () => {
    const discovering = policyOf(
      onboardingPolicy(`discover: [ { account: "${ACCOUNT}", region: eu-west-1, tag: { managed: "yes" } } ]\n`),
    );
    const { policy } = onboarded(discovering, environment('prod'));
    const liar = aCluster({ name: 'liar', labels: { managed: 'yes', [ENVIRONMENT_LABEL]: 'prod' } });
    const honest = aCluster({ name: 'prod', labels: { managed: 'yes', tier: 'gold' } });
    expect(allClusters(policy, [liar, honest]).map(({ name, labels }) => [name, labels])).toEqual([
      ['prod', { managed: 'yes', tier: 'gold', [ENVIRONMENT_LABEL]: 'prod' }],
      ['liar', { managed: 'yes' }],
    ]);
    const [grant] = policy.grants;
    expect(clustersOf(policy, grant!, [liar, honest]).map(({ name }) => name)).toEqual(['prod']);
  });

  it('no two items have a name in common, whatever hyphens theirs have', () => {
    const facts = [
      ...['a', 'a-b', 'people-a', 'app-a', 'e'.repeat(63)].map((name) => environment(name)),
      ...(
        [
          ['a', 'b-c'],
          ['a-b', 'c'],
          ['a', 'b--c'],
          ['people-a', 'b'],
          ['e'.repeat(63), 'n'.repeat(63)],
          ['e'.repeat(63), 'n'.repeat(62)],
        ] as const
      ).map(([on, namespace]) => application(on, namespace)),
    ];
    const { policy, findings } = onboarded(POLICY, ...facts);
    expect(findings).toEqual([]);
    const names = policy.grants.map(({ name }) => name);
    expect(new Set(names).size).toBe(facts.length);
    expect(names.filter((name) => name.length > 63)).toEqual([]);
  });
});

describe('what the policy refuses', () => {
  const taken = (name: string) =>
    onboardingPolicy(
      `grants:\n  - { name: ${name}, to: ${JSON.stringify(platform)}, on: { clusters: "*" }, level: developer, through: role }\n`,
    );
  const nobody = ONBOARDING.replaceAll(/ {4}people:.*\n/g, '').replace(/ {4}trust: \{.*\n/, '');
  const protecting = onboardingPolicy(`protected: { principals: [ "${OPS.replace('/ops', '')}" ] }\n`);
  const connected = onboardingPolicy(
    `clusters:\n  prod: { account: "${ACCOUNT}", region: eu-west-1, kind: connected, provider: EKS_ANYWHERE }\n`,
  );

  it.each<[string, string, readonly Fact[], string]>([
    [
      'a foreign account',
      onboardingPolicy(),
      [environment('prod', { account: '444455556666' })],
      'of the account 444455556666',
    ],
    [
      'a role of another account',
      onboardingPolicy(),
      [environment('prod', { role: OPS.replace(ACCOUNT, '444455556666') })],
      'is of the account 444455556666',
    ],
    [
      'a role of no pattern',
      onboardingPolicy(),
      [environment('prod', { role: OPS.replace('ops', 'devs') })],
      'is none that may be named',
    ],
    [
      'a role of ours',
      onboardingPolicy(),
      [environment('prod', { role: OPS.replace('ops', 'gatehouse') })],
      'own making',
    ],
    ['a protected role', protecting, [environment('prod', { role: OPS })], 'is protected'],
    ['a name of a grant', taken('env-prod'), [environment('prod')], 'has a grant or machine "env-prod" already'],
    [
      'a name of its people',
      taken('people-env-prod'),
      [environment('prod')],
      'has a grant or machine "people-env-prod"',
    ],
    [
      'a name of a machine that is only mentioned',
      onboardingPolicy(
        'grants:\n  - { name: ci, to: { machine: env-prod }, on: { clusters: "*" }, level: developer, through: user }\n',
      ),
      [environment('prod')],
      'has a grant or machine "env-prod" already',
    ],
    [
      'a role by which Gatehouse works',
      onboardingPolicy('', ONBOARDING.replaceAll('role/ops/*', 'role/*')),
      [environment('prod', { role: OPS.replace(/ops.*/, 'gatehouse-system/gatehouse-cluster-access') })],
      'Gatehouse itself works by it',
    ],
    ['a made role that nobody may assume', onboardingPolicy('', nobody), [environment('prod')], 'of nobody'],
    ['a cluster elsewhere', connected, [environment('prod')], 'runs elsewhere'],
    [
      'a second environment of a cluster',
      onboardingPolicy(),
      [environment('a'), environment('b', { cluster: 'a' })],
      'is the environment "a" already',
    ],
    [
      'a namespace of the cluster',
      onboardingPolicy(),
      [environment('prod'), application('prod', 'kube-system')],
      'the cluster’s own',
    ],
    [
      'a namespace that may be no application’s',
      onboardingPolicy('', `${ONBOARDING.trimEnd()}\n    namespaces: [shop, team-*]\n`),
      [environment('prod'), application('prod', 'argocd')],
      'may not be an application’s namespace',
    ],
    [
      'a group that may not be named',
      onboardingPolicy('', ONBOARDING.replace('groupsOf: okta', '')),
      [environment('prod'), application('prod', 'pay', { group: 'devs' })],
      'applications may name no groups',
    ],
    [
      'an application where there are none',
      onboardingPolicy('', ONBOARDING.slice(0, ONBOARDING.indexOf('  applications:'))),
      [environment('prod', { role: OPS }), application('prod', 'pay'), applicationGone('other', 'shop', 9)],
      'onboards no applications',
    ],
    ['an environment that is not there', onboardingPolicy(), [application('prod', 'pay')], 'no environment "prod" yet'],
  ])('%s is told, and keeps nothing else back', (_what, text, facts, message) => {
    const policy = policyOf(text);
    const role = `${OPS}-other`;
    const others = [environment('other', { role }), application('other', 'shop', { role })];
    const { findings, ...merged } = onboarded(policy, ...others, ...facts);
    expect(findings).toEqual([
      expect.objectContaining({ message: expect.stringContaining(message), remedy: expect.stringMatching(/./) }),
    ]);
    const names = merged.policy.grants.map(({ name }) => name);
    expect(names).toContain('env-other');
    const refused = findings[0]!;
    const own =
      refused.namespace === undefined
        ? `env-${refused.environment}`
        : `app-${refused.environment}--${refused.namespace}`;
    const written = policy.grants.map(({ name }) => name);
    if (!message.includes('groups'))
      expect(names.filter((name) => name === own)).toEqual(written.filter((name) => name === own));
  });

  it('a policy without onboarding knows of nothing', () => {
    const plain = policyOf(onboardingPolicy('', ''));
    expect(onboarded(plain, environment('prod'))).toEqual({ policy: plain, findings: [] });
  });
});

describe('facts in any order, any number of times', () => {
  const name = fc.constantFrom('a', 'b');
  const namespace = fc.constantFrom('x', 'y');
  const at = fc.integer({ min: 1, max: 6 });
  const fact = fc.oneof(
    fc
      .tuple(name, fc.option(fc.constantFrom(OPS, `${OPS}2`), { nil: undefined }), fc.constantFrom('c', 'd'), at)
      .map(([of, role, cluster, time]): Fact => environment(of, { at: time, cluster, ...(role ? { role } : {}) })),
    fc.tuple(name, at).map(([of, time]): Fact => environmentGone(of, time)),
    fc
      .tuple(name, namespace, fc.option(fc.constantFrom('g', 'h'), { nil: undefined }), at)
      .map(([of, on, group, time]): Fact => application(of, on, { at: time, ...(group ? { group } : {}) })),
    fc.tuple(name, namespace, at).map(([of, on, time]): Fact => applicationGone(of, on, time)),
  );
  const sorted = (facts: readonly Fact[]) => itemsOf(...facts).toSorted((a, b) => (a.sk < b.sk ? -1 : 1));

  it('leave the same items, and so the same policy', () => {
    fc.assert(
      fc.property(
        fc
          .array(fact, { maxLength: 12 })
          .chain((facts) =>
            fc.tuple(fc.constant(facts), fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length * 2 })),
          ),
        ([facts, again]) => {
          expect(sorted(again)).toEqual(sorted(facts));
          expect(withOnboarded(POLICY, itemsOf(...again))).toEqual(withOnboarded(POLICY, itemsOf(...facts)));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('and removed again leave the policy as it was written', () => {
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 12 }), (facts) => {
        const gone = facts.map(
          (one): Fact =>
            one.type === 'environment'
              ? environmentGone(one.name, 7)
              : applicationGone(
                  (one as ReturnType<typeof application>).environment,
                  (one as ReturnType<typeof application>).namespace,
                  7,
                ),
        );
        expect(withOnboarded(POLICY, itemsOf(...facts, ...gone))).toEqual({ policy: POLICY, findings: [] });
      }),
      { numRuns: 300 },
    );
  });

  it('give nothing beyond the rules: every grant is derived, of the level of its sort, and on one cluster at most', () => {
    const levels = [POLICY.onboarding!.environments.level, POLICY.onboarding!.applications!.level];
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 12 }), (facts) => {
        const { policy } = onboarded(POLICY, ...facts);
        for (const grant of policy.grants) {
          const isEnvironment = /^(people-)?env-/.test(grant.name);
          expect(grant.level).toEqual(levels[isEnvironment ? 0 : 1]);
          expect(grant.namespaces).toHaveLength(isEnvironment ? 0 : 1);
          expect(clustersOf(policy, grant, [])).toHaveLength(1);
        }
        expect(new Set(policy.clusters.map(({ arn }) => arn)).size).toBe(policy.clusters.length);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what an item was before', () => {
  it('counts only while it waits to be planned', () => {
    const facts = [environment('prod', { role: OPS }), environment('prod', { at: 2 }), environmentGone('prod', 3)];
    const clean = itemsOf(...facts);
    expect(earlierOnboarded(clean)).toEqual([clean]);
    const waiting = clean.map((item) => ({ ...item, dirty: 'token' }));
    const policies = earlierOnboarded(waiting).map((items) => grantsOf(withOnboarded(POLICY, items).policy));
    expect(policies.map((grants) => grants.map(({ name }) => name)).toSorted((a, b) => a.length - b.length)).toEqual([
      [],
      ['env-prod'],
      ['env-prod', 'people-env-prod'],
    ]);
  });

  it('a digest tells what matters, and nothing else', () => {
    const [item] = itemsOf(environment('prod'));
    const same = { ...item!, dirty: 'token', rev: 'other', at: 9 };
    expect(onboardedDigest([same])).toBe(onboardedDigest([item!]));
    const others = [environment('prod', { role: OPS }), environment('prod', { cluster: 'x' }), environmentGone('prod')];
    const digests = [item!, ...others.flatMap((one) => itemsOf(one))].map((one) => onboardedDigest([one]));
    expect(new Set(digests).size).toBe(4);
  });
});

it('Gatehouse is given what it needs for applications that are onboarded tomorrow', () => {
  const { policy } = onboarded(POLICY, environment('prod'));
  const [cluster] = policy.clusters;
  const foreseen = foreseenGrants(policy, cluster!);
  expect(foreseen.map(({ level, absentNamespaces }) => [level.name, absentNamespaces])).toEqual([
    ['cluster-admin', 'refuse'],
    ['namespace-admin', 'create-and-delete'],
  ]);
  expect(foreseenGrants(policy, aCluster())).toEqual([]);
  expect(foreseenGrants(policyOf(onboardingPolicy('', '')), cluster!)).toEqual([]);
});
