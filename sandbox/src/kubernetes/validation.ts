import type { NameRule, Resource } from './kinds.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from './status.ts';
import type { StoredObject } from './storage.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const LABEL_HINT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_HINT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART_HINT =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_HINT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Bytes that the values of a ConfigMap or Secret may hold together. */
export const DATA_LIMIT = 1024 * 1024;
/** Bytes that all annotations of an object may hold together. */
const ANNOTATION_LIMIT = 256 * 1024;

const subdomainProblems = (text: string): string[] => [
  ...(text.length > 253 ? ['must be no more than 253 bytes'] : []),
  ...(SUBDOMAIN.test(text) ? [] : [SUBDOMAIN_HINT]),
];
const labelProblems = (text: string): string[] => [
  ...(text.length > 63 ? ['must be no more than 63 bytes'] : []),
  ...(LABEL.test(text) ? [] : [LABEL_HINT]),
];

/** What makes `name` no single segment of a path. */
export function pathSegmentProblems(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%']
    .filter((character) => name.includes(character))
    .map((character) => `may not contain '${character}'`);
}

const NAME_PROBLEMS: Readonly<Record<NameRule, (name: string) => string[]>> = {
  subdomain: subdomainProblems,
  label: labelProblems,
  'path-segment': pathSegmentProblems,
};

/** What is wrong with a label key, an annotation key or a finalizer: `name` or `dns.prefix/name`. */
export function qualifiedNameProblems(text: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2)
    return [
      `a qualified name ${NAME_PART_HINT.slice('name part '.length)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const name = parts.at(-1)!;
  const prefix = parts.length === 2 ? parts[0]! : undefined;
  return [
    ...(prefix === undefined
      ? []
      : prefix === ''
        ? ['prefix part must be non-empty']
        : subdomainProblems(prefix).map((problem) => `prefix part ${problem}`)),
    ...(name === ''
      ? ['name part must be non-empty']
      : name.length > 63
        ? ['name part must be no more than 63 bytes']
        : []),
    ...(QUALIFIED_PART.test(name) ? [] : [NAME_PART_HINT]),
  ];
}

/** What is wrong with the value of a label. */
export function labelValueProblems(text: string): string[] {
  return [
    ...(text.length > 63 ? ['must be no more than 63 bytes'] : []),
    ...(text === '' || QUALIFIED_PART.test(text) ? [] : [LABEL_VALUE_HINT]),
  ];
}

/**
 * What is wrong with an object as a whole, in the words of kube-apiserver.
 * Sources: `apimachinery/pkg/api/validation/objectmeta.go`, `pkg/apis/core/validation`, `pkg/apis/rbac/validation`.
 */
export function validateObject(resource: Resource, object: StoredObject): FieldError[] {
  return [...validateMeta(resource, object), ...validateContent(resource.kind, object)];
}

/** What is wrong with replacing `before` by `after`, beside what is wrong with `after` itself. */
export function validateChange(resource: Resource, before: StoredObject, after: StoredObject): FieldError[] {
  const errors = validateObject(resource, after);
  const fixed = (field: string, was: unknown, is: unknown) => {
    if (JSON.stringify(was) !== JSON.stringify(is)) errors.push(invalidValue(field, is, 'field is immutable'));
  };
  fixed('metadata.creationTimestamp', before.metadata.creationTimestamp, after.metadata.creationTimestamp);
  fixed('metadata.deletionTimestamp', before.metadata.deletionTimestamp, after.metadata.deletionTimestamp);
  if (before.metadata.deletionTimestamp !== undefined) {
    const added = (after.metadata.finalizers ?? []).filter((one) => !before.metadata.finalizers?.includes(one));
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
      errors.push(forbiddenField('metadata.finalizers', detail));
    }
  }
  if (resource.kind.endsWith('RoleBinding') && JSON.stringify(before.roleRef) !== JSON.stringify(after.roleRef)) {
    errors.push(invalidValue('roleRef', after.roleRef, 'cannot change roleRef'));
  }
  if (resource.kind === 'Secret') fixed('type', before.type, after.type);
  return [...errors, ...immutableData(before, after)];
}

function immutableData(before: StoredObject, after: StoredObject): FieldError[] {
  if (before.immutable !== true) return [];
  const changed = ['data', 'binaryData'].filter((part) => sortedJson(before[part]) !== sortedJson(after[part]));
  const detail = 'field is immutable when `immutable` is set';
  return [
    ...(after.immutable === true ? [] : [forbiddenField('immutable', detail)]),
    ...changed.map((part) => forbiddenField(part, detail)),
  ];
}

const sortedJson = (value: unknown) => JSON.stringify(Object.entries(value ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));

function validateMeta(resource: Resource, { metadata }: StoredObject): FieldError[] {
  const problemsOfName = NAME_PROBLEMS[resource.name](metadata.name);
  const errors = problemsOfName.map((problem) => invalidValue('metadata.name', metadata.name, problem));
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    errors.push(...qualifiedNameProblems(key).map((problem) => invalidValue('metadata.labels', key, problem)));
    errors.push(...labelValueProblems(value).map((problem) => invalidValue('metadata.labels', value, problem)));
  }
  let size = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    const problems = qualifiedNameProblems(key.toLowerCase());
    errors.push(...problems.map((problem) => invalidValue('metadata.annotations', key, problem)));
  }
  if (size > ANNOTATION_LIMIT) errors.push(tooLong('metadata.annotations', ANNOTATION_LIMIT));
  for (const finalizer of metadata.finalizers ?? []) {
    errors.push(
      ...qualifiedNameProblems(finalizer).map((problem) => invalidValue('metadata.finalizers', finalizer, problem)),
    );
  }
  return errors;
}

function validateContent(kind: string, object: StoredObject): FieldError[] {
  switch (kind) {
    case 'ConfigMap':
    case 'Secret':
      return validateData(kind, object);
    case 'Role':
    case 'ClusterRole':
      return ((object.rules ?? []) as Rule[]).flatMap((rule, index) => validateRule(kind, rule, `rules[${index}]`));
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return validateBinding(kind, object);
    case 'Pod':
      return validatePod(object);
    case 'Deployment':
      return object.spec === undefined
        ? [required('spec.selector', ''), required('spec.template.spec.containers', '')]
        : [];
    default:
      return [];
  }
}

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
  return errors;
}

function dataKeyProblems(key: string): string[] {
  const hint =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or " +
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  return [
    ...(key.length > 253 ? ['must be no more than 253 bytes'] : []),
    ...(/^[-._a-zA-Z0-9]+$/.test(key) ? [] : [hint]),
    ...(key === '.'
      ? ["must not be '.'"]
      : key === '..'
        ? ["must not be '..'"]
        : key.startsWith('..')
          ? ["must not start with '..'"]
          : []),
  ];
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
    if (name === '') errors.push(invalidValue(`${at}.name`, name, `${kind.toLowerCase()} name cannot be empty`));
    if (apiGroup !== RBAC_GROUP) errors.push(notSupported(`${at}.apiGroup`, apiGroup, [RBAC_GROUP]));
  } else {
    errors.push(notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
  return errors;
}
