import { iamRoleName } from '@gatehouse/core/access/names';
import { readPolicy } from '@gatehouse/core/policy/read';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { policyOf } from '../../builders/policy.ts';

const EXAMPLE = `apiVersion: gatehouse/v1
accounts:
  "111122223333": { roleArn: "arn:aws:iam::111122223333:role/gatehouse", externalId: 5f2c-example }
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, labels: { env: prod }, mode: enforce }
  test-eu: { account: "444455556666", region: eu-west-1 }
discover: [ { account: "111122223333", region: eu-west-1, tag: { aws:eks:managed: "yes" } } ]
levels:
  cluster-admin: { clusterRole: cluster-admin, eksPolicy: AmazonEKSClusterAdminPolicy }
  deployer: { rules: [ { apiGroups: ["", apps], resources: [deployments, pods/log], verbs: [list, get] } ] }
identities:
  - { source: okta, map: { 00u1: "arn:aws:iam::111122223333:user/alice" } }
  - { source: okta, template: "arn:aws:iam::111122223333:user/people/{localPart}" }
grants:
  - { name: admins, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: cluster-admin, through: role }
  - name: ci
    to: { machine: payments-ci }
    on: { clusters: [prod-*, test-eu], namespaces: [pay], absentNamespaces: create }
    level: deployer
    through: user
  - { name: one, to: { user: 00u1, source: okta }, on: { labels: { env: prod } }, level: deployer, through: user }
protected:
  principals: [ "arn:aws:iam::111122223333:role/break-glass" ]
`;

test('the example is read whole, with references resolved and defaults filled in', () => {
  const policy = policyOf(EXAMPLE);
  expect(policy.clusters).toEqual([
    {
      name: 'prod-eu',
      account: '111122223333',
      region: 'eu-west-1',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu',
      labels: { env: 'prod' },
      mode: 'enforce',
    },
    expect.objectContaining({ name: 'test-eu', labels: {}, mode: 'observe' }),
  ]);
  expect(policy.accounts).toEqual([
    { id: '111122223333', roleArn: 'arn:aws:iam::111122223333:role/gatehouse', externalId: '5f2c-example' },
    { id: '444455556666' },
  ]);
  expect(policy.grants).toEqual([
    {
      name: 'admins',
      to: [{ group: '00g1', source: 'okta' }],
      clusters: { names: ['*'], labels: {} },
      namespaces: [],
      absentNamespaces: 'refuse',
      level: { name: 'cluster-admin', clusterRole: 'cluster-admin' },
      through: 'role',
    },
    expect.objectContaining({
      to: [{ machine: 'payments-ci' }],
      clusters: { names: ['prod-*', 'test-eu'], labels: {} },
      namespaces: ['pay'],
      absentNamespaces: 'create',
      level: {
        name: 'deployer',
        rules: [{ apiGroups: ['', 'apps'], resources: ['deployments', 'pods/log'], verbs: ['list', 'get'] }],
      },
    }),
    expect.objectContaining({
      to: [{ user: '00u1', source: 'okta' }],
      clusters: { names: ['*'], labels: { env: 'prod' } },
    }),
  ]);
  expect(policy.discover).toEqual([
    { account: '111122223333', region: 'eu-west-1', tag: { 'aws:eks:managed': 'yes' }, mode: 'observe' },
  ]);
  expect(policy.protected.principals).toEqual(['arn:aws:iam::111122223333:role/break-glass']);
  expect(JSON.parse(JSON.stringify(policy))).toEqual(policy);
});

test('a document of nothing but its version is a policy that allows nothing', () => {
  expect(policyOf('apiVersion: gatehouse/v1\n')).toMatchObject({ clusters: [], grants: [] });
});

const HEAD = 'apiVersion: gatehouse/v1\n';
const CLUSTER = 'clusters:\n  prod: { account: "111122223333", region: eu-west-1, labels: { env: prod } }\n';
const LEVELS =
  'levels:\n  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] }\n' +
  '  urls: { rules: [ { nonResourceURLs: [/healthz], verbs: [get] } ] }\n';
const BASE = HEAD + CLUSTER + LEVELS;
/** A grant in one line; the parts that a case is about replace the right ones. */
function grant(
  over: Partial<Record<'before' | 'line' | 'name' | 'to' | 'on' | 'level' | 'through' | 'more', string>> = {},
): string {
  const { name = 'g', to = '{ group: g1, source: okta }', on = '{ clusters: prod }', level = 'reader' } = over;
  const { before = '', line = '', through = 'role', more = '' } = over;
  return `${BASE}${before}grants:\n  - ${line}{ name: ${name}, to: ${to}, on: ${on}, level: ${level}, through: ${through}${more} }\n`;
}
const SESSIONS = 'identities:\n  - { source: okta, session: "{login}" }\n';
const ISSUER = 'issuer: "https://acme.okta.com"';
const IDP = `identityProviders:\n  acme: { preset: okta, ${ISSUER}, clientId: c, on: { clusters: prod } }\n`;
const ENTRA =
  'identityProviders:\n  entra: { preset: entra, issuer: "https://login.microsoftonline.com/3f2504e0-4f89-11d3-9a0c-0305e82c3301/v2.0", clientId: c, on: { clusters: prod } }\n';
const provider = (text: string) => {
  const preset = text.startsWith('preset') ? '' : 'usernameClaim: email, groupsClaim: groups, groupsPrefix: "a:", ';
  const prefix = text.includes('usernamePrefix') ? '' : 'usernamePrefix: "a:", ';
  return `${BASE}identityProviders:\n  acme: { ${preset}${prefix}clientId: c, on: { clusters: prod }, ${text} }\n`;
};
const rule = (text: string) => `${HEAD}levels:\n  l: { rules: [ ${text} ] }\n`;
const identity = (text: string, more = '') => `${HEAD}identities:\n  - { source: okta, ${text} }\n${more}`;
const cluster = (text: string) => `${HEAD}clusters:\n  c: ${text}\n`;
const user = (name: string) => `"arn:aws:iam::111122223333:user/${name}"`;

