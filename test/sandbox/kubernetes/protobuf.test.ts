import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openEnvelope, readEnvelope } from '../../../sandbox/src/kubernetes/protobuf.ts';
import { envelope } from '../../builders/protobuf.ts';

it('protobuf ends on whatever bytes it is given', () => {
  const known = /^(unexpected EOF|empty|proto: (wrong|illegal) wireType)/;
  const read = (bytes: Uint8Array) => {
    try {
      readEnvelope(openEnvelope(bytes));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      expect((error as Error).message).toMatch(known);
    }
  };
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, (some) => {
      read(Buffer.concat([Buffer.from('k8s\0', 'latin1'), some]));
      read(envelope('rbac.authorization.k8s.io/v1', 'ClusterRole', some));
    }),
    { numRuns: 300 },
  );
});
