const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

/** A field that holds bytes: a text, a message. */
export const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([Buffer.from(varint(number * 8 + 2)), Buffer.from(varint(bytes.length)), bytes]);
};

/** A field that holds a number or a boolean. */
export const numberField = (number: number, value: number): Buffer =>
  Buffer.from([...varint(number * 8), ...varint(value)]);

/** An entry of a map. */
export const mapEntry = (key: string, value: string): Buffer => Buffer.concat([field(1, key), field(2, value)]);

/** An object with these fields, as Kubernetes puts it in a body. */
export const envelope = (apiVersion: string, kind: string, ...fields: Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0', 'latin1'),
    field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
    field(2, Buffer.concat(fields)),
    field(3, ''),
    field(4, ''),
  ]);

const RBAC = 'rbac.authorization.k8s.io';
const subject = (kind: string, name: string) =>
  field(2, Buffer.concat([field(1, kind), field(2, RBAC), field(3, name), field(4, '')]));

/** What `kubectl create rolebinding x --clusterrole=view --user=a --group=b` sends. */
export const ROLE_BINDING = envelope(
  `${RBAC}/v1`,
  'RoleBinding',
  field(1, Buffer.concat([field(1, 'x'), field(2, ''), field(3, 'default'), field(8, Buffer.alloc(0))])),
  subject('User', 'a'),
  subject('Group', 'b'),
  field(3, Buffer.concat([field(1, RBAC), field(2, 'ClusterRole'), field(3, 'view')])),
);
