import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchRequestEntry,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { systemClock } from '@gatehouse/core/aws/clock';
import { systemRandom } from '@gatehouse/core/aws/random';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { factKey } from '@gatehouse/core/directory/items';
import { recordFact } from '@gatehouse/core/directory/record';
import type { SQSBatchResponse } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { buildFunctions, buildLayerPackage, functionNames } from '../../build.ts';
import { EventSourceMapping } from '../../sandbox/src/lambda/event-source-mapping.ts';
import { readTemplate } from '../../sandbox/src/template/read.ts';
import type { Wiring } from '../../sandbox/src/template/wiring.ts';
import { ACCOUNT, type Emulator, REGION, startEmulator } from './emulator.ts';
import { figureOf } from './figures.ts';
import { type RunningFunction, startFunction } from './runtime-client.ts';

/*
 * What `npm run build` makes, under AWS Lambda's own runtime client: each function starts, answers, and is measured beside a
 * handler that does nothing; one is fed by a queue of the emulator.
 */

const ROOT = join(import.meta.dirname, '../..');
const EMPTY = 'an empty handler';
/** How often each function is called once it is warm. */
const WARM = 30;

let folder: string;
let emulator: Emulator;
let wiring: Wiring;
const names = await functionNames();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-lambda-'));
  [emulator] = await Promise.all([
    startEmulator(),
    // Lambda's Node finds packages of layers in /opt/nodejs/node_modules; any Node finds them in a folder above.
    buildLayerPackage(join(folder, 'node_modules/@gatehouse/core')),
    buildFunctions(join(folder, 'functions')),
  ]);
  mkdirSync(join(folder, 'empty'));
  writeFileSync(join(folder, 'empty/main.mjs'), 'export const handler = async () => ({});\n');
  const place = { stack: 'gatehouse', account: ACCOUNT, region: REGION, endpoint: emulator.url };
  wiring = readTemplate(readFileSync(join(ROOT, 'template.yaml'), 'utf8'), place, {});
  await createResources();
});
afterAll(async () => {
  await emulator?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The queues, tables and secrets of the template, in the emulator. */
async function createResources(): Promise<void> {
  const sqs = new SQSClient(emulator.config());
  for (const { name, attributes } of wiring.queues.toSorted((a) => (/Dead/.test(a.logicalId) ? -1 : 1))) {
    await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  }
  const dynamo = new DynamoDBClient(emulator.config());
  for (const { input } of wiring.tables) await dynamo.send(new CreateTableCommand(input as never));
  const secrets = new SecretsManagerClient(emulator.config());
  for (const { name } of wiring.secrets) {
    await secrets.send(new CreateSecretCommand({ Name: name, SecretString: '{"current":"c2VjcmV0"}' }));
  }
}

function start(name: string, environment?: Readonly<Record<string, string>>): Promise<RunningFunction> {
  const found = wiring.functions.find(({ module }) => module.startsWith(`functions/${name}/`));
  const { accessKeyId, secretAccessKey } = emulator.config().credentials;
  return startFunction({
    client: inject('runtimeClient'),
    taskRoot: name === EMPTY ? join(folder, 'empty') : join(folder, 'functions', name),
    handler: 'main.handler',
    timeoutSeconds: found?.timeoutSeconds ?? 10,
    env: {
      ...(environment ?? found?.environment),
      AWS_LAMBDA_FUNCTION_NAME: found?.name ?? 'empty',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(found?.memoryMegabytes ?? 512),
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL: emulator.url,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  });
}

/** The smallest thing that each function does for real. */
const EVENTS: Readonly<Record<string, object>> = {
  [EMPTY]: {},
  'receive-webhook': {
    rawPath: '/webhooks/standard',
    headers: { 'content-type': 'application/json' },
    requestContext: { http: { method: 'POST' } },
    body: '{}',
  },
  'receive-event': JSON.parse(readFileSync(join(ROOT, 'events/aws/cluster-created.json'), 'utf8')) as object,
  'plan-access': { Records: [] },
  'reconcile-iam': { Records: [] },
  'reconcile-cluster': { Records: [] },
  'verify-access': { Records: [] },
  tick: { scheduledAt: '2026-01-15T12:00:00Z' },
  sweep: { scheduledAt: '2026-01-15T12:00:00Z' },
  'run-operation': { operation: 'status' },
  'connect-cluster': { operation: 'connection', name: 'edge', region: 'eu-west-1' },
};

describe('under the runtime client of AWS Lambda', () => {
  const rows: Record<string, { 'start ms': number; 'first call ms': number; 'warm call ms, p50': number }> = {};

  it.each([EMPTY, ...names])('%s starts, and answers again and again', async (name) => {
    const event = JSON.stringify(EVENTS[name]);
    const running = await start(name);
    try {
      const first = await running.invoke(event);
      expect(first.error ? first.payload : '').toBe('');
      const warm: number[] = [];
      for (let call = 0; call < WARM; call++) {
        const answer = await running.invoke(event);
        expect(answer.payload).toBe(first.payload);
        warm.push(answer.milliseconds);
      }
      rows[name] = {
        'start ms': Math.round(running.initMs),
        'first call ms': Math.round(first.milliseconds),
        'warm call ms, p50': Math.round(figureOf(warm).p50 * 10) / 10,
      };
    } finally {
      await running.stop();
    }
  });

  afterAll(() => console.table(rows));

  it('a function whose environment lacks something says what, and does not start', async () => {
    await expect(start('plan-access', {})).rejects.toThrow(/GATEHOUSE_TABLE/);
  });
});

/** A message of a version that nobody writes yet. */
const UNREADABLE = '{"version":7}';

describe('a queue of the emulator', () => {
  const queueOf = (logicalId: string) => wiring.queues.find((queue) => queue.logicalId === logicalId)!;

  /** The calls that an event source mapping makes, as the emulator answers them. */
  const queues = () => {
    const sqs = new SQSClient(emulator.config());
    return {
      call: async (action: string, input: Record<string, unknown>): Promise<Record<string, unknown>> => {
        // Short polls: a test that ends does not wait for a long one.
        if (action === 'ReceiveMessage') {
          const asked = { ...input, QueueUrl: String(input.QueueUrl), WaitTimeSeconds: 0, VisibilityTimeout: 1 };
          return { ...(await sqs.send(new ReceiveMessageCommand(asked))) };
        }
        expect(action).toBe('DeleteMessageBatch');
        const Entries = input.Entries as DeleteMessageBatchRequestEntry[];
        return { ...(await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: String(input.QueueUrl), Entries }))) };
      },
    };
  };

  it('feeds the built planner: what it reads is done and deleted, what it cannot read becomes a dead letter, alone', async () => {
    const [intake, dead] = [queueOf('IntakeQueue'), queueOf('DeadQueue')];
    const sqs = new SQSClient(emulator.config());
    const tables = new DynamoDBClient(emulator.config());
    const tableName = wiring.tables.find(({ logicalId }) => logicalId === 'StateTable')!.name;
    const table = dynamoTable({ tableName, client: tables });
    const ports = { table, clock: systemClock, random: systemRandom };
    const facts = ['ann', 'bob', 'eve'].map((user) => ({ type: 'user', source: 'standard', user, at: 1 }) as const);
    for (const fact of facts) {
      await recordFact(ports, fact, { source: 'standard', event: 'e', type: 'user.enabled', receivedAt: 1 });
    }
    const bodies = [...facts.map((fact) => JSON.stringify({ version: 1, facts: [factKey(fact)] })), UNREADABLE];
    await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: intake.url,
        Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
      }),
    );
    const planner = await start('plan-access');
    const seen: string[] = [];
    const refused: string[] = [];
    const mapping = new EventSourceMapping({
      mapping: wiring.mappings.find(({ queueArn }) => queueArn === intake.arn)!,
      queue: intake,
      queues: queues(),
      region: REGION,
      pollers: 1,
      invoke: async (_name, payload) => {
        const answer = await planner.invoke(payload);
        const { Records } = JSON.parse(payload) as { Records: readonly { messageId: string; body: string }[] };
        const { batchItemFailures } = JSON.parse(answer.payload) as SQSBatchResponse;
        const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
        seen.push(...Records.map(({ body }) => body));
        refused.push(...Records.filter(({ messageId }) => failed.has(messageId)).map(({ body }) => body));
        return { payload: answer.payload };
      },
      log: () => {},
    });
    const count = async ({ url }: { url: string }) => {
      const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
      const asked = { QueueUrl: url, AttributeNames: [...AttributeNames] };
      const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand(asked));
      return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
    };
    try {
      await expect.poll(() => count(dead), { timeout: 30_000 }).toBe(1);
      expect(await count(intake)).toBe(0);
      for (const fact of facts) expect((await table.get(factKey(fact)))?.dirty).toBeUndefined();
      // As often as the queue's redrive policy says, while its neighbours came once.
      expect(refused).toEqual(Array.from({ length: 5 }, () => UNREADABLE));
      for (const body of bodies) expect(seen.filter((each) => each === body)).toHaveLength(body === UNREADABLE ? 5 : 1);
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead.url }));
      expect(Messages.map(({ Body }) => Body)).toEqual([UNREADABLE]);
    } finally {
      await mapping.stop();
      await planner.stop();
    }
  });
});
