import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CALL_TIMEOUT_MS } from '@gatehouse/core/kubernetes/transport';
import { CLUSTER_POLICY_ACTIONS } from '@gatehouse/core/plan/cluster-policy';
import { AGENT_ACTIONS } from '@gatehouse/core/plan/connection';
import { METRICS } from '@gatehouse/core/ports/metrics';
import { CLUSTER_KINDS, CONNECTED_CLUSTER_KINDS, CONNECTION_KINDS, IAM_KINDS } from '@gatehouse/core/resources/kinds';
import { eventSources, webhookSources } from '@gatehouse/core/sources/sources';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { parseTemplate } from '../sandbox/src/template/yaml.ts';

const ROOT = join(import.meta.dirname, '..');
/** What CloudFormation gives, as far as it matters here. Intrinsics stand in their long form: `{ Ref: 'X' }`. */
interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is data of a hundred shapes, and every test names its own.
  readonly Properties: any;
}
interface Template {
  readonly Parameters: Readonly<Record<string, Parameter>>;
  readonly Globals: { readonly Function: Resource['Properties'] };
  readonly Resources: Readonly<Record<string, Resource>>;
}
interface Parameter {
  readonly Default: unknown;
  readonly Description?: string;
  readonly AllowedValues?: readonly unknown[];
  readonly AllowedPattern?: string;
  readonly ConstraintDescription?: string;
  readonly MaxValue?: number;
}
interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}
interface EventSource {
  readonly Type: string;
  readonly Properties: Resource['Properties'];
}

