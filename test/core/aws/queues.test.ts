import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Deviations } from '../../contracts/deviations.ts';
import { ANY_CREDENTIALS, advanceDate, type Loopback, startFauxqs } from '../../contracts/loopback.ts';
import { queuesOver } from '../../contracts/over-aws.ts';
import { queuesContract } from '../../contracts/queues.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryQueues } from '../../fakes/queues.ts';

const ONE_OF_A_GROUP = 'fauxqs hands out one message of a group at a time';
const FAUXQS_DEVIATIONS: Deviations = {
  'sending > refuses an empty body': 'fauxqs takes it',
  'sending > refuses a delay over 900 s': 'fauxqs takes it',
  'sending > refuses a group id over 128 characters': 'fauxqs takes it',
  'sending > refuses a deduplication id over 128 characters': 'fauxqs takes it',
  'a standard queue > names what it cannot delete of a batch': 'fauxqs says of every handle that it has deleted by it',
  'a FIFO queue > deletes nothing by a handle whose time is over': 'fauxqs deletes by it until somebody receives again',
  'a FIFO queue > hands out several messages of a group at once, in order': ONE_OF_A_GROUP,
  'a FIFO queue > holds a group while a message of a batch is out': ONE_OF_A_GROUP,
  'a FIFO queue > delivers what is given back again, though a later message of its group is out': ONE_OF_A_GROUP,
  'a FIFO queue > takes a deduplication id of another group for another': 'fauxqs remembers them for the whole queue',
};

queuesContract('in memory', async () => {
  const clock = fixedClock();
  const queues = memoryQueues(clock);
  return {
    queues,
    receive: async (queue, max) => queues.receive(queue, max),
    delete: async (_queue, handles) => handles.filter((handle) => !queues.delete(handle)),
    setVisibility: async (_queue, handle, seconds) => void queues.changeVisibility(handle, seconds),
    dead: async (queue) => queues.dead(queue).map(({ body }) => body),
    advance: (seconds) => clock.advance(seconds * 1000),
  };
});

describe('over SQS', () => {
  let server: Loopback;
  beforeAll(async () => {
    server = await startFauxqs();
  });
  afterAll(async () => {
    vi.useRealTimers();
    await server.close();
  });

  queuesContract(
    'fauxqs',
    () =>
      queuesOver({
        account: '000000000000',
        client: { ...ANY_CREDENTIALS, endpoint: server.endpoint },
        advance: advanceDate,
      }),
    FAUXQS_DEVIATIONS,
  );
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
