import type { Failure } from '@gatehouse/core/access/failure';
import type { Message, QueueName, Queues } from '@gatehouse/core/ports/queues';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

/** Queues under test, seen from the consumer's side too. All are empty when a test begins. */
export interface QueuesSubject {
  readonly queues: Queues;
  /** Receives and deletes until nothing is visible; the bodies, in the order of their delivery. */
  drain(queue: QueueName): Promise<string[]>;
  close?(): Promise<void>;
}

const wakeUp = (body: string, groupId = 'group', deduplicationId = body): Message => ({
  body,
  groupId,
  deduplicationId,
});
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `message-${index}`);
const failsWith = (...codes: Failure['code'][]) =>
  expect.objectContaining({ name: 'Failure', code: expect.stringMatching(`^(${codes.join('|')})$`) });

const REFUSED: readonly [string, QueueName, Message][] = [
  ['an empty body', 'intake', { body: '' }],
  ['a body over 1 MiB', 'intake', { body: 'x'.repeat(1024 * 1024 + 1) }],
  ['a FIFO message without a group', 'iam', { body: 'x', deduplicationId: 'x' }],
  ['a FIFO message without a deduplication id', 'iam', { body: 'x', groupId: 'x' }],
  ['a FIFO message with a delay', 'clusters', { ...wakeUp('x'), delaySeconds: 5 }],
  ['a delay over 900 s', 'later', { body: 'x', delaySeconds: 901 }],
  ['a group id over 128 characters', 'iam', wakeUp('x', 'g'.repeat(129))],
  ['a deduplication id over 128 characters', 'iam', wakeUp('x', 'g', 'd'.repeat(129))],
];

/**
 * What every {@link Queues} promises. `make` is called before each test. `looser` names what an emulator of SQS lets pass,
 * though SQS refuses it.
 */
export function queuesContract(name: string, make: () => Promise<QueuesSubject>, looser: readonly string[] = []): void {
  describe(`Queues: ${name}`, () => {
    let subject: QueuesSubject;
    const opened: QueuesSubject[] = [];
    beforeEach(async () => {
      subject = await make();
      opened.push(subject);
    });
    afterAll(async () => {
      for (const one of opened) await one.close?.();
    });

    it.each<QueueName>(['intake', 'later'])('%s delivers every message, however many', async (queue) => {
      await subject.queues.send(
        queue,
        numbers(23).map((body) => ({ body })),
      );
      expect((await subject.drain(queue)).sort()).toEqual(numbers(23).sort());
    });

    it.each<QueueName>(['iam', 'clusters'])('%s keeps the order within a group', async (queue) => {
      await subject.queues.send(
        queue,
        numbers(12).flatMap((body) => [wakeUp(`${body}/a`, 'a'), wakeUp(`${body}/b`, 'b')]),
      );
      const bodies = await subject.drain(queue);
      for (const group of ['a', 'b']) {
        expect(bodies.filter((body) => body.endsWith(`/${group}`))).toEqual(
          numbers(12).map((body) => `${body}/${group}`),
        );
      }
    });

    it('FIFO swallows a deduplication id that was seen, also when its message is gone', async () => {
      await subject.queues.send('iam', [wakeUp('first', 'a', 'same'), wakeUp('second', 'a', 'same')]);
      expect(await subject.drain('iam')).toEqual(['first']);
      await subject.queues.send('iam', [wakeUp('third', 'b', 'same'), wakeUp('fourth', 'a', 'other')]);
      expect(await subject.drain('iam')).toEqual(['fourth']);
    });

    it('standard queues swallow nothing', async () => {
      await subject.queues.send('intake', [{ body: 'same' }, { body: 'same' }]);
      expect(await subject.drain('intake')).toEqual(['same', 'same']);
    });

    it('a delayed message is not there at once', async () => {
      await subject.queues.send('later', [
        { body: 'delayed', delaySeconds: 900 },
        { body: 'now', delaySeconds: 0 },
      ]);
      expect(await subject.drain('later')).toEqual(['now']);
    });

    it('a message may be as large as 256 KiB, ten of them too', async () => {
      const bodies = numbers(10).map((body) => body.padEnd(256 * 1024, '.'));
      await subject.queues.send(
        'intake',
        bodies.map((body) => ({ body })),
      );
      expect((await subject.drain('intake')).sort()).toEqual(bodies.sort());
    });

    it('nothing to send is nothing sent', async () => {
      await subject.queues.send('iam', []);
      expect(await subject.drain('iam')).toEqual([]);
    });

    it.each(REFUSED.filter(([what]) => !looser.includes(what)))('refuses %s', async (_what, queue, message) => {
      await expect(subject.queues.send(queue, [message])).rejects.toEqual(failsWith('invalid', 'too-large'));
      expect(await subject.drain(queue)).toEqual([]);
    });
  });
}
