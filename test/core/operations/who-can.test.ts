import { Failure } from '@gatehouse/core/access/failure';
import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { mayThey, type Question, type RbacObjects } from '@gatehouse/core/effective-access/rbac';
import { admissionsOf, admittedAs, admittedInto } from '@gatehouse/core/operations/admissions';
import { type Holder, holdersOf, type WhoCan } from '@gatehouse/core/operations/who-can';
import type { BindingSubject, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const userArn = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;

describe('whom aws-auth lets in', () => {
  const admissions = admissionsOf(
    readAwsAuth({
      mapRoles: `
- { rolearn: "${roleArn('shared')}", username: "gatehouse:shared:{{SessionNameRaw}}" }
- { rolearn: "${roleArn('cooked')}", username: "cooked:{{SessionName}}" }
- { rolearn: "${roleArn('admins')}", username: admin, groups: ["system:masters"] }
- { rolearn: "${roleArn('twice')}", username: first }
- { rolearn: "${roleArn('twice')}", username: second }
- { rolearn: "${roleArn('path/never')}", username: never }
- { rolearn: "${roleArn('node')}", username: "system:node:{{EC2PrivateDNSName}}", groups: ["system:nodes"] }
- { rolearn: "${roleArn('odd')}", username: odd, groups: ["team:{{AccountID}}"] }
- { rolearn: nonsense, username: nobody }`,
      mapUsers: `- { userarn: "${userArn('mia')}", username: mia, groups: [devs] }`,
      mapAccounts: '["444455556666"]',
    }),
  );
  it.each<[string, readonly object[]]>([
    ['gatehouse:shared:a@b.c', [{ arn: roleArn('shared'), session: 'a@b.c' }]],
    ['gatehouse:shared:x', []],
    ['gatehouse:shared:not a session', []],
    ['cooked:alice', [{ arn: roleArn('cooked'), session: 'alice' }]],
    ['cooked:a@b', []],
    ['admin', [{ arn: roleArn('admins') }]],
    ['first', []],
    ['second', [{ arn: roleArn('twice') }]],
    ['never', []],
    ['nobody', []],
    ['system:node:ip-10-0-0-1', [{ arn: roleArn('node') }]],
    ['mia', [{ arn: userArn('mia') }]],
    ['arn:aws:iam::444455556666:user/eve', [{ arn: 'arn:aws:iam::444455556666:user/eve' }]],
    ['arn:aws:iam::555566667777:user/eve', []],
  ])('as %s', (username, expected) => expect(admittedAs(admissions, username)).toEqual(expected));
  it.each<[string, readonly string[]]>([
    ['system:masters', [roleArn('admins')]],
    ['devs', [userArn('mia')]],
    [`team:${ACCOUNT}`, [roleArn('odd')]],
    ['team:{{AccountID}}', []],
    ['nobody', []],
  ])('into %s', (group, expected) => {
    expect(admittedInto(admissions, group).map(({ arn }) => arn)).toEqual(expected);
  });
});

const RBAC = 'rbac.authorization.k8s.io';
const aRole = (name: string, rules: KubernetesObject['rules'], namespace?: string): KubernetesObject => ({
  apiVersion: `${RBAC}/v1`,
  kind: namespace === undefined ? 'ClusterRole' : 'Role',
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  rules: rules ?? [],
});
const aBinding = (
  name: string,
  role: string,
  subjects: readonly BindingSubject[],
  namespace?: string,
): KubernetesObject => ({
  apiVersion: `${RBAC}/v1`,
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
  subjects,
});
const user = (name: string): BindingSubject => ({ kind: 'User', name, apiGroup: RBAC });
const rbac: RbacObjects = {
  roles: [],
  clusterRoles: [
    aRole('reader', [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] }]),
    aRole('all', [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]),
    aRole('one', [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['tls'], verbs: ['get'] }]),
    aRole('health', [{ nonResourceURLs: ['/healthz*'], verbs: ['get'] }]),
    aRole('logs', [{ apiGroups: [''], resources: ['*/log'], verbs: ['get'] }]),
  ],
  clusterRoleBindings: [
    aBinding('readers', 'reader', [user('wide'), { kind: 'Group', name: 'team', apiGroup: RBAC }]),
    aBinding('admins', 'all', [user('root')]),
    aBinding('health', 'health', [user('probe')]),
    aBinding('gone', 'no-such-role', [user('ghost')]),
  ],
  roleBindings: [
    aBinding('local', 'reader', [user('local'), { kind: 'ServiceAccount', name: 'bot' }], 'pay'),
    aBinding('tls', 'one', [user('tls')], 'pay'),
    aBinding('logs', 'logs', [user('logs')], 'other'),
  ],
};
const nothingElse = {
  admissions: admissionsOf(readAwsAuth(undefined)),
  recorded: { byBinding: new Map(), byUsername: new Map() },
  levels: new Map(),
  isElsewhere: false,
};
const namesFor = (question: Question) =>
  holdersOf(rbac, question, nothingElse)
    .holders.map(({ name }) => name)
    .filter((name) => name !== 'system:masters');

