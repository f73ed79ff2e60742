import { type BatchResultErrorEntry, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Failure, type FailureCode } from '../access/failure.ts';
import type { Message, QueueName, Queues } from '../ports/queues.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
const MAX_BATCH = 10;
const MAX_BATCH_BYTES = 1024 * 1024;

/**
 * The {@link Queues} over SQS. `urls` holds the queues that this function may send to.
 * A batch that fails half-way has sent a part of the messages: senders send again, receivers cope with twice.
 */
export function sqsQueues(urls: Partial<Record<QueueName, string>>, client = new SQSClient(CLIENT_DEFAULTS)): Queues {
  return {
    async send(queue, messages) {
      const QueueUrl = urls[queue];
      if (QueueUrl === undefined) {
        throw new Failure('invalid', `the queue ${queue} is not among those that this function may send to`, {
          remedy: "give the function the queue's URL in its environment",
        });
      }
      for (const batch of batches(messages)) {
        const { Failed = [] } = await orFailure(`sending to the queue ${queue}`, () =>
          client.send(new SendMessageBatchCommand({ QueueUrl, Entries: batch.map(entry) })),
        );
        if (Failed.length > 0) throw refusal(queue, batch.length, Failed);
      }
    },
  };
}

/** Cuts where the next message would be the eleventh or carry the batch over its size. */
function batches(messages: readonly Message[]): Message[][] {
  const result: Message[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const message of messages) {
    const size = Buffer.byteLength(message.body);
    const last = result.at(-1);
    if (last === undefined || last.length === MAX_BATCH || bytes + size > MAX_BATCH_BYTES) {
      result.push([message]);
      bytes = size;
    } else {
      last.push(message);
      bytes += size;
    }
  }
  return result;
}

function entry(message: Message, index: number) {
  const { body, groupId, deduplicationId, delaySeconds } = message;
  return {
    Id: String(index),
    MessageBody: body,
    ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
    ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    ...(delaySeconds === undefined ? {} : { DelaySeconds: delaySeconds }),
  };
}

function refusal(queue: QueueName, sent: number, failed: readonly BatchResultErrorEntry[]): Failure {
  const first = failed[0]!;
  const why = `${first.Code}${first.Message ? `: ${first.Message}` : ''}`;
  return new Failure(refusalCode(first), `the queue ${queue} refused ${failed.length} of ${sent} messages: ${why}`);
}

function refusalCode({ Code, SenderFault }: BatchResultErrorEntry): FailureCode {
  if (/throttl/i.test(Code ?? '')) return 'throttled';
  return SenderFault ? 'invalid' : 'unreachable';
}
