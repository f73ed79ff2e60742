import { apiVersionOf, type Resource } from './kinds.ts';
import { badRequest } from './status.ts';

/** An object as a client sent it: its types are right, unknown members are gone, defaults are set. */
export interface DecodedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

type Shape =
  | 'string'
  | 'boolean'
  | 'integer'
  | 'time'
  | 'any'
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly members: Readonly<Record<string, Shape>> };

const STRINGS: Shape = { list: 'string' };
const LABELS: Shape = { map: 'string' };

const META: Shape = {
  members: {
    name: 'string',
    generateName: 'string',
    namespace: 'string',
    uid: 'string',
    resourceVersion: 'string',
    selfLink: 'string',
    generation: 'integer',
    creationTimestamp: 'time',
    deletionTimestamp: 'time',
    deletionGracePeriodSeconds: 'integer',
    labels: LABELS,
    annotations: LABELS,
    finalizers: STRINGS,
    managedFields: 'any',
    ownerReferences: {
      list: {
        members: {
          apiVersion: 'string',
          kind: 'string',
          name: 'string',
          uid: 'string',
          controller: 'boolean',
          blockOwnerDeletion: 'boolean',
        },
      },
    },
  },
};

const RULES: Shape = {
  list: {
    members: {
      apiGroups: STRINGS,
      resources: STRINGS,
      resourceNames: STRINGS,
      nonResourceURLs: STRINGS,
      verbs: STRINGS,
    },
  },
};

/** Shapes of the members whose content matters here; the others (a pod's spec) are taken as they come. */
const SHAPES: Readonly<Record<string, Shape>> = {
  data: LABELS,
  stringData: LABELS,
  binaryData: LABELS,
  immutable: 'boolean',
  automountServiceAccountToken: 'boolean',
  type: 'string',
  rules: RULES,
  roleRef: { members: { apiGroup: 'string', kind: 'string', name: 'string' } },
  subjects: { list: { members: { kind: 'string', apiGroup: 'string', name: 'string', namespace: 'string' } } },
};

/**
 * Reads a body as an object of `resource`: checks apiVersion and kind where they are given, checks types, drops what the
 * kind does not have (with `strict`: refuses it), leaves out what is empty, and sets the defaults of the API. A status is never
 * taken from a client.
 * @throws ApiError 400.
 */
export function decodeObject(resource: Resource, body: unknown, strict: boolean): DecodedObject {
  if (!isRecord(body)) throw badRequest(`couldn't get version/kind; json parse error: the body is not an object`);
  const apiVersion = apiVersionOf(resource);
  if (typeof body.apiVersion === 'string' && body.apiVersion !== '' && body.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${body.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (typeof body.kind === 'string' && body.kind !== '' && body.kind !== resource.kind) {
    throw badRequest(`${body.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}`);
  }
  const unknown: string[] = [];
  const members: Record<string, unknown> = {};
  for (const [member, value] of Object.entries(body)) {
    if (member === 'apiVersion' || member === 'kind' || member === 'metadata') continue;
    if (!resource.members.includes(member)) {
      unknown.push(member);
      continue;
    }
    const read = readShape(SHAPES[member] ?? 'any', value, [resource.kind, member], unknown);
    if (read !== undefined) members[member] = read;
  }
  const metadata = readShape(META, body.metadata ?? {}, [resource.kind, 'metadata'], unknown) ?? {};
  if (strict && unknown.length > 0) {
    throw badRequest(`strict decoding error: ${unknown.map((path) => `unknown field "${path}"`).join(', ')}`);
  }
  return withDefaults({ apiVersion, kind: resource.kind, metadata: metadata as Record<string, unknown>, ...members });

  function readShape(shape: Shape, value: unknown, at: readonly string[], unknown: string[]): unknown {
    if (value === null || value === undefined) return undefined;
    const wrong = (type: string) =>
      badRequest(
        `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: json: cannot unmarshal ` +
          `${jsonType(value)} into Go struct field ${at.join('.')} of type ${type}`,
      );
    if (shape === 'any') return value;
    if (shape === 'integer') {
      if (!Number.isInteger(value)) throw wrong('int64');
      return value;
    }
    if (shape === 'time') return wholeSeconds(value) ?? throwing(wrong('time.Time'));
    if (typeof shape === 'string') {
      if (typeof value !== shape) throw wrong(shape === 'boolean' ? 'bool' : 'string');
      return value;
    }
    if ('list' in shape) {
      if (!Array.isArray(value)) throw wrong('[]string');
      const items = value.map((item, index) =>
        readShape(shape.list, item, at.with(-1, `${at.at(-1)}[${index}]`), unknown),
      );
      const empty = shape.list === 'string' ? '' : {};
      return items.length === 0 ? undefined : items.map((item) => item ?? empty);
    }
    if (!isRecord(value)) throw wrong('map[string]string');
    const read: Record<string, unknown> = Object.create(null);
    for (const [key, inner] of Object.entries(value)) {
      const own = 'map' in shape ? shape.map : Object.hasOwn(shape.members, key) ? shape.members[key] : undefined;
      if (own === undefined) {
        unknown.push([...at.slice(1), key].join('.'));
        continue;
      }
      const item = readShape(own, inner, [...at, key], unknown);
      if (item !== undefined) read[key] = item;
      else if ('map' in shape) read[key] = '';
    }
    return 'map' in shape && Object.keys(read).length === 0 ? undefined : { ...read };
  }
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';

function withDefaults(object: DecodedObject): DecodedObject {
  switch (object.kind) {
    case 'RoleBinding':
    case 'ClusterRoleBinding':
      return withBindingDefaults(object);
    case 'Role':
    case 'ClusterRole':
      return { ...object, rules: (object.rules as unknown[] | undefined) ?? null };
    case 'Secret':
      return withSecretDefaults(object);
    case 'Namespace':
      return withNamespaceDefaults(object);
    case 'Pod':
      return withPodDefaults(object);
    case 'Deployment':
      return withDeploymentDefaults(object);
    default:
      return object;
  }
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
  const spec = { restartPolicy: 'Always', serviceAccountName: 'default', ...((object.spec ?? {}) as object) };
  return { ...object, spec, status: { phase: 'Pending' } };
}

function withDeploymentDefaults(object: DecodedObject): DecodedObject {
  if (object.spec === undefined) return object;
  return { ...object, spec: { replicas: 1, ...(object.spec as object) }, status: {} };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** An RFC 3339 time as the API keeps it, in whole seconds of UTC; undefined for anything else. */
function wholeSeconds(value: unknown): string | undefined {
  const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
  if (typeof value !== 'string' || !rfc3339.test(value) || Number.isNaN(Date.parse(value))) return undefined;
  return `${new Date(value).toISOString().slice(0, 19)}Z`;
}

function throwing(error: Error): never {
  throw error;
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
