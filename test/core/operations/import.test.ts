import { identify, readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { mayThey, type Question, type RbacObjects } from '@gatehouse/core/effective-access/rbac';
import type { ExistingAccess } from '@gatehouse/core/operations/existing-access';
import { type ExistingRbac, importAccess } from '@gatehouse/core/operations/import';
import { readPolicy } from '@gatehouse/core/policy/read';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importedPolicy } from '../../../cli/src/policy/imported.ts';
import { aPipeline, bootstrapObjects } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';
import { ADMINISTRATOR } from '../../fakes/kubernetes.ts';

const CLUSTER = { name: 'prod-eu', account: ACCOUNT, region: 'eu-west-1' };
const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const user = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;

const binding = (
  name: string,
  ref: { kind: 'Role' | 'ClusterRole'; name: string },
  subject: { kind: 'User' | 'Group'; name: string },
  namespace?: string,
): KubernetesObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...ref },
  subjects: [{ ...subject, apiGroup: 'rbac.authorization.k8s.io' }],
});
const READER: KubernetesObject = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  metadata: { name: 'reader', namespace: 'pay' },
  rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
};
const RBAC: ExistingRbac = {
  roles: [READER],
  clusterRoleBindings: [
    binding('viewers', { kind: 'ClusterRole', name: 'view' }, { kind: 'Group', name: 'viewers' }),
    binding('admins', { kind: 'ClusterRole', name: 'cluster-admin' }, { kind: 'Group', name: 'admins' }),
  ],
  roleBindings: [
    binding('edit', { kind: 'ClusterRole', name: 'edit' }, { kind: 'Group', name: 'devs' }, 'pay'),
    binding('edit', { kind: 'ClusterRole', name: 'edit' }, { kind: 'Group', name: 'devs' }, 'shop'),
    binding('reader', { kind: 'Role', name: 'reader' }, { kind: 'User', name: 'olga' }, 'pay'),
    binding('gone', { kind: 'Role', name: 'gone' }, { kind: 'Group', name: 'ghosts' }, 'pay'),
  ],
};

/** One mapping of aws-auth. */
const mapped = (arn: string, username: string, ...groups: readonly string[]) => {
  const list = arn.includes(':user/') ? 'mapUsers' : 'mapRoles';
  const key = list === 'mapUsers' ? 'userarn' : 'rolearn';
  return { [list]: JSON.stringify([{ [key]: arn, username, groups }]) };
};

