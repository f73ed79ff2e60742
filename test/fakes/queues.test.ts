import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedClock } from './clock.ts';
import { memoryQueues, recordingQueues } from './queues.ts';

const wakeUp = (body: string, groupId: string, deduplicationId = body) => ({ body, groupId, deduplicationId });
const bodies = (deliveries: readonly { readonly body: string }[]) => deliveries.map(({ body }) => body);

function setUp(options: Parameters<typeof memoryQueues>[1] = {}) {
  const clock = fixedClock(0);
  return { clock, queues: memoryQueues(clock, options) };
}

describe('a standard queue', () => {
  it('says when the next message can be received', async () => {
    const { clock, queues } = setUp({ visibilitySeconds: { intake: 30 } });
    await queues.send('intake', [{ body: 'a' }]);
    expect(queues.nextVisibleAt()).toBeUndefined();
    queues.receive('intake');
    await queues.send('later', [{ body: 'b', delaySeconds: 40 }]);
    expect(queues.nextVisibleAt()).toBe(30_000);
    clock.advance(30_000);
    expect(queues.nextVisibleAt()).toBe(40_000);
  });

  it('deletes by the handle of the last delivery only', async () => {
    const { clock, queues } = setUp();
    await queues.send('intake', [{ body: 'a' }]);
    const [first] = queues.receive('intake');
    clock.advance(180_000);
    const [second] = queues.receive('intake');
    expect(queues.delete(first!.handle)).toBe(false);
    expect(queues.depth('intake')).toBe(1);
    expect(queues.delete(second!.handle)).toBe(true);
    expect(queues.delete(second!.handle)).toBe(false);
    expect(queues.depth('intake')).toBe(0);
  });

  it('hands out ten at most', async () => {
    const { queues } = setUp();
    await queues.send(
      'intake',
      Array.from({ length: 12 }, (_, index) => ({ body: `${index}` })),
    );
    expect([queues.receive('intake', 3).length, queues.receive('intake', 99).length]).toEqual([3, 9]);
    await queues.send(
      'intake',
      Array.from({ length: 12 }, (_, index) => ({ body: `${index}` })),
    );
    expect(queues.receive('intake').length).toBe(10);
  });

  it('delivers twice where it is told to', async () => {
    const { queues } = setUp({ duplicates: () => true });
    await queues.send('intake', [{ body: 'a' }]);
    expect(bodies(queues.receive('intake'))).toEqual(['a', 'a']);
    await queues.send('iam', [wakeUp('b', 'g')]);
    expect(bodies(queues.receive('iam'))).toEqual(['b']);
  });
});

describe('a FIFO queue', () => {
  it('hands out nothing behind a message in flight, and keeps the order of a group, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('send' as const), group: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ do: fc.constant('finish' as const), pick: fc.nat(), deleted: fc.boolean() }),
      fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 70 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queues } = setUp({ maxReceiveCount: 1000 });
        const inFlight: { handle: string; group: string; number: number; until: number }[] = [];
        const deleted = new Map<string, number>();
        let sent = 0;
        for (const one of steps) {
          if (one.do === 'send') {
            sent += 1;
            await queues.send('iam', [wakeUp(`${sent}`, one.group)]);
          } else if (one.do === 'wait') {
            clock.advance(one.seconds * 1000);
          } else if (one.do === 'receive') {
            const out = inFlight.filter(({ until }) => until > clock.now());
            const last = new Map<string, number>();
            for (const { handle, body, groupId: group = '' } of queues.receive('iam', one.max)) {
              const number = Number(body);
              expect(out.filter((other) => other.group === group && other.number <= number)).toEqual([]);
              expect(number).toBeGreaterThan(last.get(group) ?? 0);
              last.set(group, number);
              inFlight.push({ handle, group, number, until: clock.now() + 60_000 });
            }
          } else if (inFlight.length > 0) {
            const [picked] = inFlight.splice(one.pick % inFlight.length, 1);
            if (one.deleted) {
              if (queues.delete(picked!.handle)) deleted.set(picked!.handle, 1);
            } else queues.changeVisibility(picked!.handle, 0);
          }
        }
        expect(queues.depth('iam')).toBe(sent - deleted.size);
      }),
      { numRuns: 100 },
    );
  });
});

describe('recordingQueues', () => {
  it('keeps what was sent, by queue', async () => {
    const queues = recordingQueues();
    await queues.send('intake', [{ body: 'a' }]);
    await queues.send('iam', [wakeUp('b', 'g')]);
    expect(queues.sent.map(({ queue, body }) => [queue, body])).toEqual([
      ['intake', 'a'],
      ['iam', 'b'],
    ]);
    expect(bodies(queues.to('iam'))).toEqual(['b']);
  });

  it('refuses what SQS refuses, and keeps nothing of it', async () => {
    const queues = recordingQueues();
    await expect(queues.send('iam', [wakeUp('a', 'g'), { body: 'b' }])).rejects.toMatchObject({ code: 'invalid' });
    expect(queues.sent).toEqual([]);
  });
});
