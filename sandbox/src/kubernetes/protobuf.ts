/** How a field of a message is read. */
type Field =
  | 'string'
  | 'bytes'
  | 'integer'
  | 'boolean'
  | 'skipped'
  | Message
  | { readonly list: Field }
  | { readonly map: Field };
/** A message: its fields by number, each with the name it has in JSON. */
type Message = { readonly fields: Readonly<Record<number, readonly [name: string, field: Field]>> };

const message = (fields: Message['fields']): Message => ({ fields });
const STRINGS: Field = { list: 'string' };
const LABELS: Field = { map: 'string' };

const META = message({
  1: ['name', 'string'],
  2: ['generateName', 'string'],
  3: ['namespace', 'string'],
  4: ['selfLink', 'string'],
  5: ['uid', 'string'],
  6: ['resourceVersion', 'string'],
  7: ['generation', 'integer'],
  8: ['creationTimestamp', 'skipped'],
  9: ['deletionTimestamp', 'skipped'],
  10: ['deletionGracePeriodSeconds', 'integer'],
  11: ['labels', LABELS],
  12: ['annotations', LABELS],
  13: [
    'ownerReferences',
    {
      list: message({
        1: ['kind', 'string'],
        3: ['name', 'string'],
        4: ['uid', 'string'],
        5: ['apiVersion', 'string'],
        6: ['controller', 'boolean'],
        7: ['blockOwnerDeletion', 'boolean'],
      }),
    },
  ],
  14: ['finalizers', STRINGS],
  17: ['managedFields', 'skipped'],
});
const RULE = message({
  1: ['verbs', STRINGS],
  2: ['apiGroups', STRINGS],
  3: ['resources', STRINGS],
  4: ['resourceNames', STRINGS],
  5: ['nonResourceURLs', STRINGS],
});
const BINDING = message({
  1: ['metadata', META],
  2: [
    'subjects',
    {
      list: message({
        1: ['kind', 'string'],
        2: ['apiGroup', 'string'],
        3: ['name', 'string'],
        4: ['namespace', 'string'],
      }),
    },
  ],
  3: ['roleRef', message({ 1: ['apiGroup', 'string'], 2: ['kind', 'string'], 3: ['name', 'string'] })],
});
const ROLE = message({ 1: ['metadata', META], 2: ['rules', { list: RULE }] });
const SELECTOR = message({
  1: ['matchLabels', LABELS],
  2: [
    'matchExpressions',
    { list: message({ 1: ['key', 'string'], 2: ['operator', 'string'], 3: ['values', STRINGS] }) },
  ],
});
const RESOURCE_ATTRIBUTES = message({
  1: ['namespace', 'string'],
  2: ['verb', 'string'],
  3: ['group', 'string'],
  4: ['version', 'string'],
  5: ['resource', 'string'],
  6: ['subresource', 'string'],
  7: ['name', 'string'],
});
const PATH_ATTRIBUTES = message({ 1: ['path', 'string'], 2: ['verb', 'string'] });
const ACCESS_REVIEW = message({
  1: ['metadata', META],
  2: [
    'spec',
    message({
      1: ['resourceAttributes', RESOURCE_ATTRIBUTES],
      2: ['nonResourceAttributes', PATH_ATTRIBUTES],
      3: ['user', 'string'],
      4: ['groups', STRINGS],
      5: ['extra', 'skipped'],
      6: ['uid', 'string'],
    }),
  ],
  3: ['status', 'skipped'],
});

/**
 * The kinds that are read as protobuf: what kubectl sends so. Numbers are those of the `generated.proto` files under
 * `k8s.io/api` and `k8s.io/apimachinery`.
 */
const KINDS: ReadonlyMap<string, Message> = new Map([
  [
    'Namespace',
    message({ 1: ['metadata', META], 2: ['spec', message({ 1: ['finalizers', STRINGS] })], 3: ['status', 'skipped'] }),
  ],
  [
    'ConfigMap',
    message({
      1: ['metadata', META],
      2: ['data', LABELS],
      3: ['binaryData', { map: 'bytes' }],
      4: ['immutable', 'boolean'],
    }),
  ],
  [
    'Secret',
    message({
      1: ['metadata', META],
      2: ['data', { map: 'bytes' }],
      3: ['type', 'string'],
      4: ['stringData', LABELS],
      5: ['immutable', 'boolean'],
    }),
  ],
  ['ServiceAccount', message({ 1: ['metadata', META], 4: ['automountServiceAccountToken', 'boolean'] })],
  ['Role', ROLE],
  [
    'ClusterRole',
    message({
      ...ROLE.fields,
      3: ['aggregationRule', message({ 1: ['clusterRoleSelectors', { list: SELECTOR }] })],
    }),
  ],
  ['RoleBinding', BINDING],
  ['ClusterRoleBinding', BINDING],
  ['SubjectAccessReview', ACCESS_REVIEW],
  ['LocalSubjectAccessReview', ACCESS_REVIEW],
  [
    'SelfSubjectAccessReview',
    message({
      ...ACCESS_REVIEW.fields,
      2: [
        'spec',
        message({ 1: ['resourceAttributes', RESOURCE_ATTRIBUTES], 2: ['nonResourceAttributes', PATH_ATTRIBUTES] }),
      ],
    }),
  ],
  [
    'SelfSubjectRulesReview',
    message({ 1: ['metadata', META], 2: ['spec', message({ 1: ['namespace', 'string'] })], 3: ['status', 'skipped'] }),
  ],
  ['SelfSubjectReview', message({ 1: ['metadata', META], 2: ['status', 'skipped'] })],
  [
    'DeleteOptions',
    message({
      1: ['gracePeriodSeconds', 'integer'],
      2: ['preconditions', message({ 1: ['uid', 'string'], 2: ['resourceVersion', 'string'] })],
      3: ['orphanDependents', 'boolean'],
      4: ['propagationPolicy', 'string'],
      5: ['dryRun', STRINGS],
    }),
  ],
]);

