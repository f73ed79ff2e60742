/** How full a queue is. */
export interface QueueDepth {
  /** As the stack calls it: `intake`, `dead`. */
  readonly name: string;
  readonly url: string;
  /** Whether it keeps what was given up. */
  readonly isDead: boolean;
  readonly waiting: number;
}

/** Looks at queues, and takes nothing out of them. */
export interface QueueDepths {
  /** Of every queue that it was told of; about right, as SQS counts. @throws Failure where one cannot be looked at. */
  read(): Promise<readonly QueueDepth[]>;
}
