/** The queues of the pipeline. The FIFO ones hold wake-ups of targets, grouped by target. */
export type QueueName = 'intake' | 'iam' | 'clusters' | 'later';

/** A message to send. `body` is a JSON text; FIFO queues need `groupId` and `deduplicationId`; others may have `delaySeconds` (at most 900). */
export interface Message {
  readonly body: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  readonly delaySeconds?: number;
}

/** Sending to SQS, or something that keeps its rules. At least once, in any order but within a FIFO group. */
export interface Queues {
  /** Sends all messages, in as few calls as the API allows. @throws Failure where any was not accepted; some may have been. */
  send(queue: QueueName, messages: readonly Message[]): Promise<void>;
}
