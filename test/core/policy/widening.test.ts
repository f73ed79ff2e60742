import type { AccessPolicy, ApplicationRules, Cluster, EnvironmentRules, Grant } from '@gatehouse/core/access/policy';
import { levelCovers, levelMeet } from '@gatehouse/core/policy/levels';
import { selects } from '@gatehouse/core/policy/selection';
import { compare, EMPTY_POLICY, withoutWidening } from '@gatehouse/core/policy/widening';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACCOUNT, aCluster, aGrant, aPolicy } from '../../builders/policy.ts';

const rules = (...verbs: string[]) => ({ name: 'l', rules: [{ apiGroups: [''], resources: ['pods'], verbs }] });
const base = aPolicy({
  clusters: [aCluster({ name: 'prod', labels: { env: 'prod' } }), aCluster({ name: 'test', labels: { env: 'test' } })],
});
const withGrant = (over: Partial<Grant>): AccessPolicy => ({ ...base, grants: [aGrant(over)] });
const withCluster = (over: Partial<Cluster>): AccessPolicy => ({
  ...base,
  clusters: [{ ...base.clusters[0]!, ...over }, base.clusters[1]!],
});
const discovery = { account: ACCOUNT, region: 'eu-west-1', tag: { gatehouse: 'managed' }, mode: 'enforce' as const };
const ARN = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const mapped = (map: Record<string, string>): AccessPolicy => ({ ...base, identities: [{ source: 'okta', map }] });

const people = (...groups: string[]) => groups.map((group) => ({ group, source: 'okta' }));
const environments = (over: Partial<EnvironmentRules> = {}): EnvironmentRules => ({
  ...{ accounts: [ACCOUNT], mode: 'observe', level: rules('get'), adopt: [], people: people('a') },
  ...over,
});
const applications = (over: Partial<ApplicationRules> = {}): ApplicationRules => ({
  ...{
    namespaces: ['*'],
    absentNamespaces: 'refuse',
    level: rules('get'),
    adopt: [],
    people: people('a'),
    groupsOf: 'okta',
  },
  ...over,
});
const onboards = (over: Partial<EnvironmentRules> = {}, apps?: Partial<ApplicationRules>): AccessPolicy => ({
  ...base,
  onboarding: { environments: environments(over), ...(apps ? { applications: applications(apps) } : {}) },
});
const trust = (...principals: string[]) => ({ trust: { principals, accounts: [], webIdentity: [] } });

