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
      'a topic',
      'AWS::SNS::TopicPolicy',
      { PolicyDocument: { Statement: allow('sns:Publish', 't', { Principal: '*' }) } },
      'sns:Publish',
    ],
    [
      'a table, inline',
      'AWS::DynamoDB::Table',
      { ResourcePolicy: { PolicyDocument: { Statement: allow('dynamodb:GetItem', 't', { Principal: '*' }) } } },
      'dynamodb:GetItem',
    ],
    [
      'a secret',
      'AWS::SecretsManager::ResourcePolicy',
      { SecretId: 's', ResourcePolicy: { Statement: allow('secretsmanager:GetSecretValue', '*', { Principal: '*' }) } },
      'secretsmanager:GetSecretValue',
    ],
    [
      'logs, whose policy is a text',
      'AWS::Logs::ResourcePolicy',
      { PolicyDocument: JSON.stringify({ Statement: [allow('logs:PutLogEvents', '*', { Principal: '*' })] }) },
      'logs:PutLogEvents',
    ],
    [
      'a layer',
      'AWS::Lambda::LayerVersionPermission',
      { Action: 'lambda:GetLayerVersion', Principal: '*', LayerVersionArn: 'l' },
      'lambda:GetLayerVersion',
    ],
    [
      'a URL that asks nobody who he is',
      'AWS::Lambda::Url',
      { AuthType: 'NONE', TargetFunctionArn: 'f' },
      'lambda:InvokeFunctionUrl',
    ],
    [
      'a bus, in the older form',
      'AWS::Events::EventBusPolicy',
      { Action: 'events:PutEvents', Principal: '*', StatementId: 's' },
      'events:PutEvents',
    ],
    ['a group that a user is in', 'AWS::IAM::User', { Groups: ['g'] }, '(all that a group allows)'],
    [
      'a group that gets a user',
      'AWS::IAM::UserToGroupAddition',
      { GroupName: 'g', Users: ['u'] },
      '(all that a group allows)',
    ],
    ['an instance', 'AWS::IAM::InstanceProfile', { Roles: ['r'] }, '(all that a role may do)'],
    ['an access key', 'AWS::IAM::AccessKey', { UserName: 'u' }, '(all that a user may do)'],
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

  it.each(['Policy', 'ManagedPolicy', 'RolePolicy', 'UserPolicy', 'GroupPolicy'])(
    'is seen on a policy of its own, and on whom it is put: AWS::IAM::%s',
    (kind) => {
      const name = kind.replace(/^(Role|User|Group)Policy$/, '$1Name');
      const put = (holder: string) => (name === kind ? { Roles: [{ Ref: holder }] } : { [name]: { Ref: holder } });
      const policy = (holder: string, action: string): Template => ({
        Resources: {
          P: {
            Type: `AWS::IAM::${kind}`,
            Properties: { ...put(holder), PolicyDocument: { Statement: allow(action, 'b') } },
          },
        },
      });
      const none: Template = { Resources: {} };
      expect(told(none, policy('A', 's3:Get*'))).toEqual([
        'Allow s3:Get* on b',
        'Allow (all that a policy allows) on P',
      ]);
      expect(told(policy('A', 's3:Get*'), policy('A', 's3:*'))).toEqual(['Allow s3:* on b']);
      const moved = broadening(with_(policy('A', 's3:*')), with_(policy('B', 's3:*')));
      expect(moved).toEqual([{ of: 'B', effect: 'Allow', action: '(all that a policy allows)', resource: 'P' }]);
      expect(told(policy('A', 's3:*'), none)).toEqual([]);
    },
  );
});

