import { Failure } from '@gatehouse/core/access/failure';
import { factKey } from '@gatehouse/core/directory/items';
import { ACTIVE_KEY, policyInForce } from '@gatehouse/core/policy/in-force';
import type { Documents } from '@gatehouse/core/ports/documents';
import { eventSources } from '@gatehouse/core/sources/sources';
import { describe, expect, it } from 'vitest';
import { createHandler, type Dependencies } from '../../../functions/receive-event/handler.ts';
import { callEvent, SENT_AT } from '../../builders/webhook-events.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryDocuments } from '../../fakes/documents.ts';
import { recordingMetrics } from '../../fakes/metrics.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memoryTable } from '../../fakes/table.ts';

const BUCKET = 'gatehouse-policy';
const KEY = 'access-policy.yaml';

function world(changes: Partial<Dependencies['ports']> = {}, trusted = true) {
  const table = memoryTable();
  const queues = recordingQueues();
  const documents = memoryDocuments();
  const metrics = recordingMetrics();
  const lines: string[] = [];
  const write = (message: string, details: object) => void lines.push(JSON.stringify({ message, ...details }));
  const handler = createHandler({
    ports: { table, queues, documents, clock: fixedClock(SENT_AT), random: countingRandom(), ...changes },
    sources: eventSources,
    trust: { accounts: new Set(['111122223333']), ownRoles: new Set(['arn:aws:iam::111122223333:role/own']) },
    uploads: { bucket: BUCKET, trusted },
    log: { info: write, warn: write, error: write },
    metrics,
  });
  return { handler, table, queues, documents, lines, metrics };
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

/** A policy that a parser of any version of the schema takes: one cluster, one grant. */
function policy(group = '00g1'): string {
  return `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "111122223333", region: eu-west-1, labels: { env: prod }, mode: enforce }
levels:
  viewer: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
  - { name: eng-view, to: { group: "${group}", source: okta }, on: { clusters: prod-eu }, level: viewer, through: role }
`;
}

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
  it('is in force at once where uploads are trusted, and the planner is woken', async () => {
    const { handler, table, queues, documents } = world();
    documents.upload(BUCKET, KEY, policy());
    await handler(uploaded());
    expect(await policyInForce(table)).toMatchObject({
      version: 1,
      partial: false,
      dirty: expect.any(String),
      cause: { source: 'upload', event: 'event-1', type: 'Object Created', receivedAt: SENT_AT },
    });
    expect(queues.sent.map(({ body }) => JSON.parse(body))).toEqual([{ version: 1, facts: [ACTIVE_KEY] }]);
  });

  it('waits for a person where they are not and it widens', async () => {
    const { handler, table, documents, lines } = world({}, false);
    documents.upload(BUCKET, KEY, policy());
    await handler(uploaded());
    expect(await policyInForce(table)).toBeUndefined();
    expect(lines[0]).toContain('"state":"proposed"');
  });

  it('is refused whole where it does not validate, with its errors, and the old one stays in force', async () => {
    const { handler, table, queues, documents, lines } = world();
    documents.upload(BUCKET, KEY, policy());
    await handler(uploaded());
    const before = await policyInForce(table);
    documents.upload(BUCKET, KEY, policy().replace('viewer, through', 'editor, through').replace('eu-west-1', '7'));
    await handler(uploaded());
    expect(await policyInForce(table)).toEqual(before);
    expect(queues.sent).toHaveLength(1);
    const refused = await table.get({ pk: 'policy', sk: 'refused' });
    expect(refused).toMatchObject({ at: SENT_AT, key: KEY, version: 'v1' });
    expect(refused!.errors).toContainEqual(
      expect.objectContaining({ line: expect.any(Number), column: expect.any(Number), remedy: expect.any(String) }),
    );
    expect(lines.at(-1)).toContain('a policy was refused');

    documents.upload(BUCKET, KEY, policy('00g2'));
    await handler(uploaded());
    expect(await table.get({ pk: 'policy', sk: 'refused' })).toBeUndefined();
    expect((await policyInForce(table))?.version).toBe(2);
  });

  it('over 1 MiB is refused', async () => {
    const { handler, table, documents } = world();
    documents.upload(BUCKET, KEY, `# ${'x'.repeat(1024 * 1024)}`);
    await handler(uploaded());
    expect(await table.get({ pk: 'policy', sk: 'refused' })).toMatchObject({
      errors: [{ message: expect.stringContaining('1 MiB') }],
    });
    expect(await policyInForce(table)).toBeUndefined();
  });

  it('that is announced late, after a newer one, does not come back', async () => {
    const { handler, table, documents } = world();
    documents.upload(BUCKET, KEY, policy('00g1'));
    documents.upload(BUCKET, KEY, policy('00g2'));
    await handler(uploaded());
    const newest = await policyInForce(table);
    expect(JSON.stringify(newest?.policy.grants)).toContain('00g2');
    await handler(uploaded());
    expect((await policyInForce(table))?.rev).toBe(newest?.rev);
  });

  it('that replaces another while that is being read wins', async () => {
    const documents = memoryDocuments();
    documents.upload(BUCKET, KEY, policy('00g1'));
    let reads = 0;
    const overtaken: Documents = {
      async read(bucket, key) {
        const text = await documents.read(bucket, key);
        reads += 1;
        if (reads === 1) documents.upload(BUCKET, KEY, policy('00g2'));
        return text;
      },
    };
    const { handler, table } = world({ documents: overtaken });
    await handler(uploaded());
    expect(JSON.stringify((await policyInForce(table))?.policy.grants)).toContain('00g2');
  });

  it('that never holds still is delivered again', async () => {
    let reads = 0;
    const restless: Documents = { read: async () => policy(`00g${++reads}`) };
    await expect(world({ documents: restless }).handler(uploaded())).rejects.toThrowError(/replaced 5 times/);
  });

  it.each([
    ['in another bucket', uploaded({ bucket: 'somebody-else' })],
    ['in another account', uploaded({ account: '999999999999' })],
    ['that was deleted', uploaded({ detailType: 'Object Deleted' })],
    ['that is described otherwise', uploaded({ detail: { bucket: BUCKET } })],
  ])('%s is not even read', async (_name, event) => {
    let reads = 0;
    const { handler, table, lines } = world({ documents: { read: async () => `${++reads}` } });
    await handler(event);
    expect(reads).toBe(0);
    expect(table.calls.put).toBe(0);
    expect(lines).toHaveLength(1);
  });

  it('that is gone again changes nothing', async () => {
    const { handler, table, queues } = world();
    await handler(uploaded());
    expect(table.calls.put).toBe(0);
    expect(queues.sent).toEqual([]);
  });

  it.each(['unreachable', 'throttled', 'forbidden'] as const)('is delivered again where S3 is %s', async (code) => {
    const down = new Failure(code, 'no answer');
    await expect(world({ documents: { read: () => Promise.reject(down) } }).handler(uploaded())).rejects.toBe(down);
  });

  it('is delivered again where the planner could not be woken, and then wakes it', async () => {
    const queues = recordingQueues();
    let isDown = true;
    const flaky = {
      send: (...args: Parameters<typeof queues.send>) =>
        isDown ? Promise.reject(new Failure('invalid', 'no queue')) : queues.send(...args),
    };
    const { handler, table, documents } = world({ queues: flaky });
    documents.upload(BUCKET, KEY, policy());
    await expect(handler(uploaded())).rejects.toThrowError('no queue');
    expect(await table.get({ pk: 'policy', sk: 'refused' })).toBeUndefined();
    isDown = false;
    await handler(uploaded());
    expect(queues.sent).toHaveLength(1);
  });
});
