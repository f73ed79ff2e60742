import type { AccessRule } from '@gatehouse/core/access/policy';

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const READ_WRITE = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const rule = (group: string, resources: string, verbs: string[]): AccessRule => ({
  apiGroups: [group],
  resources: resources.split(' '),
  verbs,
});
const paths = (nonResourceURLs: string): AccessRule => ({
  nonResourceURLs: nonResourceURLs.split(' '),
  verbs: ['get'],
});

const VIEW: readonly AccessRule[] = [
  rule(
    '',
    'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers ' +
      'replicationcontrollers/scale serviceaccounts services services/status',
    READ,
  ),
  rule(
    '',
    'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas ' +
      'resourcequotas/status',
    READ,
  ),
  rule('', 'namespaces', READ),
  rule('discovery.k8s.io', 'endpointslices', READ),
  rule(
    'apps',
    'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets ' +
      'replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
    READ,
  ),
  rule('autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', READ),
  rule('batch', 'cronjobs cronjobs/status jobs jobs/status', READ),
  rule(
    'extensions',
    'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status ' +
      'networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
    READ,
  ),
  rule('policy', 'poddisruptionbudgets poddisruptionbudgets/status', READ),
  rule('networking.k8s.io', 'ingresses ingresses/status networkpolicies', READ),
  rule('resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', READ),
];

const EDIT: readonly AccessRule[] = [
  rule('', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', READ),
  rule('', 'serviceaccounts', ['impersonate']),
  rule('', 'pods pods/attach pods/exec pods/portforward pods/proxy', WRITE),
  rule('', 'pods/eviction', ['create']),
  rule(
    '',
    'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts ' +
      'services services/proxy',
    WRITE,
  ),
  rule('', 'serviceaccounts/token', ['create']),
  rule(
    'apps',
    'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets ' +
      'statefulsets/scale',
    WRITE,
  ),
  rule('autoscaling', 'horizontalpodautoscalers', WRITE),
  rule('batch', 'cronjobs jobs', WRITE),
  rule(
    'extensions',
    'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets ' +
      'replicasets/scale replicationcontrollers/scale',
    WRITE,
  ),
  rule('policy', 'poddisruptionbudgets', WRITE),
  rule('networking.k8s.io', 'ingresses networkpolicies', WRITE),
  rule('coordination.k8s.io', 'leases', READ_WRITE),
  rule('resource.k8s.io', 'resourceclaims resourceclaimtemplates', WRITE),
];

const ADMIN: readonly AccessRule[] = [
  rule('authorization.k8s.io', 'localsubjectaccessreviews', ['create']),
  rule(RBAC, 'rolebindings roles', READ_WRITE),
];

const CLUSTER_ROLES: Readonly<Record<string, readonly AccessRule[]>> = {
  'cluster-admin': [rule('*', '*', ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }],
  'system:basic-user': [
    rule('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', ['create']),
    rule('authentication.k8s.io', 'selfsubjectreviews', ['create']),
  ],
  'system:discovery': [
    paths('/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'),
  ],
  'system:monitoring': [
    paths('/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*'),
    rule('', 'nodes/metrics', ['get']),
  ],
  'system:public-info-viewer': [paths('/healthz /livez /readyz /version /version/')],
};

/** The roles of people: each gathers its own rules and those of the one below it. */
const AGGREGATED: readonly (readonly [name: string, rules: readonly AccessRule[], into?: string])[] = [
  ['view', VIEW, 'edit'],
  ['edit', EDIT, 'admin'],
  ['admin', ADMIN],
];

const BOUND: readonly (readonly [role: string, groups: readonly string[]])[] = [
  ['cluster-admin', ['system:masters']],
  ['system:basic-user', ['system:authenticated']],
  ['system:discovery', ['system:authenticated']],
  ['system:monitoring', ['system:monitoring']],
  ['system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
];

const aggregatedTo = (name: string) => ({ [`${RBAC}/aggregate-to-${name}`]: 'true' });

function metadataOf(name: string, labels: object = {}): { name: string; labels: object; annotations: object } {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}

const apiVersion = `${RBAC}/v1`;

/**
 * What a new cluster holds: its four namespaces, the ClusterRoles that people are given, and their bindings. The rules are those
 * of `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`; the roles of controllers and nodes are left out.
 */
export function defaultObjects(): readonly object[] {
  const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
  const roles = Object.entries(CLUSTER_ROLES).map(([name, rules]) => ({
    apiVersion,
    kind: 'ClusterRole',
    metadata: metadataOf(name),
    rules,
  }));
  const parts = AGGREGATED.map(([name, rules]) => ({
    apiVersion,
    kind: 'ClusterRole',
    metadata: metadataOf(`system:aggregate-to-${name}`, aggregatedTo(name)),
    rules,
  }));
  const aggregated = AGGREGATED.map(([name, , into]) => ({
    apiVersion,
    kind: 'ClusterRole',
    metadata: metadataOf(name, into === undefined ? {} : aggregatedTo(into)),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregatedTo(name) }] },
  }));
  const bindings = BOUND.map(([name, groups]) => ({
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: metadataOf(name),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: RBAC, kind: 'Group', name: group })),
  }));
  return [...namespaces, ...roles, ...parts, ...aggregated, ...bindings];
}