/** What changes; from; to; what widens; what narrows. */
const CHANGES: readonly (readonly [string, AccessPolicy, AccessPolicy, readonly RegExp[], readonly RegExp[]])[] = [
  ['nothing', base, base, [], []],
  [
    'a grant is new',
    { ...base, grants: [] },
    base,
    [/grant is new: the okta group 00g1 gets reader in the whole of the clusters \*, through role/],
    [],
  ],
  ['a grant is gone', base, { ...base, grants: [] }, [], [/grant is removed: the okta group 00g1/]],
  [
    'another group',
    base,
    withGrant({ to: [{ group: '00g2', source: 'okta' }] }),
    [/given to the okta group 00g2/],
    [/no longer given to the okta group 00g1/],
  ],
  [
    'the same group of another source',
    base,
    withGrant({ to: [{ group: '00g1', source: 'cognito' }] }),
    [/cognito group/],
    [/okta group/],
  ],
  [
    'fewer clusters',
    base,
    withGrant({ clusters: { names: ['prod'], labels: {} } }),
    [],
    [/no longer reaches the clusters test/],
  ],
  ['the same clusters in other words', base, withGrant({ clusters: { names: ['prod', 'te*'], labels: {} } }), [], []],
  ['more clusters', withGrant({ clusters: { names: ['prod'], labels: {} } }), base, [/reaches the clusters test/], []],
  [
    'clusters by label',
    base,
    withGrant({ clusters: { names: ['*'], labels: { env: 'prod' } } }),
    [],
    [/no longer reaches the clusters test/],
  ],
  [
    'a namespace more',
    withGrant({ namespaces: ['a'] }),
    withGrant({ namespaces: ['a', 'b'] }),
    [/namespaces b, too/],
    [],
  ],
  [
    'a namespace fewer',
    withGrant({ namespaces: ['a', 'b'] }),
    withGrant({ namespaces: ['b'] }),
    [],
    [/no longer for the namespaces a/],
  ],
  [
    'other namespaces',
    withGrant({ namespaces: ['a'] }),
    withGrant({ namespaces: ['b'] }),
    [/b, too/],
    [/namespaces a/],
  ],
  ['the whole cluster', withGrant({ namespaces: ['a'] }), base, [/whole cluster/], []],
  ['only a namespace', base, withGrant({ namespaces: ['a'] }), [], [/only for the namespaces a/]],
  ['a verb more', withGrant({ level: rules('get') }), withGrant({ level: rules('get', 'list') }), [/gives more/], []],
  ['a verb fewer', withGrant({ level: rules('get', 'list') }), withGrant({ level: rules('get') }), [], [/gives less/]],
  [
    'another verb',
    withGrant({ level: rules('get') }),
    withGrant({ level: rules('list') }),
    [/gives more/],
    [/no longer gives all/],
  ],
  [
    'the level only renamed',
    withGrant({ level: rules('get') }),
    withGrant({ level: { ...rules('get'), name: 'm' } }),
    [],
    [],
  ],
  [
    'admin to view',
    withGrant({ level: { name: 'l', clusterRole: 'admin' } }),
    withGrant({ level: { name: 'l', clusterRole: 'view' } }),
    [],
    [/gives less/],
  ],
  [
    'view to admin',
    withGrant({ level: { name: 'l', clusterRole: 'view' } }),
    withGrant({ level: { name: 'l', clusterRole: 'admin' } }),
    [/gives more than l gave$/],
    [],
  ],
  [
    'one own ClusterRole to another',
    withGrant({ level: { name: 'l', clusterRole: 'ops' } }),
    withGrant({ level: { name: 'l', clusterRole: 'dev' } }),
    [/as far as can be told/],
    [],
  ],
  ['another way in', base, withGrant({ through: 'user' }), [/from role to user/], []],
  ['namespaces are made', base, withGrant({ absentNamespaces: 'create' }), [/create instead of refuse/], []],
  ['namespaces are no longer made', withGrant({ absentNamespaces: 'create' }), base, [], [/refuse instead of create/]],
  [
    'a cluster joins, and an unchanged grant reaches it',
    { ...base, clusters: [base.clusters[0]!] },
    base,
    [/cluster test .* joins/, /reaches the clusters test/],
    [],
  ],
  [
    'a cluster leaves',
    base,
    { ...base, clusters: [base.clusters[0]!] },
    [],
    [/cluster test .* leaves/, /no longer reaches the clusters test/],
  ],
  [
    'a cluster of the same name elsewhere',
    base,
    withCluster({ region: 'eu-west-2', arn: `arn:aws:eks:eu-west-2:${ACCOUNT}:cluster/prod` }),
    [/eu-west-2.*joins/, /reaches/],
    [/eu-west-1.*leaves/, /no longer reaches/],
  ],
  [
    'a label that a grant selects by',
    { ...withGrant({ clusters: { names: ['*'], labels: { env: 'prod' } } }) },
    {
      ...withGrant({ clusters: { names: ['*'], labels: { env: 'prod' } } }),
      clusters: [base.clusters[0]!, { ...base.clusters[1]!, labels: { env: 'prod' } }],
    },
    [/reaches the clusters test/],
    [],
  ],
  ['observe to enforce', withCluster({ mode: 'observe' }), base, [/observe to enforce/], []],
  ['paused to enforce', withCluster({ mode: 'paused' }), base, [/paused to enforce/], []],
  ['enforce to paused', base, withCluster({ mode: 'paused' }), [], [/enforce to paused/]],
  ['observe to paused', withCluster({ mode: 'observe' }), withCluster({ mode: 'paused' }), [], [/observe to paused/]],
  ['enforce to observe', base, withCluster({ mode: 'observe' }), [/no longer taken away/], [/no longer take effect/]],
  [
    'a named cluster leaves and may be discovered',
    { ...withCluster({ mode: 'observe' }), discover: [discovery] },
    { ...base, clusters: [base.clusters[1]!], discover: [discovery] },
    [/may be discovered again/],
    [/cluster prod .* leaves/, /no longer reaches the clusters prod/],
  ],
  ['discovery is new', base, { ...base, discover: [discovery] }, [/join by themselves/], []],
  ['discovery is gone', { ...base, discover: [discovery] }, base, [], [/no longer all join/]],
  [
    'discovery by more tags',
    { ...base, discover: [discovery] },
    { ...base, discover: [{ ...discovery, tag: { ...discovery.tag, a: 'b' } }] },
    [],
    [/no longer all join/],
  ],
  [
    'discovery enforces',
    { ...base, discover: [{ ...discovery, mode: 'observe' }] },
    { ...base, discover: [discovery] },
    [/observe to enforce/],
    [],
  ],
  ['no longer protected', { ...base, protected: { principals: [ARN('x')] } }, base, [/no longer protected/], []],
  ['protected', base, { ...base, protected: { principals: [ARN('x')] } }, [], [/x is protected/]],
  ['a user more in a map', mapped({ a: ARN('a') }), mapped({ a: ARN('a'), b: ARN('b') }), [/user b becomes/], []],
  ['a user fewer in a map', mapped({ a: ARN('a'), b: ARN('b') }), mapped({ a: ARN('a') }), [], [/user b is no longer/]],
  ['a user is another', mapped({ a: ARN('a') }), mapped({ a: ARN('b') }), [/user a becomes/], [/user a is no longer/]],
  [
    'another template',
    base,
    { ...base, identities: [{ source: 'okta', template: ARN('{id}') }] },
    [/other IAM principals/],
    [],
  ],
  [
    'a map before the template',
    base,
    { ...base, identities: [...mapped({ a: ARN('b') }).identities, ...base.identities] },
    [/other IAM principals/],
    [],
  ],
  ['no identities', base, { ...base, identities: [] }, [], [/no longer have IAM principals/]],
  ['a boundary', base, { ...base, accounts: [{ id: ACCOUNT, permissionsBoundary: 'b' }] }, [], [/boundary b/]],
  ['no boundary', { ...base, accounts: [{ id: ACCOUNT, permissionsBoundary: 'b' }] }, base, [/becomes none/], []],
  [
    'a way into another account',
    base,
    { ...base, accounts: [{ id: ACCOUNT }, { id: '444455556666', roleArn: 'r' }] },
    [/may enter account 444455556666 by r/],
    [],
  ],
  [
    'another permission set',
    withGrant({ through: 'sso', permissionSet: 'Ops' }),
    withGrant({ through: 'sso', permissionSet: 'Admins' }),
    [/the way in goes from sso \(Ops\) to sso \(Admins\)/],
    [],
  ],
  [
    'a permission set instead of a role',
    base,
    withGrant({ through: 'sso', permissionSet: 'Ops' }),
    [/from role to sso \(Ops\)/],
    [],
  ],
  [
    'a SAML provider for everybody instead of for one group',
    withGrant({ saml: { provider: 'acme', subjects: [], groups: ['staff'] } }),
    withGrant({ saml: { provider: 'acme', subjects: [], groups: [] } }),
    [/the way in goes from role \(the SAML provider acme\)/],
    [],
  ],
  [
    'an adopted role is another',
    withGrant({ to: [{ principal: 'arn:aws:iam::111122223333:role/a' }] }),
    withGrant({ to: [{ principal: 'arn:aws:iam::111122223333:role/b' }] }),
    [/given to arn:aws:iam::111122223333:role\/b/],
    [/no longer given to arn:aws:iam::111122223333:role\/a/],
  ],
  [
    'the console, too',
    withGrant({ level: rules('get') }),
    withGrant({ level: { ...rules('get'), console: true } }),
    [/gives more/],
    [],
  ],
  [
    'the console no longer',
    withGrant({ level: { ...rules('get'), console: true } }),
    withGrant({ level: rules('get') }),
    [],
    [/gives less/],
  ],
  [
    'something on the whole cluster, beside the namespaces',
    withGrant({ level: rules('get') }),
    withGrant({
      level: { ...rules('get'), clusterWide: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }] },
    }),
    [/gives more/],
    [],
  ],
  [
    'a username that a machine is given in place of another',
    { ...base, machines: [{ name: 'ci', user: 'u', username: 'ci' }] },
    { ...base, machines: [{ name: 'ci', user: 'u', username: 'admin' }] },
    [/whatever a cluster gives the user "admin"/],
    [/goes by other names/],
  ],
  [
    'a username that a machine is given no more',
    { ...base, machines: [{ name: 'ci', username: 'ci' }] },
    { ...base, machines: [{ name: 'ci' }] },
    [],
    [/goes by other names/],
  ],
  [
    'whom a machine trusts, one more and one fewer',
    { ...base, machines: [{ name: 'ci', trust: { principals: [ARN('a')], accounts: [], webIdentity: [] } }] },
    { ...base, machines: [{ name: 'ci', trust: { principals: [ARN('b')], accounts: [], webIdentity: [] } }] },
    [/may be assumed by .*user\/b/],
    [/no longer be assumed by .*user\/a/],
  ],
  [
    'labels of a cluster and of the grant on it go together',
    {
      ...withGrant({ clusters: { names: ['prod'], labels: { env: 'prod' } } }),
      discover: [discovery],
      clusters: [base.clusters[0]!],
    },
    {
      ...withGrant({ clusters: { names: ['prod'], labels: {} } }),
      discover: [discovery],
      clusters: [{ ...base.clusters[0]!, labels: {} }],
    },
    [/may reach more/],
    [/until somebody agrees, it does not reach prod/],
  ],
  ['onboarding', base, onboards(), [/clusters of the accounts 111122223333 may be onboarded, at l/], []],
  ['no onboarding', onboards({}, {}), base, [], [/nothing is onboarded any more/]],
  ['onboarding as it was', onboards({}, {}), onboards({}, {}), [], []],
  [
    'another account',
    onboards(),
    onboards({ accounts: ['444455556666'] }),
    [/clusters of account 444455556666 may join/],
    [/no longer: clusters of account 111122223333/],
  ],
  ['environments in force', onboards(), onboards({ mode: 'enforce' }), [/from observe to enforce/], []],
  ['a higher level', onboards(), onboards({ level: rules('get', 'list') }), [/gives more than l gave/], []],
  ['a lower level', onboards({ level: rules('get', 'list') }), onboards(), [], [/gives less than l gave/]],
  ['a trusted principal', onboards(), onboards(trust(ARN('ci'))), [/may be assumed by .*user\/ci/], []],
  ['a principal trusted no more', onboards(trust(ARN('ci'))), onboards(), [], [/no longer be assumed by .*user\/ci/]],
  ['a role that may be named', onboards(), onboards({ adopt: ['r*'] }), [/r\* may be named/], []],
  ['more people', onboards(), onboards({ people: people('a', 'b') }), [/given to the okta group b/], []],
  ['other people', onboards({}, {}), onboards({}, { people: people('b') }), [/group b/], [/no longer .* group a/]],
  ['applications', onboards(), onboards({}, {}), [/applications may be onboarded, at l/], []],
  ['no applications', onboards({}, {}), onboards(), [], [/no application is onboarded any more/]],
  [
    'namespaces that are made',
    onboards({}, {}),
    onboards({}, { absentNamespaces: 'create' }),
    [/absent namespaces/],
    [],
  ],
  [
    'fewer namespaces than all',
    onboards({}, {}),
    onboards({}, { namespaces: ['pay', 'team-*'] }),
    [],
    [/no longer: namespaces \* may be onboarded/],
  ],
  [
    'all namespaces instead of some',
    onboards({}, { namespaces: ['team-*'] }),
    onboards({}, { namespaces: ['*'] }),
    [/namespaces \* may be onboarded/],
    [],
  ],
  [
    'one namespace of many, and another beside',
    onboards({}, { namespaces: ['team-*'] }),
    onboards({}, { namespaces: ['team-a', 'argocd'] }),
    [/namespaces argocd may be onboarded/],
    [/no longer: namespaces team-\*/],
  ],
  [
    'groups of another source',
    onboards({}, {}),
    onboards({}, { groupsOf: 'cognito' }),
    [/groups of cognito may be named/],
    [/no longer: groups of okta/],
  ],
  [
    'a named cluster leaves and may be onboarded',
    onboards(),
    { ...onboards(), clusters: [base.clusters[1]!] },
    [/the cluster prod may be onboarded again/],
    [/the cluster prod .* leaves the policy/, /no longer reaches the clusters prod/],
  ],
  ['another way into the account', base, { ...base, accounts: [{ id: ACCOUNT, roleArn: 'r' }] }, [/another way/], []],
];

