import { factKey } from '@gatehouse/core/directory/items';
import { recordFact } from '@gatehouse/core/directory/record';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/plan-access/handler.ts';
import { sqsEvent } from '../../builders/sqs-event.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryEks } from '../../fakes/eks.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

describe('the planner', () => {
  const fact = { type: 'user', source: 'okta', user: 'ann', at: 1 } as const;
  const readable = JSON.stringify({ version: 1, facts: [factKey(fact)] });

  it.each<[string, string]>([
    ['of another version', '{"version":2,"facts":[]}'],
    ['no JSON', 'facts'],
    ['null', 'null'],
    ['with facts that have no key', '{"version":1,"facts":[{"pk":"a"}]}'],
  ])('plans what it can read, and reports a message that is %s alone', async (_what, body) => {
    const ports = { table: memoryTable(), clock: fixedClock(), random: countingRandom(), queues: recordingQueues() };
    await recordFact(ports, fact, { source: 'okta', event: 'e', type: 'user.enabled', receivedAt: 1 });
    const errors: string[] = [];
    const log = { info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) };
    const handler = createHandler({ ports: { ...ports, world: { eks: async () => memoryEks() } }, log });
    const batch = [
      { id: 'bad', body, handle: 'h1', receiveCount: 1, sentAt: 1 },
      { id: 'good', body: readable, handle: 'h2', receiveCount: 1, sentAt: 1 },
    ];
    expect(await handler(sqsEvent(batch))).toEqual({ batchItemFailures: [{ itemIdentifier: 'bad' }] });
    expect((await ports.table.get(factKey(fact)))?.dirty).toBeUndefined();
    expect(errors).toEqual(['a message of the intake queue could not be read']);
  });
});