const template = parseTemplate(readFileSync(join(ROOT, 'template.yaml'), 'utf8'), 'template.yaml') as Template;
const globals = template.Globals.Function;
const resources = Object.entries(template.Resources);
const ofType = (type: string) => resources.filter(([, { Type }]) => Type === type);
const functions = ofType('AWS::Serverless::Function').map(([id, { Properties }]) => ({
  id,
  name: String(Properties.CodeUri).replace(/^functions\//, ''),
  properties: Properties,
  timeout: Number(Properties.Timeout ?? globals.Timeout),
  events: Object.values((Properties.Events ?? {}) as Record<string, EventSource>),
}));
const folders = readdirSync(join(ROOT, 'functions'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);
const refOf = (value: unknown): string => {
  const { Ref, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: string };
  return Ref ?? String(attribute).split('.')[0]!;
};
const text = (value: unknown): string => JSON.stringify(value);

/** The key of yours, where it is given. */
const YOUR_KEY = { 'Fn::If': ['HasKey', { Ref: 'KmsKeyArn' }, { Ref: 'AWS::NoValue' }] };

/** The statements of the role that a function runs with. */
function statementsOf({ properties }: (typeof functions)[number]): readonly Statement[] {
  if (properties.Role === undefined)
    return properties.Policies.flatMap((one: { Statement: Statement[] }) => one.Statement);
  return roleStatements(template.Resources[refOf(properties.Role)]!);
}
function roleStatements({ Properties }: Resource): readonly Statement[] {
  return Properties.Policies.flatMap(
    (one: { PolicyDocument: { Statement: Statement[] } }) => one.PolicyDocument.Statement,
  );
}
const actionsOf = (statements: readonly Statement[], effect = 'Allow') =>
  [...new Set(statements.filter(({ Effect }) => Effect === effect).flatMap(({ Action }) => list(Action)))].sort();
const named = (name: string) => functions.find((one) => one.name === name)!;

describe('functions', () => {
  it('that take API calls in get exactly those that their sources understand', () => {
    const rules = functions.flatMap(({ events }) => events).filter(({ Type }) => Type === 'EventBridgeRule');
    const passed = (bus: string): string[] =>
      rules
        .filter(({ Properties }) => Properties.Pattern.source.includes(bus))
        .flatMap(({ Properties }) => Properties.Pattern.detail.eventName);
    for (const source of new Set(eventSources.values())) {
      expect(source.buses.flatMap(passed).sort(), source.name).toEqual([...source.calls].sort());
    }
  });

  it('are the folders under functions/, each once', () => {
    expect(functions.map(({ name }) => name).sort()).toEqual([...folders].sort());
  });

  it('all run as built: Node 24 on arm64, with the layer, from main.handler, logging JSON', () => {
    expect(globals).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'main.handler',
      Layers: [{ Ref: 'CoreLayer' }],
      LoggingConfig: { LogFormat: 'JSON', LogGroup: { Ref: 'FunctionsLog' } },
      Tracing: 'Active',
      AutoPublishAlias: 'live',
    });
    for (const { id, properties } of functions) {
      for (const property of ['Runtime', 'Architectures', 'Handler', 'Layers', 'LoggingConfig', 'Tracing']) {
        expect(properties, `${id}.${property}`).not.toHaveProperty(property);
      }
    }
    expect(template.Resources.CoreLayer).toMatchObject({
      Type: 'AWS::Serverless::LayerVersion',
      Properties: { ContentUri: 'layers/core', CompatibleRuntimes: ['nodejs24.x'] },
    });
  });

  it('get a new version also for a new layer, which SAM does not look at by itself', () => {
    for (const { id, properties } of functions) expect(properties.AutoPublishAliasAllProperties, id).toBe(true);
  });

  it('that reach clusters, and no others, stand in the subnets that are given', () => {
    for (const { id, properties } of functions) {
      const { VpcConfig } = properties;
      if (properties.Role === undefined) expect(VpcConfig, id).toBeUndefined();
      else expect(VpcConfig?.['Fn::If']?.[0], id).toBe('HasSubnets');
    }
    const { ManagedPolicyArns } = template.Resources.ClusterAccessRole!.Properties;
    expect(text(ManagedPolicyArns)).toContain(
      '["HasSubnets",{"Fn::Sub":"arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"}',
    );
    // SAM adds this right to roles that it makes itself.
    expect(text(ManagedPolicyArns)).toContain('AWSXRayDaemonWriteAccess');
  });

  it.each(functions.map((one) => [one.name, one] as const))(
    '%s gets the environment that it reads',
    async (name, one) => {
      const { environmentSchema } = (await import(`../functions/${name}/environment.ts`)) as {
        environmentSchema: z.ZodObject;
      };
      const own = Object.keys(one.properties.Environment?.Variables ?? {});
      const given = new Set([...Object.keys(globals.Environment.Variables), ...own]);
      const read = Object.entries(environmentSchema.shape);
      // Lambda sets these itself (lambda/latest/dg/configuration-envvars).
      const byLambda = new Set(['AWS_REGION', 'AWS_LAMBDA_FUNCTION_NAME']);
      const missing = read
        .filter(([variable, schema]) => !(schema as z.ZodType).safeParse(undefined).success && !given.has(variable))
        .map(([variable]) => variable)
        .filter((variable) => !byLambda.has(variable));
      expect(missing).toEqual([]);
      expect(own.filter((variable) => !read.some(([known]) => known === variable))).toEqual([]);
    },
  );

  it('share only variables that some function reads', async () => {
    const read = new Set(['POWERTOOLS_LOG_LEVEL']);
    for (const name of folders) {
      const { environmentSchema } = await import(`../functions/${name}/environment.ts`);
      for (const variable of Object.keys(environmentSchema.shape)) read.add(variable);
    }
    expect(Object.keys(globals.Environment.Variables).filter((variable) => !read.has(variable))).toEqual([]);
  });
});