describe('what widens and what narrows', () => {
  test.each(CHANGES)('%s', (_name, from, to, widens, narrows) => {
    const { widens: wider, narrows: narrower } = compare(from, to);
    expect(wider.map(({ text }) => text)).toEqual(widens.map((text) => expect.stringMatching(text)));
    expect(narrower.map(({ text }) => text)).toEqual(narrows.map((text) => expect.stringMatching(text)));
    expect(compare(from, withoutWidening(from, to)).widens).toEqual([]);
    if (widens.length === 0) expect(withoutWidening(from, to)).toEqual(to);
  });

  test('what is onboarded keeps what grants on all clusters give while something else waits', () => {
    const more = { ...onboards(), grants: [...base.grants, aGrant({ name: 'more' })] };
    const [grant, ...others] = withoutWidening(onboards(), more).grants;
    expect(grant!.clusters).toEqual({ names: ['*'], labels: {} });
    expect(others).toEqual([]);
  });

  test('everything of a first policy widens', () => {
    expect(compare(undefined, base).widens.length).toBeGreaterThan(3);
    expect(withoutWidening(undefined, base)).toMatchObject({ clusters: [], grants: [], identities: [] });
    expect(compare(EMPTY_POLICY, base)).toEqual(compare(undefined, base));
  });
});

