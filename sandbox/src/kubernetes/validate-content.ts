import type { LabelSelector } from './label-selectors.ts';
import { dataKeyProblems, pathSegmentProblems, subdomainProblems } from './names.ts';
import { type FieldError, invalidValue, notSupported, required, tooLong } from './status.ts';
import type { StoredObject } from './storage.ts';
import { validateSelector } from './validate-labels.ts';

/** Bytes that the values of a ConfigMap or Secret may hold together. */
const DATA_LIMIT = 1024 * 1024;

/**
 * What is wrong with an object beside its metadata.
 * Sources: `pkg/apis/core/validation`, `pkg/apis/rbac/validation`, `apimachinery/pkg/apis/meta/v1/validation`.
 */
export function validateContent(kind: string, object: StoredObject): readonly FieldError[] {
  switch (kind) {
    case 'ConfigMap':
    case 'Secret':
      return validateData(kind, object);
    case 'Role':
    case 'ClusterRole':
      return [
        ...((object.rules ?? []) as Rule[]).flatMap((rule, index) => validateRule(kind, rule, `rules[${index}]`)),
        ...(object.aggregationRule === undefined ? [] : validateAggregation(object.aggregationRule)),
      ];
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return validateBinding(kind, object);
    case 'Pod':
      return validatePod(object);
    case 'Deployment':
      return object.spec === undefined ? EMPTY_DEPLOYMENT : [];
    default:
      return [];
  }
}

const EMPTY_DEPLOYMENT: readonly FieldError[] = [
  required('spec.selector', ''),
  invalidValue('spec.template.metadata.labels', null, '`selector` does not match template `labels`'),
  required('spec.template.spec.containers', ''),
];

function validatePod(object: StoredObject): FieldError[] {
  const containers = (object.spec as { containers?: { name?: string; image?: string }[] } | undefined)?.containers;
  if (!containers?.length) return [required('spec.containers', '')];
  return containers.flatMap((container, index) => [
    ...(container.name ? [] : [required(`spec.containers[${index}].name`, '')]),
    ...(container.image ? [] : [required(`spec.containers[${index}].image`, '')]),
  ]);
}

function validateData(kind: string, object: StoredObject): FieldError[] {
  const data = Object.entries((object.data ?? {}) as Record<string, string>);
  const binary = Object.entries((object.binaryData ?? {}) as Record<string, string>);
  const errors = [
    ...data.map(([key]) => ['data', key] as const),
    ...binary.map(([key]) => ['binaryData', key] as const),
  ].flatMap(([field, key]) => dataKeyProblems(key).map((problem) => invalidValue(`${field}[${key}]`, key, problem)));
  const texts = new Set(data.map(([key]) => key));
  for (const [key] of binary) {
    if (texts.has(key)) errors.push(invalidValue(`data[${key}]`, key, `duplicate of key present in binaryData`));
  }
  const inBase64 = kind === 'Secret' ? [...data, ...binary] : binary;
  const plain = kind === 'Secret' ? [] : data;
  const size =
    plain.reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0) +
    inBase64.reduce((sum, [, value]) => sum + Buffer.from(value, 'base64').length, 0);
  if (size > DATA_LIMIT) errors.push(tooLong(kind === 'Secret' ? 'data' : '[]', DATA_LIMIT));
  return kind === 'Secret' ? [...errors, ...validateSecretType(object)] : errors;
}

/** What a Secret of a type must hold. */
const HELD: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

function validateSecretType({ type, data, metadata }: StoredObject): FieldError[] {
  if (type === 'kubernetes.io/service-account-token') {
    return metadata.annotations?.[ACCOUNT_NAME] ? [] : [required(`metadata.annotations[${ACCOUNT_NAME}]`, '')];
  }
  const missing = (HELD.get(String(type)) ?? []).filter((key) => !Object.hasOwn((data ?? {}) as object, key));
  return missing.map((key) => required(`data[${key}]`, ''));
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs?: readonly string[];
}

function validateRule(kind: string, rule: Rule, at: string): FieldError[] {
  const has = (list: readonly string[] | undefined) => (list?.length ?? 0) > 0;
  const errors = has(rule.verbs) ? [] : [required(`${at}.verbs`, 'verbs must contain at least one value')];
  if (has(rule.nonResourceURLs)) {
    const wrong = (why: string) => errors.push(invalidValue(`${at}.nonResourceURLs`, rule.nonResourceURLs, why));
    if (kind === 'Role') wrong('namespaced rules cannot apply to non-resource URLs');
    if (has(rule.apiGroups) || has(rule.resources) || has(rule.resourceNames)) {
      wrong('rules cannot apply to both regular resources and non-resource URLs');
    }
    return errors;
  }
  if (!has(rule.apiGroups))
    errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'));
  if (!has(rule.resources))
    errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}

function validateAggregation(aggregationRule: unknown): FieldError[] {
  const at = 'aggregationRule.clusterRoleSelectors';
  const { clusterRoleSelectors = [] } = aggregationRule as { readonly clusterRoleSelectors?: readonly LabelSelector[] };
  if (clusterRoleSelectors.length === 0) {
    return [required(at, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  }
  return clusterRoleSelectors.flatMap((selector, index) => {
    const errors = validateSelector(selector, `${at}[${index}]`);
    return errors.length === 0 ? [] : [...errors, invalidValue(`${at}[${index}]`, null, 'invalid label selector.')];
  });
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';

interface Subject {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly apiGroup?: string;
}

function validateBinding(kind: string, object: StoredObject): FieldError[] {
  const ref = (object.roleRef ?? {}) as { apiGroup?: string; kind?: string; name?: string };
  const kinds = kind === 'RoleBinding' ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  const errors: FieldError[] = [];
  if (ref.apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', ref.apiGroup ?? '', [RBAC_GROUP]));
  if (!kinds.includes(ref.kind ?? '')) errors.push(notSupported('roleRef.kind', ref.kind ?? '', kinds));
  if (!ref.name) errors.push(required('roleRef.name', ''));
  else errors.push(...pathSegmentProblems(ref.name).map((problem) => invalidValue('roleRef.name', ref.name, problem)));
  const subjects = (object.subjects ?? []) as Subject[];
  return [...errors, ...subjects.flatMap((subject, index) => validateSubject(kind, subject, `subjects[${index}]`))];
}

function validateSubject(binding: string, subject: Subject, at: string): FieldError[] {
  const { kind = '', name = '', apiGroup = '' } = subject;
  const errors = name === '' ? [required(`${at}.name`, '')] : [];
  if (kind === 'ServiceAccount') {
    if (name !== '')
      errors.push(...subdomainProblems(name).map((problem) => invalidValue(`${at}.name`, name, problem)));
    if (apiGroup !== '') errors.push(notSupported(`${at}.apiGroup`, apiGroup, ['']));
    if (binding === 'ClusterRoleBinding' && !subject.namespace) errors.push(required(`${at}.namespace`, ''));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [RBAC_GROUP]));
  } else {
    errors.push(notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
