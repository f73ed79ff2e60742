import { join } from 'node:path';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { type Forgery, oktaEvent, operate, postStandard, tableItems, tellOkta } from './outside.ts';

const MEBIBYTE = 1024 * 1024;
const ADA = { id: '00uADA', login: 'ada@example.com' };
const logged: string[] = [];
let sandbox: Sandbox;
let enqueued = 0;

beforeAll(async () => {
  const policyFile = join(import.meta.dirname, '../fixtures/policies/nothing.yaml');
  sandbox = await startSandbox({ port: 0, policyFile, log: (line) => logged.push(line) });
  await vi.waitUntil(idle, { timeout: 30_000, interval: 100 });
  sandbox.endpoint.observe(({ action }) => {
    if (/^SendMessage/.test(action)) enqueued += 1;
  });
}, 40_000);
afterAll(() => sandbox?.stop());

/** Whether a policy is in force, and nothing is on its way. */
async function idle(): Promise<boolean> {
  const status = await operate<{ policy: unknown; waiting: unknown[] }>(sandbox, { operation: 'status' });
  return status.policy !== null && status.waiting.length === 0 && (await messages()) === 0;
}

async function messages(): Promise<number> {
  const { endpoint, region, administrator, stack } = sandbox;
  const client = new SQSClient({ endpoint: endpoint.url, region, credentials: administrator });
  try {
    let count = 0;
    for (const { url } of stack.wiring.queues) {
      const AttributeNames = [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ] as const;
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...AttributeNames] }),
      );
      count += Object.values(Attributes).reduce((sum, text) => sum + Number(text), 0);
    }
    return count;
  } finally {
    client.destroy();
  }
}

const added = (over: object = {}) =>
  JSON.stringify({
    type: 'group.member-added',
    timestamp: new Date().toISOString(),
    data: { group: { id: 'viewers' }, user: { id: 'ada' } },
    ...over,
  });
const FOREIGN = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
/** API Gateway hands on bytes as they are only where they do not claim to be text. */
const BINARY: Forgery = { headers: { 'content-type': 'application/octet-stream' } };
const okta = (authorization: string | undefined, over: RequestInit = {}, body = '{}') =>
  fetch(`${sandbox.webhookUrl}/okta`, {
    method: 'POST',
    body,
    ...over,
    headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
  });
const standard = (forged: Forgery, body: string | Uint8Array = added()) => postStandard(sandbox, body, forged);

describe('what proves nothing', () => {
  const STALE = 5 * 60_000 + 2_000;
  it.each<[string, number, () => Promise<Response>]>([
    ['a signature of another secret', 401, () => standard({ secret: FOREIGN })],
    ['a signature of an empty name', 401, () => standard({ headers: { 'webhook-signature': 'v1,' } })],
    ['no signature', 401, () => standard({ headers: { 'webhook-signature': '' } })],
    ['a signature of another version', 401, () => standard({ headers: { 'webhook-signature': 'v2,AAAA' } })],
    ['a body other than the signed one', 401, () => standard({ headers: { 'webhook-id': 'msg_other' } })],
    ['an old timestamp, well signed', 401, () => standard({ at: Date.now() - STALE })],
    ['a timestamp from the future, well signed', 401, () => standard({ at: Date.now() + STALE })],
    [
      'a new timestamp over an old signature',
      401,
      async () => {
        const now = String(Math.floor(Date.now() / 1000));
        return standard({ at: Date.now() - STALE, headers: { 'webhook-timestamp': now } });
      },
    ],
    [
      'two timestamps',
      401,
      () => standard({ headers: { 'webhook-timestamp': `${Math.floor(Date.now() / 1000)}, 1` } }),
    ],
    ['a source that does not exist', 404, () => standard({ source: 'github' })],
    ['a source named as a member of objects', 404, () => standard({ source: '__proto__' })],
    ['a source with a path', 404, () => standard({ source: 'okta%2F..%2Fstandard' })],
    ['an unsigned body of more than 1 MiB', 413, () => standard({ secret: FOREIGN }, ' '.repeat(MEBIBYTE + 1))],
    [
      'one of more than 1 MiB in base64',
      413,
      () =>
        standard(
          { secret: FOREIGN, headers: { 'content-type': 'application/octet-stream' } },
          ' '.repeat(MEBIBYTE + 1),
        ),
    ],
    ['Okta without its secret', 401, () => okta(undefined)],
    ['Okta with an empty secret', 401, () => okta('')],
    ['Okta with a scheme before the secret', 401, () => okta(`Bearer ${sandbox.webhookSecret('okta')}`)],
    [
      'Okta with the secret twice',
      401,
      () => okta(`${sandbox.webhookSecret('okta')},${sandbox.webhookSecret('okta')}`),
    ],
    ['Okta with the secret of the other source', 401, () => okta(sandbox.webhookSecret('standard'))],
    ['a method that the source has not', 405, () => okta(sandbox.webhookSecret('okta'), { method: 'PUT' })],
  ])('%s: %i, nothing recorded, nothing enqueued', async (_what, status, send) => {
    const before = (await tableItems(sandbox)).sort();
    const sent = enqueued;
    const response = await send();
    expect(response.status).toBe(status);
    const text = await response.text();
    for (const source of ['okta', 'standard'] as const) expect(text).not.toContain(sandbox.webhookSecret(source));
    expect((await tableItems(sandbox)).sort()).toEqual(before);
    expect(enqueued).toBe(sent);
  });
});

