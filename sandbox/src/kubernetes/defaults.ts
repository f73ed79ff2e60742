import type { AccessRule } from '@gatehouse/core/access/policy';

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const READ_WRITE = [...READ, ...WRITE];

const rule = (apiGroups: string[], resources: string[], verbs: string[]): AccessRule => ({
  apiGroups,
  resources,
  verbs,
});
const paths = (nonResourceURLs: string[]): AccessRule => ({ nonResourceURLs, verbs: ['get'] });

const WORKLOADS = [
  'daemonsets',
  'deployments',
  'deployments/scale',
  'replicasets',
  'replicasets/scale',
  'statefulsets',
  'statefulsets/scale',
];
const CORE_EDITED = [
  'configmaps',
  'endpoints',
  'events',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'replicationcontrollers/scale',
  'secrets',
  'serviceaccounts',
  'services',
  'services/proxy',
  'pods/attach',
  'pods/exec',
  'pods/portforward',
  'pods/proxy',
];

const VIEW: readonly AccessRule[] = [
  rule(
    [''],
    [
      'configmaps',
      'endpoints',
      'events',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'pods',
      'pods/log',
      'pods/status',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'resourcequotas',
      'resourcequotas/status',
      'limitranges',
      'serviceaccounts',
      'services',
      'services/status',
      'namespaces',
      'namespaces/status',
      'bindings',
    ],
    READ,
  ),
  rule(['apps'], [...WORKLOADS, 'controllerrevisions'], READ),
  rule(['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'], READ),
  rule(['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status'], READ),
  rule(['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status'], READ),
  rule(['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
];

const EDIT: readonly AccessRule[] = [
  ...VIEW,
  rule([''], ['secrets', 'services/proxy', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'], READ),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule([''], CORE_EDITED, WRITE),
  rule([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  rule(['apps'], [...WORKLOADS, 'deployments/rollback'], WRITE),
  rule(['batch'], ['cronjobs', 'jobs'], WRITE),
  rule(['autoscaling'], ['horizontalpodautoscalers'], WRITE),
  rule(['policy'], ['poddisruptionbudgets'], WRITE),
  rule(['networking.k8s.io'], ['ingresses', 'networkpolicies'], WRITE),
  rule(['coordination.k8s.io'], ['leases'], READ_WRITE),
];

const ADMIN: readonly AccessRule[] = [
  ...EDIT,
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
  rule([RBAC], ['rolebindings', 'roles'], READ_WRITE),
];

const HEALTH = ['/healthz', '/livez', '/readyz', '/version', '/version/'];

const CLUSTER_ROLES: Readonly<Record<string, readonly AccessRule[]>> = {
  'cluster-admin': [rule(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }],
  admin: ADMIN,
  edit: EDIT,
  view: VIEW,
  'system:basic-user': [
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ],
  'system:discovery': [paths([...HEALTH, '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'])],
  'system:public-info-viewer': [paths(HEALTH)],
};

const BOUND: readonly (readonly [role: string, groups: readonly string[]])[] = [
  ['cluster-admin', ['system:masters']],
  ['system:basic-user', ['system:authenticated']],
  ['system:discovery', ['system:authenticated']],
  ['system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
];

const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

/**
 * What a new cluster holds: its four namespaces, the ClusterRoles that people are given, and their bindings. The rules of
 * admin, edit and view follow `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`, already aggregated.
 */
export function defaultObjects(): readonly object[] {
  const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
  const roles = Object.entries(CLUSTER_ROLES).map(([name, rules]) => ({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name, labels, annotations },
    rules,
  }));
  const bindings = BOUND.map(([name, groups]) => ({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels, annotations },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: RBAC, kind: 'Group', name: group })),
  }));
  return [...namespaces, ...roles, ...bindings];
}
