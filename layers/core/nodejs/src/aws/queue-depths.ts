import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { QueueDepths } from '../ports/queue-depths.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/** Queues to look at, by the name that the stack gives them. */
export type WatchedQueues = Readonly<Record<string, { readonly url: string; readonly isDead: boolean }>>;

/** The {@link QueueDepths} over SQS. */
export function sqsQueueDepths(queues: WatchedQueues, client = new SQSClient(CLIENT_DEFAULTS)): QueueDepths {
  return {
    read: () =>
      Promise.all(
        Object.entries(queues).map(async ([name, { url, isDead }]) => {
          const { Attributes = {} } = await orFailure(`looking at the queue ${name}`, () =>
            client.send(
              new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] }),
            ),
          );
          return { name, url, isDead, waiting: Number(Attributes.ApproximateNumberOfMessages ?? 0) };
        }),
      ),
  };
}
