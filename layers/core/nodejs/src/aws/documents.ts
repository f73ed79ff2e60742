import type { S3Client } from '@aws-sdk/client-s3';
import { Failure } from '../access/failure.ts';
import type { Documents } from '../ports/documents.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

const MAX_BYTES = 1024 * 1024;

/**
 * The {@link Documents} over S3. `forcePathStyle` is for endpoints that are not S3's own, where a bucket has no host name
 * of its own. The client of S3 is loaded by the first read: who never reads does without.
 * @throws Failure `invalid` too, where an object is not UTF-8.
 */
export function s3Documents(options: { client?: S3Client; forcePathStyle?: boolean } = {}): Documents {
  const { forcePathStyle = false } = options;
  let client = options.client;
  return {
    read(bucket, key, version) {
      const name = `s3://${bucket}/${key}${version === undefined ? '' : ` (version ${version})`}`;
      return orFailure(`reading ${name}`, async () => {
        const s3 = await import('@aws-sdk/client-s3');
        client ??= new s3.S3Client({ ...CLIENT_DEFAULTS, forcePathStyle });
        const { Body } = await client.send(
          new s3.GetObjectCommand({
            Bucket: bucket,
            Key: key,
            ...(version === undefined ? {} : { VersionId: version }),
          }),
        );
        return text(await capped(Body as AsyncIterable<Uint8Array>, name), name);
      });
    },
  };
}

/** Leaving the loop destroys the stream, so what is too large is not read to its end. */
async function capped(body: AsyncIterable<Uint8Array>, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Failure('too-large', `${name} is over 1 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function text(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Failure('invalid', `${name} is not UTF-8`, { cause });
  }
}
