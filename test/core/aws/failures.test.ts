import { Failure, type FailureCode } from '@gatehouse/core/access/failure';
import { awsFailure, orFailure } from '@gatehouse/core/aws/failures';
import { describe, expect, it } from 'vitest';

const sdkError = (name: string, httpStatusCode?: number, more: object = {}) =>
  Object.assign(new Error(`${name} happened`), { name, $metadata: { httpStatusCode }, ...more });
const nodeError = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

describe('awsFailure', () => {
  it.each<[string, unknown, FailureCode, boolean]>([
    ['a condition', sdkError('ConditionalCheckFailedException', 400), 'conflict', true],
    ['an entity that exists', sdkError('EntityAlreadyExistsException', 409), 'already-exists', false],
    ['an entity that exists, in the code of the wire', sdkError('EntityAlreadyExists', 409), 'already-exists', false],
    ['no entity', sdkError('NoSuchEntityException', 404), 'not-found', false],
    ['no queue', sdkError('QueueDoesNotExist', 400), 'not-found', false],
    ['no access', sdkError('AccessDeniedException', 400), 'forbidden', false],
    ['no access, by status', sdkError('SomethingNew', 403), 'forbidden', false],
    ['an expired token', sdkError('ExpiredTokenException', 403), 'unauthorized', true],
    ['an unknown key', sdkError('InvalidClientTokenId', 403), 'unauthorized', true],
    ['no credentials', sdkError('CredentialsProviderError'), 'unauthorized', true],
    ['throttling', sdkError('ThrottlingException', 400), 'throttled', true],
    ['throttling, by status', sdkError('SomethingNew', 429), 'throttled', true],
    ['throttling, by the SDK', sdkError('SomethingNew', 400, { $retryable: { throttling: true } }), 'throttled', true],
    ['a quota', sdkError('LimitExceededException', 409), 'too-large', false],
    [
      'an item over 400 KB',
      Object.assign(sdkError('ValidationException', 400), {
        message: 'Item size has exceeded the maximum allowed size',
      }),
      'too-large',
      false,
    ],
    ['a request that is wrong', sdkError('ValidationException', 400), 'invalid', false],
    ['not found, by status', sdkError('SomethingNew', 404), 'not-found', false],
    ['a service that is away', sdkError('ServiceUnavailable', 503), 'unreachable', true],
    ['a service that broke', sdkError('InternalServerError', 500), 'ambiguous', true],
    ['no connection', nodeError('ECONNREFUSED'), 'unreachable', true],
    ['no such host', nodeError('ENOTFOUND'), 'unreachable', true],
    ['a connection that broke', nodeError('ECONNRESET'), 'ambiguous', true],
    ['a time-out', sdkError('TimeoutError'), 'ambiguous', true],
    ['no error at all', 'a text', 'invalid', false],
    ['nothing', undefined, 'invalid', false],
  ])('%s', (_what, error, code, retryable) => {
    const failure = awsFailure(error, 'reading the role ops');
    expect(failure).toMatchObject({ code, retryable });
    expect(failure.message).toMatch(/^reading the role ops failed: ./);
    expect(failure.cause).toBe(error);
  });

  it('leaves a failure as it is', () => {
    const failure = new Failure('escalation', 'no');
    expect(awsFailure(failure, 'anything')).toBe(failure);
  });
});

describe('orFailure', () => {
  it('gives the result, or throws a failure', async () => {
    expect(await orFailure('x', async () => 1)).toBe(1);
    await expect(orFailure('x', () => Promise.reject(sdkError('NoSuchKey', 404)))).rejects.toMatchObject({
      name: 'Failure',
      code: 'not-found',
    });
  });
});
