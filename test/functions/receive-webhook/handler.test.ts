import { Failure } from '@gatehouse/core/access/failure';
import { uploadPolicy } from '@gatehouse/core/policy/versions';
import { SigningSecrets } from '@gatehouse/core/sources/signing-secrets';
import { MAX_BODY_BYTES } from '@gatehouse/core/sources/source';
import { webhookSources } from '@gatehouse/core/sources/sources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHandler, type Dependencies } from '../../../functions/receive-webhook/handler.ts';
import { ONBOARDING, onboardingPolicy } from '../../builders/onboarding.ts';
import {
  httpEvent,
  memberAdded,
  OKTA_SECRET,
  oktaDelivery,
  oktaEvent,
  SENT_AT,
  STANDARD_SECRET,
  standardHeaders,
} from '../../builders/webhook-events.ts';
import { fixedClock } from '../../fakes/clock.ts';
import { recordingMetrics } from '../../fakes/metrics.ts';
import { recordingQueues } from '../../fakes/queues.ts';
import { countingRandom } from '../../fakes/random.ts';
import { memorySecrets } from '../../fakes/secrets.ts';
import { memoryTable } from '../../fakes/table.ts';

const OTHER_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function world(changes: Partial<Dependencies['ports']> = {}) {
  const clock = fixedClock(SENT_AT);
  const secrets = memorySecrets({
    'gatehouse/webhooks/okta': JSON.stringify({ current: OKTA_SECRET }),
    'gatehouse/webhooks/standard': JSON.stringify({ current: STANDARD_SECRET }),
  });
  const metrics = recordingMetrics();
  const lines: string[] = [];
  const write = (message: string, details: object) => void lines.push(JSON.stringify({ message, ...details }));
  const table = memoryTable();
  const queues = recordingQueues();
  const handler = createHandler({
    ports: { table, queues, clock, random: countingRandom(), ...changes },
    secrets: new SigningSecrets({ secrets, clock }, 'gatehouse/webhooks/'),
    sources: webhookSources,
    log: { info: write, warn: write, error: write },
    metrics,
  });
  return { handler, clock, secrets, table, queues, lines, metrics };
}

function standardEvent(body = memberAdded(), options: Parameters<typeof standardHeaders>[1] = {}) {
  return httpEvent({ headers: standardHeaders(body, options), body });
}

function oktaPost(body: string, authorization = OKTA_SECRET) {
  return httpEvent({ path: '/webhooks/okta', headers: { authorization }, body });
}

/** Nothing at all may be left behind by what is not authentic. */
function expectNoTrace({ table, queues, metrics }: ReturnType<typeof world>) {
  expect(table.calls).toEqual({ get: 0, put: 0, delete: 0, query: 0, due: 0 });
  expect(queues.sent).toEqual([]);
  expect(metrics.recorded).toEqual([]);
}

describe('an authentic delivery', () => {
  it.each([
    ['of Standard Webhooks', standardEvent()],
    [
      'in base64',
      (() => {
        const event = standardEvent();
        return { ...event, body: Buffer.from(event.body!).toString('base64'), isBase64Encoded: true };
      })(),
    ],
    [
      'with other spellings of header names',
      (() => {
        const event = standardEvent();
        return {
          ...event,
          headers: Object.fromEntries(
            Object.entries(event.headers).map(([name, value]) => [name.toUpperCase(), value]),
          ),
        };
      })(),
    ],
    ['behind a stage', { ...standardEvent(), rawPath: '/prod/webhooks/standard' }],
    ['of Okta', oktaPost(oktaDelivery([oktaEvent()]))],
  ])('%s is recorded, enqueued, and answered with 204', async (_name, event) => {
    const { handler, table, queues } = world();
    expect(await handler(event)).toEqual({ statusCode: 204 });
    expect(queues.sent).toHaveLength(1);
    expect(table.items().filter((item) => item.dirty !== undefined).length).toBe(2);
  });

  it('costs nothing but a read when repeated', async () => {
    const { handler, table, queues } = world();
    await handler(standardEvent());
    const before = { ...table.calls };
    expect(await handler(standardEvent())).toEqual({ statusCode: 204 });
    expect(table.calls).toEqual({ ...before, get: before.get + 1 });
    expect(queues.sent).toHaveLength(1);
  });

  it('of an unknown type is acknowledged and counted', async () => {
    const { handler, table, queues } = world();
    expect(await handler(standardEvent(memberAdded({ type: 'group.renamed' })))).toEqual({ statusCode: 204 });
    expect(await handler(oktaPost(oktaDelivery([oktaEvent({ eventType: 'user.session.clear' })])))).toEqual({
      statusCode: 204,
    });
    const counted = table.items().filter(({ pk }) => !pk.startsWith('events#'));
    expect(counted.map(({ pk, sk, count }) => [pk, sk, count])).toEqual([
      ['ignored#okta', 'unknown-type', 1],
      ['ignored#standard', 'unknown-type', 1],
    ]);
    expect(queues.sent).toEqual([]);
  });

  it('cannot break a log line', async () => {
    const { handler, lines } = world();
    await handler(oktaPost(oktaDelivery([oktaEvent({ eventType: 'x\r\n\u001b[31mfaked line' })])));
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\r\n\u001b]/);
  });
});