describe('the judgement', () => {
  const list = { verb: 'list', group: '', resource: 'pods' };
  it.each<[string, Question, readonly string[]]>([
    ['cluster-wide', list, ['wide', 'team', 'root']],
    ['in a namespace', { ...list, namespace: 'pay' }, ['wide', 'team', 'root', 'local', 'pay:bot']],
    ['in another', { ...list, namespace: 'other' }, ['wide', 'team', 'root']],
    ['a verb of none', { ...list, verb: 'delete' }, ['root']],
    ['a wildcard', { verb: '*', group: '*', resource: '*' }, ['root']],
    [
      'a subresource',
      { ...list, verb: 'get', subresource: 'log', namespace: 'other' },
      ['wide', 'team', 'root', 'logs'],
    ],
    ['any secret', { verb: 'get', group: '', resource: 'secrets', namespace: 'pay' }, ['root']],
    ['one secret', { verb: 'get', group: '', resource: 'secrets', namespace: 'pay', name: 'tls' }, ['root', 'tls']],
    ['a path', { verb: 'get', path: '/healthz/etcd' }, ['root', 'probe']],
    ['another path', { verb: 'get', path: '/metrics' }, ['root']],
  ])('%s', (_title, question, names) => expect(namesFor(question)).toEqual(names));

  it('names the namespaces and objects in which a narrower binding gives it', () => {
    expect(holdersOf(rbac, list, nothingElse).alsoIn).toEqual(['pay']);
    const secrets = { verb: 'get', group: '', resource: 'secrets', namespace: 'pay' };
    expect(holdersOf(rbac, secrets, nothingElse).alsoNamed).toEqual(['tls']);
  });

  it('says nobody, where only a system:masters is left that nobody is in', () => {
    const empty = { roles: [], clusterRoles: [], roleBindings: [], clusterRoleBindings: [] };
    expect(holdersOf(empty, list, nothingElse)).toMatchObject({
      holders: [{ name: 'system:masters', by: 'kubernetes' }],
      somebody: false,
    });
    const mapRoles = `- { rolearn: "${roleArn('admins')}", username: admin, groups: ["system:masters"] }`;
    const admissions = admissionsOf(readAwsAuth({ mapRoles }));
    expect(holdersOf(empty, list, { ...nothingElse, admissions })).toMatchObject({
      holders: [{ arn: roleArn('admins') }],
      somebody: true,
    });
  });

  it('is the authorizer`s, for every user of any question', () => {
    const word = (...words: string[]) => fc.constantFrom(...words);
    const question = fc.record(
      {
        verb: word('get', 'list', 'delete', '*'),
        group: word('', 'apps', '*'),
        resource: word('pods', 'secrets', '*'),
        subresource: word('log'),
        namespace: word('pay', 'other'),
        name: word('tls', 'web'),
      },
      { requiredKeys: ['verb', 'group', 'resource'] },
    );
    const users = ['wide', 'root', 'probe', 'ghost', 'local', 'tls', 'logs', 'system:serviceaccount:pay:bot'];
    fc.assert(
      fc.property(question, (asked) => {
        const listed = new Set(
          holdersOf(rbac, asked, nothingElse).holders.map(({ kind, name }) =>
            kind === 'ServiceAccount' ? `system:serviceaccount:${name}` : name,
          ),
        );
        for (const username of users) {
          expect(listed.has(username)).toBe(mayThey(rbac, { username, groups: [] }, asked).allowed);
        }
      }),
    );
  });
});

