import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeProtobuf } from '../../../sandbox/src/kubernetes/protobuf.ts';
import { ADMIN, newState } from './cluster.ts';

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(varint(number * 8 + 2)), Buffer.from(varint(bytes.length)), bytes]);
};
const number = (at: number, value: number) => Buffer.from([...varint(at * 8), ...varint(value)]);
const envelope = (apiVersion: string, kind: string, ...fields: Buffer[]) => {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([
    Buffer.from('k8s\0', 'latin1'),
    field(1, type),
    field(2, Buffer.concat(fields)),
    field(3, ''),
    field(4, ''),
  ]);
};
const RBAC = 'rbac.authorization.k8s.io/v1';

/** What `kubectl create rolebinding x --clusterrole=view --user=a --group=b` sends. */
const ROLE_BINDING = envelope(
  RBAC,
  'RoleBinding',
  field(1, Buffer.concat([field(1, 'x'), field(2, ''), field(3, 'default'), field(8, Buffer.alloc(0))])),
  field(2, Buffer.concat([field(1, 'User'), field(2, 'rbac.authorization.k8s.io'), field(3, 'a'), field(4, '')])),
  field(2, Buffer.concat([field(1, 'Group'), field(2, 'rbac.authorization.k8s.io'), field(3, 'b'), field(4, '')])),
  field(3, Buffer.concat([field(1, 'rbac.authorization.k8s.io'), field(2, 'ClusterRole'), field(3, 'view')])),
);

describe('protobuf', () => {
  it('is read as the same object in JSON', () => {
    expect(decodeProtobuf(ROLE_BINDING)).toEqual({
      apiVersion: RBAC,
      kind: 'RoleBinding',
      metadata: { name: 'x', namespace: 'default' },
      subjects: [
        { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'a' },
        { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'b' },
      ],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    });
  });

  it('holds maps, bytes, numbers and booleans', () => {
    const entry = (key: string, value: string) => Buffer.concat([field(1, key), field(2, value)]);
    const metadata = Buffer.concat([
      field(1, 's'),
      number(10, 300),
      field(11, entry('a', '1')),
      field(11, entry('b', '')),
    ]);
    const secret = envelope(
      'v1',
      'Secret',
      field(1, metadata),
      field(2, entry('k', 'value')),
      field(3, 'Opaque'),
      number(5, 1),
    );
    expect(decodeProtobuf(secret)).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', deletionGracePeriodSeconds: 300, labels: { a: '1', b: '' } },
      data: { k: Buffer.from('value').toString('base64') },
      type: 'Opaque',
      immutable: true,
    });
  });

  it('is served where kubectl sends it', () => {
    const state = newState();
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const post = (path: string, body: Uint8Array) =>
      state.handle({ method: 'POST', path, query: new URLSearchParams(), headers, body }, ADMIN);
    const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings';
    expect(post(path, ROLE_BINDING)).toMatchObject({ status: 201, body: { metadata: { name: 'x' } } });
    expect(post('/api/v1/namespaces', ROLE_BINDING)).toMatchObject({ status: 400 });
    expect(post('/api/v1/namespaces/default/pods', envelope('v1', 'Pod'))).toMatchObject({
      status: 400,
      body: { message: 'error decoding protobuf: Pod is read as JSON only' },
    });
    const attributes = Buffer.concat([field(1, 'default'), field(2, 'list'), field(5, 'pods')]);
    const review = envelope(
      'authorization.k8s.io/v1',
      'SelfSubjectAccessReview',
      field(1, ''),
      field(2, field(1, attributes)),
    );
    const answer = post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    expect(answer).toMatchObject({ status: 201, body: { status: { allowed: true } } });
  });

  it.each([
    ['JSON', Buffer.from('{}'), 'the magic number is missing'],
    ['a message that ends early', ROLE_BINDING.subarray(0, -3), 'cut off'],
    ['a field that is not known', envelope('v1', 'ConfigMap', field(9, 'x')), 'field 9 is not known'],
    ['a number for a text', envelope('v1', 'ConfigMap', field(1, number(1, 5))), 'a number stands where bytes belong'],
  ])('refuses %s', (_title, bytes, message) => {
    expect(() => decodeProtobuf(bytes)).toThrow(message);
  });

  it('ends on whatever bytes it is given', () => {
    const known = /cut off|magic|not known|only|wire type|stands|encoded/;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeProtobuf(Buffer.concat([Buffer.from('k8s\0', 'latin1'), bytes]));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect((error as Error).message).toMatch(known);
        }
      }),
      { numRuns: 300 },
    );
  });
});
