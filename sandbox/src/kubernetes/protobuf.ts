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
  ['ClusterRole', ROLE],
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

/**
 * Reads an object in Kubernetes' protobuf encoding: four magic bytes and a `runtime.Unknown` that holds it. Empty strings are
 * left out, as JSON leaves them out.
 * @throws RangeError for what is no such message, for a kind that is not read so, and for a field that is not known.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
 */
export function decodeProtobuf(bytes: Uint8Array): object {
  const buffer = Buffer.from(bytes);
  if (!buffer.subarray(0, 4).equals(MAGIC)) throw new RangeError('the magic number is missing');
  const envelope = readMessage(ENVELOPE, buffer.subarray(4)) as {
    typeMeta?: { apiVersion?: string; kind?: string };
    raw?: string;
  };
  const { apiVersion = '', kind = '' } = envelope.typeMeta ?? {};
  const known = KINDS.get(kind);
  if (known === undefined) throw new RangeError(`${kind} is read as JSON only`);
  return { apiVersion, kind, ...readMessage(known, Buffer.from(envelope.raw ?? '', 'base64')) };
}

function readMessage({ fields }: Message, bytes: Buffer): object {
  const members = new Map<string, unknown>();
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = readVarint(bytes, at);
    const [name, field] = fields[tag >>> 3] ?? [];
    if (name === undefined || field === undefined) throw new RangeError(`field ${tag >>> 3} is not known`);
    const [raw, next] = readRaw(bytes, afterTag, tag & 7);
    at = next;
    if (field !== 'skipped') put(members, name, field, raw);
  }
  return Object.fromEntries(members);
}

function put(members: Map<string, unknown>, name: string, field: Field, raw: Buffer | number): void {
  if (typeof field === 'object' && 'list' in field) {
    members.set(name, [...((members.get(name) as unknown[] | undefined) ?? []), readValue(field.list, raw)]);
  } else if (typeof field === 'object' && 'map' in field) {
    const entry = readMessage(message({ 1: ['key', 'string'], 2: ['value', field.map] }), bytesOf(raw));
    const { key = '', value = '' } = entry as { key?: string; value?: string };
    const before = Object.entries((members.get(name) as object | undefined) ?? {});
    members.set(name, Object.fromEntries([...before, [key, value]]));
  } else {
    const value = readValue(field, raw);
    if (value !== '') members.set(name, value);
  }
}

function readValue(field: Field, raw: Buffer | number): unknown {
  if (field === 'string') return bytesOf(raw).toString('utf8');
  if (field === 'bytes') return bytesOf(raw).toString('base64');
  if (typeof field === 'object' && 'fields' in field) return readMessage(field, bytesOf(raw));
  if (typeof raw !== 'number') throw new RangeError('a number is not encoded as one');
  return field === 'boolean' ? raw !== 0 : raw;
}

function bytesOf(raw: Buffer | number): Buffer {
  if (typeof raw === 'number') throw new RangeError('a number stands where bytes belong');
  return raw;
}

function readRaw(bytes: Buffer, at: number, wireType: number): readonly [Buffer | number, number] {
  if (wireType === 0) return readVarint(bytes, at);
  if (wireType !== 2) throw new RangeError(`wire type ${wireType} is not used by Kubernetes`);
  const [length, start] = readVarint(bytes, at);
  if (start + length > bytes.length) throw new RangeError('the message is cut off');
  return [bytes.subarray(start, start + length), start + length];
}

function readVarint(bytes: Buffer, from: number): readonly [number, number] {
  let value = 0;
  for (let at = from; at < bytes.length && at < from + 8; at += 1) {
    const byte = bytes[at]!;
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return [value, at + 1];
  }
  throw new RangeError('a number is cut off');
}
