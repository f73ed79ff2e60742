import type { InvocationResult } from '../aws/lambda-service.ts';
import type { ReceivedMessage, SqsQueues } from '../aws/sqs.ts';
import type { MappingWiring, QueueWiring } from '../template/wiring.ts';

/** What a mapping works with. */
export interface MappingOptions {
  readonly mapping: MappingWiring;
  readonly queue: QueueWiring;
  readonly queues: Pick<SqsQueues, 'call'>;
  readonly region: string;
  /** How many batches may be with the function at once. */
  readonly pollers: number;
  readonly invoke: (functionName: string, payload: string) => Promise<InvocationResult>;
  readonly log: (functionName: string, line: string) => void;
}

const LONG_POLL_SECONDS = 20;

/**
 * Feeds a function from a queue, as Lambda's pollers do: batches, deletion of what succeeded, and silence about the rest, which
 * comes back when its visibility timeout ends, until the queue moves it to its dead letters.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export class EventSourceMapping {
  readonly #options: MappingOptions;
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(options: MappingOptions) {
    this.#options = options;
    const pollers = Math.min(options.pollers, options.mapping.maximumConcurrency ?? options.pollers);
    this.#loops = Array.from({ length: pollers }, () => this.#loop());
  }

  /** Ends after the batches that are with the function. The queues must be stopped at the same time, or long polls are waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#stopped) {
      try {
        const batch = await this.#gather();
        if (batch.length > 0 && !this.#stopped) await this.#process(batch);
      } catch (error) {
        if (this.#stopped) return;
        this.#options.log(this.#options.mapping.function, `the event source mapping failed: ${String(error)}`);
        await new Promise((later) => setTimeout(later, 100));
      }
    }
  }

  /** A batch is full, or its window is over, or (without a window) whatever the first receive gave. */
  async #gather(): Promise<ReceivedMessage[]> {
    const { batchSize, windowSeconds } = this.#options.mapping;
    const batch = await this.#receive(Math.min(batchSize, 10), LONG_POLL_SECONDS);
    const end = Date.now() + windowSeconds * 1000;
    while (batch.length > 0 && batch.length < batchSize && !this.#stopped) {
      const left = Math.floor((end - Date.now()) / 1000);
      if (Date.now() >= end) break;
      const more = await this.#receive(Math.min(batchSize - batch.length, 10), Math.max(0, left));
      batch.push(...more);
      // Less than a second is left, which is shorter than a long poll can be.
      if (more.length === 0 && left < 1) await new Promise((later) => setTimeout(later, Math.max(0, end - Date.now())));
    }
    return batch;
  }

  async #receive(count: number, waitSeconds: number): Promise<ReceivedMessage[]> {
    const answer = await this.#options.queues.call('ReceiveMessage', {
      QueueUrl: this.#options.queue.url,
      MaxNumberOfMessages: count,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    });
    return (answer.Messages ?? []) as ReceivedMessage[];
  }

  async #process(batch: readonly ReceivedMessage[]): Promise<void> {
    const { mapping, queue, queues, invoke, log } = this.#options;
    const Records = batch.map((message) => this.#record(message));
    const result = await invoke(mapping.function, JSON.stringify({ Records }));
    const failed = result.error
      ? 'all'
      : mapping.partialBatches
        ? failuresIn(result.payload, batch)
        : new Set<string>();
    if (failed === 'all' && !result.error)
      log(mapping.function, `the whole batch failed: its answer is not understood: ${result.payload}`);
    const done = failed === 'all' ? [] : batch.filter(({ MessageId }) => !failed.has(MessageId));
    for (let start = 0; start < done.length; start += 10) {
      const Entries = done
        .slice(start, start + 10)
        .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      await queues.call('DeleteMessageBatch', { QueueUrl: queue.url, Entries });
    }
  }

  #record(message: ReceivedMessage) {
    const attributes = Object.entries(message.MessageAttributes ?? {}).map(
      ([name, { StringValue, BinaryValue, DataType }]) => [
        name,
        {
          stringValue: StringValue,
          binaryValue: BinaryValue,
          stringListValues: [],
          binaryListValues: [],
          dataType: DataType,
        },
      ],
    );
    return {
      messageId: message.MessageId,
      receiptHandle: message.ReceiptHandle,
      body: message.Body,
      attributes: message.Attributes,
      messageAttributes: Object.fromEntries(attributes) as Record<string, unknown>,
      md5OfBody: message.MD5OfBody,
      eventSource: 'aws:sqs',
      eventSourceARN: this.#options.queue.arn,
      awsRegion: this.#options.region,
    };
  }
}

/**
 * Which messages of a batch a function reports as failed. `all` where the answer is not well formed, or names what was not in
 * the batch: then Lambda takes the whole batch as failed.
 */
export function failuresIn(payload: string, batch: readonly Pick<ReceivedMessage, 'MessageId'>[]): 'all' | Set<string> {
  let answer: unknown;
  try {
    answer = JSON.parse(payload);
  } catch {
    return 'all';
  }
  if (answer === null) return new Set();
  if (typeof answer !== 'object' || Array.isArray(answer)) return 'all';
  const { batchItemFailures: failures, ...rest } = answer as { batchItemFailures?: unknown };
  // An object without the list is a success where it is empty; one with other members is a misspelt answer.
  if (failures === undefined || failures === null) return Object.keys(rest).length === 0 ? new Set() : 'all';
  if (!Array.isArray(failures)) return 'all';
  const ids = failures.map((failure: unknown) => (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier);
  const known = new Set(batch.map(({ MessageId }) => MessageId));
  return ids.every((id) => typeof id === 'string' && known.has(id)) ? new Set(ids as string[]) : 'all';
}
