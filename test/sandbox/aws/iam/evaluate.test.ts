import type { Json } from '@gatehouse/core/access/json';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../../sandbox/src/aws/iam/evaluate.ts';

const policy = (...statements: object[]) => ({
  Version: '2012-10-17',
  Statement: statements.map((statement) => ({
    Effect: 'Allow',
    Action: '*',
    Resource: '*',
    ...statement,
  })) as unknown as Json,
});
const ROLE = 'arn:aws:iam::111122223333:role/gatehouse/ops';

it('denies what nothing allows, and what anything denies', () => {
  expect(evaluate([], 'iam:GetRole', ROLE)).toBe('implicit-deny');
  expect(evaluate([policy({})], 'iam:GetRole', ROLE)).toBe('allowed');
  expect(evaluate([policy({}), policy({ Effect: 'Deny', Action: 'iam:Get*' })], 'iam:GetRole', ROLE)).toBe(
    'explicit-deny',
  );
  expect(evaluate([policy({}, { Effect: 'Deny', Action: 'iam:Put*' })], 'iam:GetRole', ROLE)).toBe('allowed');
});

describe('actions and resources', () => {
  it.each([
    [{ Action: 'iam:getrole' }, true],
    [{ Action: ['sqs:*', 'iam:Get?ole'] }, true],
    [{ Action: 'iam:GetRol' }, false],
    [{ Action: 'iamXGetRole' }, false],
    [{ Action: undefined, NotAction: 'iam:*' }, false],
    [{ Action: undefined, NotAction: ['sqs:*', 's3:*'] }, true],
    [{ Resource: 'arn:aws:iam::*:role/gatehouse/*' }, true],
    [{ Resource: 'arn:aws:iam::111122223333:role/*' }, true],
    [{ Resource: 'arn:aws:iam::111122223333:role/Gatehouse/*' }, false],
    [{ Resource: 'arn:aws:iam::111122223333:role/gatehouse' }, false],
    [{ Resource: undefined, NotResource: ROLE }, false],
    [{ Resource: undefined, NotResource: `${ROLE}s` }, true],
    [{ Resource: 'arn:aws:iam::111122223333:role/gatehouse/${aws:username}' }, true],
    [{ Resource: 'arn:aws:iam::111122223333:role/gatehouse/${aws:missing}' }, false],
    [{ Resource: 'arn:aws:iam::111122223333:role/gatehouse/${*}' }, false],
  ])('%j: %s', (statement, allowed) => {
    const context = new Map([['aws:username', 'ops']]);
    expect(evaluate([policy(statement)], 'iam:GetRole', ROLE, context)).toBe(allowed ? 'allowed' : 'implicit-deny');
  });

  it('takes a value of the request literally, wildcards and all', () => {
    const context = new Map([['aws:username', '*']]);
    const own = policy({ Resource: 'arn:aws:iam::111122223333:role/gatehouse/${aws:username}' });
    expect(evaluate([own], 'iam:GetRole', ROLE, context)).toBe('implicit-deny');
  });
});

describe('conditions', () => {
  const context = new Map<string, string | readonly string[]>([
    ['iam:permissionsboundary', 'arn:aws:iam::111122223333:policy/gatehouse/boundary'],
    ['aws:tagkeys', ['a', 'b']],
    ['aws:securetransport', 'true'],
  ]);
  it.each([
    [{ StringEquals: { 'iam:PermissionsBoundary': 'arn:aws:iam::111122223333:policy/gatehouse/boundary' } }, true],
    [{ ArnLike: { 'iam:PermissionsBoundary': 'arn:aws:iam::*:policy/gatehouse/*' } }, true],
    [{ StringEquals: { 'iam:PermissionsBoundary': 'arn:aws:iam::*:policy/gatehouse/*' } }, false],
    [{ StringNotEquals: { 'iam:PermissionsBoundary': 'x' } }, true],
    [{ StringNotEquals: { 'no:such': 'x' } }, true],
    [{ StringEquals: { 'no:such': 'x' } }, false],
    [{ StringEqualsIfExists: { 'no:such': 'x' } }, true],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, true],
    [{ Null: { 'iam:PermissionsBoundary': 'true' } }, false],
    [{ Null: { 'iam:PermissionsBoundary': false } }, true],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b', 'c'] } }, true],
    [{ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }, false],
    [{ 'ForAllValues:StringEquals': { 'no:such': ['a'] } }, true],
    [{ 'ForAnyValue:StringLike': { 'aws:TagKeys': ['a*'] } }, true],
    [{ 'ForAnyValue:StringNotLike': { 'no:such': ['a*'] } }, false],
    [{ StringEqualsIgnoreCase: { 'aws:SecureTransport': 'TRUE' } }, true],
  ])('%j: %s', (Condition, allowed) => {
    const verdict = evaluate([policy({ Condition })], 'iam:CreateRole', ROLE, context);
    expect(verdict).toBe(allowed ? 'allowed' : 'implicit-deny');
  });

  it('of an unknown kind are refused by name', () => {
    const strange = policy({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } });
    expect(() => evaluate([strange], 'iam:GetRole', ROLE, context)).toThrow('IpAddress');
  });
});
