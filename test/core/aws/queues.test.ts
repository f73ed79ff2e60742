import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import type { QueueName } from '@gatehouse/core/ports/queues';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANY_CREDENTIALS, type Loopback, startFauxqs } from '../../contracts/loopback.ts';
import { type QueuesSubject, queuesContract } from '../../contracts/queues.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryQueues } from '../../fakes/queues.ts';

queuesContract('in memory', async () => {
  const queues = memoryQueues(fixedClock());
  return {
    queues,
    async drain(queue) {
      const bodies: string[] = [];
      for (let batch = queues.receive(queue); batch.length > 0; batch = queues.receive(queue)) {
        for (const { body, handle } of batch) {
          bodies.push(body);
          queues.delete(handle);
        }
      }
      return bodies;
    },
  };
});

describe('over SQS', () => {
  let server: Loopback;
  let client: SQSClient;
  let counter = 0;
  beforeAll(async () => {
    server = await startFauxqs();
    client = new SQSClient({ ...ANY_CREDENTIALS, endpoint: server.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    await server.close();
  });

  queuesContract('over SQS', async (): Promise<QueuesSubject> => {
    counter += 1;
    const create = async (queue: string, attributes: Record<string, string> = {}): Promise<string> => {
      const name = `${queue}-${counter}${attributes.FifoQueue ? '.fifo' : ''}`;
      await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
      return `${server.endpoint}/000000000000/${name}`;
    };
    const urls: Record<QueueName, string> = {
      intake: await create('intake'),
      later: await create('later'),
      iam: await create('iam', { FifoQueue: 'true' }),
      clusters: await create('clusters', { FifoQueue: 'true' }),
    };
    return {
      queues: sqsQueues(urls, client),
      async drain(queue) {
        const bodies: string[] = [];
        for (;;) {
          const { Messages = [] } = await client.send(
            new ReceiveMessageCommand({ QueueUrl: urls[queue], MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
          );
          if (Messages.length === 0) return bodies;
          for (const { Body = '', ReceiptHandle } of Messages) {
            bodies.push(Body);
            await client.send(new DeleteMessageCommand({ QueueUrl: urls[queue], ReceiptHandle }));
          }
        }
      },
    };
  }, [
    'an empty body',
    'a delay over 900 s',
    'a group id over 128 characters',
    'a deduplication id over 128 characters',
  ]);
});

describe('sqsQueues', () => {
  const urls = { intake: 'https://sqs.eu-west-1.amazonaws.com/111122223333/intake' };

  it('refuses a queue that it has no address of, before any call', async () => {
    const sqs = mockClient(SQSClient);
    await expect(sqsQueues(urls, new SQSClient(ANY_CREDENTIALS)).send('iam', [])).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('iam'),
    });
    expect(sqs.calls()).toHaveLength(0);
    sqs.restore();
  });

  it.each([
    [
      { Id: '1', Code: 'RequestThrottled', SenderFault: false },
      { code: 'throttled', retryable: true },
    ],
    [
      { Id: '1', Code: 'InternalError', SenderFault: false },
      { code: 'unreachable', retryable: true },
    ],
    [
      { Id: '1', Code: 'InvalidParameterValue', SenderFault: true },
      { code: 'invalid', retryable: false },
    ],
  ])('makes an entry that was not accepted a failure: %j', async (entry, expected) => {
    const sqs = mockClient(SQSClient);
    sqs.on(SendMessageBatchCommand).resolves({ Successful: [], Failed: [entry] });
    const messages = [{ body: 'a' }, { body: 'b' }];
    await expect(sqsQueues(urls, new SQSClient(ANY_CREDENTIALS)).send('intake', messages)).rejects.toMatchObject(
      expected,
    );
    sqs.restore();
  });

  it('sends 10 messages or 1 MiB a call', async () => {
    const sqs = mockClient(SQSClient);
    sqs.on(SendMessageBatchCommand).resolves({ Successful: [], Failed: [] });
    const queues = sqsQueues(urls, new SQSClient(ANY_CREDENTIALS));
    await queues.send(
      'intake',
      Array.from({ length: 25 }, () => ({ body: 'x' })),
    );
    await queues.send(
      'intake',
      Array.from({ length: 5 }, () => ({ body: 'x'.repeat(400 * 1024) })),
    );
    const sizes = sqs.commandCalls(SendMessageBatchCommand).map((call) => call.args[0].input.Entries?.length);
    expect(sizes).toEqual([10, 10, 5, 2, 2, 1]);
    sqs.restore();
  });
});
