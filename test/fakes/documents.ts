import { Failure } from '@gatehouse/core/access/failure';
import type { Documents } from '@gatehouse/core/ports/documents';

const MAX_BYTES = 1024 * 1024;

/** A versioned S3, in memory. `upload` answers the version it made. */
export function memoryDocuments(): Documents & { upload(bucket: string, key: string, text: string): string } {
  const objects = new Map<string, string[]>();
  return {
    upload(bucket, key, text) {
      const versions = objects.get(`${bucket}/${key}`) ?? [];
      versions.push(text);
      objects.set(`${bucket}/${key}`, versions);
      return String(versions.length);
    },
    async read(bucket, key, version) {
      const versions = objects.get(`${bucket}/${key}`) ?? [];
      const text = version === undefined ? versions.at(-1) : versions[Number(version) - 1];
      if (text === undefined) throw new Failure('not-found', `there is no object s3://${bucket}/${key}`);
      if (Buffer.byteLength(text) > MAX_BYTES) {
        throw new Failure('too-large', `the object s3://${bucket}/${key} is over 1 MiB`);
      }
      return text;
    },
  };
}
