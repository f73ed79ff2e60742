import { createHash, randomBytes } from 'node:crypto';
import { partitionOf } from '@gatehouse/core/access/arn';
import type { BucketWiring } from '../template/wiring.ts';
import { AwsError, notPlayed } from './aws-error.ts';
import type { EventBuses } from './event-bus.ts';
import { type AwsRequest, type AwsResponse, escapeXml, xmlResponse } from './request.ts';

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
  /** Milliseconds since 1970; of an older snapshot it is not known. */
  readonly createdAt?: number;
  /** By key; newest last. */
  readonly objects: Map<string, Version[]>;
}

/** S3: PutObject, GetObject, HeadObject with versions, ListBuckets, ListObjectsV2, path style; tells the default bus of new objects where the bucket does. */
export class ObjectStore {
  readonly #buckets = new Map<string, Bucket>();
  readonly #events: EventBuses;

  constructor(events: EventBuses) {
    this.#events = events;
  }

  /** Makes a bucket; one that exists keeps its objects. */
  createBucket(account: string, region: string, wiring: BucketWiring): void {
    const { objects = new Map<string, Version[]>(), createdAt = Date.now() } = this.#buckets.get(wiring.name) ?? {};
    this.#buckets.set(wiring.name, { ...wiring, account, region, createdAt, objects });
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
    if (request.method === 'GET' && bucketName === '') return this.#listBuckets(request);
    if (request.method === 'GET' && key === '' && request.query.get('list-type') === '2') {
      return this.#listObjects(bucketName, request);
    }
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

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
  #listBuckets({ caller, query, ...request }: AwsRequest): AwsResponse {
    refuseParameters('ListBuckets', query, ['prefix']);
    request.authorize('s3:ListAllMyBuckets', '*');
    const own = [...this.#buckets.values()]
      .filter(({ account, name }) => account === caller.account && name.startsWith(query.get('prefix') ?? ''))
      .sort((a, b) => byBytes(a.name, b.name));
    const buckets = own.map(
      ({ name, region, createdAt = 0 }) =>
        `<Bucket><Name>${name}</Name><CreationDate>${time(createdAt)}</CreationDate><BucketRegion>${region}</BucketRegion></Bucket>`,
    );
    const owner = `<Owner><ID>${caller.account}</ID></Owner>`;
    return listing('ListAllMyBucketsResult', `${owner}<Buckets>${buckets.join('')}</Buckets>`);
  }

  /**
   * Keys in the order of their bytes; what a delimiter puts together counts as one.
   * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
   */
  #listObjects(bucketName: string, request: AwsRequest): AwsResponse {
    const { query, caller, region } = request;
    refuseParameters('ListObjectsV2', query, [
      ...['list-type', 'prefix', 'delimiter', 'max-keys', 'continuation-token', 'start-after', 'encoding-type'],
      'fetch-owner',
    ]);
    const bucket = this.#buckets.get(bucketName);
    if (bucket && bucket.account !== caller.account) throw new AwsError('AccessDenied', 'Access Denied', 403);
    const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? ''];
    const most = Number(query.get('max-keys') ?? 1000);
    if (!Number.isInteger(most) || most < 0)
      throw new AwsError('InvalidArgument', 'Argument maxKeys must be an integer');
    request.authorize('s3:ListBucket', `arn:${partitionOf(region)}:s3:::${bucketName}`, {
      's3:prefix': prefix,
      's3:delimiter': delimiter,
      's3:max-keys': String(most),
    });
    if (!bucket) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
    const token = query.get('continuation-token');
    const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
    const entries = new Map<string, Version | undefined>();
    for (const key of [...bucket.objects.keys()].sort(byBytes)) {
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const entry = cut < 0 ? key : key.slice(0, cut + delimiter.length);
      if (!key.startsWith(prefix) || byBytes(entry, after) <= 0) continue;
      entries.set(entry, cut < 0 ? bucket.objects.get(key)!.at(-1)! : undefined);
    }
    const page = [...entries].slice(0, Math.min(most, 1000));
    const truncated = page.length > 0 && page.length < entries.size;
    const text = query.get('encoding-type') === 'url' ? encodedKey : escapeXml;
    const next = Buffer.from(page.at(-1)?.[0] ?? '').toString('base64url');
    const parts = page.map(([entry, version]) =>
      version === undefined
        ? `<CommonPrefixes><Prefix>${text(entry)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${text(entry)}</Key>${describe(version)}</Contents>`,
    );
    return listing(
      'ListBucketResult',
      [
        `<Name>${bucketName}</Name><Prefix>${text(prefix)}</Prefix>`,
        delimiter === '' ? '' : `<Delimiter>${text(delimiter)}</Delimiter>`,
        query.has('encoding-type') ? '<EncodingType>url</EncodingType>' : '',
        `<MaxKeys>${most}</MaxKeys><KeyCount>${page.length}</KeyCount><IsTruncated>${truncated}</IsTruncated>`,
        truncated ? `<NextContinuationToken>${next}</NextContinuationToken>` : '',
        ...parts,
      ].join(''),
    );
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

function describe({ body, modifiedAt }: Version): string {
  const bytes = Buffer.from(body, 'base64');
  const etag = escapeXml(`"${etagOf(bytes)}"`);
  const size = `<Size>${bytes.length}</Size><StorageClass>STANDARD</StorageClass>`;
  return `<LastModified>${time(modifiedAt)}</LastModified><ETag>${etag}</ETag>${size}`;
}

function refuseParameters(action: string, query: URLSearchParams, known: readonly string[]): void {
  const strange = [...query.keys()].find((name) => !['x-id', ...known].includes(name) && !name.startsWith('X-Amz-'));
  if (strange !== undefined) throw notPlayed(`S3 ${action} with ?${strange}`);
}

const listing = (root: string, content: string): AwsResponse =>
  xmlResponse(
    `<?xml version="1.0" encoding="UTF-8"?><${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`,
  );

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const time = (milliseconds: number): string => new Date(milliseconds).toISOString();
/** As S3 encodes keys in a listing: slashes stay. */
const encodedKey = (key: string): string => encodeURIComponent(key).replaceAll('%2F', '/');
const etagOf = (body: Buffer): string => createHash('md5').update(body).digest('hex');
const versionHeader = (bucket: Bucket, version: Version): Record<string, string> =>
  bucket.versioned ? { 'x-amz-version-id': version.id } : {};
