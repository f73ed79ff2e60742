/** What a member of an object may hold. */
export type Shape =
  | 'string'
  | 'boolean'
  | 'integer'
  /** A number that is left out where it is 0. */
  | 'count'
  /** RFC 3339, kept in whole seconds. */
  | 'time'
  /** Base64. */
  | 'bytes'
  | 'any'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | Struct;

/** Members, under the name that Go has for them together: errors name it. */
export interface Struct {
  readonly struct: string;
  readonly members: Readonly<Record<string, Shape>>;
}

const struct = (name: string, members: Struct['members']): Struct => ({ struct: name, members });
const STRINGS: Shape = { list: 'string' };
const LABELS: Shape = { map: 'string' };

export const OBJECT_META = struct('ObjectMeta', {
  name: 'string',
  generateName: 'string',
  namespace: 'string',
  uid: 'string',
  resourceVersion: 'string',
  selfLink: 'string',
  generation: 'count',
  creationTimestamp: 'time',
  deletionTimestamp: 'time',
  deletionGracePeriodSeconds: 'integer',
  labels: LABELS,
  annotations: LABELS,
  finalizers: STRINGS,
  managedFields: {
    list: struct('ManagedFieldsEntry', {
      manager: 'string',
      operation: 'string',
      apiVersion: 'string',
      time: 'time',
      fieldsType: 'string',
      fieldsV1: 'any',
      subresource: 'string',
    }),
  },
  ownerReferences: {
    list: struct('OwnerReference', {
      apiVersion: 'string',
      kind: 'string',
      name: 'string',
      uid: 'string',
      controller: 'boolean',
      blockOwnerDeletion: 'boolean',
    }),
  },
});

const RULES: Shape = {
  list: struct('PolicyRule', {
    verbs: STRINGS,
    apiGroups: STRINGS,
    resources: STRINGS,
    resourceNames: STRINGS,
    nonResourceURLs: STRINGS,
  }),
};
const SELECTOR = struct('LabelSelector', {
  matchLabels: LABELS,
  matchExpressions: {
    list: struct('LabelSelectorRequirement', { key: 'string', operator: 'string', values: STRINGS }),
  },
});
const BINDING = {
  subjects: {
    list: struct('Subject', { kind: 'string', apiGroup: 'string', name: 'string', namespace: 'string' }),
  },
  roleRef: struct('RoleRef', { apiGroup: 'string', kind: 'string', name: 'string' }),
};

const OBJECT_REFERENCE = struct('ObjectReference', {
  kind: 'string',
  namespace: 'string',
  name: 'string',
  uid: 'string',
  apiVersion: 'string',
  resourceVersion: 'string',
  fieldPath: 'string',
});

/** What the kinds hold beside metadata. What nobody here looks into (a pod's spec) is taken as it comes. */
export const KIND_MEMBERS = {
  ConfigMap: { data: LABELS, binaryData: { map: 'bytes' }, immutable: 'boolean' },
  Event: {
    involvedObject: OBJECT_REFERENCE,
    reason: 'string',
    message: 'string',
    source: 'any',
    firstTimestamp: 'any',
    lastTimestamp: 'any',
    count: 'count',
    type: 'string',
    eventTime: 'any',
    series: 'any',
    action: 'string',
    related: OBJECT_REFERENCE,
    reportingComponent: 'string',
    reportingInstance: 'string',
  },
  Namespace: { spec: 'any', status: 'any' },
  Pod: { spec: 'any', status: 'any' },
  Secret: { data: { map: 'bytes' }, stringData: LABELS, type: 'string', immutable: 'boolean' },
  ServiceAccount: {
    secrets: { list: OBJECT_REFERENCE },
    imagePullSecrets: { list: struct('LocalObjectReference', { name: 'string' }) },
    automountServiceAccountToken: 'boolean',
  },
  Deployment: { spec: 'any', status: 'any' },
  StatefulSet: { spec: 'any', status: 'any' },
  ClusterRoleBinding: BINDING,
  ClusterRole: {
    rules: RULES,
    aggregationRule: struct('AggregationRule', { clusterRoleSelectors: { list: SELECTOR } }),
  },
  RoleBinding: BINDING,
  Role: { rules: RULES },
} as const satisfies Readonly<Record<string, Struct['members']>>;

const RESOURCE_ATTRIBUTES = struct('ResourceAttributes', {
  namespace: 'string',
  verb: 'string',
  group: 'string',
  version: 'string',
  resource: 'string',
  subresource: 'string',
  name: 'string',
  fieldSelector: 'any',
  labelSelector: 'any',
});
const QUESTION = {
  resourceAttributes: RESOURCE_ATTRIBUTES,
  nonResourceAttributes: struct('NonResourceAttributes', { path: 'string', verb: 'string' }),
};
const OF_ANYBODY = struct('SubjectAccessReviewSpec', {
  ...QUESTION,
  user: 'string',
  groups: STRINGS,
  extra: { map: STRINGS },
  uid: 'string',
});

/** What the reviews ask. */
export const REVIEW_SPECS: Readonly<Record<string, Struct | undefined>> = {
  LocalSubjectAccessReview: OF_ANYBODY,
  SelfSubjectAccessReview: struct('SelfSubjectAccessReviewSpec', QUESTION),
  SelfSubjectRulesReview: struct('SelfSubjectRulesReviewSpec', { namespace: 'string' }),
  SubjectAccessReview: OF_ANYBODY,
};