describe('queues', () => {
  const queues = ofType('AWS::SQS::Queue');
  const mappings = functions.flatMap(({ id, timeout, events }) =>
    events.filter(({ Type }) => Type === 'SQS').map(({ Properties }) => ({ id, timeout, source: Properties })),
  );

  it.each(mappings.map((one) => [refOf(one.source.Queue), one] as const))(
    '%s is consumed in partial batches, and stays invisible for six of its consumer’s time-outs',
    (queue, { timeout, source }) => {
      expect(source.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
      const { VisibilityTimeout, FifoQueue } = template.Resources[queue]!.Properties;
      expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * timeout);
      expect(source.ScalingConfig.MaximumConcurrency).toBeGreaterThanOrEqual(2);
      // One target a turn: the messages of a group come one by one.
      if (FifoQueue) expect(source.BatchSize).toBe(1);
    },
  );

  it('of targets are FIFO, of one group each and in high throughput', () => {
    for (const id of ['IamQueue', 'ClustersQueue']) {
      expect(template.Resources[id]!.Properties).toMatchObject({
        FifoQueue: true,
        DeduplicationScope: 'messageGroup',
        FifoThroughputLimit: 'perMessageGroupId',
      });
    }
    expect(template.Resources.LaterQueue!.Properties.FifoQueue).toBeUndefined();
  });

  it('that are consumed give up to a dead-letter queue of their own type, which keeps messages for 14 days', () => {
    const consumed = new Set(mappings.map(({ source }) => refOf(source.Queue)));
    expect(consumed.size).toBe(4);
    for (const id of consumed) {
      const { RedrivePolicy, FifoQueue } = template.Resources[id]!.Properties;
      const dead = template.Resources[refOf(RedrivePolicy.deadLetterTargetArn)]!;
      expect(Boolean(dead.Properties.FifoQueue), id).toBe(Boolean(FifoQueue));
      expect(dead.Properties.MessageRetentionPeriod).toBe(14 * 24 * 3600);
      expect(RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(3);
    }
  });

  it('are all encrypted, and all used', () => {
    for (const [id, { Properties }] of queues) {
      // Your key where one is given, else SQS' own; never both, never neither.
      expect(Properties.KmsMasterKeyId, id).toEqual(YOUR_KEY);
      expect(Properties.SqsManagedSseEnabled, id).toEqual({ 'Fn::If': ['HasKey', { Ref: 'AWS::NoValue' }, true] });
      expect(text(template).split(`"${id}`).length, id).toBeGreaterThan(2);
    }
  });

  it('catch the events of every function that EventBridge invokes', () => {
    for (const { id, events, properties } of functions) {
      if (!events.some(({ Type }) => Type === 'EventBridgeRule')) continue;
      const { OnFailure } = properties.EventInvokeConfig.DestinationConfig;
      expect(OnFailure.Type, id).toBe('SQS');
      const dead = template.Resources[refOf(OnFailure.Destination)]!;
      // EventBridge's deliveries are asynchronous: a FIFO queue is no destination for them.
      expect([dead.Type, dead.Properties.FifoQueue]).toEqual(['AWS::SQS::Queue', undefined]);
      const mayFail = statementsOf(named('receive-event')).some(
        ({ Action, Resource }) => Action === 'sqs:SendMessage' && text(Resource).includes(refOf(OnFailure.Destination)),
      );
      expect(mayFail).toBe(true);
    }
  });

  it('keep what a rule or a schedule could not deliver', () => {
    const delivered = functions.flatMap(({ events }) =>
      events.filter(({ Type }) => Type === 'EventBridgeRule' || Type === 'ScheduleV2'),
    );
    expect(delivered.length).toBeGreaterThan(4);
    for (const { Properties } of delivered) {
      expect(Properties.DeadLetterConfig).toEqual({ Arn: { 'Fn::GetAtt': 'DeadEventsQueue.Arn' } });
    }
    const { Queues, PolicyDocument } = template.Resources.DeadEventsOfRules!.Properties;
    expect(Queues).toEqual([{ Ref: 'DeadEventsQueue' }]);
    expect(PolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: { 'Fn::GetAtt': 'DeadEventsQueue.Arn' },
        // Only rules of this stack, in this account.
        Condition: {
          ArnLike: {
            'aws:SourceArn': {
              'Fn::Sub': 'arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${AWS::StackName}-*',
            },
          },
        },
      },
    ]);
  });
});