describe('levels', () => {
  const level = (rule: object) => ({ name: 'l', rules: [{ verbs: ['get'], ...rule }] });
  const pods = { apiGroups: [''], resources: ['pods'] };
  test.each([
    ['* covers a verb', level({ ...pods, verbs: ['*'] }), level(pods), true],
    ['a verb does not cover *', level(pods), level({ ...pods, verbs: ['*'] }), false],
    [
      '* covers a subresource',
      level({ apiGroups: [''], resources: ['*'] }),
      level({ apiGroups: [''], resources: ['pods/exec'] }),
      true,
    ],
    [
      'a resource does not cover its subresource',
      level(pods),
      level({ apiGroups: [''], resources: ['pods/exec'] }),
      false,
    ],
    [
      '*/scale covers deployments/scale',
      level({ apiGroups: ['apps'], resources: ['*/scale'] }),
      level({ apiGroups: ['apps'], resources: ['deployments/scale'] }),
      true,
    ],
    ['no names cover names', level(pods), level({ ...pods, resourceNames: ['a'] }), true],
    ['names do not cover no names', level({ ...pods, resourceNames: ['a'] }), level(pods), false],
    ['a url with *', level({ nonResourceURLs: ['/a/*'] }), level({ nonResourceURLs: ['/a/b'] }), true],
    [
      'a url does not cover its prefix',
      level({ nonResourceURLs: ['/a/*'] }),
      level({ nonResourceURLs: ['/a'] }),
      false,
    ],
    [
      'resources do not cover urls',
      level({ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }),
      level({ nonResourceURLs: ['/a'] }),
      false,
    ],
    ['the core group is not every group', level(pods), level({ apiGroups: ['*'], resources: ['pods'] }), false],
    ['cluster-admin covers rules', { name: 'l', clusterRole: 'cluster-admin' }, level(pods), true],
    ['another ClusterRole does not', { name: 'l', clusterRole: 'admin' }, level(pods), false],
    [
      'view does not cover an own ClusterRole',
      { name: 'l', clusterRole: 'view' },
      { name: 'l', clusterRole: 'ops' },
      false,
    ],
    [
      'rules never cover a ClusterRole',
      level({ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }),
      { name: 'l', clusterRole: 'view' },
      false,
    ],
  ])('%s', (_name, wide, narrow, expected) => {
    expect(levelCovers(wide, narrow)).toBe(expected);
  });

  test('what two sets of rules have in common', () => {
    const a = level({ apiGroups: ['', 'apps'], resources: ['*'], verbs: ['get', 'list'] });
    const b = level({
      apiGroups: ['*'],
      resources: ['pods', 'secrets'],
      verbs: ['list', 'delete'],
      resourceNames: ['x'],
    });
    const common = [{ apiGroups: ['', 'apps'], resources: ['pods', 'secrets'], resourceNames: ['x'], verbs: ['list'] }];
    expect(levelMeet(a, b)).toEqual({ name: 'l', rules: common });
    expect(levelMeet(rules('get'), rules('list'))).toBeUndefined();
  });
});