describe('what is authentic and not understood', () => {
  it.each<[string, number, () => Promise<Response | { status: number }>]>([
    ['no JSON', 400, () => standard({}, 'nothing')],
    ['no UTF-8', 400, () => standard(BINARY, Buffer.from(`${added().slice(0, -1)},"a":"\xff"}`, 'latin1'))],
    ['an event without a user', 400, () => standard({}, added({ data: { group: { id: 'viewers' } } }))],
    ['a list of 100,000 brackets', 400, () => standard({}, '['.repeat(100_000))],
    ['well-formed and very deep', 400, () => standard({}, `${'['.repeat(50_000)}${']'.repeat(50_000)}`)],
    [
      'an id of control characters',
      400,
      () => standard({}, added({ data: { group: { id: 'a\r\nb' }, user: { id: 'x' } } })),
    ],
    ['a time that is none', 400, () => standard({}, added({ timestamp: 'yesterday' }))],
    ['a signed body of 1 MiB and a byte', 413, () => standard({}, added({ pad: ' '.repeat(MEBIBYTE) }))],
    [
      'a signed body of 1 MiB, of an unknown type',
      204,
      () => {
        const short = added({ type: 'group.renamed', pad: '' });
        return standard({}, added({ type: 'group.renamed', pad: ' '.repeat(MEBIBYTE - short.length) }));
      },
    ],
    ['an unknown type', 204, () => standard({}, added({ type: 'group.renamed' }))],
    ['no delivery of Okta', 400, () => okta(sandbox.webhookSecret('okta'))],
    [
      'an event of Okta that nobody knows',
      204,
      async () => ({
        status: await tellOkta(sandbox, [oktaEvent('user.session.start', ADA), { uuid: 7 }]),
      }),
    ],
    [
      'an event of Okta that failed',
      204,
      async () => {
        const event = { ...oktaEvent('group.user_membership.add', ADA, 'viewers'), outcome: { result: 'FAILURE' } };
        return { status: await tellOkta(sandbox, [event]) };
      },
    ],
  ])('%s: %i, and no fact', async (_what, status, send) => {
    const facts = async () => (await tableItems(sandbox)).filter((item) => /"(group|user)#/.test(item)).sort();
    const before = await facts();
    const sent = enqueued;
    expect((await send()).status).toBe(status);
    expect(await facts()).toEqual(before);
    expect(enqueued).toBe(sent);
  });

  it('is counted', async () => {
    const counted = (await tableItems(sandbox)).filter((item) => item.includes('"ignored#'));
    expect(counted.map((item) => (JSON.parse(item) as { sk: { S: string } }).sk.S).sort()).toEqual([
      'not-successful',
      'not-understood',
      'unknown-type',
      'unknown-type',
    ]);
  });

  it('a repeated delivery, also one with another content type, is taken in once', async () => {
    const body = added();
    expect((await postStandard(sandbox, body, { id: 'msg_twice' })).status).toBe(204);
    const sent = enqueued;
    const plain = { 'content-type': 'text/plain' };
    const none = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const headers of [{}, plain, none]) {
      expect((await postStandard(sandbox, body, { id: 'msg_twice', headers })).status).toBe(204);
    }
    const again = logged.filter((line) => line.includes('msg_twice') && line.includes('"repeated":1'));
    expect(again.length).toBe(3);
    expect(enqueued - sent).toBeGreaterThanOrEqual(0);
  });

  it('names that mean something to JavaScript are data', async () => {
    const text = `{"type":"group.member-added","timestamp":"${new Date().toISOString()}","__proto__":{"type":"user.enabled"},
      "data":{"group":{"id":"__proto__"},"user":{"id":"constructor","attributes":{"a":"b","__proto__":{"c":"d"}}}}}`;
    expect((await standard({}, text)).status).toBe(204);
    const items = await tableItems(sandbox);
    const said = items.filter((item) => item.includes('constructor') && !item.includes('"delivery#'));
    // The membership, the user, the hint, and what is kept of the event.
    expect(said.map((item) => Object.keys(JSON.parse(item) as object).includes('c'))).toEqual(Array(4).fill(false));
    expect(said.join()).toContain('group#standard#__proto__');
  });
});