const LONG = 'a'.repeat(58);
/** A name that is, unshortened, the name of the role of the grant LONG. */
const TWIN = iamRoleName(LONG).slice('gatehouse-'.length);

/** What is wrong; the document, with § where the error is reported; field; message; remedy. */
const GROUP = '{ group: 00g1, source: okta }';

const REFUSED: readonly (readonly [string, string, string, RegExp, RegExp])[] = [
  [
    'an onboarding without environments',
    `${HEAD}onboarding:\n  §applications: {}\n`,
    'onboarding.environments',
    /missing/,
    /environments/,
  ],
  [
    'an onboarding of no account',
    `${HEAD}onboarding: { environments: { accounts: §[], people: [ ${GROUP} ] } }`,
    'onboarding.environments.accounts',
    /empty/,
    /at least one/,
  ],
  [
    'an onboarding by which nobody comes in',
    `${HEAD}onboarding: { environments: §{ accounts: ["111122223333"] } }`,
    'onboarding.environments',
    /nobody would come in/,
    /trust, adopt or people/,
  ],
  [
    'an onboarding at a level that there is not',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ], level: §cluster-admn } }`,
    'onboarding.environments.level',
    /no level "cluster-admn"/,
    /cluster-admin/,
  ],
  [
    'an onboarding of namespaces that there cannot be',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { people: [ ${GROUP} ], namespaces: [ §Pay ] } }`,
    'onboarding.applications.namespaces[0]',
    /namespace/,
    /team-\*/,
  ],
  [
    'an onboarding of machines',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ §{ machine: ci } ] } }`,
    'onboarding.environments.people[0]',
    /people are groups and users/,
    /trust/,
  ],
  [
    'an onboarding that adopts roles of another account',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], adopt: [ §"arn:aws:iam::444455556666:role/*" ] } }`,
    'onboarding.environments.adopt[0]',
    /whose clusters cannot join/,
    /accounts/,
  ],
  [
    'an onboarding that adopts anything',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], adopt: [ §"*" ] } }`,
    'onboarding.environments.adopt[0]',
    /not the ARN of an IAM role/,
    /role\/platform/,
  ],
  [
    'placeholders that run together',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { trust: §{ principals: ["arn:aws:iam::111122223333:role/{environment}-{namespace}"] } } }`,
    'onboarding.applications.trust',
    /"\{environment\}-\{namespace\}" would be the same/,
    /part placeholders/,
  ],
  [
    'a placeholder beside a wildcard',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { trust: §{ webIdentity: { provider: id.acme.com, subjects: [ "app:{namespace}-*" ] } } } }`,
    'onboarding.applications.trust',
    /"\{namespace\}-\*" would be the same, or match/,
    /part placeholders/,
  ],
  [
    'a placeholder in place of an organization',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { trust: { webIdentity: { provider: token.actions.githubusercontent.com, subjects: [ §"repo:{namespace}/deploy:*" ] } } } }`,
    'onboarding.applications.trust.webIdentity.subjects[0]',
    /does not name one repository/,
    /repo:acme/,
  ],
  [
    'a placeholder that there is not',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], trust: §{ principals: ["arn:aws:iam::111122223333:role/{namespace}"] } } }`,
    'onboarding.environments.trust',
    /no placeholder \{namespace\}/,
    /\{environment\}/,
  ],
  [
    'a source of groups that there is not',
    `${HEAD}onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { people: [ ${GROUP} ], groupsOf: §oktta } }`,
    'onboarding.applications.groupsOf',
    /no identity source "oktta"/,
    /okta/,
  ],
  [
    'an onboarding at a level that no namespace takes',
    `${HEAD}levels: { metrics: { rules: [ { nonResourceURLs: ["/metrics"], verbs: [get] } ] } }
