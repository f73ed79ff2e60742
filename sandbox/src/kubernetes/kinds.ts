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
  /** Field selectors beside metadata.name and metadata.namespace; of a namespace, beside its name. */
  readonly selectable?: readonly string[];
  /** It has a `status`, which is a subresource as well. */
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
  },
  {
    ...CORE,
    resource: 'events',
    singular: 'event',
    kind: 'Event',
    namespaced: true,
    shortNames: ['ev'],
    name: 'subdomain',
    createOnUpdate: true,
    selectable: [
      ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
        (member) => `involvedObject.${member}`,
      ),
      'reason',
      'reportingComponent',
      'source',
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
    selectable: [
      ...['nodeName', 'restartPolicy', 'schedulerName', 'serviceAccountName', 'hostNetwork'].map(
        (one) => `spec.${one}`,
      ),
      ...['phase', 'podIP', 'podIPs', 'nominatedNodeName'].map((one) => `status.${one}`),
    ],
    status: true,
  },
  {
    ...CORE,
    resource: 'secrets',
    singular: 'secret',
    kind: 'Secret',
    namespaced: true,
    name: 'subdomain',
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
    status: true,
  },
  {
    group: 'apps',
    version: 'v1',
    resource: 'statefulsets',
    singular: 'statefulset',
    kind: 'StatefulSet',
    namespaced: true,
    shortNames: ['sts'],
    categories: ['all'],
    name: 'subdomain',
    status: true,
  },
  {
    ...RBAC,
    resource: 'clusterrolebindings',
    singular: 'clusterrolebinding',
    kind: 'ClusterRoleBinding',
    namespaced: false,
  },
  {
    ...RBAC,
    resource: 'clusterroles',
    singular: 'clusterrole',
    kind: 'ClusterRole',
    namespaced: false,
  },
  {
    ...RBAC,
    resource: 'rolebindings',
    singular: 'rolebinding',
    kind: 'RoleBinding',
    namespaced: true,
  },
  { ...RBAC, resource: 'roles', singular: 'role', kind: 'Role', namespaced: true },
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

/** Versions in which Kubernetes can still read the kinds of a group, and no longer serves them. */
const RETIRED: Readonly<Record<string, readonly string[]>> = {
  apps: ['v1beta1', 'v1beta2'],
  'authentication.k8s.io': ['v1alpha1', 'v1beta1'],
  'authorization.k8s.io': ['v1beta1'],
  'rbac.authorization.k8s.io': ['v1alpha1', 'v1beta1'],
};

/** Whether a group version is known, and only that. */
export function isRetired(apiVersion: string): boolean {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return Object.hasOwn(RETIRED, group) && RETIRED[group]!.includes(version);
}

/** `v1` or `rbac.authorization.k8s.io/v1`. */
export function apiVersionOf(of: { readonly group: string; readonly version: string }): string {
  return of.group === '' ? of.version : `${of.group}/${of.version}`;
}

/** The stored resource at a group, version and plural name. */
export function findResource(group: string, version: string, resource: string): Resource | undefined {
  return RESOURCES.find((one) => one.group === group && one.version === version && one.resource === resource);
}

/** What is served of a kind. */
export function findKind(apiVersion: string, kind: string): Resource | Review | undefined {
  return [...RESOURCES, ...REVIEWS].find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
}

/** The stored resource of a kind. */
export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return RESOURCES.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
}

/** The review at a group, version and plural name. */
export function findReview(group: string, version: string, resource: string): Review | undefined {
  return REVIEWS.find((one) => one.group === group && one.version === version && one.resource === resource);
}
