/** How an object's name must look. */
export type NameRule = 'subdomain' | 'label' | 'path-segment';

/** A resource of the API: where it is served and what rules its objects keep. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly name: NameRule;
  /** PUT of an object that does not exist creates it. */
  readonly createOnUpdate?: true;
  /** DELETE answers the object instead of a Status. */
  readonly returnsDeleted?: true;
  /** No DELETE of the collection. */
  readonly keepsCollection?: true;
  /** Members at the top of an object beside apiVersion, kind and metadata; everything else is dropped as unknown. */
  readonly members: readonly string[];
  /** Field selectors beside metadata.name and metadata.namespace. */
  readonly selectable?: readonly string[];
  /** Subresources whose parent has a `status`. */
  readonly status?: true;
}

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', name: 'path-segment', createOnUpdate: true } as const;
const CORE = { group: '', version: 'v1' } as const;

/** Everything that can be stored. */
export const RESOURCES: readonly Resource[] = [
  {
    ...CORE,
    resource: 'configmaps',
    singular: 'configmap',
    kind: 'ConfigMap',
    namespaced: true,
    shortNames: ['cm'],
    name: 'subdomain',
    members: ['data', 'binaryData', 'immutable'],
  },
  {
    ...CORE,
    resource: 'events',
    singular: 'event',
    kind: 'Event',
    namespaced: true,
    shortNames: ['ev'],
    name: 'subdomain',
    members: [
      'involvedObject',
      'reason',
      'message',
      'source',
      'firstTimestamp',
      'lastTimestamp',
      'count',
      'type',
      'eventTime',
      'series',
      'action',
      'related',
      'reportingComponent',
      'reportingInstance',
    ],
    selectable: [
      'involvedObject.kind',
      'involvedObject.name',
      'involvedObject.namespace',
      'involvedObject.uid',
      'reason',
      'type',
    ],
  },
  {
    ...CORE,
    resource: 'namespaces',
    singular: 'namespace',
    kind: 'Namespace',
    namespaced: false,
    shortNames: ['ns'],
    name: 'label',
    returnsDeleted: true,
    keepsCollection: true,
    members: ['spec', 'status'],
    selectable: ['status.phase'],
    status: true,
  },
  {
    ...CORE,
    resource: 'pods',
    singular: 'pod',
    kind: 'Pod',
    namespaced: true,
    shortNames: ['po'],
    categories: ['all'],
    name: 'subdomain',
    returnsDeleted: true,
    members: ['spec', 'status'],
    selectable: ['spec.nodeName', 'spec.serviceAccountName', 'status.phase', 'status.podIP'],
    status: true,
  },
  {
    ...CORE,
    resource: 'secrets',
    singular: 'secret',
    kind: 'Secret',
    namespaced: true,
    name: 'subdomain',
    members: ['data', 'stringData', 'type', 'immutable'],
    selectable: ['type'],
  },
  {
    ...CORE,
    resource: 'serviceaccounts',
    singular: 'serviceaccount',
    kind: 'ServiceAccount',
    namespaced: true,
    shortNames: ['sa'],
    name: 'subdomain',
    returnsDeleted: true,
    members: ['secrets', 'imagePullSecrets', 'automountServiceAccountToken'],
  },
  {
    group: 'apps',
    version: 'v1',
    resource: 'deployments',
    singular: 'deployment',
    kind: 'Deployment',
    namespaced: true,
    shortNames: ['deploy'],
    categories: ['all'],
    name: 'subdomain',
    members: ['spec', 'status'],
    status: true,
  },
  {
    ...RBAC,
    resource: 'clusterrolebindings',
    singular: 'clusterrolebinding',
    kind: 'ClusterRoleBinding',
    namespaced: false,
    members: ['subjects', 'roleRef'],
  },
  {
    ...RBAC,
    resource: 'clusterroles',
    singular: 'clusterrole',
    kind: 'ClusterRole',
    namespaced: false,
    members: ['rules', 'aggregationRule'],
  },
  {
    ...RBAC,
    resource: 'rolebindings',
    singular: 'rolebinding',
    kind: 'RoleBinding',
    namespaced: true,
    members: ['subjects', 'roleRef'],
  },
  { ...RBAC, resource: 'roles', singular: 'role', kind: 'Role', namespaced: true, members: ['rules'] },
];

/** A resource that is asked and not stored. */
export interface Review {
  readonly group: 'authorization.k8s.io' | 'authentication.k8s.io';
  readonly version: 'v1';
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const AUTHORIZATION = { group: 'authorization.k8s.io', version: 'v1' } as const;

/** The reviews that are served. */
export const REVIEWS: readonly Review[] = [
  {
    group: 'authentication.k8s.io',
    version: 'v1',
    resource: 'selfsubjectreviews',
    singular: 'selfsubjectreview',
    kind: 'SelfSubjectReview',
    namespaced: false,
  },
  {
    ...AUTHORIZATION,
    resource: 'localsubjectaccessreviews',
    singular: 'localsubjectaccessreview',
    kind: 'LocalSubjectAccessReview',
    namespaced: true,
  },
  {
    ...AUTHORIZATION,
    resource: 'selfsubjectaccessreviews',
    singular: 'selfsubjectaccessreview',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
  },
  {
    ...AUTHORIZATION,
    resource: 'selfsubjectrulesreviews',
    singular: 'selfsubjectrulesreview',
    kind: 'SelfSubjectRulesReview',
    namespaced: false,
  },
  {
    ...AUTHORIZATION,
    resource: 'subjectaccessreviews',
    singular: 'subjectaccessreview',
    kind: 'SubjectAccessReview',
    namespaced: false,
  },
];

/** The group versions served under /apis, in the order of discovery. */
export const GROUP_VERSIONS = [
  { group: 'apps', version: 'v1' },
  { group: 'authentication.k8s.io', version: 'v1' },
  { group: 'authorization.k8s.io', version: 'v1' },
  { group: 'rbac.authorization.k8s.io', version: 'v1' },
] as const;

/** `v1` or `rbac.authorization.k8s.io/v1`. */
export function apiVersionOf(of: { readonly group: string; readonly version: string }): string {
  return of.group === '' ? of.version : `${of.group}/${of.version}`;
}

/** The stored resource at a group, version and plural name. */
export function findResource(group: string, version: string, resource: string): Resource | undefined {
  return RESOURCES.find((one) => one.group === group && one.version === version && one.resource === resource);
}

/** The stored resource of a kind. */
export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return RESOURCES.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
}

/** The review at a group, version and plural name. */
export function findReview(group: string, version: string, resource: string): Review | undefined {
  return REVIEWS.find((one) => one.group === group && one.version === version && one.resource === resource);
}
