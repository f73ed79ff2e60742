import { Failure } from '@gatehouse/core/access/failure';
import { factKey } from '@gatehouse/core/directory/items';
import { UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import { eventSources } from '@gatehouse/core/sources/sources';
import { describe, expect, it } from 'vitest';
import { createHandler, type Dependencies } from '../../../functions/receive-event/handler.ts';
import { callEvent, SENT_AT } from '../../builders/webhook-events.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { recordingMetrics } from '../../fakes/metrics.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const BUCKET = 'gatehouse-policy';
const KEY = 'access-policy.yaml';

function world(changes: Partial<Dependencies['ports']> = {}) {
  const table = memoryTable();
  const queues = recordingQueues();
  const metrics = recordingMetrics();
  const lines: string[] = [];
  const write = (message: string, details: object) => void lines.push(JSON.stringify({ message, ...details }));
  const handler = createHandler({
    ports: { table, queues, clock: fixedClock(SENT_AT), random: countingRandom(), ...changes },
    sources: eventSources,
    trust: { accounts: new Set(['111122223333']), ownRoles: new Set(['arn:aws:iam::111122223333:role/own']) },
    policyBucket: BUCKET,
    log: { info: write, warn: write, error: write },
    metrics,
  });
  return { handler, table, queues, lines, metrics };
}

describe('an API call', () => {
  const cluster = {
    type: 'cluster',
    arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu',
    state: 'deleted',
    at: Date.UTC(2026, 0, 15, 11, 59),
  } as const;

  it('is recorded once, whichever copies of it arrive', async () => {
    const { handler, table, queues, metrics } = world();
    await handler(callEvent());
    await handler({ ...callEvent(), id: 'bus-copy-2' });
    expect(metrics.recorded).toEqual([1, 2].map(() => ['EventsTakenIn', [1], { source: 'aws' }]));
    expect(await table.get(factKey(cluster))).toMatchObject({ state: 'deleted', dirty: expect.any(String) });
    expect(queues.sent.map(({ queue, body }) => [queue, JSON.parse(body)])).toEqual([
      ['intake', { version: 1, facts: [factKey(cluster)] }],
    ]);
  });

  it('of our own is counted, and moves nothing', async () => {
    const { handler, table, queues } = world();
    const sessionContext = { sessionIssuer: { arn: 'arn:aws:iam::111122223333:role/own' } };
    await handler(callEvent({ detail: { userIdentity: { type: 'AssumedRole', sessionContext } } }));
    expect(table.items()).toMatchObject([
      { source: 'aws', outcome: 'ignored', reason: 'own-call', facts: [] },
      { pk: 'ignored#aws', sk: 'own-call', count: 1 },
    ]);
    expect(queues.sent).toEqual([]);
  });

  it('of a foreign account leaves no trace', async () => {
    const { handler, table, queues, lines } = world();
    await handler(callEvent({ account: '999999999999' }));
    expect(table.calls).toEqual({ get: 0, put: 0, delete: 0, query: 0, due: 0 });
    expect(queues.sent).toEqual([]);
    expect(lines).toHaveLength(1);
  });

  it.each([
    ['from a bus nobody takes', callEvent({ source: 'aws.ec2' }), /no source takes events of "aws.ec2"/],
    ['from a source that anybody may name', callEvent({ source: 'my.eks' }), /no source takes/],
    ['that is no event', 'text', /no source takes/],
    ['without an envelope', { source: 'aws.eks' }, /no EventBridge event/],
  ])('%s goes to the dead letters', async (_name, event, message) => {
    await expect(world().handler(event)).rejects.toThrowError(message);
  });

  it('is delivered again where the queue is down', async () => {
    const down = new Failure('unreachable', 'no answer');
    const { handler } = world({ queues: { send: () => Promise.reject(down) } });
    await expect(handler(callEvent())).rejects.toBe(down);
  });
});

function uploaded(changes: { account?: string; detailType?: string; bucket?: string; detail?: unknown } = {}) {
  const { account = '111122223333', detailType = 'Object Created', bucket = BUCKET } = changes;
  const detail = { bucket: { name: bucket }, object: { key: KEY, 'version-id': 'v1' }, requester: '111122223333' };
  return {
    version: '0',
    id: 'event-1',
    'detail-type': detailType,
    source: 'aws.s3',
    account,
    time: '2026-01-15T12:00:00Z',
    region: 'eu-west-1',
    resources: [],
    detail: changes.detail ?? detail,
  };
}

describe('an uploaded policy', () => {
  const cause = { source: 'upload', event: 'event-1', type: 'Object Created', receivedAt: SENT_AT };

  it('is written down as a dirty fact, and the planner is woken; nothing of it is read', async () => {
    const { handler, table, queues } = world();
    await handler(uploaded());
    expect(table.items()).toEqual([
      {
        ...UPLOADED_KEY,
        ...{ key: KEY, version: 'v1', requester: '111122223333', cause },
        ...{ rev: expect.any(String), dirty: expect.any(String), dueShard: expect.stringMatching(/^fact-/) },
        dueAt: SENT_AT,
      },
    ]);
    expect(queues.sent.map(({ queue, body }) => [queue, JSON.parse(body)])).toEqual([
      ['intake', { version: 1, facts: [UPLOADED_KEY] }],
    ]);
  });

  it('is news however often it is announced, and the verdict on the one before stays until there is another', async () => {
    const { handler, table, queues } = world();
    await handler(uploaded());
    const { dirty, dueShard: _shard, dueAt: _at, ...clean } = (await table.get(UPLOADED_KEY))!;
    const refused = { errors: [{ message: 'no' }], at: 1, key: KEY };
    await table.put({ ...clean, refused });
    await handler(uploaded());
    const again = await table.get(UPLOADED_KEY);
    expect(again).toMatchObject({ refused, dirty: expect.any(String) });
    expect(again?.dirty).not.toBe(dirty);
    expect(queues.sent).toHaveLength(2);
  });

  it.each([
    ['in another bucket', uploaded({ bucket: 'somebody-else' })],
    ['in another account', uploaded({ account: '999999999999' })],
    ['that was deleted', uploaded({ detailType: 'Object Deleted' })],
    ['that is described otherwise', uploaded({ detail: { bucket: BUCKET } })],
  ])('%s leaves no trace', async (_name, event) => {
    const { handler, table, queues, lines } = world();
    await handler(event);
    expect(table.calls).toEqual({ get: 0, put: 0, delete: 0, query: 0, due: 0 });
    expect(queues.sent).toEqual([]);
    expect(lines).toHaveLength(1);
  });

  it('is delivered again where the planner could not be woken, and then wakes it', async () => {
    const queues = recordingQueues();
    let isDown = true;
    const flaky = {
      send: (...args: Parameters<typeof queues.send>) =>
        isDown ? Promise.reject(new Failure('invalid', 'no queue')) : queues.send(...args),
    };
    const { handler } = world({ queues: flaky });
    await expect(handler(uploaded())).rejects.toThrowError('no queue');
    isDown = false;
    await handler(uploaded());
    expect(queues.sent).toHaveLength(1);
  });
});