/** Everything a policy lets anybody do, as texts, computed without the code under test (but for `selects`, tested on its own). */
function accessOf(policy: AccessPolicy, discovered: readonly Cluster[] = []): Set<string> {
  const access = new Set<string>();
  for (const grant of policy.grants) {
    const clusters = new Map([...discovered, ...policy.clusters].map((cluster) => [cluster.arn, cluster]));
    for (const cluster of [...clusters.values()].filter((one) => selects(grant, one) && one.mode === 'enforce')) {
      for (const namespace of grant.namespaces.length > 0 ? grant.namespaces : ['', 'a', 'b', 'c']) {
        for (const rule of 'rules' in grant.level ? grant.level.rules : []) {
          for (const resource of rule.resources!.includes('*') ? ['pods', 'secrets'] : rule.resources!) {
            for (const verb of rule.verbs.includes('*') ? ['get', 'list', 'delete'] : rule.verbs) {
              for (const to of grant.to) {
                access.add([grant.name, JSON.stringify(to), cluster.arn, namespace, resource, verb].join(' '));
              }
            }
          }
        }
      }
    }
  }
  return access;
}

const some = (...values: string[]) => fc.subarray(values, { minLength: 1 });
const anyRule = fc.record({
  apiGroups: fc.constant(['']),
  resources: fc.oneof(some('pods', 'secrets'), fc.constant(['*'])),
  verbs: fc.oneof(some('get', 'list', 'delete'), fc.constant(['*'])),
});
const anyLabels = fc.constantFrom<Record<string, string>>(
  {},
  { env: 'prod' },
  { env: 'test' },
  { env: 'prod', t: '1' },
);
const anyGrant = (name: string) =>
  fc.record({
    name: fc.constant(name),
    to: fc.subarray(
      [
        { group: 'g1', source: 'okta' },
        { group: 'g2', source: 'okta' },
      ],
      { minLength: 1 },
    ),
    clusters: fc.record({ names: some('*', 'prod', 'test', 'pr*', '*d', 'p*d'), labels: anyLabels }),
    namespaces: fc.subarray(['a', 'b', 'c']),
    absentNamespaces: fc.constant('refuse' as const),
    level: fc.record({ name: fc.constant('l'), rules: fc.array(anyRule, { minLength: 1, maxLength: 2 }) }),
    through: fc.constant('role' as const),
  });
