import type {
  AccessLevel,
  AccessPolicy,
  AccessRule,
  Cluster,
  EnvironmentRules,
  Grant,
} from '@gatehouse/core/access/policy';
import { bootstrapManifest, CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { namespaceKind } from '@gatehouse/core/resources/namespace/kind';
import { formatObjectRef } from '@gatehouse/core/resources/object-ref';
import { roleKind } from '@gatehouse/core/resources/role/kind';
import { roleBindingKind } from '@gatehouse/core/resources/role-binding/kind';
import fc from 'fast-check';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import type { SeedObject } from '../../../sandbox/src/kubernetes/api-state.ts';
import { asUser, memoryKubernetes } from '../../fakes/kubernetes.ts';
import { roleBindingWishes } from './policy-claims.ts';

const PROD: Cluster = {
  name: 'prod-eu',
  account: '111122223333',
  region: 'eu-west-1',
  arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu',
  labels: {},
  mode: 'enforce',
};
const OWN = { roleArn: 'arn:aws:iam::111122223333:role/apps/gatehouse-reconcile-cluster' };
const OPERATOR: AccessLevel = {
  name: 'operator',
  rules: [
    {
      apiGroups: ['', 'apps'],
      resources: ['pods', 'pods/log', 'deployments'],
      verbs: ['get', 'list', 'watch', 'patch'],
    },
    { apiGroups: [''], resources: ['configmaps'], resourceNames: ['settings'], verbs: ['get', 'update'] },
  ],
};
const VIEW: AccessLevel = { name: 'viewer', clusterRole: 'view' };
const METRICS: AccessLevel = {
  name: 'metrics',
  rules: [{ nonResourceURLs: ['/metrics', '/debug/*'], verbs: ['get'] }],
};

const grant = (name: string, level: AccessLevel, more: Partial<Grant> = {}): Grant => ({
  name,
  to: [{ group: '00g1', source: 'okta' }],
  clusters: { names: ['prod-*'], labels: {} },
  namespaces: ['pay'],
  absentNamespaces: 'refuse',
  level,
  through: 'role',
  ...more,
});
const policy = (...grants: Grant[]): AccessPolicy => ({
  clusters: [PROD],
  discover: [],
  accounts: [{ id: '111122223333' }],
  grants,
  machines: [],
  identityProviders: [],
  identities: [],
  protected: { principals: [] },
});
const documents = (yaml: string) => loadAll(yaml).filter((one) => one !== null && one !== undefined) as SeedObject[];
const rulesOf = (yaml: string) =>
  documents(yaml)
    .filter(({ kind }) => kind === 'ClusterRole')
    .flatMap((one) => one.rules as AccessRule[]);

/** Applies the manifest as an administrator, then makes all that the policy wants as Gatehouse. */
async function enforce(of: AccessPolicy, manifest = bootstrapManifest(of, PROD, OWN)): Promise<Kubernetes> {
  const admin = memoryKubernetes();
  for (const name of ['pay', 'dev']) admin.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  admin.seed(...documents(manifest.yaml));
  const kubernetes = admin.as(asUser(CONTROLLER_USERNAME));
  for (const one of of.grants) {
    const subject = `grant/${one.name}` as const;
    for (const object of one.namespaces) {
      const observed = await namespaceKind.observe({ kubernetes }, object);
      const claim = { kind: 'namespace' as const, object, onAbsent: one.absentNamespaces };
      const { change } = namespaceKind.diff(object, observed, {
        wanted: [{ subject, claim }],
        unwanted: [],
        recorded: [],
      });
      if (change) await namespaceKind.apply({ kubernetes }, change);
    }
    for (const { role, binding, roleRef } of roleBindingWishes(one)) {
      if (role !== undefined && 'rules' in one.level) {
        const object = formatObjectRef(role);
        const claim = { kind: 'role' as const, object, grant: one.name, rules: one.level.rules };
        const { change } = roleKind.diff(
          object,
          { present: false },
          { wanted: [{ subject, claim }], unwanted: [], recorded: [] },
        );
        await roleKind.apply({ kubernetes }, change!);
      }
      const object = formatObjectRef(binding);
      const bound = ['ann', 'bob'].map((name) => ({
        subject: `user/okta/${name}` as const,
        claim: {
          kind: 'role-binding' as const,
          object,
          grant: one.name,
          roleRef,
          username: `gatehouse:${one.name}:${name}`,
        },
      }));
      const { change } = roleBindingKind.diff(
        object,
        { present: false },
        { wanted: bound, unwanted: [], recorded: [] },
      );
      const made = await roleBindingKind.apply({ kubernetes }, change!);
      const removal = roleBindingKind.diff(object, made, { wanted: [], unwanted: bound.slice(1), recorded: [] });
      expect(await roleBindingKind.apply({ kubernetes }, removal.change!)).toMatchObject({ present: true });
    }
  }
  return kubernetes;
}

describe('what an administrator applies once', () => {
  it('is four objects, bound to gatehouse-controller alone', () => {
    const { yaml } = bootstrapManifest(policy(grant('ops', OPERATOR)), PROD, OWN);
    const all = documents(yaml);
    expect(all.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])).toEqual([
      ['ClusterRole', undefined, 'gatehouse'],
      ['ClusterRoleBinding', undefined, 'gatehouse'],
      ['Role', 'kube-system', 'gatehouse'],
      ['RoleBinding', 'kube-system', 'gatehouse'],
    ]);
    for (const one of all.filter(({ kind }) => kind.endsWith('Binding'))) {
      expect(one.subjects).toEqual([
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'gatehouse-controller' },
      ]);
    }
    expect(yaml).not.toContain('managed-by');
  });

  it('says how Gatehouse gets in: a role without its path in aws-auth, with it in an access entry', () => {
    const { yaml } = bootstrapManifest(policy(), PROD, OWN);
    expect(yaml).toContain(
      '--arn arn:aws:iam::111122223333:role/gatehouse-reconcile-cluster --username gatehouse-controller',
    );
    expect(yaml).toContain(`--principal-arn ${OWN.roleArn} --username gatehouse-controller`);
    expect(() => bootstrapManifest(policy(), PROD, { roleArn: 'arn:aws:iam::1:role/x\nkind: Evil' })).toThrow(
      /not the ARN/,
    );
  });

  it('holds neither escalate nor a wildcard, and bind only by name', () => {
    const { yaml } = bootstrapManifest(
      policy(grant('ops', OPERATOR), grant('view', VIEW), grant('m', METRICS)),
      PROD,
      OWN,
    );
    expect(yaml).not.toMatch(/escalate|impersonate|'\*'/);
    expect(rulesOf(yaml).filter(({ verbs }) => verbs.includes('bind'))).toEqual([
      {
        apiGroups: ['rbac.authorization.k8s.io'],
        resources: ['clusterroles'],
        resourceNames: ['view'],
        verbs: ['bind'],
      },
    ]);
  });

  it('holds what a level gives on the whole cluster, beside its rules or a ClusterRole', () => {
    const clusterWide = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
    for (const level of [OPERATOR, VIEW]) {
      const { yaml } = bootstrapManifest(policy(grant('a', { ...level, clusterWide })), PROD, OWN);
      expect(rulesOf(yaml)).toContainEqual(clusterWide[0]);
    }
  });

  it('holds the levels of this cluster only, each rule once', () => {
    const elsewhere = grant('else', VIEW, { clusters: { names: ['dev-*'], labels: {} } });
    const { yaml } = bootstrapManifest(policy(grant('a', OPERATOR), grant('b', OPERATOR), elsewhere), PROD, OWN);
    expect(rulesOf(yaml).filter(({ resources }) => resources?.includes('pods'))).toHaveLength(1);
    expect(rulesOf(yaml).some(({ verbs }) => verbs.includes('bind'))).toBe(false);
  });

  it.each([
    ['refuse', ['get']],
    ['create', ['get', 'create', 'update']],
    ['create-and-delete', ['get', 'create', 'update', 'delete']],
  ] as const)('lets Gatehouse do with namespaces what grants say: %s', (absentNamespaces, verbs) => {
    const { yaml } = bootstrapManifest(policy(grant('a', OPERATOR, { absentNamespaces })), PROD, OWN);
    expect(rulesOf(yaml).find(({ resources }) => resources?.includes('namespaces'))?.verbs).toEqual(verbs);
  });
});