describe('a mapping', () => {
  it.each<[string, Record<string, string>, readonly string[]]>([
    ['of masters', mapped(role('ops'), 'ops', 'system:masters'), ['ops: role/ops cluster-admin *']],
    [
      'of masters, bound otherwise too',
      mapped(role('ops'), 'ops', 'system:masters', 'viewers'),
      ['ops: role/ops cluster-admin *'],
    ],
    ['bound to cluster-admin', mapped(role('ops'), 'ops', 'admins'), ['ops: role/ops cluster-admin *']],
    ['bound everywhere', mapped(role('Auditors'), 'x', 'viewers'), ['auditors: role/Auditors view *']],
    ['bound in namespaces', mapped(role('DevTeam'), 'x', 'devs'), ['dev-team: role/DevTeam edit pay,shop']],
    ['bound by its username', mapped(user('legacy/olga'), 'olga'), ['olga: user/legacy/olga reader pay']],
    [
      'bound in two ways',
      mapped(role('both'), 'olga', 'viewers'),
      ['both-view: role/both view *', 'both-reader: role/both reader pay'],
    ],
    ['of sessions', mapped(role('ops'), 'ops:{{SessionName}}', 'viewers'), ['ops: role/ops view *']],
    ['of a name like Gatehouse`s', mapped(role('guard'), 'gatehouse-guard', 'viewers'), ['guard: role/guard view *']],
  ])('%s becomes a grant that equals it', (_what, awsAuth, grants) => {
    const imported = importAccess({ cluster: CLUSTER, awsAuth, rbac: RBAC });
    const short = (arn: string) => arn.split(':').at(-1);
    expect(
      imported.grants.map((one) => `${one.name}: ${short(one.principal)} ${one.level} ${one.namespaces.join() || '*'}`),
    ).toEqual(grants);
    expect(imported.leftOut).toEqual([]);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'of nodes',
      mapped(role('nodes'), 'system:node:{{EC2PrivateDNSName}}', 'system:nodes', 'system:bootstrappers'),
      'node',
      /nodes/,
    ],
    ['of Fargate', mapped(role('fargate'), 'system:node:{{SessionName}}', 'system:node-proxier'), 'node', /Fargate/],
    ['of Windows nodes', mapped(role('win'), 'w', 'eks:kube-proxy-windows'), 'node', /nodes/],
    ['by which Gatehouse comes in', mapped(role('gatehouse-access'), 'gatehouse-controller'), 'gatehouse', /comes in/],
    ['of Gatehouse', mapped(role('gatehouse-x'), 'gatehouse:x:{{SessionNameRaw}}'), 'gatehouse', /Gatehouse/],
    ['for emergencies', mapped(role('break-glass'), 'bg', 'system:masters'), 'protected', /emergencies/],
    ['without any binding', mapped(role('x'), 'x', 'nobody-bound-this'), 'nothing-to-give', /no binding/],
    ['bound to a Role that is gone', mapped(role('x'), 'x', 'ghosts'), 'nothing-to-give', /does not exist/],
    [
      'of another account',
      mapped('arn:aws:iam::999988887777:role/x', 'x', 'viewers'),
      'not-expressible',
      /999988887777/,
    ],
    [
      'of a permission set',
      mapped(role('AWSReservedSSO_Ops_0123456789abcdef'), 'x', 'viewers'),
      'not-expressible',
      /permission set/,
    ],
    ['of a role with its path', mapped(role('path/x'), 'x', 'viewers'), 'not-expressible', /never matched/],
    ['of a session', mapped(`arn:aws:sts::${ACCOUNT}:assumed-role/x/y`, 'x', 'viewers'), 'not-expressible', /session/],
    ['of root', mapped(`arn:aws:iam::${ACCOUNT}:root`, 'x', 'system:masters'), 'not-expressible', /root/],
    ['of no principal', mapped(role('*'), 'x', 'viewers'), 'not-expressible', /no role or user/],
    ['of an account', { mapAccounts: `["${ACCOUNT}"]` }, 'not-expressible', /everybody of an account/],
    ['that cannot be read', { mapRoles: '- rolearn: {{x}}\n\t' }, 'not-expressible', /cannot read it either/],
  ])('%s is left out, and why is said', (_what, awsAuth, reason, why) => {
    const { grants, leftOut } = importAccess({ cluster: CLUSTER, awsAuth, rbac: RBAC });
    expect(grants).toEqual([]);
    expect(leftOut).toMatchObject([{ reason, why: expect.stringMatching(why) }]);
  });

  it('that a later one overrides counts for nothing', () => {
    const awsAuth = {
      mapRoles: JSON.stringify([
        { rolearn: role('ops'), username: 'x', groups: ['system:masters'] },
        { rolearn: role('OPS'), username: 'x', groups: ['viewers'] },
      ]),
    };
    expect(importAccess({ cluster: CLUSTER, awsAuth, rbac: RBAC }).grants).toMatchObject([{ level: 'view' }]);
  });

  it('whose RBAC nobody could read is only imported as far as it is known without', () => {
    const { grants, leftOut } = importAccess({ cluster: CLUSTER, awsAuth: mapped(role('x'), 'x', 'viewers') });
    expect(grants).toEqual([]);
    expect(leftOut).toMatchObject([{ remedy: expect.stringContaining('--rbac') }]);
    const masters = importAccess({ cluster: CLUSTER, awsAuth: mapped(role('x'), 'x', 'system:masters') });
    expect(masters.grants).toMatchObject([{ level: 'cluster-admin' }]);
  });

  it('tells where its grant is not quite the same', () => {
    const awsAuth = mapped(role('ops'), 'ops:{{SessionName}}', 'system:masters');
    expect(importAccess({ cluster: CLUSTER, awsAuth, rbac: RBAC }).differences.map(({ text }) => text)).toEqual([
      expect.stringContaining('system:masters'),
      expect.stringContaining('one username'),
    ]);
  });
});

