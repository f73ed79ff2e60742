import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readTemplate } from '../../../sandbox/src/template/read.ts';

const VALID = readFileSync(new URL('../../fixtures/templates/valid.yaml', import.meta.url), 'utf8');
const OWN = readFileSync(new URL('../../../template.yaml', import.meta.url), 'utf8');
const PLACE = { stack: 'gatehouse', account: '111122223333', region: 'eu-west-1', endpoint: 'http://127.0.0.1:4000' };

const read = (text: string, parameters?: Record<string, string>) => readTemplate(text, PLACE, parameters);
/** The valid template with one text replaced by another. */
const changed = (from: string, to: string) => {
  expect(VALID.split(from).length, `"${from}" in the fixture`).toBeGreaterThan(1);
  return VALID.replace(from, to);
};

describe('a template', () => {
  const wiring = read(VALID);

  it('resolves what functions see', () => {
    const [echo, worker] = wiring.functions;
    expect(echo).toMatchObject({
      name: 'gatehouse-Echo',
      module: 'test/fixtures/functions/echo/main.ts',
      exportName: 'handler',
      timeoutSeconds: 5,
      environment: {
        TABLE_NAME: 'gatehouse-state',
        QUEUE_URL: 'http://127.0.0.1:4000/111122223333/gatehouse-Work.fifo',
        ACCOUNTS: '111122223333+444455556666',
        STAGE: 'dev',
      },
      asynchronous: { retries: 1, deadLetterQueueArn: 'arn:aws:sqs:eu-west-1:111122223333:gatehouse-Failures' },
    });
    expect(echo!.environment).not.toHaveProperty('NOTE');
    expect(worker!.environment).toEqual({ TABLE_NAME: 'gatehouse-state', STAGE: 'dev' });
  });

  it('follows its conditions', () => {
    expect(read(VALID, { Stage: 'prod' }).functions[0]!.environment.NOTE).toBe('careful');
  });

  it('wires queues, rules, schedules and routes to functions', () => {
    expect(wiring.mappings).toEqual([
      {
        function: 'gatehouse-Worker',
        queueArn: 'arn:aws:sqs:eu-west-1:111122223333:gatehouse-Work.fifo',
        batchSize: 5,
        windowSeconds: 0,
        partialBatches: true,
        maximumConcurrency: 2,
      },
    ]);
    expect(wiring.rules.map(({ bus, functions }) => [bus, functions])).toEqual([
      ['default', ['gatehouse-Echo']],
      ['gatehouse-bus', ['gatehouse-Echo']],
    ]);
    expect(wiring.schedules).toMatchObject([{ function: 'gatehouse-Echo', everySeconds: 60, input: '{"tick":true}' }]);
    expect(wiring.routes.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /webhooks/{source}',
      'GET /webhooks/{source}',
    ]);
  });

  it('gives a function what its policies say, and what SAM adds for its queues', () => {
    const [echo, worker] = wiring.functions;
    expect(echo!.policies).toHaveLength(1);
    expect(worker!.policies).toEqual([
      {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
            Resource: ['arn:aws:sqs:eu-west-1:111122223333:gatehouse-Work.fifo'],
          },
        ],
      },
    ]);
  });
});

describe('the template of Gatehouse', () => {
  it('is read whole', () => {
    const wiring = read(OWN);
    expect(wiring.functions.map(({ module }) => module).sort()).toEqual(
      [
        'connect-cluster',
        'plan-access',
        'receive-event',
        'receive-webhook',
        'reconcile-cluster',
        'reconcile-iam',
        'run-operation',
        'sweep',
        'tick',
        'verify-access',
      ].map((name) => `functions/${name}/main.ts`),
    );
    expect(wiring.outputs.ClusterAccessRole).toBe(
      'arn:aws:iam::111122223333:role/gatehouse-system/gatehouse-cluster-access',
    );
  });
});

