import { createHash } from 'node:crypto';
import { parseTarget, type Target } from '../access/target.ts';
import type { Clock } from '../ports/clock.ts';
import type { Message, QueueName, Queues } from '../ports/queues.ts';
import type { Table } from '../ports/table.ts';
import { turnKey } from './keys.ts';

/** What a wake-up says: which target, and nothing else of weight. `sweep` asks to look at everything recorded there, too. */
export interface WakeMessage {
  readonly version: 1;
  readonly target: Target;
  readonly sweep?: SweepPlace;
}

/** How far a sweep has come: first through what is parked, then, once `after` is there, through what is recorded. */
export interface SweepPlace {
  /** The sort key of the last parked mark that was tried again. */
  readonly parked?: string;
  /** The last recorded subject that was looked at; empty at the first. */
  readonly after?: string;
}

/** What waking takes. */
export interface WakePorts {
  readonly table: Table;
  readonly queues: Queues;
  readonly clock: Clock;
}

/** SQS takes at most 900 seconds; the minute's tick covers what lies beyond. */
const MAX_DELAY_SECONDS = 900;

/**
 * Wakes the worker of each target. Call it after the marks are written: the deduplication id holds the turn counter, which a
 * turn raises before it reads its marks, so either that turn sees the marks or the wake-up is a new one.
 *
 * @param salt makes the wake-up another one although the counter stands still: the tick gives its minute, in case an earlier
 *   wake-up was lost within SQS' five minutes of deduplication.
 */
export async function wake(ports: WakePorts, targets: Iterable<Target>, salt = ''): Promise<void> {
  const byQueue = new Map<QueueName, Message[]>();
  for (const target of new Set(targets)) {
    const queue = queueOf(target);
    const message =
      queue === 'later' ? laterMessage(target, 0) : await fifoMessage(ports.table, { version: 1, target }, salt);
    const messages = byQueue.get(queue);
    if (messages) messages.push(message);
    else byQueue.set(queue, [message]);
  }
  for (const [queue, messages] of byQueue) await ports.queues.send(queue, messages);
}

/** Wakes the worker of a target (to go on with a sweep) at about `at` (milliseconds UTC), through the `later` queue. */
export async function wakeLater(ports: WakePorts, target: Target, at: number, sweep?: SweepPlace): Promise<void> {
  const delaySeconds = Math.min(MAX_DELAY_SECONDS, Math.max(0, Math.ceil((at - ports.clock.now()) / 1000)));
  await ports.queues.send('later', [laterMessage(target, delaySeconds, sweep)]);
}

/**
 * Passes a wake-up on whose time has come. An earlier one of the same turn counter may have been used up by a worker that
 * found the target held by another; so this one is another message, once a second.
 */
export async function passOn(ports: WakePorts, { target, sweep }: WakeMessage): Promise<void> {
  const salt = `later ${Math.floor(ports.clock.now() / 1000)}`;
  if (sweep) await wakeToSweep(ports, target, sweep, salt);
  else await wake(ports, [target], salt);
}

/** Asks the worker of a target to look at what is parked and recorded there, page by page, from a place on. */
export async function wakeToSweep(ports: WakePorts, target: Target, sweep: SweepPlace, salt: string): Promise<void> {
  const message: WakeMessage = { version: 1, target, sweep };
  await ports.queues.send(queueOf(target), [
    await fifoMessage(ports.table, message, `${salt} ${JSON.stringify(sweep)}`),
  ]);
}

function queueOf(target: Target): QueueName {
  const parts = parseTarget(target);
  return parts.type === 'iam' ? 'iam' : parts.type === 'cluster' ? 'clusters' : 'later';
}

function laterMessage(target: Target, delaySeconds: number, sweep?: SweepPlace): Message {
  const message: WakeMessage = { version: 1, target, ...(sweep ? { sweep } : {}) };
  return { body: JSON.stringify(message), delaySeconds };
}

async function fifoMessage(table: Table, message: WakeMessage, salt: string): Promise<Message> {
  const turn = await table.get(turnKey(message.target));
  const counter = typeof turn?.counter === 'number' ? turn.counter : 0;
  return {
    body: JSON.stringify(message),
    // SQS takes ids of at most 128 characters; a cluster's ARN may be longer.
    groupId: shortId(message.target),
    deduplicationId: shortId(`${message.target} ${counter} ${message.sweep ? 'sweep' : 'wake'} ${salt}`),
  };
}

const shortId = (text: string): string => createHash('sha256').update(text).digest('hex');
