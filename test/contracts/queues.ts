import type { Failure } from '@gatehouse/core/access/failure';
import type { Message, QueueName, Queues } from '@gatehouse/core/ports/queues';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** One delivery of one message. */
export interface Received {
  readonly body: string;
  readonly groupId?: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
  readonly handle: string;
}

/** Queues under test as template.yaml describes them, seen from the consumer's side too. All are empty when a test begins. */
export interface QueuesSubject {
  readonly queues: Queues;
  /** ReceiveMessage: at most `max` messages, at most 10, and no waiting. */
  receive(queue: QueueName, max?: number): Promise<readonly Received[]>;
  /** DeleteMessageBatch; answers those of the handles that SQS says it could not delete by. */
  delete(queue: QueueName, handles: readonly string[]): Promise<readonly string[]>;
  /** ChangeMessageVisibility, counted from now. */
  setVisibility(queue: QueueName, handle: string, seconds: number): Promise<void>;
  /** The bodies in the dead-letter queue of a queue. */
  dead(queue: QueueName): Promise<readonly string[]>;
  /** Sets the clock of the queues forward. */
  advance(seconds: number): void;
  close?(): Promise<void>;
}

/** What template.yaml says of the queues. */
const VISIBILITY_SECONDS: Readonly<Record<QueueName, number>> = { intake: 180, iam: 60, clusters: 60, later: 60 };
const MAX_RECEIVE_COUNT = 5;
/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-key-terms.html */
const DEDUPLICATION_SECONDS = 300;

const wakeUp = (body: string, groupId = 'group', deduplicationId = body): Message => ({
  body,
  groupId,
  deduplicationId,
});
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `message-${index}`);
const bodies = (received: readonly Received[]) => received.map(({ body }) => body);
const failsWith = (...codes: Failure['code'][]) =>
  expect.objectContaining({ name: 'Failure', code: expect.stringMatching(`^(${codes.join('|')})$`) });

const REFUSED: readonly [string, QueueName, Message][] = [
  ['an empty body', 'intake', { body: '' }],
  ['a body over 1 MiB', 'intake', { body: 'x'.repeat(1024 * 1024 + 1) }],
  ['a body with a character that XML has not', 'intake', { body: 'not a character: \uffff' }],
  ['a FIFO message without a group', 'iam', { body: 'x', deduplicationId: 'x' }],
  ['a FIFO message without a deduplication id', 'iam', { body: 'x', groupId: 'x' }],
  ['a FIFO message with a delay', 'clusters', { ...wakeUp('x'), delaySeconds: 5 }],
  ['a delay over 900 s', 'later', { body: 'x', delaySeconds: 901 }],
  ['a group id over 128 characters', 'iam', wakeUp('x', 'g'.repeat(129))],
  ['a deduplication id over 128 characters', 'iam', wakeUp('x', 'g', 'd'.repeat(129))],
];

/**
 * What every {@link Queues} promises, and what the pipeline relies on behind it. `make` is called before each test.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
 */