const anyMode = fc.constantFrom('enforce' as const, 'enforce' as const, 'paused' as const, 'observe' as const);
const anyPolicy = (discovers: boolean): fc.Arbitrary<AccessPolicy> =>
  fc.record({
    clusters: fc
      .tuple(
        ...['prod', 'test', 'pod'].map((name) =>
          fc.option(fc.record({ labels: anyLabels, mode: anyMode }).map((over) => aCluster({ name, ...over }))),
        ),
      )
      .map((clusters) => clusters.filter((cluster) => cluster !== null)),
    discover: fc.constant(discovers ? [discovery] : []),
    accounts: fc.constant([{ id: ACCOUNT }]),
    grants: fc
      .tuple(fc.option(anyGrant('g')), fc.option(anyGrant('h')))
      .map((grants) => grants.filter((grant) => grant !== null)),
    machines: fc
      .subarray(['ci', 'cd'])
      .chain((names) =>
        fc.tuple(
          ...names.map((name) =>
            fc
              .option(fc.constantFrom('admin', 'robot'), { nil: undefined })
              .map((username) => ({ name, ...(username === undefined ? {} : { username }) })),
          ),
        ),
      ),
    identityProviders: fc.constant([]),
    identities: fc.constant([]),
    protected: fc.constant({ principals: [] }),
  });

