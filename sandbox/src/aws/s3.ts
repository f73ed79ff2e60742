import { createHash, randomBytes } from 'node:crypto';
import { partitionOf } from '@gatehouse/core/access/arn';
import type { BucketWiring } from '../template/wiring.ts';
import { AwsError, notPlayed } from './aws-error.ts';
import type { EventBuses } from './event-bus.ts';
import type { AwsRequest, AwsResponse } from './request.ts';

interface Version {
  readonly id: string;
  /** Base64. */
  readonly body: string;
  readonly contentType: string;
  readonly modifiedAt: number;
}

interface Bucket extends BucketWiring {
  readonly account: string;
  readonly region: string;
  /** By key; newest last. */
  readonly objects: Map<string, Version[]>;
}

/** S3: PutObject, GetObject, HeadObject with versions, path style; tells the default bus of new objects where the bucket does. */
export class ObjectStore {
  readonly #buckets = new Map<string, Bucket>();
  readonly #events: EventBuses;

  constructor(events: EventBuses) {
    this.#events = events;
  }

  /** Makes a bucket; one that exists keeps its objects. */
  createBucket(account: string, region: string, wiring: BucketWiring): void {
    const objects = this.#buckets.get(wiring.name)?.objects ?? new Map<string, Version[]>();
    this.#buckets.set(wiring.name, { ...wiring, account, region, objects });
  }

  /** Everything, as JSON. */
  snapshot(): unknown {
    return [...this.#buckets].map(([name, bucket]) => [name, { ...bucket, objects: [...bucket.objects] }]);
  }

  /** Takes a snapshot back. */
  restore(snapshot: unknown): void {
    type Entry = [string, Omit<Bucket, 'objects'> & { objects: [string, Version[]][] }];
    for (const [name, bucket] of snapshot as Entry[]) {
      this.#buckets.set(name, { ...bucket, objects: new Map(bucket.objects) });
    }
  }

  /** The API. */
  handle(request: AwsRequest): AwsResponse {
    const [, bucketName = '', ...rest] = request.path.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const extra = [...request.query.keys()].find(
      (name) => !['x-id', 'versionId'].includes(name) && !name.startsWith('X-Amz-'),
    );
    if (!key || extra) throw notPlayed(`S3 ${request.method} ${key ? `with ?${extra}` : 'on a bucket'}`);
    const bucket = this.#buckets.get(bucketName);
    if (bucket && bucket.account !== request.caller.account) throw new AwsError('AccessDenied', 'Access Denied', 403);
    const arn = `arn:${partitionOf(request.region)}:s3:::${bucketName}`;
    const versionId = request.query.get('versionId');
    if (request.method === 'PUT') {
      request.authorize('s3:PutObject', `${arn}/${key}`);
      if (!bucket) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
      return this.#put(bucket, key, request);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') throw notPlayed(`S3 ${request.method} of an object`);
    request.authorize(versionId ? 's3:GetObjectVersion' : 's3:GetObject', `${arn}/${key}`);
    if (!bucket) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
    return this.#get(bucket, key, versionId, request, arn);
  }

  #put(bucket: Bucket, key: string, { body, headers, caller }: AwsRequest): AwsResponse {
    if (headers['content-encoding']?.includes('aws-chunked')) throw notPlayed('S3 uploads in signed chunks');
    if (headers['if-none-match'] || headers['if-match'] || headers['x-amz-copy-source'])
      throw notPlayed('S3 conditional uploads and copies');
    const version: Version = {
      id: bucket.versioned ? randomBytes(24).toString('base64url') : 'null',
      body: body.toString('base64'),
      contentType: headers['content-type'] ?? 'binary/octet-stream',
      modifiedAt: Date.now(),
    };
    bucket.objects.set(key, [...(bucket.versioned ? (bucket.objects.get(key) ?? []) : []), version]);
    const etag = etagOf(body);
    if (bucket.eventBridge) {
      this.#events.put('default', {
        source: 'aws.s3',
        detailType: 'Object Created',
        account: bucket.account,
        region: bucket.region,
        resources: [`arn:${partitionOf(bucket.region)}:s3:::${bucket.name}`],
        detail: {
          version: '0',
          bucket: { name: bucket.name },
          object: {
            key,
            size: body.length,
            etag,
            ...(bucket.versioned ? { 'version-id': version.id } : {}),
            sequencer: version.modifiedAt.toString(16),
          },
          'request-id': randomBytes(8).toString('hex'),
          requester: caller.account,
          'source-ip-address': '127.0.0.1',
          reason: 'PutObject',
        },
      });
    }
    return { status: 200, headers: { etag: `"${etag}"`, ...versionHeader(bucket, version) }, body: '' };
  }

  #get(bucket: Bucket, key: string, versionId: string | null, request: AwsRequest, arn: string): AwsResponse {
    const versions = bucket.objects.get(key) ?? [];
    const version = versionId ? versions.find(({ id }) => id === versionId) : versions.at(-1);
    if (!version) {
      // Who may not list the bucket does not learn what is not in it.
      request.authorize('s3:ListBucket', arn);
      const code = versionId && versions.length > 0 ? 'NoSuchVersion' : 'NoSuchKey';
      throw new AwsError(code, 'The specified key does not exist.', 404);
    }
    if (request.headers.range) throw notPlayed('S3 ranges');
    const body = Buffer.from(version.body, 'base64');
    const headers = {
      'content-type': version.contentType,
      'content-length': String(body.length),
      'last-modified': new Date(version.modifiedAt).toUTCString(),
      etag: `"${etagOf(body)}"`,
      ...versionHeader(bucket, version),
    };
    return { status: 200, headers, body: request.method === 'HEAD' ? '' : body };
  }
}

const etagOf = (body: Buffer): string => createHash('md5').update(body).digest('hex');
const versionHeader = (bucket: Bucket, version: Version): Record<string, string> =>
  bucket.versioned ? { 'x-amz-version-id': version.id } : {};