export function queuesContract(name: string, make: () => Promise<QueuesSubject>, deviations: Deviations = {}): void {
  describe(`Queues: ${name}`, () => {
    expectDeviations(deviations);
    let subject: QueuesSubject;
    const opened: QueuesSubject[] = [];
    beforeEach(async () => {
      subject = await make();
      opened.push(subject);
    });
    afterAll(async () => {
      for (const one of opened) await one.close?.();
    });

    /** Receives and deletes until nothing is visible; the bodies, in the order of their delivery. */
    const drain = async (queue: QueueName): Promise<string[]> => {
      const drained: string[] = [];
      for (;;) {
        const batch = await subject.receive(queue);
        if (batch.length === 0) return drained;
        drained.push(...bodies(batch));
        expect(await remove(queue, batch)).toEqual([]);
      }
    };
    const remove = (queue: QueueName, received: readonly Received[]) =>
      subject.delete(
        queue,
        received.map(({ handle }) => handle),
      );
    /** Receives one message, which must be there. */
    const take = async (queue: QueueName): Promise<Received> => {
      const received = await subject.receive(queue, 1);
      expect(received).toHaveLength(1);
      return received[0]!;
    };

    describe('sending', () => {
      it.each<QueueName>(['intake', 'later'])('%s delivers every message, however many', async (queue) => {
        await subject.queues.send(
          queue,
          numbers(23).map((body) => ({ body })),
        );
        expect((await drain(queue)).sort()).toEqual(numbers(23).sort());
      });

      it('a delayed message is not there before its time', async () => {
        await subject.queues.send('later', [
          { body: 'delayed', delaySeconds: 900 },
          { body: 'now', delaySeconds: 0 },
        ]);
        expect(await drain('later')).toEqual(['now']);
        subject.advance(899);
        expect(await drain('later')).toEqual([]);
        subject.advance(1);
        expect(await drain('later')).toEqual(['delayed']);
      });

      it('a message may be as large as 256 KiB, ten of them too', async () => {
        const large = numbers(10).map((body) => body.padEnd(256 * 1024, '.'));
        await subject.queues.send(
          'intake',
          large.map((body) => ({ body })),
        );
        expect((await drain('intake')).sort()).toEqual(large.sort());
      });

      it('nothing to send is nothing sent', async () => {
        await subject.queues.send('iam', []);
        expect(await drain('iam')).toEqual([]);
      });

      it.each(REFUSED)('refuses %s', async (_what, queue, message) => {
        await expect(subject.queues.send(queue, [message])).rejects.toEqual(failsWith('invalid', 'too-large'));
        expect(await drain(queue)).toEqual([]);
      });

      it('a message that is refused keeps none of its batch from going out', async () => {
        const batch = ['first', 'not a character: \uffff', 'third'].map((body) => ({ body }));
        await expect(subject.queues.send('intake', batch)).rejects.toEqual(failsWith('invalid'));
        expect((await drain('intake')).sort()).toEqual(['first', 'third']);
      });
    });

    describe('a standard queue', () => {
      it('swallows nothing', async () => {
        await subject.queues.send('intake', [{ body: 'same' }, { body: 'same' }]);
        expect(await drain('intake')).toEqual(['same', 'same']);
      });

      it('delivers again what was not deleted in time, and counts', async () => {
        await subject.queues.send('intake', [{ body: 'a' }]);
        expect(await take('intake')).toMatchObject({ body: 'a', receiveCount: 1 });
        subject.advance(VISIBILITY_SECONDS.intake - 1);
        expect(await subject.receive('intake')).toEqual([]);
        subject.advance(1);
        expect(await take('intake')).toMatchObject({ body: 'a', receiveCount: 2 });
      });

      it('deletes by the last handle also after its time', async () => {
        await subject.queues.send('later', [{ body: 'a' }]);
        const { handle } = await take('later');
        subject.advance(VISIBILITY_SECONDS.later);
        expect(await subject.delete('later', [handle])).toEqual([]);
        expect(await drain('later')).toEqual([]);
      });

      it('puts aside what was received too often', async () => {
        await subject.queues.send('intake', [{ body: 'poison' }]);
        for (let count = 1; count <= MAX_RECEIVE_COUNT; count += 1) {
          const { handle, receiveCount } = await take('intake');
          expect(receiveCount).toBe(count);
          await subject.setVisibility('intake', handle, 0);
        }
        expect(await drain('intake')).toEqual([]);
        expect(await subject.dead('intake')).toEqual(['poison']);
      });

      it('deletes what it can of a batch', async () => {
        await subject.queues.send('intake', [{ body: 'a' }, { body: 'b' }]);
        const [one, two] = await subject.receive('intake');
        await subject.delete('intake', [one!.handle, 'no handle of any message', two!.handle]);
        subject.advance(VISIBILITY_SECONDS.intake);
        expect(await drain('intake')).toEqual([]);
      });

      it('names what it cannot delete of a batch', async () => {
        await subject.queues.send('intake', [{ body: 'a' }]);
        const { handle } = await take('intake');
        expect(await subject.delete('intake', [handle, 'no handle of any message'])).toEqual([
          'no handle of any message',
        ]);
      });
    });

    describe('a FIFO queue', () => {
      const send = (...sent: readonly string[]) =>
        subject.queues.send(
          'iam',
          sent.map((body) => wakeUp(body, body[0])),
        );

      it.each<QueueName>(['iam', 'clusters'])('%s keeps the order within a group', async (queue) => {
        await subject.queues.send(
          queue,
          numbers(12).flatMap((body) => [wakeUp(`${body}/a`, 'a'), wakeUp(`${body}/b`, 'b')]),
        );
        const drained = await drain(queue);
        for (const group of ['a', 'b']) {
          expect(drained.filter((body) => body.endsWith(`/${group}`))).toEqual(
            numbers(12).map((body) => `${body}/${group}`),
          );
        }
      });

      it('hands out nothing of a group behind a message that is out, but other groups', async () => {
        await send('a1', 'a2', 'b1');
        expect(bodies(await subject.receive('iam', 1))).toEqual(['a1']);
        expect(bodies(await subject.receive('iam'))).toEqual(['b1']);
        await send('a3', 'c1');
        expect(bodies(await subject.receive('iam'))).toEqual(['c1']);
      });

      it('goes on with a group when its message is deleted', async () => {
        await send('a1', 'a2');
        expect(await remove('iam', [await take('iam')])).toEqual([]);
        expect(await take('iam')).toMatchObject({ body: 'a2', groupId: 'a' });
      });

      it('delivers a message that was not deleted in time again, before the rest of its group', async () => {
        await send('a1', 'a2');
        await take('iam');
        subject.advance(VISIBILITY_SECONDS.iam - 1);
        expect(await subject.receive('iam')).toEqual([]);
        subject.advance(1);
        const again = await take('iam');
        expect(again).toMatchObject({ body: 'a1', receiveCount: 2 });
        expect(await subject.receive('iam')).toEqual([]);
        await remove('iam', [again]);
        expect(await take('iam')).toMatchObject({ body: 'a2', receiveCount: 1 });
      });

      it('delivers a message again as soon as it is given back', async () => {
        await send('a1', 'a2');
        await subject.setVisibility('iam', (await take('iam')).handle, 0);
        expect(await take('iam')).toMatchObject({ body: 'a1', receiveCount: 2 });
      });

      it('holds a group for as long as its message is said to take', async () => {
        await send('a1', 'a2');
        await subject.setVisibility('iam', (await take('iam')).handle, 2 * VISIBILITY_SECONDS.iam);
        subject.advance(2 * VISIBILITY_SECONDS.iam - 1);
        expect(await subject.receive('iam')).toEqual([]);
        subject.advance(1);
        expect(await take('iam')).toMatchObject({ body: 'a1' });
      });

      it('hands out several messages of a group at once, in order', async () => {
        await send('a1', 'a2', 'a3');
        expect(bodies(await subject.receive('iam'))).toEqual(['a1', 'a2', 'a3']);
      });

      it('holds a group while a message of a batch is out', async () => {
        await send('a1', 'a2', 'a3');
        const batch = await subject.receive('iam', 2);
        expect(bodies(batch)).toEqual(['a1', 'a2']);
        const [first, second] = batch;
        await remove('iam', [first!]);
        expect(await subject.receive('iam')).toEqual([]);
        await remove('iam', [second!]);
        expect(bodies(await subject.receive('iam'))).toEqual(['a3']);
      });

      it('delivers what is given back again, though a later message of its group is out', async () => {
        await send('a1', 'a2', 'a3');
        const batch = await subject.receive('iam', 2);
        expect(bodies(batch)).toEqual(['a1', 'a2']);
        await subject.setVisibility('iam', batch[0]!.handle, 0);
        expect(bodies(await subject.receive('iam'))).toEqual(['a1']);
      });

      it('deletes nothing by a handle whose time is over', async () => {
        await send('a1', 'a2');
        const late = await take('iam');
        subject.advance(VISIBILITY_SECONDS.iam);
        expect(await remove('iam', [late])).toEqual([late.handle]);
        expect(await take('iam')).toMatchObject({ body: 'a1' });
      });

      it('puts aside what was received too often, and goes on with its group', async () => {
        await send('a1', 'a2');
        for (let count = 1; count <= MAX_RECEIVE_COUNT; count += 1) {
          const { body, handle, receiveCount } = await take('iam');
          expect([body, receiveCount]).toEqual(['a1', count]);
          await subject.setVisibility('iam', handle, 0);
        }
        expect(await take('iam')).toMatchObject({ body: 'a2', receiveCount: 1 });
        expect(await subject.dead('iam')).toEqual(['a1']);
      });

      it('swallows a deduplication id of the group for five minutes, also when its message is gone', async () => {
        await subject.queues.send('iam', [wakeUp('first', 'a', 'same'), wakeUp('second', 'a', 'same')]);
        expect(await drain('iam')).toEqual(['first']);
        subject.advance(DEDUPLICATION_SECONDS - 1);
        await subject.queues.send('iam', [wakeUp('third', 'a', 'same'), wakeUp('fourth', 'a', 'other')]);
        expect(await drain('iam')).toEqual(['fourth']);
        subject.advance(1);
        await subject.queues.send('iam', [wakeUp('fifth', 'a', 'same')]);
        expect(await drain('iam')).toEqual(['fifth']);
      });

      it('takes a deduplication id of another group for another', async () => {
        await subject.queues.send('iam', [wakeUp('first', 'a', 'same'), wakeUp('second', 'b', 'same')]);
        expect((await drain('iam')).sort()).toEqual(['first', 'second']);
      });
    });
  });
}
