import { Failure } from '@gatehouse/core/access/failure';
import { factKey } from '@gatehouse/core/directory/items';
import { recordFact } from '@gatehouse/core/directory/record';
import { ACTIVE_KEY, policyInForce } from '@gatehouse/core/policy/in-force';
import { readUploaded } from '@gatehouse/core/policy/read-uploaded';
import { noteUpload, UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import { describe, expect, it } from 'vitest';
import { createHandler } from '../../../functions/plan-access/handler.ts';
import { withoutUploads } from '../../builders/pipeline.ts';
import { sqsEvent } from '../../builders/sqs-event.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryDocuments } from '../../fakes/documents.ts';
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
    const handler = createHandler(
      withoutUploads({ ports: { ...ports, world: { eks: async () => memoryEks() } }, log }),
    );
    const batch = [
      { id: 'bad', body, handle: 'h1', receiveCount: 1, sentAt: 1 },
      { id: 'good', body: readable, handle: 'h2', receiveCount: 1, sentAt: 1 },
    ];
    expect(await handler(sqsEvent(batch))).toEqual({ batchItemFailures: [{ itemIdentifier: 'bad' }] });
    expect((await ports.table.get(factKey(fact)))?.dirty).toBeUndefined();
    expect(errors).toEqual(['a message of the intake queue could not be read']);
  });

  it.each(['is', 'has been'] as const)(
    'plans the policy that %s read, in the run that is told of an upload',
    async (when) => {
      const ports = { table: memoryTable(), clock: fixedClock(), random: countingRandom(), queues: recordingQueues() };
      const documents = memoryDocuments();
      documents.upload('policies', 'p.yaml', 'apiVersion: gatehouse/v1\nclusters: {}\nlevels: {}\ngrants: []\n');
      const cause = { source: 'upload', event: 'e', type: 'Object Created', receivedAt: 1 };
      await noteUpload(ports, { key: 'p.yaml', requester: 'ann' }, cause);
      const uploads = { bucket: 'policies', trusted: true };
      const lines: string[] = [];
      const log = { info: (line: string) => void lines.push(line), warn: () => {}, error: () => {} };
      const world = { eks: async () => memoryEks() };
      // Whoever read it ended before it planned anything.
      if (when === 'has been') await readUploaded({ ...ports, documents }, uploads);
      const handler = createHandler({ ports: { ...ports, world, documents }, uploads, log });
      const body = JSON.stringify({ version: 1, facts: [UPLOADED_KEY] });
      await handler(sqsEvent([{ id: 'one', body, handle: 'h', receiveCount: 1, sentAt: 1 }]));
      expect((await ports.table.get(UPLOADED_KEY))?.dirty).toBeUndefined();
      expect((await ports.table.get(ACTIVE_KEY))?.dirty).toBeUndefined();
      expect(await policyInForce(ports.table)).toMatchObject({ version: 1, cause });
      expect(lines).toEqual(when === 'is' ? ['a policy was taken in', 'planned'] : ['planned']);
    },
  );

  it('leaves an upload that it cannot read for another run, and plans the other facts', async () => {
    const ports = { table: memoryTable(), clock: fixedClock(), random: countingRandom(), queues: recordingQueues() };
    const cause = { source: 'upload', event: 'e', type: 'Object Created', receivedAt: 1 };
    await noteUpload(ports, { key: 'p.yaml', requester: 'ann' }, cause);
    await recordFact(ports, fact, { source: 'okta', event: 'e', type: 'user.enabled', receivedAt: 1 });
    const documents = { read: () => Promise.reject(new Failure('unreachable', 'no answer')) };
    const errors: unknown[] = [];
    const log = { info: () => {}, warn: () => {}, error: (...of: unknown[]) => void errors.push(of) };
    const world = { eks: async () => memoryEks() };
    const uploads = { bucket: 'policies', trusted: true };
    const handler = createHandler({ ports: { ...ports, world, documents }, uploads, log });
    const body = JSON.stringify({ version: 1, facts: [UPLOADED_KEY, factKey(fact)] });
    const answer = await handler(sqsEvent([{ id: 'one', body, handle: 'h', receiveCount: 1, sentAt: 1 }]));
    expect(answer).toEqual({ batchItemFailures: [] });
    expect((await ports.table.get(UPLOADED_KEY))?.dirty).toBeDefined();
    expect((await ports.table.get(factKey(fact)))?.dirty).toBeUndefined();
    expect(errors).toMatchObject([['a fact could not be planned', UPLOADED_KEY]]);
  });
});
