import { Failure, type FailureCode, isFailure } from '../access/failure.ts';

/** Error names of the AWS services and of the SDK, with and without the suffix `Exception`, by what they mean to a caller. */
const CODES: ReadonlyMap<string, FailureCode> = new Map(
  Object.entries({
    conflict: [
      'ConditionalCheckFailed',
      'ConcurrentModification',
      'DeleteConflict',
      'EntityTemporarilyUnmodifiable',
      'OperationAborted',
      'ResourceInUse',
      'TransactionConflict',
    ],
    'already-exists': ['EntityAlreadyExists', 'ResourceExists'],
    'not-found': [
      'NoSuchBucket',
      'NoSuchEntity',
      'NoSuchKey',
      'NoSuchVersion',
      'NotFound',
      'QueueDoesNotExist',
      'AWS.SimpleQueueService.NonExistentQueue',
      'ResourceNotFound',
    ],
    forbidden: ['AccessDenied', 'Forbidden', 'RegionDisabled', 'Unauthorized', 'UnauthorizedOperation'],
    unauthorized: [
      'AuthFailure',
      'CredentialsProviderError',
      'ExpiredToken',
      'IncompleteSignature',
      'InvalidAccessKeyId',
      'InvalidClientTokenId',
      'InvalidSignature',
      'MissingAuthenticationToken',
      'RequestExpired',
      'SignatureDoesNotMatch',
      'TokenProviderError',
      'UnrecognizedClient',
    ],
    throttled: [
      'BandwidthLimitExceeded',
      'EC2Throttled',
      'PriorRequestNotComplete',
      'ProvisionedThroughputExceeded',
      'RequestLimitExceeded',
      'RequestThrottled',
      'SlowDown',
      'Throttled',
      'Throttling',
      'TooManyRequests',
    ],
    'too-large': [
      'BatchRequestTooLong',
      'EntityTooLarge',
      'LimitExceeded',
      'PackedPolicyTooLarge',
      'RequestEntityTooLarge',
      'ResourceLimitExceeded',
      'ServiceQuotaExceeded',
    ],
  } satisfies Partial<Record<FailureCode, string[]>>).flatMap(([code, names]) =>
    names.map((name): [string, FailureCode] => [name, code as FailureCode]),
  ),
);

/** No connection came about, so nothing can have taken effect. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
]);

/** The connection broke after the request may have been sent. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['ECONNABORTED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $retryable?: { readonly throttling?: boolean };
}

const REMEDIES: Partial<Record<FailureCode, string>> = {
  forbidden: 'give the role that Gatehouse runs as this permission',
  unauthorized: 'check the credentials, their Region and their expiry',
};

/**
 * What an error of an AWS SDK call means. A Failure stays itself.
 *
 * - by the name of the error where it is known (`NoSuchEntityException` -> `not-found`), else by the HTTP status;
 * - `unreachable`: no connection, or 503; nothing took effect. `ambiguous`: a time-out, a broken connection or another
 *   5xx; a write may have taken effect.
 * - `too-large`: also a quota that is reached. Everything else that the service refuses is `invalid`: asking again changes
 *   nothing.
 *
 * @param doing What was being done, as it completes "... failed": `reading the role gatehouse-ops of account 111122223333`.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
export function awsFailure(error: unknown, doing: string): Failure {
  if (isFailure(error)) return error;
  const sdk: SdkError = typeof error === 'object' && error !== null ? error : { message: String(error) };
  const code = failureCode(sdk);
  const remedy = REMEDIES[code];
  return new Failure(code, `${doing} failed: ${describe(sdk)}`, {
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/**
 * The result of an SDK call, its errors turned by {@link awsFailure}.
 * @throws Failure only.
 */
export async function orFailure<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw awsFailure(error, doing);
  }
}

function failureCode(error: SdkError): FailureCode {
  const status = error.$metadata?.httpStatusCode;
  const named = CODES.get((error.name ?? '').replace(/Exception$/, ''));
  if (named) return named;
  if (/item size.*exceeded|maximum allowed size/i.test(error.message ?? '')) return 'too-large';
  // Secrets Manager, for some seconds after a deletion, or for days where a person left a recovery window.
  if (/(marked|scheduled) for deletion/.test(error.message ?? '')) return 'conflict';
  if (error.$retryable?.throttling || status === 429) return 'throttled';
  if (status !== undefined) return byStatus(status);
  if (error.code !== undefined && NOT_CONNECTED.has(error.code)) return 'unreachable';
  if (error.code !== undefined && BROKEN_OFF.has(error.code)) return 'ambiguous';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'ambiguous';
  return 'invalid';
}

function byStatus(status: number): FailureCode {
  if (status === 503) return 'unreachable';
  if (status >= 500) return 'ambiguous';
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 413) return 'too-large';
  return 'invalid';
}

function describe(error: SdkError): string {
  const parts = [error.name ?? 'Error', error.code, error.message].filter((part) => part !== undefined && part !== '');
  return [...new Set(parts)].join(': ');
}
