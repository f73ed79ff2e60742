import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

/**
 * Handles the messages of one SQS event one after the other, and answers which of them SQS must deliver again. After a
 * failure the rest of the same FIFO group is not begun: its order would be lost
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
 */
export async function consumeBatch(
  event: Pick<SQSEvent, 'Records'>,
  handle: (body: unknown, record: SQSRecord) => Promise<void>,
  onFailure: (error: unknown, record: SQSRecord) => void,
): Promise<SQSBatchResponse> {
  const failed: string[] = [];
  const brokenGroups = new Set<string>();
  for (const record of event.Records) {
    const group = record.attributes.MessageGroupId;
    if (group !== undefined && brokenGroups.has(group)) {
      failed.push(record.messageId);
      continue;
    }
    try {
      await handle(JSON.parse(record.body), record);
    } catch (error) {
      onFailure(error, record);
      failed.push(record.messageId);
      if (group !== undefined) brokenGroups.add(group);
    }
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}
