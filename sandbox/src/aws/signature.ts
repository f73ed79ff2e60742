import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { AwsError } from './aws-error.ts';

/** The parts of a request that Signature Version 4 covers. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a request says of its signature. */
export interface Signature {
  readonly accessKeyId: string;
  readonly sessionToken: string | undefined;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly value: string;
  readonly presigned: boolean;
}

/**
 * How far the time of a signature may be from now. A presigned request is good for as long, whatever X-Amz-Expires says: only
 * S3 heeds that (aws-iam-authenticator `pkg/token/token.go`), and presigned requests to S3 are not played.
 */
const CLOCK_SKEW_SECONDS = 15 * 60;

/**
 * Reads the signature of a request, from its Authorization header or, presigned, from its query.
 * @throws AwsError MissingAuthenticationToken, IncompleteSignature.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
export function readSignature({ headers, query }: SignedRequest): Signature {
  const header = headers.authorization;
  const presigned = query.has('X-Amz-Signature');
  if (header && presigned) throw new AwsError('IncompleteSignature', 'the request is signed twice', 400);
  if (!header && !presigned)
    throw new AwsError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  for (const name of new Set(query.keys())) {
    if (presigned && query.getAll(name).length > 1)
      throw new AwsError('IncompleteSignature', `${name} is there twice`, 400);
  }
  const part = presigned ? (name: string) => query.get(`X-Amz-${name}`) ?? '' : headerParts(header!);
  const [accessKeyId = '', day = '', region = '', service = '', end = '', ...more] = part('Credential').split('/');
  const date = presigned ? part('Date') : (headers['x-amz-date'] ?? '');
  const algorithm = presigned ? part('Algorithm') : header!.split(' ')[0];
  const signedHeaders = part('SignedHeaders').split(';').filter(Boolean);
  const value = part('Signature');
  const token = presigned ? query.get('X-Amz-Security-Token') : headers['x-amz-security-token'];
  const complete =
    algorithm === 'AWS4-HMAC-SHA256' &&
    end === 'aws4_request' &&
    more.length === 0 &&
    /^\d{8}T\d{6}Z$/.test(date) &&
    date.startsWith(day) &&
    /^[0-9a-f]{64}$/.test(value) &&
    signedHeaders.includes('host');
  if (!complete) throw new AwsError('IncompleteSignature', 'the signature of the request is not complete', 400);
  return {
    accessKeyId,
    sessionToken: token ?? undefined,
    date,
    region,
    service,
    signedHeaders,
    value,
    presigned,
  };
}

function headerParts(header: string): (name: string) => string {
  const parts = new Map(
    header
      .slice(header.indexOf(' ') + 1)
      .split(',')
      .map((part) => {
        const [name = '', ...value] = part.trim().split('=');
        return [name, value.join('=')] as const;
      }),
  );
  return (name) => parts.get(name) ?? '';
}

/**
 * Computes the signature again with the secret and compares.
 * @param now Milliseconds since 1970.
 * @throws AwsError SignatureDoesNotMatch where it differs, where it is too old or from the future.
 */
export function verifySignature(request: SignedRequest, signature: Signature, secret: string, now: number): void {
  const mismatch = (why: string) => new AwsError('SignatureDoesNotMatch', why, 403);
  const signedAt = Date.parse(signature.date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const age = (now - signedAt) / 1000;
  if (!(age <= CLOCK_SKEW_SECONDS)) throw mismatch(`Signature expired: ${signature.date} is now too old`);
  if (age < -CLOCK_SKEW_SECONDS) throw mismatch(`Signature not yet current: ${signature.date} is still later than now`);
  const missing = signature.signedHeaders.find((name) => request.headers[name] === undefined);
  if (missing) throw mismatch(`the signed header ${missing} is not in the request`);
  const unsigned = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-user-agent' && !signature.signedHeaders.includes(name),
  );
  if (unsigned) throw mismatch(`the header ${unsigned} is not signed`);
  const expected = Buffer.from(computed(request, signature, secret), 'hex');
  if (!timingSafeEqual(expected, Buffer.from(signature.value, 'hex'))) {
    throw mismatch(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    );
  }
}

function computed(request: SignedRequest, signature: Signature, secret: string): string {
  const { date, region, service, signedHeaders } = signature;
  const canonical = [
    request.method,
    service === 's3' ? request.path : percentEncoded(request.path).replaceAll('%2F', '/'),
    canonicalQuery(request.query),
    ...signedHeaders.map((name) => `${name}:${request.headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    payloadHash(request, signature),
  ].join('\n');
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = [date.slice(0, 8), region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex');
}

function payloadHash({ headers, body }: SignedRequest, { service, presigned }: Signature): string {
  const actual = sha256(body);
  const said = headers['x-amz-content-sha256'];
  if (service === 's3' && (said === 'UNSIGNED-PAYLOAD' || (presigned && said === undefined))) return 'UNSIGNED-PAYLOAD';
  if (said !== undefined && said !== actual) {
    throw new AwsError(
      'XAmzContentSHA256Mismatch',
      'The provided x-amz-content-sha256 header does not match what was computed.',
    );
  }
  return actual;
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`)
    .sort()
    .join('&');
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