describe('the document', () => {
  const texts = fc.oneof(
    fc.constantFrom(
      'viewers',
      'devs',
      'olga',
      'system:masters',
      'system:nodes',
      'a:{{SessionName}}',
      'gatehouse:x',
      '',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const arns = fc.oneof(
    fc.constantFrom(
      role('ops'),
      role('Ops'),
      role('iam-user'),
      user('a/b'),
      user('x'),
      role('break-glass'),
      role('p/q'),
    ),
    fc.stringMatching(/^[\w+=,.@-]{1,64}$/).map(role),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `arn:aws:iam::${ACCOUNT}:role/${text}`),
    fc.string({ maxLength: 20 }),
  );
  const entries = (key: string) =>
    fc.array(fc.record({ [key]: arns, username: texts, groups: fc.array(texts, { maxLength: 4 }) }), { maxLength: 6 });
  const awsAuths = fc.record({
    mapRoles: fc.oneof(
      entries('rolearn').map((list) => JSON.stringify(list)),
      fc.string({ unit: 'binary' }),
    ),
    mapUsers: entries('userarn').map((list) => JSON.stringify(list)),
  });
  const BASE = `# ours
apiVersion: gatehouse/v1
clusters: { prod-eu: { account: "${ACCOUNT}", region: eu-west-1 } }
levels:
    view: { clusterRole: view }   # as everywhere
grants:
- { name: ops, to: { machine: ci }, on: { clusters: "*" }, level: view, through: user }

# the end`;

  it('of any aws-auth passes, and tells of every mapping what became of it', () => {
    fc.assert(
      fc.property(awsAuths, fc.boolean(), (awsAuth, added) => {
        const { document, grants, leftOut } = importedPolicy(
          { cluster: CLUSTER, awsAuth, rbac: RBAC },
          added ? BASE : undefined,
        );
        const reading = readPolicy(document);
        expect(reading.ok ? [] : reading.errors).toEqual([]);
        if (added) for (const line of BASE.split('\n')) expect(document.split('\n')).toContainEqual(line);
        const mappings = readAwsAuth(awsAuth);
        const told = [
          ...grants.map(({ from }) => from.split(',')[0]),
          ...leftOut.map(({ place }) => place.split(',')[0]),
        ];
        const last = new Map(mappings.roles.map((one) => [one.arn.toLowerCase(), one]));
        for (const { index } of last.values()) expect(told).toContain(`mapRoles[${index}]`);
      }),
      { numRuns: 150, seed: 96 },
    );
  });

  it('adds nothing that was added before', () => {
    const awsAuth = {
      mapRoles: JSON.stringify([
        { rolearn: role('ops'), username: 'x', groups: ['viewers', 'devs'] },
        { rolearn: role('break-glass'), username: 'y', groups: ['system:masters'] },
        { rolearn: role('readers'), username: 'olga', groups: [] },
      ]),
    };
    const input = { cluster: CLUSTER, awsAuth, rbac: RBAC };
    const { document } = importedPolicy(input, BASE);
    const again = importedPolicy(input, document);
    expect([again.grants, again.levels, again.protected]).toEqual([[], [], []]);
    expect(again.document).toBe(document);
  });

  it('leaves out what the document that is added to protects', () => {
    const base = `apiVersion: gatehouse/v1\nclusters: { prod-eu: { account: "${ACCOUNT}", region: eu-west-1 } }\nprotected: { principals: ["${role('ops')}"] }\n`;
    const { grants, leftOut } = importedPolicy(
      { cluster: CLUSTER, awsAuth: mapped(role('ops'), 'x', 'viewers'), rbac: RBAC },
      base,
    );
    expect(grants).toEqual([]);
    expect(leftOut).toMatchObject([{ arn: role('ops'), why: expect.stringContaining('cannot be protected') }]);
  });
});

describe('who was imported', () => {
  const EMPTY = `apiVersion: gatehouse/v1\nclusters:\n  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }\n`;
  const TRUST = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' }],
  };
  const MAPPINGS = {
    mapRoles: `- { rolearn: "${role('ops')}", username: ops, groups: ["system:masters"] }
- { rolearn: "${role('devs')}", username: "devs:{{SessionName}}", groups: [devs] }
- { rolearn: "${role('nodes')}", username: "system:node:{{EC2PrivateDNSName}}", groups: ["system:nodes"] }
`,
    mapUsers: `- { userarn: "${user('legacy/olga')}", username: olga, groups: [viewers] }\n`,
  };
  const QUESTIONS: Question[] = [
    { verb: 'delete', group: '', resource: 'nodes' },
    { verb: 'list', group: '', resource: 'pods', namespace: 'shop' },
    { verb: 'list', group: '', resource: 'pods', namespace: 'pay' },
    { verb: 'create', group: 'apps', resource: 'deployments', namespace: 'pay' },
    { verb: 'create', group: 'apps', resource: 'deployments', namespace: 'default' },
    { verb: 'get', group: '', resource: 'secrets', namespace: 'kube-system' },
  ];

  it('may do afterwards exactly what they could before, once their old lines are gone', async () => {
    const world = await aPipeline({ policy: EMPTY });
    const admin = world.iam.get(ACCOUNT)!;
    for (const name of ['ops', 'devs']) {
      await admin.createRole({ name, path: '/teams/', trust: TRUST, tags: {}, maxSessionSeconds: 3600 });
    }
    await admin.createUser({ name: 'olga', path: '/legacy/', tags: {} });
    const cluster = world.clusters.get(ARN)!;
    const root = cluster.as(ADMINISTRATOR);
    const AWS_AUTH = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' } as const;
    const awsAuth = (data: Record<string, string>) =>
      ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'kube-system', name: 'aws-auth' },
        data,
      }) as KubernetesObject;
    for (const name of ['pay', 'shop']) cluster.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    cluster.seed(awsAuth(MAPPINGS), READER, ...RBAC.clusterRoleBindings, ...RBAC.roleBindings);
    const objects = async (kind: 'Role' | 'ClusterRole' | 'RoleBinding' | 'ClusterRoleBinding') =>
      (await root.list(kind, { limit: 500 })).items;
    const rights = async () => {
      const rbac: RbacObjects = {
        roles: await objects('Role'),
        clusterRoles: await objects('ClusterRole'),
        roleBindings: await objects('RoleBinding'),
        clusterRoleBindings: await objects('ClusterRoleBinding'),
      };
      const mappings = readAwsAuth(cluster.peek(AWS_AUTH)?.data);
      const callers = [
        { arn: `arn:aws:sts::${ACCOUNT}:assumed-role/ops/s`, accountId: ACCOUNT, userId: 'AROA:s' },
        { arn: `arn:aws:sts::${ACCOUNT}:assumed-role/devs/s`, accountId: ACCOUNT, userId: 'AROA:s' },
        { arn: user('legacy/olga'), accountId: ACCOUNT, userId: 'AIDA' },
      ];
      return callers.map((caller) => {
        const who = identify(mappings, caller);
        if (!('username' in who)) return 'not let in';
        const isMaster = who.groups.includes('system:masters');
        return QUESTIONS.map(
          (question) =>
            isMaster || mayThey(rbac, { ...who, groups: [...who.groups, 'system:authenticated'] }, question).allowed,
        );
      });
    };
    await world.settle();
    const before = await rights();
    expect(before.flat()).toContain(true);

    const existing = await world.operate<ExistingAccess>({ operation: 'existing-access', cluster: 'prod-eu' });
    const arns = new Map(existing.principals.map(({ mapped: from, arn }) => [from, arn]));
    const { document, grants } = importedPolicy({ ...existing, awsAuth: existing.awsAuth ?? undefined, arns }, EMPTY);
    expect(grants.map(({ principal }) => principal)).toContain(role('teams/ops'));
    cluster.seed(...bootstrapObjects(policyOf(document), policyOf(document).clusters[0]!));
    await world.upload(document);
    await world.settle();
    expect(await rights()).toEqual(before);
    expect(cluster.peek(AWS_AUTH)?.data).toEqual(MAPPINGS);

    const { metadata } = cluster.peek(AWS_AUTH)!;
    const left = MAPPINGS.mapRoles
      .split('\n')
      .filter((line) => line.includes('role/nodes'))
      .join('\n');
    await root.replace({ ...awsAuth({ mapRoles: `${left}\n` }), metadata });
    await world.operate({ operation: 'reconcile', target: `cluster/${ARN}` });
    await world.settle();
    expect(await rights()).toEqual(before);
    expect(cluster.peek(AWS_AUTH)?.data?.mapRoles).toContain(left);
  });
});