describe('Okta asks whether the endpoint is ours', () => {
  const ask = (headers: Record<string, string>) => httpEvent({ path: '/webhooks/okta', method: 'GET', headers });

  it('and is given its challenge back', async () => {
    const answer = await world().handler(ask({ Authorization: OKTA_SECRET, 'X-Okta-Verification-Challenge': 'c-1' }));
    expect(answer).toMatchObject({ statusCode: 200, body: '{"verification":"c-1"}' });
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json' });
  });

  it('but nobody else is', async () => {
    const it = world();
    expect((await it.handler(ask({ 'x-okta-verification-challenge': 'c-1' }))).statusCode).toBe(401);
    expect((await it.handler(ask({ authorization: OKTA_SECRET }))).statusCode).toBe(400);
    expectNoTrace(it);
  });
});

describe('what is refused leaves no trace', () => {
  const large = `"${'x'.repeat(MAX_BODY_BYTES - 1)}"`;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  it.each([
    [401, 'unauthenticated', 'a wrong secret', standardEvent(memberAdded(), { secret: OTHER_SECRET })],
    [401, 'unauthenticated', 'a body tampered with', { ...standardEvent(), body: memberAdded().replace('eng', 'ops') }],
    [
      401,
      'unauthenticated',
      'base64 of a tampered body',
      { ...standardEvent(), body: base64(memberAdded().replace('eng', 'ops')), isBase64Encoded: true },
    ],
    [401, 'unauthenticated', 'base64 that says it is text', { ...standardEvent(), body: base64(memberAdded()) }],
    [401, 'unauthenticated', 'no headers', httpEvent({ body: memberAdded() })],
    [401, 'unauthenticated', 'no body', httpEvent({ headers: standardHeaders(memberAdded()) })],
    [
      401,
      'unauthenticated',
      'two spellings of one header',
      { ...standardEvent(), headers: { ...standardHeaders(memberAdded()), 'Webhook-Id': 'msg_2' } },
    ],
    [401, 'unauthenticated', 'a wrong authorization', oktaPost(oktaDelivery([oktaEvent()]), 'a-wrong-authorization')],
    [401, 'unauthenticated', 'a stranger with a malformed body', oktaPost('{', 'a-wrong-authorization')],
    [401, 'stale', 'an old timestamp', standardEvent(memberAdded(), { at: SENT_AT - 301_000 })],
    [401, 'stale', 'a timestamp ahead', standardEvent(memberAdded(), { at: SENT_AT + 301_000 })],
    [400, 'malformed', 'a signed body that is no JSON', standardEvent('{"type":')],
    [400, 'malformed', 'a signed event without an id', standardEvent(memberAdded({ data: { group: {}, user: {} } }))],
    [400, 'malformed', 'an authorized body that is no JSON', oktaPost('{"data":')],
    [404, 'not-found', 'an unknown source', { ...standardEvent(), rawPath: '/webhooks/github' }],
    [404, 'not-found', 'the name of a member of every object', { ...standardEvent(), rawPath: '/webhooks/__proto__' }],
    [404, 'not-found', 'no source', { ...standardEvent(), rawPath: '/webhooks/' }],
    [404, 'not-found', 'a deeper path', { ...standardEvent(), rawPath: '/webhooks/standard/more' }],
    [405, 'method-not-allowed', 'GET where nothing is asked', httpEvent({ method: 'GET' })],
    [
      405,
      'method-not-allowed',
      'PUT',
      httpEvent({ method: 'PUT', path: '/webhooks/okta', headers: { authorization: OKTA_SECRET } }),
    ],
    [413, 'too-large', 'a byte too many', standardEvent(large)],
    [
      413,
      'too-large',
      'a byte too many in base64',
      { ...standardEvent(large), body: base64(large), isBase64Encoded: true },
    ],
    [413, 'too-large', 'megabytes', httpEvent({ body: 'x'.repeat(5 * MAX_BODY_BYTES) })],
    [413, 'too-large', 'characters of several bytes', httpEvent({ body: 'é'.repeat(MAX_BODY_BYTES / 2 + 1) })],
  ])('%d %s: %s', async (statusCode, code, _name, event) => {
    const it = world();
    const answer = await it.handler(event);
    expect(answer.statusCode).toBe(statusCode);
    expect(JSON.parse(answer.body!)).toEqual({ error: { code, message: expect.any(String) } });
    expect(answer.body).not.toContain(STANDARD_SECRET);
    expect(answer.body).not.toContain(OKTA_SECRET);
    expectNoTrace(it);
  });

  it.each([
    ['okta', 'GET, POST'],
    ['standard', 'POST'],
  ])('whoever asks %s by another method is told %s', async (source, allow) => {
    for (const method of ['PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
      const answer = await world().handler(httpEvent({ method, path: `/webhooks/${source}` }));
      expect(answer).toMatchObject({ statusCode: 405, headers: { allow } });
    }
  });

  it('a source without a secret does not exist, and an empty secret opens nothing', async () => {
    const it = world();
    await it.secrets.remove('gatehouse/webhooks/okta');
    expect((await it.handler(oktaPost(oktaDelivery([oktaEvent()]), ''))).statusCode).toBe(404);
    expectNoTrace(it);
  });

  it('the largest body that is allowed is read', async () => {
    const body = `"${'x'.repeat(MAX_BODY_BYTES - 2)}"`;
    expect((await world().handler(standardEvent(body))).statusCode).toBe(400);
  });

  it('any change to any byte of a signed body', async () => {
    const bytes = Buffer.from(memberAdded());
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (index, flip) => {
        const tampered = Buffer.from(bytes);
        tampered[index]! ^= flip;
        const it = world();
        const event = { ...standardEvent(), body: tampered.toString('base64'), isBase64Encoded: true };
        expect((await it.handler(event)).statusCode).toBe(401);
        expectNoTrace(it);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a rotation', () => {
  const rotate = (secrets: ReturnType<typeof memorySecrets>, value: object) =>
    secrets.write('gatehouse/webhooks/standard', JSON.stringify(value), {});

  it('lets both secrets in, then only the new one', async () => {
    const { handler, secrets, clock } = world();
    await rotate(secrets, { current: OTHER_SECRET, previous: STANDARD_SECRET });
    const send = async (id: string, secret: string) =>
      (await handler(standardEvent(memberAdded(), { id, secret, at: clock.now() }))).statusCode;
    expect(await send('a', STANDARD_SECRET)).toBe(204);
    expect(await send('b', OTHER_SECRET)).toBe(204);
    await rotate(secrets, { current: OTHER_SECRET });
    clock.advance(60_000);
    expect(await send('c', STANDARD_SECRET)).toBe(401);
    expect(await send('d', OTHER_SECRET)).toBe(204);
  });

  it('is noticed by the first request signed with the new secret', async () => {
    const { handler, secrets, clock } = world();
    await handler(standardEvent());
    await rotate(secrets, { current: OTHER_SECRET, previous: STANDARD_SECRET });
    clock.advance(10_000);
    const event = standardEvent(memberAdded(), { id: 'b', secret: OTHER_SECRET, at: clock.now() });
    expect((await handler(event)).statusCode).toBe(204);
  });

  it('does not let a storm of forgeries reach Secrets Manager', async () => {
    const { handler, secrets, clock } = world();
    for (let forgery = 0; forgery < 200; forgery++) {
      await handler(standardEvent(memberAdded(), { secret: OTHER_SECRET, at: clock.now() }));
      clock.advance(100);
    }
    // 20 s of storm: the first read, and one at 10 s.
    expect(secrets.calls.read).toBe(2);
  });
});

describe('a failure of ours', () => {
  const down = () => Promise.reject(new Failure('unreachable', 'no answer from the table gatehouse'));

  it.each([
    ['the queue', { queues: { send: down } }],
    ['the table', { table: { ...memoryTable(), get: down } }],
    [
      'something unforeseen',
      { table: { ...memoryTable(), put: () => Promise.reject(new TypeError('x is undefined')) } },
    ],
  ])('of %s makes the sender try again, and tells it nothing', async (_name, changes) => {
    const { handler, lines } = world(changes);
    const answer = await handler(standardEvent());
    expect(answer).toMatchObject({
      statusCode: 503,
      body: '{"error":{"code":"unavailable","message":"try again later"}}',
    });
    expect(lines).toHaveLength(1);
  });

  it.each(['no JSON', '{"current":"too-short"}'])(
    'like the secret %j is told to the operator, without its value',
    async (value) => {
      const it = world();
      await it.secrets.write('gatehouse/webhooks/standard', value, {});
      expect((await it.handler(standardEvent())).statusCode).toBe(503);
      expect(it.lines[0]).toContain('remedy');
      expect(it.lines[0]).not.toContain('too-short');
      expectNoTrace(it);
    },
  );

  it('heals with the next attempt', async () => {
    let isDown = true;
    const queues = recordingQueues();
    const send: typeof queues.send = (queue, messages) => (isDown ? down() : queues.send(queue, messages));
    const { handler } = world({ queues: { send } });
    expect((await handler(standardEvent())).statusCode).toBe(503);
    isDown = false;
    expect((await handler(standardEvent())).statusCode).toBe(204);
    expect(queues.sent).toHaveLength(1);
  });
});

describe('an onboarding', () => {
  const cluster = { account: '111122223333', region: 'eu-west-1', name: 'prod' };
  const created = memberAdded({ type: 'environment.created', data: { environment: { name: 'prod', cluster } } });
  const onboarded = memberAdded({
    type: 'application.onboarded',
    data: { application: { environment: 'prod', namespace: 'pay' } },
  });
  const removed = memberAdded({ type: 'environment.removed', data: { environment: { name: 'prod' } } });
  const environmentsOnly = ONBOARDING.slice(0, ONBOARDING.indexOf('  applications:'));

  async function onboardingWorld(section: string | undefined) {
    const here = world();
    if (section !== undefined) {
      const cause = { source: 'operator', event: 'e', type: 'upload', receivedAt: 1 };
      const ports = { table: here.table, clock: here.clock, random: countingRandom() };
      await uploadPolicy(ports, { text: onboardingPolicy('', section), by: 'me', cause, trusted: true });
    }
    return here;
  }

  it.each([
    ['no policy at all', undefined, created, 403, 'the access policy in force onboards no environments'],
    ['a policy without onboarding', '', created, 403, 'add onboarding.environments'],
    ['a policy without onboarding', '', onboarded, 403, 'the access policy in force onboards no applications'],
    ['a policy that onboards environments', environmentsOnly, onboarded, 403, 'add onboarding.applications'],
    ['a policy that onboards environments', environmentsOnly, created, 204, ''],
    ['a policy that onboards both', ONBOARDING, onboarded, 204, ''],
    ['a policy without onboarding, and going', '', removed, 204, ''],
  ])('is answered by %s', async (_what, section, body, status, says) => {
    const here = await onboardingWorld(section);
    const answer = await here.handler(standardEvent(body));
    expect(answer.statusCode).toBe(status);
    expect(answer.body ?? '').toContain(says);
    const kept = here.table.items().filter(({ pk }) => pk === 'onboarded' || pk.startsWith('delivery#'));
    expect(kept.length > 0).toBe(status === 204);
    expect(here.queues.sent.length > 0).toBe(status === 204);
  });
});
