import { Failure } from '@gatehouse/core/access/failure';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { Message, QueueName, Queues } from '@gatehouse/core/ports/queues';

const FIFO: ReadonlySet<QueueName> = new Set(['iam', 'clusters']);
const NAMES: readonly QueueName[] = ['intake', 'iam', 'clusters', 'later'];
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html */
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_DELAY_SECONDS = 900;
const DEDUPLICATION_MS = 5 * 60 * 1000;
const MAX_BATCH = 10;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const NO_CONTENT = /[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const ID = /^[\x21-\x7e]{1,128}$/;

/** A message and the queue it was sent to. */
export interface Sent extends Message {
  readonly queue: QueueName;
}

/** Accepts what SQS accepts and keeps it, in order. Delivers nothing. */
export function recordingQueues(): Queues & {
  readonly sent: Sent[];
  /** What went to one queue. */
  to(queue: QueueName): Sent[];
} {
  const sent: Sent[] = [];
  return {
    sent,
    to: (queue) => sent.filter((message) => message.queue === queue),
    async send(queue, messages) {
      for (const message of messages) {
        const refusal = refusalOfBatch(queue, message) ?? refusalOf(queue, message);
        if (refusal) throw refusal;
      }
      sent.push(...messages.map((message) => ({ ...message, queue })));
    },
  };
}

/** One delivery of one message. */
export interface Delivery {
  readonly id: string;
  readonly body: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
  readonly sentAt: number;
  /** Valid until the message is received again. */
  readonly handle: string;
}

/** SQS as a test sees it: the port, and the consumer's side. */
export interface MemoryQueues extends Queues {
  /**
   * At most `max` (and at most 10) visible messages, which become invisible for the queue's visibility time-out. A FIFO
   * queue hands out several messages of one group at once, in order, and nothing behind one that is in flight.
   */
  receive(queue: QueueName, max?: number): Delivery[];
  /** False where the handle is not of the last delivery: nothing is deleted then. */
  delete(handle: string): boolean;
  /** Counted from now; 0 gives the message back. False as with `delete`. */
  changeVisibility(handle: string, seconds: number): boolean;
  /** What was received too often. */
  dead(queue: QueueName): Delivery[];
  /** How many messages a queue holds, visible or not, dead ones excepted. */
  depth(queue: QueueName): number;
  /** When the next message that cannot be received now may be, over all queues. */
  nextVisibleAt(): number | undefined;
}

/** How {@link memoryQueues} differs from its defaults. */
export interface MemoryQueuesOptions {
  /** 180 of the intake and 60 of the others, as in template.yaml, unless told. */
  readonly visibilitySeconds?: Partial<Record<QueueName, number>>;
  /** Deliveries before a message is dead; 5 unless told. */
  readonly maxReceiveCount?: number;
  /** Asked at each message to a standard queue: whether it shall be delivered twice, as SQS may. */
  readonly duplicates?: () => boolean;
}

interface Stored {
  readonly queue: QueueName;
  readonly message: Message;
  readonly id: string;
  readonly sentAt: number;
  visibleAt: number;
  receiveCount: number;
  /** Of the last delivery. */
  handle: string | undefined;
}

/** SQS in memory: standard and FIFO queues with delay, visibility, groups, deduplication and dead letters. */
export function memoryQueues(clock: Clock, options: MemoryQueuesOptions = {}): MemoryQueues {
  const { maxReceiveCount = 5, duplicates = () => false } = options;
  const visibilitySeconds = { intake: 180, iam: 60, clusters: 60, later: 60, ...options.visibilitySeconds };
  const stored = new Map<QueueName, Map<string, Stored>>(NAMES.map((name) => [name, new Map()]));
  const dead = new Map<QueueName, Delivery[]>(NAMES.map((name) => [name, []]));
  const accepted = new Map<string, number>();
  let counter = 0;

  const drop = ({ queue, id }: Stored) => stored.get(queue)!.delete(id);
  const byHandle = (handle: string): Stored | undefined => {
    const [queue, id = ''] = handle.split('/');
    const found = stored.get(queue as QueueName)?.get(id);
    return found?.handle === handle ? found : undefined;
  };
  const add = (queue: QueueName, message: Message) => {
    counter += 1;
    const now = clock.now();
    const id = `message-${counter}`;
    stored.get(queue)!.set(id, {
      queue,
      message,
      id,
      sentAt: now,
      visibleAt: now + (message.delaySeconds ?? 0) * 1000,
      receiveCount: 0,
      handle: undefined,
    });
  };
  /** Deduplication is each group's own, and reaches back 5 minutes, also to messages that were deleted since. */
  const isDuplicate = (queue: QueueName, { groupId, deduplicationId }: Message): boolean => {
    const key = `${queue} ${groupId} ${deduplicationId}`;
    const since = accepted.get(key);
    if (since !== undefined && clock.now() - since < DEDUPLICATION_MS) return true;
    accepted.set(key, clock.now());
    return false;
  };
  const sendBatch = (queue: QueueName, batch: readonly Message[]) => {
    for (const message of batch) {
      const refusal = refusalOfBatch(queue, message);
      if (refusal) throw refusal;
    }
    for (const message of batch) {
      if (refusalOf(queue, message)) continue;
      if (FIFO.has(queue)) {
        if (!isDuplicate(queue, message)) add(queue, message);
      } else {
        add(queue, message);
        if (duplicates()) add(queue, message);
      }
    }
    const refused = batch.find((message) => refusalOf(queue, message));
    if (refused) throw refusalOf(queue, refused);
  };
  const deliver = (one: Stored): Delivery => {
    one.receiveCount += 1;
    one.visibleAt = clock.now() + visibilitySeconds[one.queue] * 1000;
    one.handle = `${one.queue}/${one.id}/${one.receiveCount}`;
    return delivery(one, one.handle);
  };
  /** Messages that may go out now, in order: of a FIFO queue, nothing behind a message that is in flight. */
  const available = (queue: QueueName): Stored[] => {
    const now = clock.now();
    const all = [...stored.get(queue)!.values()];
    if (!FIFO.has(queue)) return all.filter((one) => one.visibleAt <= now);
    const held = new Set<string | undefined>();
    return all.filter(({ visibleAt, message: { groupId } }) => {
      if (visibleAt > now) held.add(groupId);
      return !held.has(groupId);
    });
  };

  return {
    async send(queue, messages) {
      for (let start = 0; start < messages.length; start += MAX_BATCH) {
        sendBatch(queue, messages.slice(start, start + MAX_BATCH));
      }
    },
    receive(queue, max = MAX_BATCH) {
      const spent = available(queue).filter((one) => one.receiveCount >= maxReceiveCount);
      for (const one of spent) {
        drop(one);
        dead.get(queue)!.push(delivery(one, ''));
      }
      return available(queue).slice(0, Math.min(max, MAX_BATCH)).map(deliver);
    },
    delete(handle) {
      const found = byHandle(handle);
      if (!found || (FIFO.has(found.queue) && found.visibleAt <= clock.now())) return false;
      drop(found);
      return true;
    },
    changeVisibility(handle, seconds) {
      const found = byHandle(handle);
      if (!found || found.visibleAt <= clock.now()) return false;
      found.visibleAt = clock.now() + seconds * 1000;
      return true;
    },
    dead: (queue) => [...dead.get(queue)!],
    depth: (queue) => stored.get(queue)!.size,
    nextVisibleAt() {
      const later = [...stored.values()]
        .flatMap((queue) => [...queue.values()])
        .filter((one) => one.visibleAt > clock.now());
      return later.length === 0 ? undefined : Math.min(...later.map((one) => one.visibleAt));
    },
  };
}

function delivery(one: Stored, handle: string): Delivery {
  const { body, groupId, deduplicationId } = one.message;
  return {
    id: one.id,
    body,
    receiveCount: one.receiveCount,
    sentAt: one.sentAt,
    handle,
    ...(groupId === undefined ? {} : { groupId }),
    ...(deduplicationId === undefined ? {} : { deduplicationId }),
  };
}

/** Why SQS refuses a whole batch for one of its messages. */
function refusalOfBatch(queue: QueueName, { body, groupId, deduplicationId }: Message): Failure | undefined {
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) return new Failure('too-large', `a message to ${queue} is over 1 MiB`);
  if (!FIFO.has(queue)) return undefined;
  if (groupId === undefined) return invalid(queue, 'has no group id, which a FIFO queue needs');
  if (deduplicationId === undefined) return invalid(queue, 'has no deduplication id, which a FIFO queue needs');
  return undefined;
}

/** Why SQS refuses a message, and takes the rest of its batch. */
function refusalOf(queue: QueueName, message: Message): Failure | undefined {
  const { body, groupId, deduplicationId, delaySeconds } = message;
  if (body === '') return invalid(queue, 'is empty');
  if (NO_CONTENT.test(body)) return invalid(queue, 'holds a character that SQS does not take');
  if (FIFO.has(queue)) {
    if (!ID.test(groupId ?? '')) return invalid(queue, 'has no group id of 1 to 128 characters');
    if (!ID.test(deduplicationId ?? '')) return invalid(queue, 'has no deduplication id of 1 to 128 characters');
    return delaySeconds === undefined ? undefined : invalid(queue, 'has a delay, which a FIFO queue refuses');
  }
  if (groupId !== undefined || deduplicationId !== undefined) return invalid(queue, 'has ids for a FIFO queue');
  const delay = delaySeconds ?? 0;
  return Number.isInteger(delay) && delay >= 0 && delay <= MAX_DELAY_SECONDS
    ? undefined
    : invalid(queue, `has a delay that is not 0 to ${MAX_DELAY_SECONDS} seconds`);
}

const invalid = (queue: QueueName, why: string) => new Failure('invalid', `a message to the queue ${queue} ${why}`);