describe('with the bootstrap applied', () => {
  it.each<[string, Grant[]]>([
    ['rules in namespaces', [grant('ops', OPERATOR, { namespaces: ['pay', 'dev'] })]],
    ['rules on the whole cluster', [grant('ops', OPERATOR, { namespaces: [] })]],
    ['URLs', [grant('metrics', METRICS, { namespaces: [] })]],
    ['a ClusterRole in namespaces', [grant('view', VIEW)]],
    ['cluster-admin', [grant('admins', { name: 'admin', clusterRole: 'cluster-admin' }, { namespaces: [] })]],
    [
      'namespaces to be made',
      [grant('ops', OPERATOR, { namespaces: ['fresh'], absentNamespaces: 'create-and-delete' })],
    ],
  ])('nothing the policy wants is an escalation: %s', async (_title, grants) => {
    await expect(enforce(policy(...grants))).resolves.toBeDefined();
  });

  it('nothing is, for any levels', async () => {
    const words = (...all: string[]) => fc.subarray(all, { minLength: 1 });
    const rule = fc
      .record({
        apiGroups: words('', 'apps', '*', 'rbac.authorization.k8s.io'),
        resources: words('pods', 'pods/exec', '*/scale', 'secrets', 'roles', '*'),
        verbs: words('get', 'create', 'bind', 'escalate', '*'),
        resourceNames: fc.subarray(['one', 'two']),
      })
      .map(({ resourceNames, resources, ...rest }) =>
        resourceNames.length === 0
          ? { ...rest, resources }
          : { ...rest, resourceNames, resources: resources.slice(0, 1) },
      );
    const level = fc.oneof(
      fc.array(rule, { minLength: 1, maxLength: 3 }).map((rules): AccessLevel => ({ name: 'own', rules })),
      fc
        .constantFrom('view', 'edit', 'cluster-admin')
        .map((clusterRole): AccessLevel => ({ name: clusterRole, clusterRole })),
    );
    const grants = fc
      .array(fc.tuple(level, fc.subarray(['pay', 'dev'])), { minLength: 1, maxLength: 3 })
      .map((all) =>
        all.map(([one, namespaces], index) => grant(`g${index}`, { ...one, name: `l${index}` }, { namespaces })),
      );
    await fc.assert(
      fc.asyncProperty(grants, async (some) => {
        await enforce(policy(...some));
      }),
      { numRuns: 40 },
    );
  });

  it('what the policy gained since then is one', async () => {
    const old = bootstrapManifest(policy(grant('ops', OPERATOR)), PROD, OWN);
    const grown: AccessLevel = {
      name: 'operator',
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    };
    await expect(enforce(policy(grant('ops', grown)), old)).rejects.toMatchObject({ code: 'escalation' });
    await expect(enforce(policy(grant('ops', VIEW)), old)).rejects.toMatchObject({ code: 'escalation' });
  });

  it('Gatehouse reads and writes aws-auth, reviews access and knows itself, and reads no secret and no other ConfigMap', async () => {
    const kubernetes = await enforce(policy(grant('ops', { name: 'none', rules: [] })));
    const awsAuth = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' } as const;
    const made = await kubernetes.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'aws-auth' },
      data: {},
    });
    await kubernetes.replace({ ...made, data: { mapRoles: '[]' } });
    expect(await kubernetes.read(awsAuth)).toMatchObject({ data: { mapRoles: '[]' } });
    await expect(kubernetes.remove(awsAuth)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(kubernetes.read({ ...awsAuth, name: 'coredns' })).rejects.toMatchObject({ code: 'forbidden' });
    await expect(kubernetes.read({ ...awsAuth, namespace: 'default' })).rejects.toMatchObject({ code: 'forbidden' });
    expect((await kubernetes.whoAmI()).username).toBe(CONTROLLER_USERNAME);
    const secret = {
      user: CONTROLLER_USERNAME,
      groups: [],
      verb: 'get',
      group: '',
      resource: 'secrets',
      namespace: 'pay',
    };
    expect(await kubernetes.review(secret)).toMatchObject({ allowed: false });
  });
});