describe('what is in force of a policy that waits', () => {
  test('keeps a machine by the name that it had', () => {
    const policy = (username?: string) =>
      aPolicy({ machines: [{ name: 'ci', ...(username === undefined ? {} : { username }) }] });
    const during = (old: AccessPolicy, next: AccessPolicy) => withoutWidening(old, next).machines;
    expect(during(policy('ci'), policy('admin'))).toEqual(policy('ci').machines);
    expect(during(policy(), policy('admin'))).toEqual(policy().machines);
    expect(during(policy('ci'), policy())).toEqual(policy().machines);
    expect(during(aPolicy(), policy('admin'))).toEqual(policy().machines);
  });

  test.each([
    ['without discovery', false],
    ['with discovery', true],
  ])('gives nobody what not both policies give, and widens nothing (%s)', (_name, discovers) => {
    const found = discovers
      ? [
          aCluster({ name: 'prod-found', labels: { env: 'prod' } }),
          aCluster({ name: 'prod', arn: 'found-prod', labels: { env: 'prod', t: '1' } }),
          aCluster({ name: 'pad', labels: {} }),
          aCluster({ name: 'test', labels: { env: 'test' } }),
        ]
      : [];
    fc.assert(
      fc.property(anyPolicy(discovers), anyPolicy(discovers), (old, next) => {
        const effective = withoutWidening(old, next);
        // A cluster that was discovered and is now named stays, until somebody agrees, as it was discovered.
        const named = next.clusters.filter(({ arn }) => !old.clusters.some((cluster) => cluster.arn === arn));
        const known = (access: Set<string>) =>
          [...access].filter((text) => !named.some(({ arn }) => text.includes(` ${arn} `)));
        const [before, after, during] = [old, next, effective].map((policy) => accessOf(policy, found));
        expect(during!.difference(before!)).toEqual(new Set());
        expect(known(during!.difference(after!))).toEqual([]);
        expect(compare(old, effective).widens).toEqual([]);
        // What is not said to widen gives nothing new.
        if (compare(old, next).widens.length === 0) expect(after!.difference(before!)).toEqual(new Set());
        if (compare(old, next).narrows.length === 0) expect(known(before!.difference(during!))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
});
