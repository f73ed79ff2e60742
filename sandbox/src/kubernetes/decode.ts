import type { AccessRule } from '@gatehouse/core/access/policy';
import { notRegistered, UnreadableBody } from './body.ts';
import { apiVersionOf, findKind, isRetired, type Resource, type Review } from './kinds.ts';
import { KIND_MEMBERS, OBJECT_META, REVIEW_SPECS, type Struct } from './shapes.ts';
import { badRequest } from './status.ts';
import { readStruct } from './typed.ts';

/** An object as a client sent it: its types are right, unknown members are gone, defaults are set. */
export interface DecodedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

type Members = Readonly<Record<string, unknown>>;

/** How strictly a body is read. */
export interface Strictness {
  /** What a kind does not have is refused; else it is dropped, and told. */
  readonly strict: boolean;
  /** Told of each member that was dropped, by its path. */
  readonly onUnknown?: (path: string) => void;
}

/**
 * Reads what is to be an object of `resource`: checks apiVersion and kind where they are given, and types; drops what the kind
 * does not have, leaves out what is empty, and sets the defaults of the API. A status is never taken from a client.
 * @throws UnreadableBody.
 */
export function decodeObject(resource: Resource, value: Members, strictness: Strictness): DecodedObject {
  return withDefaults(decodeTyped(resource, value, strictness));
}

/**
 * Reads what is of a kind, without its defaults.
 * @throws UnreadableBody.
 */
export function decodeTyped(of: Resource | Review, value: Members, { strict, onUnknown }: Strictness): DecodedObject {
  const { kind, apiVersion } = kindOf(of, value);
  const named = findKind(apiVersion, kind);
  if (named === undefined) {
    if (!isRetired(apiVersion)) throw notRegistered(apiVersion, kind);
    const expected = `the expected API version (${apiVersionOf(of)})`;
    throw badRequest(`the API version in the data (${apiVersion}) does not match ${expected}`);
  }
  const unknown: string[] = [];
  const { metadata = {}, ...read } = readStruct(structOf(named), value, unknown);
  if (named !== of) {
    const internal = of.group.split('.')[0] || 'core';
    throw new UnreadableBody(`converting (v1.${kind}) to (${internal}.${of.kind}): unknown conversion`);
  }
  if (strict && unknown.length > 0) {
    const fields = unknown.map((path) => `unknown field "${path}"`);
    throw new UnreadableBody(`strict decoding error: ${fields.join(', ')}`);
  }
  for (const path of unknown) onUnknown?.(path);
  return { ...read, apiVersion, kind, metadata: metadata as Members };
}

/** Reads a body with `decode`, and says of what is wrong that it was in a body of this kind. @throws ApiError 400. */
export function fromBody<T>(of: Resource | Review, value: Members, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof UnreadableBody)) throw error;
    const { kind, apiVersion } = kindOf(of, value);
    const version = JSON.stringify(apiVersion.split('/').at(-1));
    throw badRequest(`${kind} in version ${version} cannot be handled as a ${of.kind}: ${error.message}`);
  }
}

function structOf(of: Resource | Review): Struct {
  const spec = REVIEW_SPECS[of.kind];
  const members = KIND_MEMBERS[of.kind as keyof typeof KIND_MEMBERS] ?? {
    status: 'any',
    ...(spec === undefined ? {} : { spec }),
  };
  return { struct: of.kind, members: { apiVersion: 'string', kind: 'string', metadata: OBJECT_META, ...members } };
}

/** The kind that a value says it is of; where it says nothing, it is what was expected. */
function kindOf(of: Resource | Review, { kind, apiVersion }: Members): { kind: string; apiVersion: string } {
  const given = (text: unknown) => typeof text === 'string' && text !== '';
  return {
    kind: given(kind) ? String(kind) : of.kind,
    apiVersion: given(apiVersion) ? String(apiVersion) : apiVersionOf(of),
  };
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';

function withDefaults(object: DecodedObject): DecodedObject {
  switch (object.kind) {
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return withBindingDefaults(object);
    case 'Role':
    case 'ClusterRole':
      return withRoleDefaults(object);
    case 'Secret':
      return withSecretDefaults(object);
    case 'Event':
      return { ...EMPTY_EVENT, ...object };
    case 'Namespace':
      return withNamespaceDefaults(object);
    case 'Pod':
      return withPodDefaults(object);
    case 'Deployment':
    case 'StatefulSet':
      return withWorkloadDefaults(object);
    default:
      return object;
  }
}

const EMPTY_EVENT = {
  eventTime: null,
  firstTimestamp: null,
  lastTimestamp: null,
  reportingComponent: '',
  reportingInstance: '',
  source: {},
} as const;

/** The members that Go writes even where they are empty. */
function withRoleDefaults(object: DecodedObject): DecodedObject {
  const rules = object.rules as readonly AccessRule[] | undefined;
  return { ...object, rules: rules?.map((rule) => ({ ...rule, verbs: rule.verbs ?? [] })) ?? null };
}

interface LooseSubject {
  readonly kind?: string;
  readonly apiGroup?: string;
}

function withBindingDefaults(object: DecodedObject): DecodedObject {
  const ref = (object.roleRef ?? {}) as Record<string, string>;
  const roleRef = {
    apiGroup: ref.apiGroup || RBAC_GROUP,
    kind: ref.kind ?? '',
    name: ref.name ?? '',
  };
  const subjects = object.subjects as LooseSubject[] | undefined;
  if (subjects === undefined) return { ...object, roleRef };
  const needGroup = (kind: string | undefined) => kind === 'User' || kind === 'Group';
  return {
    ...object,
    roleRef,
    subjects: subjects.map((subject) => {
      const { apiGroup, ...rest } = subject;
      const group = apiGroup || (needGroup(subject.kind) ? RBAC_GROUP : '');
      return group === '' ? rest : { ...rest, apiGroup: group };
    }),
  };
}

function withSecretDefaults(object: DecodedObject): DecodedObject {
  const { stringData, ...rest } = object;
  const texts = Object.entries((stringData ?? {}) as Record<string, string>);
  const data = {
    ...((object.data ?? {}) as Record<string, string>),
    ...Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
  return {
    ...rest,
    ...(Object.keys(data).length === 0 ? {} : { data }),
    type: (object.type as string | undefined) || 'Opaque',
  } as DecodedObject;
}

function withNamespaceDefaults(object: DecodedObject): DecodedObject {
  const name = object.metadata.name;
  const labels = { ...((object.metadata.labels ?? {}) as Record<string, string>) };
  if (typeof name === 'string' && name !== '') labels['kubernetes.io/metadata.name'] = name;
  return {
    ...object,
    metadata: { ...object.metadata, labels },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}

function withPodDefaults(object: DecodedObject): DecodedObject {
  const spec = { restartPolicy: 'Always', ...((object.spec ?? {}) as object) };
  return { ...object, spec, status: { phase: 'Pending' } };
}

function withWorkloadDefaults(object: DecodedObject): DecodedObject {
  if (object.spec === undefined) return object;
  const status = object.kind === 'StatefulSet' ? { replicas: 0, availableReplicas: 0 } : {};
  return { ...object, spec: { replicas: 1, ...(object.spec as object) }, status };
}
