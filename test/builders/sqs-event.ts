import type { SQSEvent, SQSRecord } from 'aws-lambda';
import type { Delivery } from '../fakes/queues.ts';

/** Messages as an event source mapping hands them to a function. */
export function sqsEvent(batch: readonly Delivery[]): SQSEvent {
  return {
    Records: batch.map(
      ({ id, body, groupId, handle }) =>
        ({
          messageId: id,
          receiptHandle: handle,
          body,
          attributes: groupId === undefined ? {} : { MessageGroupId: groupId },
        }) as unknown as SQSRecord,
    ),
  };
}
