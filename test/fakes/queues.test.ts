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
  it('delivers again what was not deleted in time, and counts', async () => {
    const { clock, queues } = setUp({ visibilitySeconds: { intake: 30 } });
    await queues.send('intake', [{ body: 'a' }]);
    expect(queues.receive('intake')).toMatchObject([{ body: 'a', receiveCount: 1 }]);
    clock.advance(29_999);
    expect(queues.receive('intake')).toEqual([]);
    expect(queues.nextVisibleAt()).toBe(30_000);
    clock.advance(1);
    expect(queues.receive('intake')).toMatchObject([{ body: 'a', receiveCount: 2 }]);
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

  it('shows a message again at once, or later, when its visibility is changed', async () => {
    const { clock, queues } = setUp();
    await queues.send('intake', [{ body: 'a' }]);
    const [first] = queues.receive('intake');
    expect(queues.changeVisibility(first!.handle, 0)).toBe(true);
    const [second] = queues.receive('intake');
    expect(second).toMatchObject({ receiveCount: 2 });
    expect(queues.changeVisibility(second!.handle, 100)).toBe(true);
    clock.advance(99_999);
    expect(queues.receive('intake')).toEqual([]);
    clock.advance(1);
    expect(queues.receive('intake')).toHaveLength(1);
  });

  it('delays', async () => {
    const { clock, queues } = setUp();
    await queues.send('later', [{ body: 'a', delaySeconds: 5 }]);
    clock.advance(4_999);
    expect(queues.receive('later')).toEqual([]);
    clock.advance(1);
    expect(bodies(queues.receive('later'))).toEqual(['a']);
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

  it('puts aside what was received too often', async () => {
    const { queues } = setUp({ maxReceiveCount: 2 });
    await queues.send('intake', [{ body: 'poison' }, { body: 'fine' }]);
    for (const _ of [1, 2]) {
      for (const { body, handle } of queues.receive('intake')) {
        if (body === 'fine') queues.delete(handle);
        else queues.changeVisibility(handle, 0);
      }
    }
    expect(queues.receive('intake')).toEqual([]);
    expect(queues.dead('intake')).toMatchObject([{ body: 'poison', receiveCount: 2 }]);
    expect(queues.depth('intake')).toBe(0);
  });
});

describe('a FIFO queue', () => {
  it('gives several messages of one group in one batch, and nothing more of it while one is in flight', async () => {
    const { queues } = setUp();
    await queues.send('iam', [wakeUp('a1', 'a'), wakeUp('b1', 'b'), wakeUp('a2', 'a'), wakeUp('a3', 'a')]);
    const batch = queues.receive('iam', 3);
    expect(bodies(batch)).toEqual(['a1', 'b1', 'a2']);
    expect(queues.receive('iam')).toEqual([]);
    queues.delete(batch[0]!.handle);
    expect(queues.receive('iam')).toEqual([]);
    queues.delete(batch[2]!.handle);
    expect(bodies(queues.receive('iam'))).toEqual(['a3']);
  });

  it('gives a group back in its order after the time-out', async () => {
    const { clock, queues } = setUp();
    await queues.send('iam', [wakeUp('a1', 'a'), wakeUp('a2', 'a')]);
    queues.receive('iam', 1);
    clock.advance(60_000);
    expect(bodies(queues.receive('iam'))).toEqual(['a1', 'a2']);
  });

  it('refuses to delete after the time-out', async () => {
    const { clock, queues } = setUp();
    await queues.send('iam', [wakeUp('a1', 'a')]);
    const [first] = queues.receive('iam');
    clock.advance(60_000);
    expect(queues.delete(first!.handle)).toBe(false);
    expect(queues.depth('iam')).toBe(1);
  });

  it('forgets a deduplication id after five minutes', async () => {
    const { clock, queues } = setUp();
    const send = async () => {
      await queues.send('iam', [wakeUp('a', 'a', 'same')]);
      return queues.depth('iam');
    };
    expect(await send()).toBe(1);
    clock.advance(299_999);
    expect(await send()).toBe(1);
    clock.advance(1);
    expect(await send()).toBe(2);
  });

  it('frees the group of a message that was received too often', async () => {
    const { queues } = setUp({ maxReceiveCount: 1 });
    await queues.send('clusters', [wakeUp('poison', 'a'), wakeUp('next', 'a')]);
    queues.changeVisibility(queues.receive('clusters', 1)[0]!.handle, 0);
    expect(bodies(queues.receive('clusters'))).toEqual(['next']);
    expect(bodies(queues.dead('clusters'))).toEqual(['poison']);
  });

  it('never has two batches of one group in flight, and keeps its order, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('send' as const), group: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('receive' as const), max: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ do: fc.constant('finish' as const), pick: fc.nat(), deleted: fc.boolean() }),
      fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 70 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, queues } = setUp({ maxReceiveCount: 1000 });
        const inFlight: { handle: string; group: string; until: number }[] = [];
        const deleted = new Map<string, number>();
        let sent = 0;
        for (const one of steps) {
          if (one.do === 'send') {
            sent += 1;
            await queues.send('iam', [wakeUp(`${sent}`, one.group)]);
          } else if (one.do === 'wait') {
            clock.advance(one.seconds * 1000);
          } else if (one.do === 'receive') {
            const locked = new Set(inFlight.filter(({ until }) => until > clock.now()).map(({ group }) => group));
            const last = new Map<string, number>();
            for (const { handle, body, groupId = '' } of queues.receive('iam', one.max)) {
              expect(locked).not.toContain(groupId);
              expect(Number(body)).toBeGreaterThan(last.get(groupId) ?? 0);
              last.set(groupId, Number(body));
              inFlight.push({ handle, group: groupId, until: clock.now() + 60_000 });
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