describe('alarms', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm').map(([id, { Properties }]) => ({ id, properties: Properties }));
  const about = (namespace: string, metric: string) =>
    alarms.filter(({ properties }) => properties.Namespace === namespace && properties.MetricName === metric);
  const dimension = ({ properties }: (typeof alarms)[number], name: string) =>
    properties.Dimensions.find((one: { Name: string }) => one.Name === name)?.Value;

  it('tell the topic that is given, and say what it is about', () => {
    for (const { id, properties } of alarms) {
      expect(properties.AlarmActions, id).toEqual({
        'Fn::If': ['HasAlarmTopic', [{ Ref: 'AlarmTopicArn' }], { Ref: 'AWS::NoValue' }],
      });
      expect(properties.AlarmDescription, id).toMatch(/ - /);
    }
  });

  it('tell of the first message in any queue for dead letters', () => {
    const dead = about('AWS/SQS', 'ApproximateNumberOfMessagesVisible');
    expect(dead.map((one) => dimension(one, 'QueueName'))).toEqual(
      ofType('AWS::SQS::Queue')
        .filter(([id]) => id.startsWith('Dead'))
        .map(([id]) => ({ 'Fn::GetAtt': `${id}.QueueName` })),
    );
    for (const { properties } of dead) {
      expect(properties).toMatchObject({ Threshold: 1, EvaluationPeriods: 1, Statistic: 'Maximum' });
    }
  });

  it('tell of each schedule when it fails, and when it does not come', () => {
    for (const id of ['Tick', 'Sweep']) {
      const of = (metric: string) =>
        about('AWS/Lambda', metric).filter((one) => dimension(one, 'FunctionName').Ref === id);
      expect(of('Errors').map(({ properties }) => properties.TreatMissingData)).toEqual(['notBreaching']);
      expect(of('Invocations').map(({ properties }) => properties.TreatMissingData)).toEqual(['breaching']);
    }
  });

  it('and the dashboard know the metrics that functions record, by their names, units and dimensions', () => {
    const own = alarms.filter(({ properties }) => properties.Namespace === 'Gatehouse');
    expect(new Set(own.map(({ properties }) => properties.MetricName))).toEqual(new Set(Object.keys(METRICS)));
    for (const one of own) expect(folders, one.id).toContain(dimension(one, 'service'));
    for (const { properties } of about('Gatehouse', 'RevocationLatency')) {
      expect(METRICS.RevocationLatency).toBe('Milliseconds');
      expect(properties).toMatchObject({ ExtendedStatistic: 'p99', Threshold: 60_000 });
    }
    expect(about('Gatehouse', 'RevocationLatency').map((one) => dimension(one, 'service'))).toEqual([
      'reconcile-cluster',
      'reconcile-iam',
    ]);
  });

  it('watch for silence any source of webhooks, for no longer than CloudWatch looks back', () => {
    const { WatchedSource, SilentHours } = template.Parameters;
    expect(WatchedSource!.AllowedValues).toEqual(['', ...webhookSources.keys()]);
    const [silent] = about('Gatehouse', 'EventsTakenIn');
    expect(template.Resources[silent!.id]!.Condition).toBe('HasWatchedSource');
    expect(silent!.properties).toMatchObject({
      EvaluationPeriods: { Ref: 'SilentHours' },
      TreatMissingData: 'breaching',
    });
    // At most seven days (AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail, "evaluation periods").
    expect(SilentHours!.MaxValue! * silent!.properties.Period).toBeLessThanOrEqual(7 * 24 * 3600);
  });
});