describe('what is kept back no more', () => {
  const one = (Type: string, Properties: Statement): Template => ({ Resources: { X: { Type, Properties } } });
  const open = (off: string) => ({
    PublicAccessBlockConfiguration: { BlockPublicAcls: off !== 'BlockPublicAcls', BlockPublicPolicy: 'true' },
  });
  const bounded = (arn?: string) => ({ AssumeRolePolicyDocument: {}, ...(arn ? { PermissionsBoundary: arn } : {}) });
  const beyond = '(all that the permissions boundary does not allow)';
  it.each<[string, string, Statement, Statement, readonly string[]]>([
    ['a role whose boundary goes', 'AWS::IAM::Role', bounded('arn:b'), bounded(), [`Deny ${beyond} on arn:b`]],
    ['a user whose boundary goes', 'AWS::IAM::User', bounded('arn:b'), bounded(), [`Deny ${beyond} on arn:b`]],
    [
      'a role whose boundary is another',
      'AWS::IAM::Role',
      bounded('arn:b'),
      bounded('arn:c'),
      [`Deny ${beyond} on arn:b`],
    ],
    ['a role that gets a boundary', 'AWS::IAM::Role', bounded(), bounded('arn:b'), []],
    [
      'a bucket that the public may be let into',
      'AWS::S3::Bucket',
      open(''),
      open('BlockPublicAcls'),
      ['Deny (access of the public: BlockPublicAcls) on X'],
    ],
    [
      'a permission without its account',
      'AWS::Lambda::Permission',
      { Action: 'a', Principal: 's3.amazonaws.com', FunctionName: 'f', SourceAccount: '1' },
      { Action: 'a', Principal: 's3.amazonaws.com', FunctionName: 'f' },
      ['Allow a on f'],
    ],
    [
      'a URL that asked for a signature',
      'AWS::Lambda::Url',
      { AuthType: 'AWS_IAM', TargetFunctionArn: 'f' },
      { AuthType: 'NONE', TargetFunctionArn: 'f' },
      ['Allow lambda:InvokeFunctionUrl on f'],
    ],
    [
      'a function that gets another role',
      'AWS::Lambda::Function',
      { Role: 'a' },
      { Role: 'b' },
      ['Allow (all that its role may do) on b'],
    ],
    ['a function that keeps its role', 'AWS::Lambda::Function', { Role: 'a' }, { Role: 'a', Timeout: 3 }, []],
    [
      'a refusal of all but one',
      'AWS::SQS::QueuePolicy',
      { PolicyDocument: { Statement: { Effect: 'Deny', NotPrincipal: 'a', Action: 'sqs:*', Resource: 'q' } } },
      { PolicyDocument: { Statement: { Effect: 'Deny', NotPrincipal: 'b', Action: 'sqs:*', Resource: 'q' } } },
      ['Deny sqs:* on q'],
    ],
  ])('%s', (_name, type, before, after, expected) => {
    expect(told(one(type, before), one(type, after))).toEqual(expected);
  });

  it('is nothing of a role that goes as a whole, and a function that comes is told by its role alone', () => {
    const gone = { ...bounded('arn:b'), Policies: [{ PolicyDocument: { Statement: deny('iam:*', '*') } }] };
    expect(told(one('AWS::IAM::Role', gone), { Resources: {} })).toEqual([]);
    expect(told({ Resources: {} }, one('AWS::Lambda::Function', { Role: 'a' }))).toEqual([]);
  });

  it('is seen beside what cannot be resolved, by the parameter that decides it', () => {
    const statement = { 'Fn::If': ['HasKey', allow('kms:Decrypt', '*'), { Ref: 'AWS::NoValue' }] };
    const template = role(statement, allow('s3:GetObject', { 'Fn::Select': [0, ['a']] }));
    expect(told(template, template)).toEqual([]);
    expect(told(template, template, { Key: 'k' })).toEqual(['Allow kms:Decrypt on *']);
  });

  it('is seen under a condition of which nobody knows whether it holds', () => {
    const template: Template = {
      Resources: {
        X: {
          Type: 'AWS::IAM::Policy',
          Condition: 'Odd',
          Properties: { PolicyDocument: { Statement: allow('s3:*', '*') } },
        },
        Y: {
          Type: 'AWS::SQS::QueuePolicy',
          Properties: {
            PolicyDocument: { Statement: [{ 'Fn::If': ['Odd', allow('sqs:*', 'q'), deny('sqs:*', 'q')] }] },
          },
        },
      } as Template['Resources'],
      ...{ Conditions: { Odd: { 'Fn::Odd': [] } } },
    };
    expect(told({ Resources: {} }, template)).toEqual(['Allow s3:* on *', 'Allow sqs:* on q']);
  });
});
