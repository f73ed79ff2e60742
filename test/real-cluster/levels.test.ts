import type { Grant } from '@gatehouse/core/access/policy';
import { CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import { bindingsOf, rolesOf } from '@gatehouse/core/plan/bindings';
import { READY_LEVELS } from '@gatehouse/core/policy/ready-levels';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { parseObjectRef } from '@gatehouse/core/resources/object-ref';
import { rulesOfLevel } from '@gatehouse/core/verify/rule-match';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resourceNamed } from '../../cli/src/cluster/resource-type.ts';
import { bootstrapObjects } from '../builders/pipeline.ts';
import { policyOf } from '../builders/policy.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';

/*
 * What the ready levels give on a real API server, as a table: made there by Gatehouse's own user, who holds what the bootstrap
 * gives and nothing else.
 */

const NAMES = Object.keys(READY_LEVELS);
/** Levels that are for the whole cluster here; the others are for the namespace `pay`. */
const WIDE = new Set(['cluster-admin']);
const KINDS = ['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const;
const RBAC = 'rbac.authorization.k8s.io';

const POLICY = policyOf(`
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::111122223333:user/{login}" }
grants:
${NAMES.map((level) => `  - { name: ${level}, to: { group: g, source: okta }, on: { clusters: "*"${WIDE.has(level) ? '' : ', namespaces: [pay]'} }, level: ${level}, through: role }`).join('\n')}
`);

const userOf = (level: string) => `gatehouse:${level}:somebody`;
const tokenOf = (user: string) => Buffer.from(user).toString('hex');

let cluster: RealCluster;
beforeAll(async () => {
  const users = [CONTROLLER_USERNAME, ...NAMES.map(userOf)];
  cluster = await startRealCluster({
    users: Object.fromEntries(users.map((username) => [tokenOf(username), { username, groups: [] }])),
  });
  const { operator } = cluster;
  for (const name of ['pay', 'shop']) await operator.create(namespace(name));
  for (const object of bootstrapObjects(POLICY, POLICY.clusters[0]!)) await operator.create(object);
  const gatehouse = cluster.as(tokenOf(CONTROLLER_USERNAME));
  for (const grant of POLICY.grants) {
    for (const object of objectsOf(grant)) await gatehouse.create(object);
  }
}, 60_000);
afterAll(() => cluster?.stop());

const namespace = (name: string): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

/** What a grant takes, with one member. */
function objectsOf(grant: Grant): KubernetesObject[] {
  const apiVersion = `${RBAC}/v1`;
  const roles = rolesOf(grant).map(({ object, rules }) => {
    const { kind, ...metadata } = parseObjectRef(object, KINDS);
    return { apiVersion, kind, metadata, rules };
  });
  const bindings = bindingsOf(grant).map(({ binding, roleRef }) => {
    const { kind, ...metadata } = parseObjectRef(binding, KINDS);
    const subjects = [{ apiGroup: RBAC, kind: 'User' as const, name: userOf(grant.name) }];
    return {
      apiVersion,
      kind,
      metadata: { ...metadata, name: `${metadata.name}:0` },
      roleRef: { apiGroup: RBAC, ...roleRef },
      subjects,
    };
  });
  return [...roles, ...bindings];
}

/** `verb resource [in namespace]`, as in the table. */
async function may(level: string, text: string): Promise<boolean> {
  const [verb = '', resource = '', , namespace_] = text.split(' ');
  const question = { verb, ...resourceNamed(resource), ...(namespace_ === undefined ? {} : { namespace: namespace_ }) };
  const answer = await cluster.operator.review({ user: userOf(level), groups: ['system:authenticated'], ...question });
  return answer.allowed;
}

const WORK = ['get', 'list', 'create', 'update', 'delete'];
const all = (verbs: readonly string[], resources: readonly string[], where = ' in pay') =>
  verbs.flatMap((verb) => resources.map((resource) => `${verb} ${resource}${where}`));

/** What nobody but an administrator may. */
const NEVER = [
  '* *',
  'get secrets in kube-system',
  'update configmaps/aws-auth in kube-system',
  `create clusterrolebindings`,
  `escalate clusterroles`,
  'impersonate users',
  'impersonate groups',
  'create certificatesigningrequests',
  'create mutatingwebhookconfigurations',
  'delete nodes',
  'delete namespaces',
];
const ELSEWHERE = [
  'list pods in shop',
  'get secrets in shop',
  'create deployments in shop',
  'list pods',
  'get secrets',
];
const GET_THERE = all(['get', 'list'], ['namespaces', 'nodes'], '');

const TABLE: Readonly<Record<string, { readonly may: readonly string[]; readonly mayNot: readonly string[] }>> = {
  'pod-lister': {
    may: ['list pods in pay'],
    mayNot: [
      ...all(['get', 'watch', 'create', 'update', 'patch', 'delete'], ['pods']),
      ...all(['get', 'list', 'create'], ['pods/log', 'pods/exec', 'events', 'configmaps', 'secrets', 'deployments']),
      'get namespaces',
    ],
  },
  developer: {
    may: all(WORK, [
      ...['events', 'pods', 'pods/log', 'pods/exec', 'configmaps', 'secrets'],
      ...['deployments.apps', 'deployments.extensions'],
    ]),
    mayNot: [
      ...all(['watch', 'patch', 'deletecollection'], ['pods', 'secrets', 'deployments']),
      ...all(['get', 'create', 'update', 'bind', 'escalate'], ['roles', 'rolebindings']),
      ...all(WORK, [
        'services',
        'daemonsets',
        'statefulsets',
        'jobs',
        'serviceaccounts',
        'replicasets',
        'networkpolicies',
      ]),
      ...all(['create'], ['pods/attach', 'pods/portforward', 'pods/eviction', 'serviceaccounts/token']),
      'get namespaces',
      'list nodes',
    ],
  },
  'developer-read-only': {
    may: all(
      ['get', 'list', 'watch'],
      ['events', 'pods', 'pods/log', 'configmaps', 'deployments.apps', 'deployments.extensions'],
    ),
    mayNot: [
      ...all(['create', 'update', 'patch', 'delete'], ['pods', 'configmaps', 'deployments', 'events']),
      ...all(['get', 'list', 'watch'], ['secrets']),
      ...all(['get', 'create'], ['pods/exec', 'pods/attach', 'pods/portforward']),
    ],
  },
  deployer: {
    may: all(
      ['list', 'get', 'create', 'update', 'delete', 'watch', 'patch'],
      ['deployments.apps', 'replicasets.apps', 'deployments.extensions', 'replicasets.extensions'],
    ),
    mayNot: all(['get', 'list', 'create'], ['secrets', 'pods', 'pods/exec', 'configmaps', 'services', 'rolebindings']),
  },
  'namespace-admin': {
    may: [
      ...all(
        ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'],
        ['pods', 'secrets', 'configmaps', 'services'],
      ),
      ...all(WORK, ['deployments', 'statefulsets', 'jobs', 'ingresses', 'serviceaccounts', 'roles', 'rolebindings']),
      ...all(['create'], ['pods/exec', 'pods/portforward', 'serviceaccounts/token']),
      'impersonate serviceaccounts in pay',
      ...all(['get', 'list'], ['resourcequotas', 'limitranges']),
      ...GET_THERE,
    ],
    mayNot: [
      ...all(['create', 'update', 'delete'], ['resourcequotas', 'limitranges']),
      ...all(['bind', 'escalate'], ['roles']),
      'update namespaces in pay',
      'delete namespaces in pay',
      'create nodes',
    ],
  },
  'console-viewer': {
    may: [
      ...all(
        ['get', 'list'],
        ['pods', 'deployments', 'services', 'configmaps', 'events', 'jobs', 'roles', 'rolebindings'],
      ),
      ...GET_THERE,
    ],
    mayNot: [
      ...all(['get', 'list'], ['secrets']),
      ...all(['create', 'update', 'patch', 'delete'], ['pods', 'deployments', 'configmaps', 'rolebindings']),
      ...all(['get', 'create'], ['pods/exec', 'pods/log']),
    ],
  },
  'cluster-admin': { may: [...NEVER, ...ELSEWHERE, ...all(WORK, ['pods', 'secrets'])], mayNot: [] },
};

describe('every ready level', () => {
  it('stands in the table', () => {
    expect(Object.keys(TABLE).sort()).toEqual([...NAMES].sort());
  });
});

describe.each(NAMES)('%s', (level) => {
  const { may: allowed, mayNot: denied } = TABLE[level]!;
  const never = WIDE.has(level) ? [] : [...NEVER, ...ELSEWHERE];

  it('may what it is for', async () => {
    const refused = [];
    for (const text of allowed) if (!(await may(level, text))) refused.push(text);
    expect(refused).toEqual([]);
  });

  it('may nothing beyond', async () => {
    const given = [];
    for (const text of [...denied, ...never]) if (await may(level, text)) given.push(text);
    expect(given).toEqual([]);
  });
});

describe.each(NAMES.filter((level) => !WIDE.has(level)))('%s, that would be more', (level) => {
  it('cannot make itself more by roles and bindings', async () => {
    const them = cluster.as(tokenOf(userOf(level)));
    for (const [what, attempt] of Object.entries(attempts(level))) {
      await expect(attempt(them), what).rejects.toMatchObject({
        code: expect.stringMatching(/^(forbidden|escalation)$/),
      });
    }
  });
});

/** Ways to more rights, each of which the API server must refuse. */
function attempts(level: string): Readonly<Record<string, (them: Kubernetes) => Promise<unknown>>> {
  const apiVersion = `${RBAC}/v1`;
  const subjects = [{ apiGroup: RBAC, kind: 'User' as const, name: userOf(level) }];
  const bind = (kind: 'RoleBinding' | 'ClusterRoleBinding', role: string, namespace_?: string) => (them: Kubernetes) =>
    them.create({
      apiVersion,
      kind,
      metadata: { name: `more-${level}`, ...(namespace_ === undefined ? {} : { namespace: namespace_ }) },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects,
    });
  return {
    'binds itself to cluster-admin': bind('ClusterRoleBinding', 'cluster-admin'),
    'binds itself to cluster-admin in its namespace': bind('RoleBinding', 'cluster-admin', 'pay'),
    'binds itself to admin elsewhere': bind('RoleBinding', 'admin', 'shop'),
    "binds itself to Gatehouse's ClusterRole": bind('RoleBinding', 'gatehouse', 'pay'),
    'makes a role of everything': (them) =>
      them.create({
        apiVersion,
        kind: 'Role',
        metadata: { namespace: 'pay', name: `more-${level}` },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      }),
    'adds to its own role': async (them) => {
      const grant = POLICY.grants.find(({ name }) => name === level)!;
      const [own] = rolesOf(grant);
      const name = own ? parseObjectRef(own.object, KINDS) : ({ kind: 'ClusterRole', name: 'admin' } as const);
      const role = (await cluster.operator.read(name))!;
      return them.replace({ ...role, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] });
    },
    'maps itself to system:masters': (them) =>
      them.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-system', name: 'aws-auth' },
        data: { mapUsers: '- {userarn: x, username: me, groups: [system:masters]}' },
      }),
  };
}

it('the namespace-admin may pass on what it has, in its namespace', async () => {
  const them = cluster.as(tokenOf(userOf('namespace-admin')));
  const made = await them.create({
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { namespace: 'pay', name: 'a-colleague' },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'edit' },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: 'a-colleague' }],
  });
  expect(made.metadata.name).toBe('a-colleague');
});

it('the rules of a ClusterRole that a level names are those of the real cluster', async () => {
  const admin = await cluster.operator.read({ kind: 'ClusterRole', name: 'cluster-admin' });
  expect(admin?.rules).toEqual(rulesOfLevel({ name: 'x', clusterRole: 'cluster-admin' }, new Map()));
});
