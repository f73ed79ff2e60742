import { describe, expect, it } from 'vitest';
import { broadening } from '../../../cli/src/deployment/iam-changes.ts';
import type { Template } from '../../../cli/src/deployment/packaged-template.ts';

type Statement = Readonly<Record<string, unknown>>;
const role = (...statements: readonly Statement[]): Template => ({
  Parameters: { Key: { Type: 'String', Default: '' }, Accounts: { Type: 'CommaDelimitedList', Default: '' } },
  Resources: {
    Reader: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Statement: { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
        },
        Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: statements } }],
      },
    },
  },
  ...{ Conditions: { HasKey: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Key' }, ''] }] } } },
});
const allow = (Action: unknown, Resource: unknown, more: Statement = {}): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown): Statement => ({ Effect: 'Deny', Action, Resource });
const with_ = (template: Template, parameters: Readonly<Record<string, string>> = {}) => ({
  template,
  parameters: new Map(Object.entries(parameters)),
});
/** `Allow s3:GetObject on b`, one a line. */
const told = (before: Template | undefined, after: Template, parameters = {}) =>
  broadening(before && with_(before), with_(after, parameters)).map(
    ({ effect, action, resource, condition }) =>
      `${effect} ${action} on ${resource}${condition === undefined ? '' : ` if ${condition}`}`,
  );

describe('what may do more', () => {
  const s3 = allow('s3:GetObject', 'b');
  it.each<[string, Template | undefined, Template, readonly string[]]>([
    [
      'everything, of a stack that is new',
      undefined,
      role(s3),
      ['Allow sts:AssumeRole on itself', 'Allow s3:GetObject on b'],
    ],
    ['nothing, where nothing changes', role(s3), role(s3), []],
    ['nothing, where the same is written otherwise', role(s3), role(allow(['s3:GetObject'], ['b'])), []],
    ['an action', role(s3), role(allow(['s3:GetObject', 's3:PutObject'], 'b')), ['Allow s3:PutObject on b']],
    ['a resource', role(s3), role(allow('s3:GetObject', ['b', 'c'])), ['Allow s3:GetObject on c']],
    ['nothing, where less is allowed', role(s3, allow('s3:PutObject', 'b')), role(s3), []],
    [
      'a condition that is gone',
      role(allow('s3:GetObject', 'b', { Condition: { Bool: { x: 'true' } } })),
      role(s3),
      ['Allow s3:GetObject on b'],
    ],
    ['a refusal that is gone', role(s3, deny('iam:*', '*')), role(s3), ['Deny iam:* on *']],
    ['nothing, where more is refused', role(s3), role(s3, deny('iam:*', '*')), []],
    [
      'all but some',
      role(),
      role({ Effect: 'Allow', NotAction: 'iam:*', NotResource: 'x' }),
      ['Allow all but iam:* on all but x'],
    ],
    [
      'references by their names',
      role(),
      role(
        allow('sqs:SendMessage', [{ 'Fn::GetAtt': ['Queue', 'Arn'] }, { 'Fn::Sub': 'arn:${AWS::Region}:${Queue}' }]),
      ),
      ['Allow sqs:SendMessage on ${Queue.Arn}', 'Allow sqs:SendMessage on arn:${AWS::Region}:${Queue}'],
    ],
    [
      'what cannot be resolved, as it stands',
      role(),
      role(allow('s3:GetObject', { 'Fn::Select': [0, ['a']] })),
      ['Allow s3:GetObject on {"Fn::Select":[0,["a"]]}'],
    ],
  ])('%s', (_name, before, after, expected) => {
    expect(told(before, after)).toEqual(expected);
  });

  it('follows from the values of parameters', () => {
    const template = role(allow('kms:Decrypt', { Ref: 'Key' }));
    expect(told(template, template, { Key: 'arn:key' })).toEqual(['Allow kms:Decrypt on arn:key']);
  });

  it('is nothing where a condition does not hold', () => {
    const template = role();
    const policy = {
      Type: 'AWS::IAM::ManagedPolicy',
      Condition: 'HasKey',
      Properties: { PolicyDocument: { Statement: allow('kms:Decrypt', '*') } },
    };
    const after = { ...template, Resources: { ...template.Resources, UseOfKey: policy } };
    expect(told(template, after)).toEqual([]);
    expect(told(template, after, { Key: 'k' })).toEqual(['Allow kms:Decrypt on *']);
  });

  it.each<[string, string, Readonly<Record<string, unknown>>, string]>([
    [
      'a queue',
      'AWS::SQS::QueuePolicy',
      { PolicyDocument: { Statement: allow('sqs:*', 'q', { Principal: '*' }) } },
      'sqs:*',
    ],
    [
      'a bucket',
      'AWS::S3::BucketPolicy',
      { PolicyDocument: { Statement: allow('s3:*', 'b', { Principal: '*' }) } },
      's3:*',
    ],
    [
      'a bus',
      'AWS::Events::EventBusPolicy',
      { Statement: allow('events:PutEvents', 'b', { Principal: '*' }) },
      'events:PutEvents',
    ],
    ['a key', 'AWS::KMS::Key', { KeyPolicy: { Statement: allow('kms:*', '*', { Principal: '*' }) } }, 'kms:*'],
    [
      'a function',
      'AWS::Lambda::Permission',
      { Action: 'lambda:InvokeFunction', Principal: '*', FunctionName: 'f' },
      'lambda:InvokeFunction',
    ],
    [
      'a managed policy that is attached',
      'AWS::IAM::Role',
      { ManagedPolicyArns: ['arn:p'] },
      '(all that a managed policy allows)',
    ],
  ])('is also seen on %s', (_name, Type, Properties, action) => {
    const after: Template = { Resources: { X: { Type, Properties } } };
    const found = broadening(with_({ Resources: {} }), with_(after));
    expect(found.map((one) => one.action)).toEqual([action]);
  });
});