onboarding: { environments: { accounts: ["111122223333"], people: [ ${GROUP} ] }, applications: { people: [ ${GROUP} ], level: §metrics } }`,
    'onboarding.applications.level',
    /nonResourceURLs/,
    /without them/,
  ],
  [
    'the label of an environment',
    `${HEAD}clusters: { prod: { account: "111122223333", region: eu-west-1, labels: { gatehouse.dev/environment: §prod } } }`,
    'clusters.prod.labels["gatehouse.dev/environment"]',
    /given by onboarding alone/,
    /onboard the environment/,
  ],
  ['empty', '§', '', /empty/, /apiVersion/],
  ['only a comment', '§# nothing\n', '', /empty/, /apiVersion/],
  ['not YAML', `${HEAD}grants: [\n§b: }`, '', /not YAML: /, /brackets/],
  ['a tab as indentation', `${HEAD}clusters:\n§\ta: {}`, '', /not YAML/, /indentation/],
  ['a list', '§- a', '', /must be a map and is a list/, /map/],
  ['two documents', `${HEAD}§---\n${HEAD}`, '', /more than one/, /---/],
  ['two explicit documents', `---\n${HEAD}§---\n${HEAD}`, '', /more than one/, /---/],
  ['an anchor', `${HEAD}grants: §&a []`, 'grants', /anchors/, /write values out/],
  ['an alias', `${HEAD}grants: §*a`, 'grants', /(aliases|not YAML)/, /./],
  ['a tag', `${HEAD}grants: §!!seq []`, 'grants', /tags/, /remove/],
  ['a merge key', `${HEAD}clusters:\n  §<<: {}\n`, 'clusters["<<"]', /merge/, /write/],
  ['a duplicate key', `${HEAD}grants: []\n§grants: []\n`, 'grants', /"grants" is there twice/, /one of the two/],
  ['a duplicate key in quotes', `${CLUSTER}${HEAD}§"clusters": {}`, 'clusters', /twice/, /./],
  ['__proto__', `${HEAD}clusters: { §__proto__: {} }`, 'clusters.__proto__', /not allowed/, /another name/],
  ['a key that is a list', `${HEAD}clusters: { ? §[a] : b }`, 'clusters', /must be text/, /name: value/],
  [
    'a number as key',
    `${HEAD}accounts: { §111122223333: {} }`,
    'accounts.111122223333',
    /read as a number/,
    /"111122223333"/,
  ],
  ['too deep', `${HEAD}grants: ${'['.repeat(30)}`, '', /not YAML/, /./],
  ['apiVersion missing', '§grants: []', 'apiVersion', /"apiVersion" is missing/, /apiVersion: gatehouse\/v1/],
  ['another version', 'apiVersion: §gatehouse/v2', 'apiVersion', /"gatehouse\/v2" is not possible/, /gatehouse\/v1/],
  ['unknown field', `${HEAD}§grant: []`, 'grant', /no field "grant"/, /did you mean grants\?/],
  ['unknown field, nothing near', `${HEAD}§zzzzzz: []`, 'zzzzzz', /no field/, /the fields are apiVersion, accounts/],
  [
    'unknown field in a grant',
    grant({ more: ', §permissions: Ops' }),
    'grants[0].permissions',
    /no field/,
    /name, to, on|permissionSet/,
  ],
  [
    'account unquoted',
    cluster('{ account: §011122223333, region: eu-west-1 }'),
    'clusters.c.account',
    /read as a number.*leading zeros/,
    /"011122223333"/,
  ],
  [
    'account of 11 digits',
    cluster('{ account: §"11112222333", region: eu-west-1 }'),
    'clusters.c.account',
    /12 digits/,
    /111122223333/,
  ],
  [
    'account of other digits',
    cluster('{ account: §"１１１１２２２２３３３３", region: eu-west-1 }'),
    'clusters.c.account',
    /12 digits/,
    /./,
  ],
  [
    'region misspelt',
    cluster('{ account: "111122223333", region: §euwest1 }'),
    'clusters.c.region',
    /not an AWS Region/,
    /eu-west-1/,
  ],
  ['region missing', cluster('§{ account: "111122223333" }'), 'clusters.c.region', /"region" is missing/, /add region/],
  ['cluster without fields', `${HEAD}clusters:\n  §c:\n`, 'clusters.c', /"c" has no value/, /./],
  [
    'cluster name',
    `${HEAD}clusters: { §a/b: { account: "111122223333", region: eu-west-1 } }`,
    'clusters["a/b"]',
    /key "a\/b" is not the name of an EKS cluster/,
    /prod-eu/,
  ],
  [
    'connected cluster',
    cluster('§{ account: "111122223333", region: eu-west-1, kind: connected }'),
    'clusters.c',
    /connected cluster "c" has no provider/,
    /EKS_ANYWHERE/,
  ],
  [
    'a kubeconfig that Gatehouse may not read',
    cluster('{ account: "111122223333", region: eu-west-1, kind: connected, provider: GKE, kubeconfigSecret: §mine }'),
    'clusters.c.kubeconfigSecret',
    /may not read the secret "mine"/,
    /gatehouse\/kubeconfigs\//,
  ],
  [
    'a provider of an EKS cluster',
    cluster('{ account: "111122223333", region: eu-west-1, provider: §GKE }'),
    'clusters.c.provider',
    /for connected clusters only/,
    /kind: connected/,
  ],
  [
    'mode',
    cluster('{ account: "111122223333", region: eu-west-1, mode: §enforced }'),
    'clusters.c.mode',
    /"enforced" is not possible/,
    /did you mean enforce\?/,
  ],
  [
    'label as boolean',
    cluster('{ account: "111122223333", region: eu-west-1, labels: { a: §true } }'),
    'clusters.c.labels.a',
    /read as a boolean/,
    /"true"/,
  ],
  [
    'discovery without tags',
    `${HEAD}discover: [ { account: "111122223333", region: eu-west-1, tag: §{} } ]`,
    'discover[0].tag',
    /every cluster/,
    /name a tag/,
  ],
  [
    'discovery in two modes',
    `${HEAD}discover: [ { account: "111122223333", region: eu-west-1, tag: { a: b } }, { account: "111122223333", region: eu-west-1, tag: { c: d }, mode: §enforce } ]`,
    'discover[1].mode',
    /in mode observe by one rule and enforce by another/,
    /one mode/,
  ],
  [
    'account role elsewhere',
    `${HEAD}accounts: { "111122223333": { externalId: abc, roleArn: §"arn:aws:iam::444455556666:role/r" } }`,
    'accounts.111122223333.roleArn',
    /in account 444455556666/,
    /of account 111122223333/,
  ],
  [
    'account role is a user',
    `${HEAD}accounts: { "111122223333": { externalId: abc, roleArn: §${user('u')} } }`,
    'accounts.111122223333.roleArn',
    /is not a role/,
    /role/,
  ],
  [
    'account without external id',
    `${HEAD}accounts: { "111122223333": §{ roleArn: "arn:aws:iam::111122223333:role/r" } }`,
    'accounts.111122223333',
    /no external id/,
    /externalId/,
  ],
  [
    'boundary elsewhere',
    `${HEAD}accounts: { "111122223333": { permissionsBoundary: §"arn:aws:iam::444455556666:policy/b" } }`,
    'accounts.111122223333.permissionsBoundary',
    /in account 444455556666/,
    /policy\/gatehouse-boundary/,
  ],
  [
    'boundary is a role',
    `${HEAD}accounts: { "111122223333": { permissionsBoundary: §"arn:aws:iam::111122223333:role/b" } }`,
    'accounts.111122223333.permissionsBoundary',
    /not the ARN of an IAM policy/,
    /policy/,
  ],

  ['level of nothing', `${HEAD}levels: { l: §{} }`, 'levels.l', /either rules or a clusterRole/, /add/],
  [
    'level of both',
    `${HEAD}levels: { l: §{ clusterRole: view, rules: [ { apiGroups: [""], resources: [pods], verbs: [get] } ] } }`,
    'levels.l',
    /either/,
    /one of the two/,
  ],
  ['level without rules', `${HEAD}levels: { l: { rules: §[] } }`, 'levels.l.rules', /empty/, /name at least one/],
  ['level name', `${HEAD}levels: { §Admin: { clusterRole: admin } }`, 'levels.Admin', /not a name/, /lower|like/],
  [
    'ClusterRole of the system',
    `${HEAD}levels: { l: { clusterRole: §system:node } }`,
    'levels.l.clusterRole',
    /reserved/,
    /./,
  ],
  [
    'ClusterRole of Gatehouse',
    `${HEAD}levels: { l: { clusterRole: §gatehouse:g } }`,
    'levels.l.clusterRole',
    /begins with gatehouse:/,
    /./,
  ],
  [
    'rule without verbs',
    rule('{ apiGroups: [""], resources: [pods], verbs: §[] }'),
    'levels.l.rules[0].verbs',
    /empty/,
    /./,
  ],
  [
    'rule without groups',
    rule('§{ resources: [pods], verbs: [get] }'),
    'levels.l.rules[0]',
    /needs apiGroups/,
    /apiGroups: \[""\]/,
  ],
  ['rule without resources', rule('§{ apiGroups: [""], verbs: [get] }'), 'levels.l.rules[0]', /needs resources/, /./],
  [
    'rule of both kinds',
    rule('§{ apiGroups: [""], resources: [pods], nonResourceURLs: [/], verbs: [get] }'),
    'levels.l.rules[0]',
    /not for both/,
    /two rules/,
  ],
  [
    'url with * inside',
    rule('{ nonResourceURLs: [§"/a*b"], verbs: [get] }'),
    'levels.l.rules[0].nonResourceURLs[0]',
    /\* only at its end/,
    /healthz/,
  ],
  [
    'verb in capitals',
    rule('{ apiGroups: [""], resources: [pods], verbs: [§GET] }'),
    'levels.l.rules[0].verbs[0]',
    /not a verb/,
    /get/,
  ],
  [
    'escalate',
    rule('{ apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: §[escalate] }'),
    'levels.l.rules[0].verbs',
    /escalate/,
    /cluster-admin/,
  ],
  [
    'everything',
    rule('{ apiGroups: ["*"], resources: ["*"], verbs: §["*"] }'),
    'levels.l.rules[0].verbs',
    /escalate/,
    /cluster-admin/,
  ],
  [
    'urls in a namespace',
    grant({ on: '{ clusters: prod, namespaces: [a] }', level: '§urls' }),
    'grants[0].level',
    /nonResourceURLs/,
    /leave namespaces out/,
  ],

  [
    'identity source',
    identity('attribute: a').replace('okta', '§okra'),
    'identities[0].source',
    /no identity source "okra"/,
    /did you mean okta\?/,
  ],
  ['identity of nothing', `${HEAD}identities: [ §{ source: okta } ]`, 'identities[0]', /has 0/, /add template/],
  [
    'identity of two',
    `${HEAD}identities: [ §{ source: okta, attribute: a, map: {} } ]`,
    'identities[0]',
    /has 2/,
    /a rule of each/,
  ],
  [
    'template with another word',
    identity(`template: §${user('{name}')}`),
    'identities[0].template',
    /no placeholder \{name\}/,
    /\{localPart\}/,
  ],
  [
    'template misspelt',
    identity(`template: §${user('{localpart}')}`),
    'identities[0].template',
    /no placeholder/,
    /did you mean \{localPart\}\?/,
  ],
  [
    'template with braces open',
    identity(`template: §${user('{id')}`),
    'identities[0].template',
    /brace is left open/,
    /./,
  ],
  [
    'template with double braces',
    identity(`template: §${user('{{id}}')}`),
    'identities[0].template',
    /read as a template/,
    /./,
  ],
  [
    'template for everybody',
    identity(`template: §${user('all')}`),
    'identities[0].template',
    /same for everybody/,
    /last part/,
  ],
  [
    'template with only a path',
    identity(`template: §${user('{id}/all')}`),
    'identities[0].template',
    /same for everybody/,
    /last part/,
  ],
  [
    'template in the account',
    identity('template: §"arn:aws:iam::{id}:user/{id}"'),
    'identities[0].template',
    /not the ARN of an IAM principal/,
    /localPart/,
  ],
  [
    'template of a role',
    identity('template: §"arn:aws:iam::111122223333:role/{id}"'),
    'identities[0].template',
    /role cannot stand for one person/,
    /user/,
  ],
  ['template with *', identity(`template: §${user('*{id}')}`), 'identities[0].template', /wildcard/, /./],
  [
    'map to a role',
    identity('map: { u1: §"arn:aws:iam::111122223333:role/r" }'),
    'identities[0].map.u1',
    /role cannot/,
    /IAM user/,
  ],
  [
    'map of two to one',
    identity(`map: { u1: ${user('a')}, u2: §${user('A')} }`),
    'identities[0].map.u2',
    /"u2" and "u1" would be the same IAM user/,
    /their own/,
  ],
  [
    'map to a protected user',
    identity(`map: { u1: §${user('path/a')} }`, `protected: { principals: [ ${user('A')} ] }`),
    'identities[0].map.u1',
    /is protected/,
    /./,
  ],

  ['grant name', grant({ name: '§Admins' }), 'grants[0].name', /not a name/, /payments-operators/],
  ['grant name too long', grant({ name: `§${'a'.repeat(64)}` }), 'grants[0].name', /at most 63/, /./],
  ['reserved grant name', grant({ name: '§iam-user' }), 'grants[0].name', /reserved/, /another name/],
  [
    'grant twice',
    `${grant()}  - { name: §g, to: { group: g2, source: okta }, on: { clusters: prod }, level: reader, through: role }`,
    'grants[1].name',
    /two grants named "g"/,
    /its own/,
  ],
  [
    'grants of one role',
    `${grant({ name: LONG })}  - { name: §${TWIN}, to: { group: g2, source: okta }, on: { clusters: prod }, level: reader, through: role }`,
    'grants[1].name',
    /share the IAM role/,
    /rename/,
  ],
  ['unknown level', grant({ level: '§raeder' }), 'grants[0].level', /no level "raeder"/, /did you mean reader\?/],
  ['level of Object', grant({ level: '§constructor' }), 'grants[0].level', /no level/, /define it/],
  ['another way in', grant({ through: '§saml' }), 'grants[0].through', /"saml" is not possible/, /sso|role/],
  [
    'machine through role, whom nobody is trusted to be',
    grant({ to: '{ machine: ci }', through: '§role' }),
    'grants[0].through',
    /nobody is trusted to assume a role as the machine "ci"/,
    /machines\.ci: principals, accounts or webIdentity/,
  ],
  [
    'permission set without sso',
    grant({ more: ', permissionSet: §Ops' }),
    'grants[0].permissionSet',
    /for through: sso/,
    /remove it/,
  ],
  [
    'sso without permission set',
    grant({ before: SESSIONS, line: '§', through: 'sso' }),
    'grants[0]',
    /permission set is missing/,
    /permissionSet: /,
  ],
  [
    'sso of people without session names',
    grant({ to: '§{ group: g1, source: okta }', through: 'sso', more: ', permissionSet: Ops' }),
    'grants[0].to',
    /nothing tells the session names of users of okta/,
    /session: "\{login\}"/,
  ],
  [
    'sso of a machine',
    grant({ to: '{ machine: ci }', through: '§sso', more: ', permissionSet: Ops' }),
    'grants[0].through',
    /a machine does not come through: sso/,
    /role or user or connector/,
  ],
  [
    'saml for those who come by their own users',
    grant({ before: SESSIONS, through: 'user', more: ', saml: §{ provider: acme }' }),
    'grants[0].saml',
    /a role of their own/,
    /through: role/,
  ],
  [
    'connector to an EKS cluster',
    grant({ through: '§connector' }),
    'grants[0].through',
    /none of these clusters is connected/,
    /role, user, sso or oidc/,
  ],
  ...(
    [
      ['a wildcard', 'arn:aws:iam::111122223333:role/*', /holds a wildcard/, /role\/name/],
      ['a session', 'arn:aws:sts::111122223333:assumed-role/ops/ann', /not an IAM role or user/, /role\/ops/],
      ['an account', 'arn:aws:iam::111122223333:root', /not an IAM role or user/, /role or user/],
      [
        'of an account nobody knows',
        'arn:aws:iam::999900001111:role/ops',
        /none of the policy's/,
        /"999900001111" under/,
      ],
      [
        'Gatehouse’s own, by which it works',
        'arn:aws:iam::111122223333:role/gatehouse-system/gatehouse-cluster-access',
        /Gatehouse itself works by it/,
        /role of your own/,
      ],
      [
        'service-linked',
        'arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS',
        /service-linked/,
        /of your own/,
      ],
      [
        "Identity Center's",
        'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0123456789abcdef',
        /its name changes/,
        /through: sso/,
      ],
      ["Gatehouse's", 'arn:aws:iam::111122223333:role/gatehouse/gatehouse-x', /own making/, /what it was made for/],
    ] as const
  ).map(
    ([what, arn, message, remedy]) =>
      [
        `adopted principal, ${what}`,
        grant({ to: `{ principal: §"${arn}" }` }),
        'grants[0].to.principal',
        message,
        remedy,
      ] as const,
  ),
  [
    'an adopted role through user',
    grant({ to: '{ principal: "arn:aws:iam::111122223333:role/ops" }', through: '§user' }),
    'grants[0].through',
    /an adopted role does not come through: user/,
    /through: role/,
  ],
  [
    'what is adopted, beside a group',
    grant({ to: '§[ { group: g1, source: okta }, { principal: "arn:aws:iam::111122223333:role/ops" } ]' }),
    'grants[0].to',
    /shares no role/,
    /a grant of each/,
  ],
  [
    'a grantee twice',
    grant({ to: '[ { group: g1, source: okta }, §{ group: g1, source: okta } ]' }),
    'grants[0].to[1]',
    /listed twice/,
    /remove/,
  ],
  ['no grantees', grant({ to: '§[]' }), 'grants[0].to', /list is empty/, /at least one/],
  [
    'a field of a grantee in a list',
    grant({ to: '[ { §groups: g1, source: okta } ]' }),
    'grants[0].to[0].groups',
    /no field "groups"/,
    /did you mean group\?/,
  ],
  [
    'a claim through role',
    grant({ before: IDP, to: '{ claim: devs, provider: acme }', through: '§role' }),
    'grants[0].through',
    /a claim does not come through: role/,
    /through: oidc/,
  ],
  [
    'a claim of nobody',
    grant({ before: IDP, to: '{ claim: devs, provider: §amce }', through: 'oidc' }),
    'grants[0].to.provider',
    /no identityProvider "amce"/,
    /did you mean acme\?/,
  ],
  [
    'a group of Entra ID by its name',
    grant({ before: ENTRA, to: '{ claim: §devs, provider: entra }', through: 'oidc' }),
    'grants[0].to.claim',
    /not the object id of a group of entra/,
    /3f2504e0/,
  ],
  [
    'a named binding of many',
    grant({ more: ', names: { binding: §ops }' }),
    'grants[0].names.binding',
    /this grant may have many/,
    /one machine, user or principal/,
  ],
  [
    'a named Role of a ClusterRole',
    grant({ level: 'cluster-admin', more: ', names: { role: §ops }' }),
    'grants[0].names.role',
    /no Role to be named/,
    /remove/,
  ],
  ...(
    [
      ['nobody', 'trust: §{}', 'trust', /lets nobody in/, /principals, accounts or webIdentity/],
      [
        'a workflow of anybody',
        'trust: { webIdentity: { provider: token.actions.githubusercontent.com, subjects: [§"repo:*"] } }',
        'trust.webIdentity.subjects[0]',
        /does not name one repository/,
        /repo:acme\/payments/,
      ],
      [
        'a pipeline of anybody',
        'trust: { webIdentity: [ { provider: gitlab.com, subjects: [§"project_path:acme/*"] } ] }',
        'trust.webIdentity[0].subjects[0]',
        /does not name one project/,
        /project_path:/,
      ],
      [
        'a workflow of anybody, by a port',
        'trust: { webIdentity: { provider: "token.actions.githubusercontent.com:443", subjects: [§"repo:acme/*"] } }',
        'trust.webIdentity.subjects[0]',
        /does not name one repository/,
        /repo:acme\/payments/,
      ],
      [
        'a Terraform run of anybody',
        'trust: { webIdentity: { provider: app.terraform.io, subjects: [§"organization:*"] } }',
        'trust.webIdentity.subjects[0]',
        /does not name one organization/,
        /organization:acme:project/,
      ],
      [
        'a Buildkite job of anybody',
        'trust: { webIdentity: { provider: agent.buildkite.com, subjects: [§"organization:ac*"] } }',
        'trust.webIdentity.subjects[0]',
        /does not name one organization/,
        /organization:acme:pipeline/,
      ],
      [
        'Gatehouse itself',
        'trust: { principals: [§"arn:aws:iam::111122223333:role/gatehouse-system/gatehouse-cluster-access"] }',
        'trust.principals[0]',
        /Gatehouse itself works by it/,
        /role of your own/,
      ],
      [
        'any token',
        'trust: { webIdentity: { provider: id.acme.com, subjects: [§"*"] } }',
        'trust.webIdentity.subjects[0]',
        /begins with a wildcard/,
        /your own tokens/,
      ],
      [
        'an account as a principal',
        'trust: { principals: [§"arn:aws:iam::111122223333:root"] }',
        'trust.principals[0]',
        /not a role or user/,
        /under accounts/,
      ],
    ] as const
  ).map(
    ([what, text, field, message, remedy]) =>
      [
        `a machine that is ${what}`,
        `${BASE}machines:\n  ci: { ${text} }\n`,
        `machines.ci.${field}`,
        message,
        remedy,
      ] as const,
  ),
  [
    'a machine without a user, whose user is named',
    `${BASE}machines:\n  ci: { user: §x, trust: { principals: ["arn:aws:iam::111122223333:role/build"] } }\ngrants:\n  - { name: g, to: { machine: ci }, on: { clusters: prod }, level: reader, through: role }\n`,
    'machines.ci.user',
    /comes through a role only/,
    /remove user/,
  ],
  [
    'a machine of the user that another one is given unasked',
    `${BASE}machines:\n  a: { user: §gatehouse-b }\ngrants:\n  - { name: g, to: [ { machine: a }, { machine: b } ], on: { clusters: prod }, level: reader, through: user }\n`,
    'machines.a.user',
    /"b" and "a" would be one user/,
    /its own/,
  ],
  [
    'a machine that an OIDC provider may call so, too',
    `${BASE}machines:\n  ci: { username: §"okta:ann@acme.com" }\n${IDP}`,
    'machines.ci.username',
    /may be a user of the identity provider "acme"/,
    /begins otherwise/,
  ],
  [
    'two machines of one user',
    `${BASE}machines:\n  a: { user: ci }\n  b: { user: §CI }\n`,
    'machines.b.user',
    /"a" and "b" would be one user/,
    /its own/,
  ],
  ...(
    [
      ['without https', 'issuer: §"http://id.acme.com"', 'issuer', /not an https URL/, /https:/],
      ['with a query', 'issuer: §"https://id.acme.com/?a=b"', 'issuer', /no query/, /as tokens name it/],
      ['of a private host', 'issuer: §"https://id.acme.internal"', 'issuer', /must be public/, /public host/],
      ['by an address', 'issuer: §"https://10.0.0.7"', 'issuer', /must be public/, /public host/],
      [
        "that is a cluster's own",
        'issuer: §"https://oidc.eks.eu-west-1.amazonaws.com/id/ABC"',
        'issuer',
        /own service accounts/,
        /your identity provider/,
      ],
      [
        'of another kind',
        'preset: auth0, groupsClaim: g, issuer: §"https://acme.auth0.com"',
        'issuer',
        /no issuer of auth0/,
        /slash/,
      ],
      [
        'with EKS’s word for no prefix',
        `${ISSUER}, usernamePrefix: §"-"`,
        'usernamePrefix',
        /is not a username/,
        /write it like/,
      ],
      ['with a reserved prefix', `${ISSUER}, usernamePrefix: §"system:x"`, 'usernamePrefix', /reserved/, /another/],
      [
        'whose prefix may be ours',
        `${ISSUER}, usernamePrefix: §"gate"`,
        'usernamePrefix',
        /begins with "gatehouse:"/,
        /another/,
      ],
    ] as const
  ).map(
    ([what, text, field, message, remedy]) =>
      [`an identity provider ${what}`, provider(text), `identityProviders.acme.${field}`, message, remedy] as const,
  ),
  [
    'an identity provider without claims',
    `${BASE}identityProviders:\n  acme: §{ issuer: "https://id.acme.com", clientId: c, usernameClaim: email, usernamePrefix: "a:", groupsPrefix: "a:", on: { clusters: prod } }\n`,
    'identityProviders.acme',
    /no groupsClaim/,
    /groupsClaim, or a preset/,
  ],
  [
    'an identity provider of no cluster',
    `${BASE}identityProviders:\n  acme: { preset: okta, ${ISSUER}, clientId: c, on: §{ clusters: test } }\n`,
    'identityProviders.acme.on',
    /no EKS cluster of this policy/,
    /clusters/,
  ],
  [
    'two identity providers of a cluster',
    `${BASE}identityProviders:\n  a: { preset: okta, ${ISSUER}, clientId: c, on: { clusters: prod } }\n  b: { preset: okta, ${ISSUER}, clientId: c, on: §{ clusters: "*" } }\n`,
    'identityProviders.b.on',
    /"a" and "b", and EKS takes one/,
    /narrow/,
  ],
  [
    'a session name that is the same for all',
    identity('session: §ops'),
    'identities[0].session',
    /same for everybody/,
    /\{login\}/,
  ],
  ['machine name', grant({ to: '{ machine: §CI }', through: 'user' }), 'grants[0].to.machine', /not a name/, /./],
  [
    'machine with source',
    grant({ to: '{ machine: ci, source: §okta }', through: 'user' }),
    'grants[0].to.source',
    /no source/,
    /remove/,
  ],
  ['to nobody', grant({ to: '§{ source: okta }' }), 'grants[0].to', /names 0/, /group/],
  ['to two', grant({ to: '§{ group: a, user: b, source: okta }' }), 'grants[0].to', /names 2/, /./],
  [
    'to a group without source',
    grant({ to: '§{ group: a }' }),
    'grants[0].to',
    /source .* missing/,
    /okta \| standard \| cognito/,
  ],
  [
    'to a group of another source',
    grant({ to: '{ group: a, source: §entra }' }),
    'grants[0].to.source',
    /no identity source "entra"/,
    /okta, standard, cognito/,
  ],
  [
    'system:masters',
    grant({ to: '{ group: §system:masters, source: okta }' }),
    'grants[0].to.group',
    /begins with system:/,
    /id/,
  ],
  [
    'SYSTEM:masters',
    grant({ to: '{ group: §SYSTEM:masters, source: okta }' }),
    'grants[0].to.group',
    /begins with system:/,
    /id/,
  ],
  [
    'a template in a group',
    grant({ to: '{ group: §"{{SessionName}}", source: okta }' }),
    'grants[0].to.group',
    /read as a template/,
    /./,
  ],
  [
    'a line break in a group',
    grant({ to: '{ group: §"a\\nb", source: okta }' }),
    'grants[0].to.group',
    /invisible character \(U\+000A\)/,
    /./,
  ],
  [
    'a zero-width space in a group',
    grant({ to: '{ group: §"a\u200bb", source: okta }' }),
    'grants[0].to.group',
    /invisible character \(U\+200B\)/,
    /./,
  ],
  [
    'group as number',
    grant({ to: '{ group: §0042, source: okta }' }),
    'grants[0].to.group',
    /read as a number/,
    /"0042"/,
  ],
  ['no clusters', grant({ on: '§{}' }), 'grants[0].on', /selects no clusters/, /"\*"/],
  ['empty list of clusters', grant({ on: '{ clusters: §[] }' }), 'grants[0].on.clusters', /empty/, /./],
  ['empty labels', grant({ on: '{ labels: §{} }' }), 'grants[0].on.labels', /every cluster/, /name a label/],
  ['clusters as map', grant({ on: '{ clusters: §{} }' }), 'grants[0].on.clusters', /must be a text and is a map/, /./],
  [
    'cluster unknown',
    grant({ on: '{ clusters: §prd }' }),
    'grants[0].on.clusters',
    /no cluster of this policy is named "prd"/,
    /did you mean prod\?/,
  ],
  [
    'cluster in a list unknown',
    grant({ on: '{ clusters: [prod, §test-*] }' }),
    'grants[0].on.clusters[1]',
    /no cluster .*"test-\*"/,
    /discover/,
  ],
  [
    'labels that none has',
    grant({ on: '{ clusters: prod, labels: §{ env: test } }' }),
    'grants[0].on.labels',
    /no cluster .* names and labels/,
    /./,
  ],
  [
    'empty namespaces',
    grant({ on: '{ clusters: prod, namespaces: §[] }' }),
    'grants[0].on.namespaces',
    /empty/,
    /leave the field out/,
  ],
  [
    'namespaces: null',
    grant({ on: '{ clusters: prod, namespaces: §~ }' }),
    'grants[0].on.namespaces',
    /has no value/,
    /./,
  ],
  [
    'namespace with *',
    grant({ on: '{ clusters: prod, namespaces: [§"pay-*"] }' }),
    'grants[0].on.namespaces[0]',
    /wildcards are not possible/,
    /payments/,
  ],
  [
    'kube-system',
    grant({ on: '{ clusters: prod, namespaces: [a, §kube-system] }' }),
    'grants[0].on.namespaces[1]',
    /belongs to Kubernetes/,
    /your own/,
  ],
  [
    'absent namespaces of none',
    grant({ on: '{ clusters: prod, absentNamespaces: §create }' }),
    'grants[0].on.absentNamespaces',
    /no namespaces/,
    /./,
  ],

  [
    'protected nonsense',
    `${HEAD}protected: { principals: [ §arn:aws:s3:::bucket ] }`,
    'protected.principals[0]',
    /not the ARN of an IAM principal/,
    /role\/name/,
  ],
  [
    'protected session',
    `${HEAD}protected: { principals: [ §"arn:aws:sts::111122223333:assumed-role/r/s" ] }`,
    'protected.principals[0]',
    /not a role or user/,
    /stands behind/,
  ],
  [
    'protected own role',
    `${grant()}protected: { principals: [ §"arn:aws:iam::111122223333:role/gatehouse/gatehouse-g" ] }`,
    'protected.principals[0]',
    /makes for the grant "g"/,
    /rename/,
  ],
];

describe('refused, with line, column, field and remedy', () => {
  test.each(REFUSED)('%s', (_name, marked, field, message, remedy) => {
    const text = marked.replace('§', '');
    const before = marked.slice(0, marked.includes('§') ? marked.indexOf('§') : 0).split('\n');
    const reading = readPolicy(text);
    if (reading.ok) throw new Error('it was accepted');
    const [error, ...more] = reading.errors;
    expect(more).toEqual([]);
    expect(error).toMatchObject({
      field,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
      ...(marked.includes('§') ? { line: before.length, column: before.at(-1)!.length + 1 } : {}),
    });
  });
});

test('all errors of a document are told at once, in its order', () => {
  const reading = readPolicy(`${HEAD}grants:\n  - { nmae: a }\nlevels: { l: { clusterRole: "a b" } }\n`);
  expect(reading.ok ? [] : reading.errors.map(({ line, field }) => `${line} ${field}`)).toEqual([
    '3 grants[0].name',
    '3 grants[0].to',
    '3 grants[0].on',
    '3 grants[0].level',
    '3 grants[0].through',
    '3 grants[0].nmae',
    '4 levels.l.clusterRole',
  ]);
});

test('a document over 256 KiB is refused unread', () => {
  const reading = readPolicy(`${HEAD}# ${'x'.repeat(256 * 1024)}`);
  expect(reading).toMatchObject({ ok: false, errors: [{ line: 1, message: expect.stringContaining('256 KiB') }] });
});