const MAGIC = Buffer.from('k8s\0', 'latin1');
const ENVELOPE = message({
  1: ['typeMeta', message({ 1: ['apiVersion', 'string'], 2: ['kind', 'string'] })],
  2: ['raw', 'bytes'],
  3: ['contentEncoding', 'string'],
  4: ['contentType', 'string'],
});

/** An object in Kubernetes' protobuf encoding, unread: what it is, and the bytes of its message. */
export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly message: Buffer;
}

/**
 * Opens the encoding: four magic bytes and a `runtime.Unknown` that holds the object.
 * @throws RangeError with Go's words for what is no such message.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
 */
export function openEnvelope(bytes: Uint8Array): Envelope {
  const buffer = Buffer.from(bytes);
  if (buffer.length === 0) throw new RangeError('empty data');
  if (!buffer.subarray(0, 4).equals(MAGIC)) {
    const expected = `[${[...MAGIC].join(' ')}]`;
    throw new RangeError(`provided data does not appear to be a protobuf message, expected prefix ${expected}`);
  }
  if (buffer.length === 4) throw new RangeError('empty body');
  const envelope = readMessage(ENVELOPE, buffer.subarray(4)) as {
    readonly typeMeta?: { readonly apiVersion?: string; readonly kind?: string };
    readonly raw?: string;
  };
  const { apiVersion = '', kind = '' } = envelope.typeMeta ?? {};
  return { apiVersion, kind, message: Buffer.from(envelope.raw ?? '', 'base64') };
}

/** Whether objects of this kind are read as protobuf here. */
export function isReadAsProtobuf(kind: string): boolean {
  return KINDS.has(kind);
}

/**
 * Reads what an envelope holds. Empty strings are left out, as JSON leaves them out; a field that is not known is skipped.
 * @throws RangeError with Go's words for what is no such message.
 */
export function readEnvelope({ apiVersion, kind, message }: Envelope): Readonly<Record<string, unknown>> {
  const known = KINDS.get(kind);
  return { apiVersion, kind, ...(known === undefined ? {} : readMessage(known, message)) };
}

function readMessage({ fields }: Message, bytes: Buffer): object {
  const members = new Map<string, unknown>();
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [raw, next] = readRaw(bytes, afterTag, tag & 7);
    at = next;
    const [name, field] = fields[tag >>> 3] ?? [];
    if (name !== undefined && field !== undefined && field !== 'skipped') put(members, name, field, raw);
  }
  return Object.fromEntries(members);
}

function put(members: Map<string, unknown>, name: string, field: Field, raw: Buffer | number): void {
  if (typeof field === 'object' && 'list' in field) {
    members.set(name, [...((members.get(name) as unknown[] | undefined) ?? []), readValue(name, field.list, raw)]);
  } else if (typeof field === 'object' && 'map' in field) {
    const entry = readMessage(message({ 1: ['key', 'string'], 2: ['value', field.map] }), bytesOf(name, raw));
    const { key = '', value = '' } = entry as { key?: string; value?: string };
    const before = Object.entries((members.get(name) as object | undefined) ?? {});
    members.set(name, Object.fromEntries([...before, [key, value]]));
  } else {
    const value = readValue(name, field, raw);
    if (value !== '') members.set(name, value);
  }
}

function readValue(name: string, field: Field, raw: Buffer | number): unknown {
  if (field === 'string') return bytesOf(name, raw).toString('utf8');
  if (field === 'bytes') return bytesOf(name, raw).toString('base64');
  if (typeof field === 'object' && 'fields' in field) return readMessage(field, bytesOf(name, raw));
  if (typeof raw !== 'number') throw wrongType(name, 2);
  return field === 'boolean' ? raw !== 0 : raw;
}

function bytesOf(name: string, raw: Buffer | number): Buffer {
  if (typeof raw === 'number') throw wrongType(name, 0);
  return raw;
}

/** Go names its fields with a capital. */
const wrongType = (name: string, wireType: number) =>
  new RangeError(`proto: wrong wireType = ${wireType} for field ${name.charAt(0).toUpperCase()}${name.slice(1)}`);

/** The bytes of a field, or its number, and where the next one begins. Fixed numbers are not read: no field here is one. */
function readRaw(bytes: Buffer, at: number, wireType: number): readonly [Buffer | number, number] {
  if (wireType === 0) return readVarint(bytes, at);
  const fixed = new Map([
    [1, 8],
    [5, 4],
  ]).get(wireType);
  if (wireType !== 2 && fixed === undefined) throw new RangeError(`proto: illegal wireType ${wireType}`);
  const [length, start] = fixed === undefined ? readVarint(bytes, at) : [fixed, at];
  if (start + length > bytes.length) throw endsEarly();
  return [bytes.subarray(start, start + length), start + length];
}

const endsEarly = () => new RangeError('unexpected EOF');

function readVarint(bytes: Buffer, from: number): readonly [number, number] {
  let value = 0;
  for (let at = from; at < bytes.length && at < from + 8; at += 1) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return [value, at + 1];
  }
  throw endsEarly();
}