describe('warnings', () => {
  it('say that aws-auth is worth everything, whatever the levels', () => {
    const { warnings, yaml } = bootstrapManifest(policy(grant('a', VIEW)), PROD, OWN);
    expect(warnings[0]).toContain('aws-auth');
    for (const warning of warnings) expect(yaml).toContain(`# - ${warning}`);
  });

  it('name the level that amounts to cluster-admin', () => {
    const admins = grant('admins', { name: 'full', clusterRole: 'cluster-admin' }, { namespaces: [] });
    expect(bootstrapManifest(policy(admins), PROD, OWN).warnings.join('\n')).toMatch(/level full: cluster-admin/);
  });

  it('say where no grant is for the cluster', () => {
    expect(bootstrapManifest(policy(), PROD, OWN).warnings.join('\n')).toContain('No grant');
  });
});

describe('what is not granted yet', () => {
  const rulesOf = (of: AccessPolicy, cluster: Cluster) =>
    (loadAll(bootstrapManifest(of, cluster, OWN).yaml) as { kind: string; rules: AccessRule[] }[]).find(
      ({ kind }) => kind === 'ClusterRole',
    )!.rules;
  const environments: EnvironmentRules = {
    ...{ accounts: ['111122223333'], mode: 'enforce', adopt: [], people: [] },
    level: { name: 'admin', clusterRole: 'cluster-admin' },
  };
  const applications = { level: VIEW, adopt: [], people: [], namespaces: ['*'], absentNamespaces: 'create' } as const;
  const onboarding: AccessPolicy = { ...policy(), onboarding: { environments, applications } };
  const environment = { ...PROD, labels: { 'gatehouse.dev/environment': 'prod' } };

  it('but may be, by onboarding, is passed on to an environment, and to no other cluster', () => {
    const bind = (names: readonly string[]) => expect.objectContaining({ verbs: ['bind'], resourceNames: names });
    expect(rulesOf(onboarding, environment)).toContainEqual(bind(['cluster-admin', 'view']));
    expect(rulesOf(onboarding, environment)).toContainEqual({
      apiGroups: [''],
      resources: ['namespaces'],
      verbs: ['get', 'create', 'update'],
    });
    expect(rulesOf(onboarding, PROD)).toEqual(rulesOf(policy(), PROD));
  });

  it('what a level gives on the whole cluster beside its namespaces is among the rights', () => {
    const clusterWide = [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }];
    expect(rulesOf(policy(grant('g', { ...VIEW, clusterWide })), PROD)).toContainEqual(clusterWide[0]);
  });
});
