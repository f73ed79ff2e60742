import { sameJson } from '@gatehouse/core/access/json';
import type { Resource } from './kinds.ts';
import { nameProblems, qualifiedNameProblems } from './names.ts';
import { type FieldError, forbiddenField, goQuoted, invalidValue, tooLong } from './status.ts';
import type { StoredMeta, StoredObject } from './storage.ts';
import { validateContent } from './validate-content.ts';
import { validateLabels } from './validate-labels.ts';

/** Bytes that all annotations of an object may hold together. */
const ANNOTATION_LIMIT = 256 * 1024;

/**
 * What is wrong with an object as a whole, in the words of kube-apiserver.
 * Sources: `apimachinery/pkg/api/validation/objectmeta.go`, `pkg/apis/core/validation`, `pkg/apis/rbac/validation`.
 */
export function validateObject(resource: Resource, object: StoredObject): FieldError[] {
  return [...validateMeta(resource, object), ...validateContent(resource.kind, object)];
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';

/**
 * What is wrong with replacing `before` by `after`. kube-apiserver looks at metadata for all kinds, and each kind looks again, in its
 * own order: the message says everything once, the causes as often as it was found.
 */
export function validateChange(resource: Resource, before: StoredObject, after: StoredObject): readonly FieldError[] {
  const { kind, group } = resource;
  const change = metaChange(before.metadata, after.metadata);
  const common = [...commonErrors(after.metadata), ...change];
  const own = [...change, ...unqualifiedFinalizers(after.metadata)];
  const object = validateObject(resource, after);
  const content = contentChange(kind, before, after);
  if (kind === 'Event') return common;
  if (kind === 'Namespace') return [...common, ...object, ...own];
  if (group === RBAC_GROUP) return [...common, ...object, ...object, ...own, ...content];
  return [...common, ...own, ...content, ...object];
}

const FIXED = ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

function metaChange(before: StoredMeta, after: StoredMeta): FieldError[] {
  const added = (after.finalizers ?? []).filter((one) => !before.finalizers?.includes(one)).sort();
  const found = `found new finalizers []string{${added.map(goQuoted).join(', ')}}`;
  const late = `no new finalizers can be added if the object is being deleted, ${found}`;
  return [
    ...(before.deletionTimestamp !== undefined && added.length > 0
      ? [forbiddenField('metadata.finalizers', late)]
      : []),
    ...FIXED.filter((key) => before[key] !== after[key]).map((key) =>
      invalidValue(`metadata.${key}`, after[key], 'field is immutable'),
    ),
    ...describingErrors(after),
  ];
}

/** What is looked at in every metadata, new or changed. */
function describingErrors({ labels = {}, annotations = {}, ownerReferences = [] }: StoredMeta): FieldError[] {
  return [
    ...validateLabels(labels, 'metadata.labels'),
    ...validateAnnotations(annotations),
    ...validateOwners(ownerReferences as readonly Owner[]),
  ];
}

const commonErrors = (metadata: StoredMeta) => [...describingErrors(metadata), ...validateFinalizers(metadata)];

function contentChange(kind: string, before: StoredObject, after: StoredObject): FieldError[] {
  if (kind.endsWith('RoleBinding') && !sameJson(before.roleRef, after.roleRef)) {
    const { apiGroup, kind: of, name } = (after.roleRef ?? {}) as Record<string, string>;
    return [invalidValue('roleRef', { APIGroup: apiGroup, Kind: of, Name: name }, 'cannot change roleRef')];
  }
  const retyped = kind === 'Secret' && before.type !== after.type;
  return [
    ...(retyped ? [invalidValue('type', after.type, 'field is immutable')] : []),
    ...immutableData(before, after),
  ];
}

function immutableData(before: StoredObject, after: StoredObject): FieldError[] {
  if (before.immutable !== true) return [];
  const changed = ['data', 'binaryData'].filter((part) => !sameJson(before[part] ?? {}, after[part] ?? {}));
  const detail = 'field is immutable when `immutable` is set';
  return [
    ...(after.immutable === true ? [] : [forbiddenField('immutable', detail)]),
    ...changed.map((part) => forbiddenField(part, detail)),
  ];
}

function validateMeta(resource: Resource, { metadata }: StoredObject): FieldError[] {
  const { name, generateName } = metadata;
  const prefix = typeof generateName === 'string' && generateName !== '' ? generateName : undefined;
  return [
    ...(prefix === undefined ? [] : nameProblems(resource.name, prefix, true)).map((problem) =>
      invalidValue('metadata.generateName', prefix, problem),
    ),
    ...nameProblems(resource.name, name).map((problem) => invalidValue('metadata.name', name, problem)),
    ...commonErrors(metadata),
    ...unqualifiedFinalizers(metadata),
  ];
}

function validateAnnotations(annotations: Readonly<Record<string, string>>): FieldError[] {
  const entries = Object.entries(annotations);
  const errors = entries.flatMap(([key]) =>
    qualifiedNameProblems(key.toLowerCase()).map((problem) => invalidValue('metadata.annotations', key, problem)),
  );
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return size > ANNOTATION_LIMIT ? [...errors, tooLong('metadata.annotations', ANNOTATION_LIMIT)] : errors;
}

interface Owner {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

function validateOwners(owners: readonly Owner[]): FieldError[] {
  const field = 'metadata.ownerReferences';
  const controllers = owners.filter(({ controller }) => controller).map(({ kind, name }) => `${kind}/${name}`);
  const [first, ...others] = controllers;
  return [
    ...owners.flatMap((owner) => validateOwner(owner, field)),
    ...others.map((other) => {
      const found = `Found "true" in references for ${first} and ${other}`;
      return invalidValue(field, owners, `Only one reference can have Controller set to true. ${found}`);
    }),
  ];
}

function validateOwner(owner: Owner, field: string): FieldError[] {
  const { apiVersion = '', kind = '' } = owner;
  const parts = apiVersion.split('/');
  const empty = (member: 'kind' | 'name' | 'uid') =>
    owner[member] ? [] : [invalidValue(`${field}.${member}`, '', 'must not be empty')];
  return [
    ...(apiVersion === '' || parts.length > 2
      ? [invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty')]
      : []),
    ...empty('kind'),
    ...empty('name'),
    ...empty('uid'),
    ...(apiVersion === 'v1' && kind === 'Event'
      ? [invalidValue(field, owner, '/v1, Kind=Event is disallowed from being an owner')]
      : []),
  ];
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const OF_KUBERNETES: ReadonlySet<string> = new Set(['kubernetes', ORPHAN, FOREGROUND]);

function validateFinalizers({ finalizers = [] }: StoredMeta): FieldError[] {
  const field = 'metadata.finalizers';
  return [
    ...finalizers.flatMap((one) => qualifiedNameProblems(one).map((problem) => invalidValue(field, one, problem))),
    ...(finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND)
      ? [invalidValue(field, finalizers, `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`)]
      : []),
  ];
}

function unqualifiedFinalizers({ finalizers = [] }: StoredMeta): FieldError[] {
  const why = 'name is neither a standard finalizer name nor is it fully qualified';
  return finalizers.flatMap((one, index) =>
    one.includes('/') || OF_KUBERNETES.has(one) ? [] : [invalidValue(`metadata.finalizers[${index}]`, one, why)],
  );
}
