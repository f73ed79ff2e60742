import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InvocationResult } from '../../../sandbox/src/aws/lambda-service.ts';
import { SqsQueues } from '../../../sandbox/src/aws/sqs.ts';
import { EventSourceMapping, failuresIn } from '../../../sandbox/src/lambda/event-source-mapping.ts';
import type { MappingWiring, QueueWiring } from '../../../sandbox/src/template/wiring.ts';

interface Record {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: { readonly ApproximateReceiveCount: string; readonly MessageGroupId?: string };
  readonly eventSourceARN: string;
}
type Handler = (records: readonly Record[]) => Promise<unknown>;

const HOME = { account: '111122223333', region: 'eu-west-1' };
let queues: SqsQueues;
let mapping: EventSourceMapping | undefined;

beforeEach(async () => {
  queues = new SqsQueues(HOME);
  await queues.ready();
});
afterEach(async () => {
  await Promise.all([queues.stop(), mapping?.stop()]);
});

const queue = async (name: string, attributes: { [name: string]: string } = {}): Promise<QueueWiring> => {
  await queues.call('CreateQueue', { QueueName: name, Attributes: attributes });
  const url = `http://127.0.0.1/111122223333/${name}`;
  return { logicalId: name, name, arn: `arn:aws:sqs:eu-west-1:111122223333:${name}`, url, attributes };
};

const send = (to: QueueWiring, body: string, group?: string) =>
  queues.call('SendMessage', {
    QueueUrl: to.url,
    MessageBody: body,
    ...(group === undefined ? {} : { MessageGroupId: group, MessageDeduplicationId: body }),
  });

const count = async (of: QueueWiring) => {
  const { Attributes } = await queues.call('GetQueueAttributes', { QueueUrl: of.url, AttributeNames: ['All'] });
  const { ApproximateNumberOfMessages: waiting, ApproximateNumberOfMessagesNotVisible: hidden } = Attributes as {
    [name: string]: string;
  };
  return Number(waiting) + Number(hidden);
};

function feed(from: QueueWiring, handler: Handler, more: Partial<MappingWiring> = {}, pollers = 2): void {
  mapping = new EventSourceMapping({
    mapping: { function: 'worker', queueArn: from.arn, batchSize: 10, windowSeconds: 0, partialBatches: true, ...more },
    queue: from,
    queues,
    region: HOME.region,
    pollers,
    log: () => {},
    invoke: async (_name, payload): Promise<InvocationResult> => {
      try {
        const { Records } = JSON.parse(payload) as { Records: Record[] };
        return { payload: JSON.stringify(await handler(Records)) ?? 'null' };
      } catch (error) {
        return { payload: JSON.stringify({ errorMessage: String(error) }), error: 'Unhandled' };
      }
    },
  });
}

describe('a mapping', () => {
  it('gives records as Lambda gives them, and deletes what succeeded', async () => {
    const own = await queue('own');
    const seen: Record[] = [];
    feed(own, async (records) => void seen.push(...records));
    await send(own, '{"a":1}');
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]).toMatchObject({
      body: '{"a":1}',
      eventSource: 'aws:sqs',
      eventSourceARN: own.arn,
      awsRegion: 'eu-west-1',
      attributes: { ApproximateReceiveCount: '1' },
    });
    await expect.poll(() => count(own)).toBe(0);
  });

  it('keeps to the batch size and fills a batch for its window', async () => {
    const own = await queue('own');
    const sizes: number[] = [];
    for (const body of ['1', '2', '3']) await send(own, body);
    feed(own, async (records) => void sizes.push(records.length), { batchSize: 2 }, 1);
    await expect.poll(() => sizes.reduce((a, b) => a + b, 0)).toBe(3);
    expect(sizes).toEqual([2, 1]);
    await Promise.all([queues.stop(), mapping!.stop()]);

    queues = new SqsQueues(HOME);
    await queues.ready();
    const slow = await queue('slow');
    const batches: number[] = [];
    await send(slow, '1');
    feed(slow, async (records) => void batches.push(records.length), { windowSeconds: 1 }, 1);
    await expect.poll(() => count(slow)).toBe(1);
    await send(slow, '2');
    await expect.poll(() => batches, { timeout: 3000 }).toEqual([2]);
  });

  it('works on one message of a group at a time, in order, and on other groups meanwhile', async () => {
    const own = await queue('own.fifo', { FifoQueue: 'true' });
    const done: string[] = [];
    let release = () => {};
    const held = new Promise<void>((open) => {
      release = open;
    });
    feed(
      own,
      async ([record]) => {
        if (record!.body === 'a1') await held;
        done.push(record!.body);
      },
      { batchSize: 1 },
    );
    for (const [body, group] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['a3', 'a'],
      ['b2', 'b'],
    ] as const)
      await send(own, body, group);
    await expect.poll(() => done).toEqual(['b1', 'b2']);
    release();
    await expect.poll(() => done).toEqual(['b1', 'b2', 'a1', 'a2', 'a3']);
  });

  it('brings back only what failed, when it becomes visible again, and then moves it to the dead letters', async () => {
    const dead = await queue('dead');
    const redrive = { deadLetterTargetArn: dead.arn, maxReceiveCount: 2 };
    const own = await queue('own', { VisibilityTimeout: '1', RedrivePolicy: JSON.stringify(redrive) });
    const seen: string[] = [];
    feed(own, async (records) => {
      seen.push(...records.map(({ body }) => body));
      const bad = records.filter(({ body }) => body === 'bad');
      return { batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    });
    await send(own, 'good');
    await send(own, 'bad');
    await expect.poll(() => count(dead), { timeout: 6000, interval: 100 }).toBe(1);
    expect(seen.sort()).toEqual(['bad', 'bad', 'good']);
    expect(await count(own)).toBe(0);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['answers what is not understood', () => Promise.resolve({ batchItemFailures: [{ itemIdentifier: 'stranger' }] })],
  ])('deletes nothing of a batch where the function %s', async (_what, handler) => {
    const own = await queue('own');
    let calls = 0;
    feed(own, (records) => {
      calls += 1;
      return handler().finally(() => records.length);
    });
    await send(own, '1');
    await expect.poll(() => calls).toBe(1);
    await new Promise((later) => setImmediate(later));
    expect(await count(own)).toBe(1);
  });
});

describe('the answer of a function to a batch', () => {
  const batch = [{ MessageId: 'a' }, { MessageId: 'b' }];
  it.each([
    ['null', new Set()],
    ['{}', new Set()],
    ['{"batchItemFailures":[]}', new Set()],
    ['{"batchItemFailures":null}', new Set()],
    ['{"batchItemFailures":[{"itemIdentifier":"b"}]}', new Set(['b'])],
    ['{"batchItemFailures":[{"itemIdentifier":""}]}', 'all'],
    ['{"batchItemFailures":[{"itemIdentifier":null}]}', 'all'],
    ['{"batchItemFailures":[{"itemIdentifer":"b"}]}', 'all'],
    ['{"batchItemFailures":[{"itemIdentifier":"c"}]}', 'all'],
    ['{"batchItemFailures":[null]}', 'all'],
    ['{"batchItemFailures":{}}', 'all'],
    ['"done"', 'all'],
    ['not JSON', 'all'],
  ])('%s', (payload, expected) => {
    expect(failuresIn(payload, batch)).toEqual(expected);
  });
});