test('a policy that grows too large by its levels is refused', () => {
  const verbs = Array.from({ length: 900 }, (_, index) => `verb${'abcdefghij'[index % 10]}${'k'.repeat(index % 40)}`);
  const level = `levels:\n  reader: { rules: [ { apiGroups: [""], resources: [pods], verbs: [${verbs.join(', ')}] } ] }\n`;
  const lines = Array.from(
    { length: 50 },
    (_, index) =>
      `  - { name: g${index}, to: { group: a, source: okta }, on: { clusters: prod }, level: reader, through: role }\n`,
  );
  const reading = readPolicy(`${HEAD}${CLUSTER}${level}grants:\n${lines.join('')}`);
  expect(reading).toMatchObject({
    ok: false,
    errors: [{ field: 'grants', message: expect.stringContaining('320 KiB') }],
  });
});

test.each([
  ['Windows line ends', EXAMPLE.replaceAll('\n', '\r\n')],
  ['a byte order mark', `\ufeff${EXAMPLE}`],
])('%s do not matter', (_name, text) => {
  expect(policyOf(text)).toEqual(policyOf(EXAMPLE));
});

test('an error after Windows line ends and a byte order mark is found where an editor shows it', () => {
  const reading = readPolicy('\ufeffapiVersion: gatehouse/v1\r\ngrants: []\r\ngrant: []\r\n');
  expect(reading.ok ? [] : reading.errors).toMatchObject([{ line: 3, column: 1 }]);
});