describe('who-can, over the pipeline', () => {
  const people = Array.from({ length: 30 }, (_, index) => `person${index}`);
  const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
`;
  async function aWorld(who: readonly string[]) {
    const world = await aPipeline({ policy: POLICY, users: [...who] });
    await world.settle();
    for (const one of who) await world.join('g1', one);
    await world.settle(600_000);
    const whoCan = (question: Question) =>
      world.operate<WhoCan>({
        operation: 'who-can',
        cluster: 'prod-eu',
        question: question as { verb: string; group: string; resource: string },
      });
    const cluster = [...world.clusters.values()][0]!;
    return { ...world, whoCan, cluster };
  }
  const LIST = { verb: 'list', group: '', resource: 'pods', namespace: 'pay' };

  it('tells person, session, ARN, grant, level, binding and role, and whose binding it is', async () => {
    const { whoCan, cluster } = await aWorld(['alice']);
    cluster.seed({ ...aBinding('by-hand', 'view', [user('mallory')], 'pay') });
    const { holders, somebody, troubles } = await whoCan(LIST);
    expect(somebody).toBe(true);
    expect(troubles).toEqual([]);
    expect(holders).toContainEqual<Holder>({
      kind: 'User',
      name: 'gatehouse:shared:alice',
      arn: roleArn('gatehouse-shared'),
      session: 'alice',
      person: 'user/okta/alice',
      grant: 'shared',
      level: 'pod-lister',
      binding: 'RoleBinding/pay/gatehouse:shared:role:0',
      role: 'Role/pay/gatehouse:shared',
      namespace: 'pay',
      by: 'gatehouse',
    });
    expect(holders).toContainEqual(
      expect.objectContaining({ name: 'mallory', by: 'somebody-else', binding: 'RoleBinding/pay/by-hand' }),
    );
    expect(holders).toContainEqual(expect.objectContaining({ name: 'gatehouse-controller', by: 'bootstrap' }));
  });

  it('takes a subject that was added to our binding by hand for somebody else`s', async () => {
    const { whoCan, cluster } = await aWorld(['alice']);
    const ref = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:shared:role:0' } as const;
    const binding = cluster.peek(ref)!;
    cluster.seed({ ...binding, subjects: [...binding.subjects!, user('mallory')] });
    const { holders } = await whoCan(LIST);
    expect(holders.find(({ name }) => name === 'mallory')).toMatchObject({
      by: 'somebody-else',
      binding: 'RoleBinding/pay/gatehouse:shared:role:0',
    });
  });

  it('costs four lists and one read, however many people there are, and writes nothing', async () => {
    const { whoCan, cluster, writes } = await aWorld(people);
    cluster.calls.length = 0;
    const before = structuredClone(writes());
    const { holders } = await whoCan(LIST);
    expect(holders.filter(({ by }) => by === 'gatehouse')).toHaveLength(people.length);
    expect(cluster.calls.map(({ method }) => method).sort()).toEqual(['list', 'list', 'list', 'list', 'read']);
    expect(writes()).toEqual(before);
  });

  it('answers by RBAC where EKS or aws-auth cannot be read, and says so', async () => {
    const { whoCan, eks, cluster } = await aWorld(['alice']);
    const refused = (what: string) => () => Promise.reject(new Failure('forbidden', what));
    eks.describeCluster = refused('no eks:DescribeCluster');
    const read = cluster.read.bind(cluster);
    cluster.read = (ref) => (ref.name === 'aws-auth' ? refused('no get')() : read(ref));
    const { holders, troubles } = await whoCan(LIST);
    expect(holders.map(({ name }) => name)).toContain('gatehouse:shared:alice');
    expect(troubles.map(({ code, message }) => [code, message])).toEqual([
      ['forbidden', 'EKS does not say who comes in by other doors: no eks:DescribeCluster'],
      ['forbidden', "aws-auth cannot be read, so nobody's ARN is known: no get"],
    ]);
  });

  it('says what it cannot know of a cluster that lets people in by access entries', async () => {
    const { whoCan, eks } = await aWorld([]);
    const arn = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
    eks.set({ name: 'prod-eu', arn, status: 'ACTIVE', authenticationMode: 'API_AND_CONFIG_MAP', tags: {} });
    expect((await whoCan(LIST)).troubles).toMatchObject([
      { code: 'access-entries', remedy: 'aws eks list-access-entries --cluster-name prod-eu --region eu-west-1' },
    ]);
  });
});
