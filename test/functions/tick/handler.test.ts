import { Failure } from '@gatehouse/core/access/failure';
import { factKey } from '@gatehouse/core/directory/items';
import { recordFact } from '@gatehouse/core/directory/record';
import { lastBeat } from '@gatehouse/core/work/heartbeat';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/tick/handler.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { recordingMetrics } from '../../fakes/metrics.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const NOW = Date.UTC(2026, 0, 15, 12);

describe('the tick', () => {
  it.each([
    ['nothing waits', undefined, 0],
    ['a fact has waited for five minutes', 300_000, 300_000],
  ])('where %s measures how long the oldest thing has waited', async (_what, age, oldest) => {
    const ports = {
      table: memoryTable(),
      clock: fixedClock(NOW),
      random: countingRandom(),
      queues: recordingQueues(),
    };
    const fact = { type: 'user', source: 'okta', user: 'ann', at: 1 } as const;
    if (age !== undefined) {
      const earlier = { ...ports, clock: fixedClock(NOW - age) };
      await recordFact(earlier, fact, { source: 'okta', event: 'e', type: 'user.enabled', receivedAt: NOW - age });
    }
    const metrics = recordingMetrics();
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    await createHandler({ ports, log, metrics })({});
    expect(metrics.recorded).toEqual([['OldestWaiting', [oldest], {}]]);
    expect(ports.queues.sent.map(({ body }) => JSON.parse(body).facts)).toEqual(
      age === undefined ? [] : [[factKey(fact)]],
    );
  });

  it('writes down that it ran, and goes on where it cannot', async () => {
    const clock = fixedClock(NOW);
    const ports = { table: memoryTable(), clock, random: countingRandom(), queues: recordingQueues() };
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const metrics = recordingMetrics();
    await createHandler({ ports, log, metrics })({});
    expect(await lastBeat(ports.table, 'tick')).toBe(NOW);
    const put = () => Promise.reject(new Failure('throttled', 'too much'));
    await createHandler({ ports: { ...ports, table: { ...ports.table, put } }, log, metrics })({});
    expect(metrics.recorded).toHaveLength(2);
  });
});