const pieces = fc.constantFrom(
  ...EXAMPLE.split('\n'),
  ...[
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n',
    '&a ',
    '*a',
    '!!map ',
    '? ',
    '|\n  x',
    '__proto__: ',
    '"\\u0000"',
    '<<: ',
    '---\n',
    '~',
    '1e9',
  ],
);

test('reading never throws, and what it accepts survives JSON', () => {
  const check = (text: string) => {
    const reading = readPolicy(text);
    if (reading.ok) expect(JSON.parse(JSON.stringify(reading.policy))).toEqual(reading.policy);
    else expect(reading.errors.length).toBeGreaterThan(0);
  };
  fc.assert(fc.property(fc.string({ unit: 'binary' }), check), { numRuns: 300 });
  fc.assert(
    fc.property(fc.array(pieces), (parts) => check(parts.join(' '))),
    { numRuns: 300 },
  );
  // The example with one stretch of it replaced.
  const wounds = fc.tuple(fc.nat(EXAMPLE.length), fc.nat(20), fc.oneof(pieces, fc.string({ maxLength: 5 })));
  fc.assert(
    fc.property(wounds, ([at, length, piece]) => check(EXAMPLE.slice(0, at) + piece + EXAMPLE.slice(at + length))),
    { numRuns: 400 },
  );
});
