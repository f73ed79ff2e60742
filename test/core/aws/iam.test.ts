import { inspect } from 'node:util';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  IAMServiceException,
  ListRolePoliciesCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { iamFailureCode, iamOver } from '@gatehouse/core/aws/iam';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';

const aws = mockClient(IAMClient);
const iam = iamOver(new IAMClient({ region: 'us-east-1' }));
beforeEach(() => {
  aws.reset();
});

const refusal = (name: string, httpStatusCode: number) =>
  new IAMServiceException({ name, message: 'because', $fault: 'client', $metadata: { httpStatusCode } });

describe('failures', () => {
  it.each([
    ['EntityAlreadyExistsException', 409, 'already-exists', false],
    ['NoSuchEntityException', 404, 'not-found', false],
    ['MalformedPolicyDocumentException', 400, 'invalid', false],
    ['ValidationError', 400, 'invalid', false],
    ['InvalidInputException', 400, 'invalid', false],
    ['LimitExceededException', 409, 'too-large', false],
    ['DeleteConflictException', 409, 'conflict', true],
    ['ConcurrentModificationException', 409, 'conflict', true],
    ['EntityTemporarilyUnmodifiableException', 409, 'conflict', true],
    ['AccessDenied', 403, 'forbidden', false],
    ['AccessDeniedException', 403, 'forbidden', false],
    ['InvalidClientTokenId', 403, 'unauthorized', true],
    ['ExpiredTokenException', 403, 'unauthorized', true],
    ['Throttling', 400, 'throttled', true],
    ['ThrottlingException', 400, 'throttled', true],
    ['SomethingNew', 429, 'throttled', true],
    ['ServiceFailureException', 500, 'unreachable', true],
    ['ServiceUnavailable', 503, 'unreachable', true],
    ['SomethingNew', 400, 'invalid', false],
    ['SomethingNew', 403, 'forbidden', false],
  ])('%s (%i) is %s', async (name, status, code, retryable) => {
    aws.on(UpdateAssumeRolePolicyCommand).rejects(refusal(name, status));
    await expect(iam.updateTrust('r', {})).rejects.toMatchObject({
      name: 'Failure',
      code,
      retryable,
      message: `UpdateAssumeRolePolicy r: ${name}: because`,
    });
  });

  it('no answer at all is unreachable', async () => {
    aws.on(UpdateAssumeRolePolicyCommand).rejects(Object.assign(new Error('connect ECONNREFUSED'), { name: 'Error' }));
    await expect(iam.updateTrust('r', {})).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    expect(iamFailureCode('TimeoutError', undefined)).toBe('unreachable');
  });

  it('only what is not there is undefined: a read that is refused fails', async () => {
    aws.on(GetRoleCommand).rejects(refusal('AccessDenied', 403));
    await expect(iam.getRole('r')).rejects.toMatchObject({ code: 'forbidden' });
    aws.on(GetRoleCommand).rejects(refusal('NoSuchEntityException', 404));
    expect(await iam.getRole('r')).toBeUndefined();
  });
});

it('decodes documents, and sends them as one canonical text', async () => {
  const document = {
    Version: '2012-10-17',
    Statement: [{ Sid: 'a', Effect: 'Deny', Action: '*', Resource: "a'(b)*" }],
  };
  const text = encodeURIComponent(JSON.stringify(document, null, 2)).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
  aws.on(GetRolePolicyCommand).resolves({ RoleName: 'r', PolicyName: 'p', PolicyDocument: text });
  expect(await iam.getRolePolicy('r', 'p')).toEqual(document);
  aws.on(UpdateAssumeRolePolicyCommand).resolves({});
  await iam.updateTrust('r', { b: 1, a: [{ d: 1, c: 2 }] });
  expect(aws.commandCalls(UpdateAssumeRolePolicyCommand)[0]!.args[0].input).toEqual({
    RoleName: 'r',
    PolicyDocument: '{"a":[{"c":2,"d":1}],"b":1}',
  });
});

it('tells the tags and the boundary that CreateRole was given, though AWS may leave them out', async () => {
  aws.on(CreateRoleCommand).resolves({
    Role: {
      RoleName: 'r',
      RoleId: 'AROA1',
      Arn: 'arn',
      Path: '/gatehouse/',
      CreateDate: new Date(0),
      AssumeRolePolicyDocument: '%7B%7D',
    },
  });
  const role = { name: 'r', path: '/gatehouse/', trust: {}, boundary: 'b', tags: { a: 'c' }, maxSessionSeconds: 3600 };
  expect(await iam.createRole(role)).toEqual({ ...role, id: 'AROA1', arn: 'arn' });
});

describe('lists', () => {
  it('go on to the end', async () => {
    aws
      .on(ListRolePoliciesCommand, { RoleName: 'r' })
      .resolves({ PolicyNames: ['a'], IsTruncated: true, Marker: 'm' })
      .on(ListRolePoliciesCommand, { RoleName: 'r', Marker: 'm' })
      .resolves({ PolicyNames: ['b'], IsTruncated: false });
    expect(await iam.listRolePolicies('r')).toEqual(['a', 'b']);
  });

  it.each([
    ['no marker', undefined],
    ['the same marker again', 'm'],
  ])('that stop in the middle with %s fail, rather than look complete', async (_what, marker) => {
    aws
      .on(ListRolePoliciesCommand)
      .resolves({ PolicyNames: ['a'], IsTruncated: true, ...(marker ? { Marker: marker } : {}) });
    await expect(iam.listRolePolicies('r')).rejects.toMatchObject({ code: 'unreachable', retryable: true });
  });
});

it('hides the secret of a key, and fails where there is none', async () => {
  const key = { UserName: 'u', AccessKeyId: 'AKIA1', Status: 'Active' as const, SecretAccessKey: 'hidden' };
  aws.on(CreateAccessKeyCommand).resolves({ AccessKey: key });
  const made = await iam.createAccessKey('u');
  expect(made.secret.reveal()).toBe('hidden');
  expect(JSON.stringify(made)).toBe('{"id":"AKIA1","secret":"[redacted]"}');
  aws.on(CreateAccessKeyCommand).resolves({});
  await expect(iam.createAccessKey('u')).rejects.toMatchObject({ code: 'unreachable' });
  aws.on(CreateAccessKeyCommand).rejects(Object.assign(new Error('cannot parse hidden'), { $response: 'hidden' }));
  const failure = await iam.createAccessKey('u').catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'unreachable' });
  expect(inspect(failure, { depth: null, showHidden: true })).not.toContain('hidden');
});