describe('the dashboard', () => {
  const body: string = template.Resources.Dashboard!.Properties.DashboardBody['Fn::Sub'];
  const named = [...body.matchAll(/\$\{([A-Za-z]+)/g)].map(([, id]) => id!).filter((id) => id !== 'AWS');

  it('is a dashboard, of things that are there', () => {
    const { widgets } = JSON.parse(body);
    expect(widgets.length).toBeGreaterThan(6);
    for (const id of named) expect(template.Resources, id).toHaveProperty(id);
  });

  it('leaves out no function, no queue and no alarm that is always there', () => {
    const ids = resources
      .filter(([, { Type }]) =>
        ['AWS::Serverless::Function', 'AWS::SQS::Queue', 'AWS::CloudWatch::Alarm'].includes(Type),
      )
      .filter(([, { Condition }]) => Condition === undefined)
      .map(([id]) => id);
    expect(ids.filter((id) => !named.includes(id))).toEqual([]);
  });
});

describe('parameters', () => {
  it('have a default, a description, and say what they may be', () => {
    for (const [name, one] of Object.entries(template.Parameters)) {
      expect(one, name).toHaveProperty('Default');
      expect(one.Description?.length ?? 0, name).toBeGreaterThan(10);
      const says = one.AllowedValues ?? one.AllowedPattern ?? one.MaxValue;
      expect(says, name).toBeDefined();
      if (one.AllowedPattern) {
        expect(String(one.Default), name).toMatch(new RegExp(one.AllowedPattern));
        expect(one.ConstraintDescription, name).toBeDefined();
      }
    }
  });

  it.each([
    ['EventAccounts', '12345678901'],
    ['MemberRoleName', '/gatehouse-system/gatehouse-member'],
    ['AlarmTopicArn', 'arn:aws:sqs:eu-west-1:111122223333:alarms'],
    ['SubnetIds', 'sg-0123456789abcdef0'],
    ['KmsKeyArn', 'arn:aws:kms:eu-west-1:111122223333:alias/gatehouse'],
    ['SecurityGroupIds', 'subnet-0123456789abcdef0'],
  ])('%s refuses %s', (name, value) => {
    expect(value).not.toMatch(new RegExp(template.Parameters[name]!.AllowedPattern!));
  });
});

describe('logs', () => {
  it('are kept for as long as is said, and no longer', () => {
    const groups = ofType('AWS::Logs::LogGroup');
    expect(groups.map(([id]) => id)).toEqual(['FunctionsLog', 'ApiLog']);
    for (const [, { Properties }] of groups) expect(Properties.RetentionInDays).toEqual({ Ref: 'LogRetentionDays' });
    const { Format } = template.Resources.Api!.Properties.AccessLogSettings;
    // What a sender sends, its secret above all, is in no access log.
    expect(Format).not.toMatch(/header|authorizer|body|querystring/i);
    expect(JSON.parse(Format)).toMatchObject({ status: '$context.status' });
  });
});

describe('the limits of a turn', () => {
  it.each(['reconcile-iam', 'reconcile-cluster', 'verify-access'])('fit into %s', (name) => {
    const timeout = named(name).timeout * 1000;
    expect(TURN_LIMITS.work).toBeLessThan(TURN_LIMITS.calls);
    expect(TURN_LIMITS.calls + CALL_TIMEOUT_MS).toBeLessThan(timeout);
    expect(timeout).toBeLessThan(TURN_LIMITS.lease);
    const [source] = named(name).events;
    const { VisibilityTimeout } = template.Resources[refOf(source!.Properties.Queue)]!.Properties;
    expect(TURN_LIMITS.lease).toBeLessThan(VisibilityTimeout * 1000);
  });
});

describe('schedules', () => {
  it.each([
    ['tick', 'rate(1 minute)'],
    ['sweep', 'rate(1 hour)'],
  ])('%s comes at %s, and says which minute or hour it stands for', (name, expression) => {
    const [schedule, ...others] = named(name).events;
    expect(others).toEqual([]);
    expect(schedule!.Type).toBe('ScheduleV2');
    expect(schedule!.Properties.ScheduleExpression).toBe(expression);
    expect(JSON.parse(schedule!.Properties.Input)).toEqual({ scheduledAt: '<aws.scheduler.scheduled-time>' });
  });
});

describe('rights', () => {
  const state = ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'];
  // Who looks at many subjects reads many items at once.
  const gathers = 'dynamodb:BatchGetItem';
  const turns = ['events:PutEvents', 'sqs:SendMessage', 'sts:AssumeRole', ...state, gathers];
  // The role that three functions share is fed from two queues; SAM adds that right only to roles that it makes itself.
  const fed = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
  // What the plan of a turn on an IAM principal reads; not the secret of a key.
  const reads = [
    'iam:GetRole',
    'iam:GetRolePolicy',
    'iam:GetUser',
    'iam:GetUserPolicy',
    'iam:ListAttachedUserPolicies',
    'iam:ListAccessKeys',
    'iam:GetPolicy',
    'iam:GetPolicyVersion',
  ];
  // By which the role of a permission set is found.
  const looksUp = ['iam:ListRoles'];
  const onClusters = [...CLUSTER_KINDS, ...CONNECTED_CLUSTER_KINDS].flatMap(({ iamActions }) => iamActions);
  const shared = [...turns, 'eks:DescribeCluster', ...onClusters, ...fed, ...reads, ...looksUp];
  const iam = [...IAM_KINDS, ...CONNECTION_KINDS].flatMap(({ iamActions }) => iamActions);
  it.each<[string, readonly string[]]>([
    // Whoever is reached from outside reads and writes single items, and never deletes.
    ['receive-webhook', ['dynamodb:GetItem', 'dynamodb:PutItem', 'sqs:SendMessage', 'secretsmanager:GetSecretValue']],
    ['receive-event', ['dynamodb:GetItem', 'dynamodb:PutItem', 'sqs:SendMessage']],
    [
      'plan-access',
      [...state, gathers, 'sqs:SendMessage', 'eks:DescribeCluster', 'sts:AssumeRole', 's3:GetObject', 's3:ListBucket'],
    ],
    ['reconcile-iam', [...turns, ...iam, ...looksUp]],
    ['reconcile-cluster', shared],
    ['verify-access', shared],
    ['run-operation', shared],
    ['connect-cluster', shared],
    ['tick', ['dynamodb:GetItem', gathers, 'dynamodb:PutItem', 'dynamodb:Query', 'sqs:SendMessage']],
    ['sweep', ['dynamodb:GetItem', gathers, 'dynamodb:PutItem', 'dynamodb:Query', 'sqs:SendMessage']],
  ])('%s may do what its ports and kinds do, and nothing else', (name, actions) => {
    expect(actionsOf(statementsOf(named(name)))).toEqual([...new Set(actions)].sort());
  });

  const roles = ofType('AWS::IAM::Role').map(([id, role]) => [id, roleStatements(role)] as const);
  const all = [
    ...functions.filter(({ properties }) => !properties.Role).map((one) => [one.id, statementsOf(one)] as const),
    ...roles,
  ];

  const UNNAMED = new Set(['eks:RegisterCluster', 'iam:ListRoles', 'ssm:CreateActivation', 'ssm:DeleteActivation']);
  it.each(all)('of %s name each action and each resource', (_id, statements) => {
    for (const { Effect, Action, Resource } of statements) {
      // IAM knows no resources for these (service-authorization/latest/reference).
      const isUnnamed = list(Action).every((action) => UNNAMED.has(action));
      for (const resource of list(Resource)) expect(resource === '*').toBe(isUnnamed);
      if (Effect === 'Allow') for (const action of list(Action)) expect(action).not.toContain('*');
    }
  });

  it('of nobody reach over Gatehouse’s own principals and policies', () => {
    const denied = statementsOf(named('reconcile-iam')).filter(({ Effect }) => Effect === 'Deny');
    expect(denied).toHaveLength(1);
    expect(denied[0]!.Action).toBe('iam:*');
    expect(denied[0]!.Condition).toBeUndefined();
    expect(text(denied[0]!.Resource)).toContain(':role/gatehouse-system/*');
    expect(text(denied[0]!.Resource)).toContain(':policy/gatehouse-system/*');
    for (const id of ['ClusterAccessRole', 'PermissionsBoundary']) {
      expect(template.Resources[id]!.Properties.Path).toBe('/gatehouse-system/');
    }
  });

  it('to change IAM end at the path of what Gatehouse makes', () => {
    for (const [id, statements] of all) {
      for (const { Effect, Action, Resource } of statements) {
        const writes = list(Action).filter((action) =>
          /^iam:(?!Get|List|PassRole|CreateServiceLinkedRole)/.test(action),
        );
        if (Effect === 'Deny' || writes.length === 0) continue;
        expect(id).toBe('ReconcileIam');
        for (const resource of list(Resource)) expect(text(resource)).toMatch(/:(role|user|policy)\/gatehouse\/\*"/);
      }
    }
  });

  // The actions of which IAM knows the condition key (service-authorization/latest/reference/list_awsidentityandaccessmanagementiam).
  const BOUNDED =
    /^iam:(Create(Role|User)|Put(Role|User)(Policy|PermissionsBoundary)|(Delete|Detach|Attach)(Role|User)Policy)$/;

  it('to make principals and to give them policies hold only under the permissions boundary', () => {
    const statements = statementsOf(named('reconcile-iam'));
    const bounded = statements.flatMap(({ Action, Condition }) =>
      list(Action)
        .filter((action) => BOUNDED.test(action))
        .map((action) => [action, Condition] as const),
    );
    expect(bounded.length).toBe(11);
    const own = 'arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/gatehouse/*';
    for (const [action, condition] of bounded) {
      expect(condition, action).toEqual({
        StringEquals: { 'iam:PermissionsBoundary': { Ref: 'PermissionsBoundary' } },
        // No policy but Gatehouse's own is attached to anybody.
        ...(action === 'iam:AttachUserPolicy' ? { ArnLike: { 'iam:PolicyARN': { 'Fn::Sub': own } } } : {}),
      });
    }
    for (const { Action, Condition } of statements) {
      if (Condition === undefined || !text(Condition).includes('PermissionsBoundary')) continue;
      // The condition on any other action would be false for ever, since the key is not there.
      expect(list(Action).filter((action) => !BOUNDED.test(action))).toEqual([]);
    }
    for (const forbidden of [
      'iam:DeleteRolePermissionsBoundary',
      'iam:DeleteUserPermissionsBoundary',
      'iam:AttachRolePolicy',
      'iam:SetDefaultPolicyVersion',
      'iam:UntagPolicy',
      'iam:UntagRole',
    ]) {
      expect(actionsOf(statements)).not.toContain(forbidden);
    }
  });

  it('over the connector end at its own roles, its own service, and registrations that are marked', () => {
    const of = (action: string) =>
      statementsOf(named('reconcile-iam')).filter(({ Action }) => list(Action).includes(action));
    expect(of('iam:PassRole').map(({ Resource }) => text(Resource))).toEqual([
      expect.stringMatching(/:role\/gatehouse\/connector\/\*"/),
    ]);
    expect(of('iam:CreateServiceLinkedRole').map(({ Condition }) => Condition)).toEqual([
      { StringEquals: { 'iam:AWSServiceName': 'eks-connector.amazonaws.com' } },
    ]);
    for (const [action, key] of [
      ['eks:RegisterCluster', 'aws:RequestTag/gatehouse:managed'],
      ['eks:DeregisterCluster', 'aws:ResourceTag/gatehouse:managed'],
    ] as const) {
      expect(of(action).map(({ Condition }) => Condition)).toEqual([{ StringEquals: { [key]: 'true' } }]);
    }
  });

  it('that make something with tags may tag it', () => {
    const actions = actionsOf(statementsOf(named('reconcile-iam')));
    expect(actions).toEqual(
      expect.arrayContaining(['iam:TagRole', 'iam:TagUser', 'iam:TagPolicy', 'secretsmanager:TagResource']),
    );
  });

  it('of what Gatehouse makes are never more than to find and view its clusters, and what the agent of a connector needs', () => {
    const [statement, agent, ...others] = template.Resources.PermissionsBoundary!.Properties.PolicyDocument.Statement;
    expect(others).toEqual([]);
    expect(statement).toMatchObject({ Effect: 'Allow', Resource: '*' });
    expect([...statement.Action].sort()).toEqual([...CLUSTER_POLICY_ACTIONS, 'sts:GetCallerIdentity'].sort());
    expect(agent).toEqual({ Effect: 'Allow', Action: [...AGENT_ACTIONS], Resource: '*' });
  });

  it('over secrets are apart: signing secrets for the receiver, keys and activations for reconcile-iam, kubeconfigs', () => {
    const secrets = (name: string) =>
      statementsOf(named(name))
        .filter(({ Action }) => text(Action).includes('secretsmanager:'))
        .map(({ Resource }) => text(Resource));
    expect(secrets('receive-webhook')).toEqual([expect.stringContaining(':secret:gatehouse/webhooks/*')]);
    expect(secrets('reconcile-iam')).toEqual([
      expect.stringContaining(':secret:gatehouse/keys/*'),
      expect.stringContaining(':secret:gatehouse/connectors/*'),
    ]);
    const [elsewhere, ...others] = secrets('reconcile-cluster');
    expect(others).toEqual([]);
    expect(elsewhere!.match(/:secret:[^"]+/g)).toEqual([
      ':secret:gatehouse/kubeconfigs/*',
      ':secret:gatehouse/connectors/*',
    ]);
  });

  it('to the ledger are to add and to read, never to change or delete an entry', () => {
    for (const [id, statements] of all) {
      for (const { Action, Resource } of statements) {
        if (!text(Resource).includes('LedgerTable')) continue;
        expect([...list(Action)].sort(), id).toEqual(['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query']);
      }
    }
  });
});

describe('a key of yours', () => {
  it('encrypts everything that holds anything', () => {
    const property: Readonly<Record<string, (properties: Resource['Properties']) => unknown>> = {
      'AWS::SQS::Queue': ({ KmsMasterKeyId }) => KmsMasterKeyId,
      'AWS::DynamoDB::Table': ({
        SSESpecification: {
          'Fn::If': [condition, key, without],
        },
      }) => ({
        'Fn::If': [condition, key.KMSMasterKeyId, without],
      }),
      'AWS::S3::Bucket': ({ BucketEncryption }) =>
        BucketEncryption.ServerSideEncryptionConfiguration[0].ServerSideEncryptionByDefault.KMSMasterKeyID,
      'AWS::SecretsManager::Secret': ({ KmsKeyId }) => KmsKeyId,
      'AWS::Logs::LogGroup': ({ KmsKeyId }) => KmsKeyId,
    };
    const holding = resources.filter(([, { Type }]) => Type in property);
    expect(holding.length).toBeGreaterThan(12);
    for (const [id, { Type, Properties }] of holding) expect(property[Type]!(Properties), id).toEqual(YOUR_KEY);
    const [rule] = template.Resources.PolicyBucket!.Properties.BucketEncryption.ServerSideEncryptionConfiguration;
    expect(rule.ServerSideEncryptionByDefault.SSEAlgorithm).toEqual({ 'Fn::If': ['HasKey', 'aws:kms', 'AES256'] });
    expect(named('reconcile-iam').properties.Environment.Variables.SECRETS_KEY).toEqual({ Ref: 'KmsKeyArn' });
  });

  it('is used by every role of a function or schedule, for nothing but its services, and no other key is', () => {
    const { Condition, Properties } = template.Resources.UseOfKey!;
    expect(Condition).toBe('HasKey');
    const roles = functions.flatMap(({ id, properties, events }) => [
      properties.Role === undefined ? `${id}Role` : refOf(properties.Role),
      ...events.filter(({ Type }) => Type === 'ScheduleV2').map(() => `${id}${Object.keys(properties.Events)[0]}Role`),
    ]);
    expect(Properties.Roles.map(refOf).sort()).toEqual([...new Set(roles)].sort());
    const [statement, ...others] = Properties.PolicyDocument.Statement;
    expect(others).toEqual([]);
    expect(statement).toMatchObject({
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: { Ref: 'KmsKeyArn' },
    });
    expect(text(statement.Condition.StringEquals['kms:ViaService']).match(/[a-z0-9]+\.\$/g)).toEqual([
      'dynamodb.$',
      'sqs.$',
      'secretsmanager.$',
      's3.$',
    ]);
    expect(text(resources.filter(([id]) => id !== 'UseOfKey'))).not.toContain('"kms:');
  });
});

describe('what everybody can reach', () => {
  it('takes no more at once than is said', () => {
    expect(template.Resources.Api!.Properties.DefaultRouteSettings).toEqual({
      ThrottlingRateLimit: { Ref: 'WebhookRate' },
      ThrottlingBurstLimit: { Ref: 'WebhookBurst' },
    });
  });
});

describe('what holds state', () => {
  it('survives the stack, and can be restored', () => {
    for (const id of ['StateTable', 'LedgerTable', 'PolicyBucket']) {
      expect(template.Resources[id]).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    }
    for (const id of ['StateTable', 'LedgerTable']) {
      expect(template.Resources[id]!.Properties).toMatchObject({
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: {
          'Fn::If': [
            'HasKey',
            { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: { Ref: 'KmsKeyArn' } },
            { Ref: 'AWS::NoValue' },
          ],
        },
      });
    }
  });
});