describe('what is not played is refused by its name and place', () => {
  it.each<[string, string, string, string]>([
    ['a type of resource', 'Type: AWS::SQS::Queue', 'Type: AWS::SNS::Topic', 'AWS::SNS::Topic'],
    ['an intrinsic by tag', '!Join [', '!Select [', '!Select'],
    [
      'an intrinsic by name',
      'QUEUE_URL: !Ref Work',
      'QUEUE_URL: { Fn::ImportValue: x }',
      'Resources.Echo.Properties.Environment.Variables.QUEUE_URL: unsupported intrinsic Fn::ImportValue',
    ],
    [
      'a property of a function',
      '      CodeUri: test/fixtures/functions/worker/',
      '      CodeUri: x\n      KmsKeyArn: x',
      'Resources.Worker.Properties: unknown property KmsKeyArn',
    ],
    [
      'a misspelt property of an event',
      'FunctionResponseTypes',
      'FunctionResponseType',
      'unknown property FunctionResponseType',
    ],
    [
      'a misspelt response type',
      '[ReportBatchItemFailures]',
      '[ReportBatchItemFailure]',
      'Resources.Worker.Properties.Events.Work.Properties.FunctionResponseTypes',
    ],
    [
      'a property in Globals',
      '    MemorySize: 256',
      '    MemorySize: 256\n    SnapStart: {}',
      'Globals.Function: unknown property SnapStart',
    ],
    ['a runtime', 'nodejs24.x\n    Arch', 'nodejs99.x\n    Arch', 'Globals.Function.Runtime'],
    ['a type of event', 'Type: ScheduleV2', 'Type: Kinesis', 'Resources.Echo.Properties.Events.Minute.Type'],
    ['a cron expression', 'rate(1 minute)', 'cron(0 * * * ? *)', 'unsupported schedule cron(0 * * * ? *)'],
    ['a rate that AWS refuses', 'rate(1 minute)', 'rate(1 minutes)', 'unsupported schedule rate(1 minutes)'],
    ['an operator of a pattern', '{ prefix: policies/ }', '{ wildcard: "*" }', 'unsupported event pattern operator'],
    [
      'an operator of a condition',
      'Resource: !GetAtt State.Arn',
      "Resource: '*', Condition: { DateLessThan: { 'aws:CurrentTime': x } }",
      'unsupported condition operator',
    ],
    [
      'a managed policy',
      '      Policies:\n',
      '      Policies:\n        - AmazonSQSFullAccess\n',
      'unsupported managed policy AmazonSQSFullAccess',
    ],
    [
      'a SAM policy template',
      '      Policies:\n',
      '      Policies:\n        - SQSPollerPolicy: { QueueName: x }\n',
      'Resources.Echo.Properties.Policies',
    ],
    ['a name that nothing has', '!Ref Work', '!Ref Wrok', 'Ref Wrok: nothing has that name'],
    ['an attribute that does not exist', 'State.Arn', 'State.StreamArn', 'unsupported Fn::GetAtt State.StreamArn'],
    ['a name in Sub', '${AWS::StackName}-state', '${Stak}-state', 'Fn::Sub ${Stak}: nothing has that name'],
    ['a condition', '!If [IsProduction', '!If [IsProd', 'IsProd: there is no such condition'],
    ['a layer that is not there', 'Layers: [!Ref Core]', 'Layers: [x]', 'x is no layer of this template'],
    ['an API that is not there', 'ApiId: !Ref Api', 'ApiId: other', 'there is no HTTP API other'],
    ['a bus that is not there', 'EventBusName: !Ref Bus', 'EventBusName: other', 'there is no event bus other'],
    [
      'a queue that is not there',
      'Queue: !GetAtt Work.Arn',
      'Queue: arn:aws:sqs:eu-west-1:111122223333:other',
      'there is no queue',
    ],
    [
      'a visibility timeout shorter than the function',
      'VisibilityTimeout: 30',
      'VisibilityTimeout: 4',
      'shorter than the timeout',
    ],
    [
      'a FIFO queue with standard dead letters',
      'deadLetterTargetArn: !GetAtt WorkDeadLetters.Arn',
      'deadLetterTargetArn: !GetAtt Failures.Arn',
      'the dead-letter queue of a FIFO queue is one too',
    ],
    [
      'a window for a FIFO queue',
      'BatchSize: 5',
      'BatchSize: 5\n            MaximumBatchingWindowInSeconds: 1',
      'a FIFO queue takes no batching window',
    ],
    [
      'an entry point that makes no handler',
      'EntryPoints: [main.ts]',
      'EntryPoints: [other.ts]',
      'none of them makes main',
    ],
    ['a path out of the project', 'test/fixtures/functions/worker/', '../worker', 'it leads out of the project'],
    ['a repeated key', 'Outputs:', 'Outputs: {}\nOutputs:', 'duplicated mapping key'],
    ['a section', 'Conditions:', 'Mappings: {}\nConditions:', 'unknown property Mappings'],
  ])('%s', (_what, from, to, message) => {
    expect(() => read(changed(from, to))).toThrow(message);
  });

  it.each([
    ['unknown', { Other: 'x' }, 'there is no parameter Other'],
    ['not allowed', { Stage: 'test' }, 'Parameters.Stage: test is not an allowed value'],
  ])('a parameter that is %s', (_what, parameters, message) => {
    expect(() => read(VALID, parameters as unknown as Record<string, string>)).toThrow(message);
  });
});
