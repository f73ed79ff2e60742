import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { afterAll, describe, expect, it } from 'vitest';
import { readLogLine } from '../../cli/src/pipeline/log-line.ts';
import { Happened, KEPT } from '../../cli/src/sandbox/page/happened.ts';
import { html } from '../../cli/src/sandbox/page/html.ts';
import { renderPage } from '../../cli/src/sandbox/page/page.ts';
import { asksForPage, MOST_LISTENERS, pageOf } from '../../cli/src/sandbox/page/serve.ts';
import type { View } from '../../cli/src/sandbox/page/view.ts';

const HOSTILE = '<script>"\'&';
const ESCAPED = '&lt;script&gt;&quot;&#39;&amp;';
const ARN = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';

const line = (functionName: string, record: object) => readLogLine(`${functionName}: ${JSON.stringify(record)}`);
const takenIn = (details: object) =>
  line('receive-webhook', {
    level: 'INFO',
    message: 'a webhook was taken in',
    source: 'okta',
    delivery: 'd1',
    ...details,
  });
const turn = (details: object) =>
  line('reconcile-cluster', { level: 'INFO', message: 'turn', target: `cluster/${ARN}`, kind: 'done', ...details });

describe('html', () => {
  it.each<{ what: string; content: Parameters<typeof html>[1]; says: string }>([
    { what: 'escapes text, also for attributes', content: HOSTILE, says: ESCAPED },
    { what: 'keeps what it made itself', content: html`<b>${'<'}</b>`, says: '<b>&lt;</b>' },
    { what: 'joins lists, escaped each', content: ['<', [html`<i>`, 7]], says: '&lt;<i>7' },
    { what: 'leaves out what is not there', content: undefined, says: '' },
  ])('$what', ({ content, says }) => expect(html`[${content}]`.text).toBe(`[${says}]`));
});

describe('what happened', () => {
  it.each([
    { logged: takenIn({ events: 1, facts: 2, repeated: 0, ignored: [] }), outcome: 'taken in', text: '2 new facts' },
    {
      logged: takenIn({ events: 1, facts: 0, repeated: 1, ignored: [] }),
      outcome: 'known already',
      text: 'it says nothing new',
    },
    {
      logged: takenIn({ events: 1, facts: 0, ignored: [['unknown-type', 1]] }),
      outcome: 'ignored',
      text: 'unknown-type (1)',
    },
    {
      logged: takenIn({ events: 2, facts: 1, ignored: [['test-event', 1]] }),
      outcome: 'taken in',
      text: '1 new fact; ignored: test-event (1)',
    },
    {
      logged: line('receive-webhook', {
        level: 'WARN',
        message: 'a webhook was refused',
        source: 'okta',
        kind: 'unauthenticated',
        reason: 'no key',
      }),
      outcome: 'refused',
      text: 'unauthenticated: no key',
    },
  ])('a delivery is $outcome: $text', ({ logged, outcome, text }) => {
    const happened = new Happened();
    expect(happened.add(logged, 5)).toBe(true);
    expect(happened.deliveries).toMatchObject([{ at: 5, source: 'okta', outcome, text }]);
  });

  it.each([
    {
      logged: turn({ changes: 2, settled: ['cleared', 'cleared', 'parked'] }),
      text: '2 objects changed, 2 cleared, 1 parked',
    },
    { logged: turn({ changes: 0, settled: ['cleared'] }), text: 'nothing to change, 1 cleared' },
  ])('a turn: $text', ({ logged, text }) => {
    const happened = new Happened();
    happened.add(logged, 5);
    expect(happened.turns).toEqual([{ at: 5, word: 'turn', where: 'prod-eu', text }]);
  });

  it('passes over turns that waited for another, and over what is no news', () => {
    const happened = new Happened();
    expect(happened.add(turn({ kind: 'busy' }), 1)).toBe(false);
    expect(happened.add(line('run-operation', { level: 'INFO', message: 'operation', operation: 'status' }), 2)).toBe(
      false,
    );
    expect([happened.turns, happened.deliveries]).toEqual([[], []]);
  });

  it('keeps the newest, newest first', () => {
    const happened = new Happened();
    for (let at = 0; at < 3 * KEPT; at += 1) happened.add(takenIn({ facts: 1 }), at);
    expect(happened.deliveries.map(({ at }) => at)).toEqual(Array.from({ length: KEPT }, (_, i) => 3 * KEPT - 1 - i));
  });
});

describe('the page', () => {
  const view: View = {
    status: {
      policy: { version: 3, digest: 'abcdef0123456789' },
      waiting: [
        { target: `cluster/${ARN}`, subject: HOSTILE, urgency: 'revocation', since: 0, attempts: 2, notBefore: 0 },
      ],
      findings: [
        {
          severity: 'blocks',
          code: 'no-principal',
          object: HOSTILE,
          target: `cluster/${ARN}`,
          message: HOSTILE,
          remedy: HOSTILE,
          since: 0,
        },
      ],
    },
    clusters: [
      {
        name: HOSTILE,
        arn: ARN,
        mode: 'enforce',
        access: {
          bound: [{ who: HOSTILE, grant: HOSTILE, role: HOSTILE, namespace: HOSTILE }],
          doors: [{ arn: HOSTILE, username: HOSTILE, groups: [HOSTILE] }],
          problems: [HOSTILE],
        },
      },
      { name: 'staging', arn: ARN, mode: 'observe', access: { unread: HOSTILE } },
    ],
    happened: {
      deliveries: [{ at: 0, source: HOSTILE, id: HOSTILE, outcome: 'taken in', text: HOSTILE }],
      turns: [{ at: 0, word: 'turn', where: HOSTILE, text: HOSTILE }],
    },
  };
  const { text } = renderPage(view, { nonce: 'n0nce', tryIt: HOSTILE });

  it('writes whatever came from outside as a text', () => {
    expect(text).not.toContain(HOSTILE);
    expect(text.split(ESCAPED).length - 1).toBe(19);
  });

  it('runs and applies only what carries its nonce', () => {
    expect(text.match(/<(script|style)[^>]*>/g)).toEqual(['<style nonce="n0nce">', '<script nonce="n0nce">']);
    expect(text).not.toMatch(/ (style|on\w+)=/);
  });

  it('offers a command to whoever sees that nothing came yet', () => {
    const empty: View = { ...view, happened: { deliveries: [], turns: [] } };
    expect(renderPage(empty, { nonce: '', tryIt: 'curl -i' }).text).toContain('<pre tabindex="0">curl -i</pre>');
  });
});

describe('a request is for the page', () => {
  const asked = (url: string, headers: IncomingMessage['headers'], method = 'GET') =>
    asksForPage({ method, url, headers } as IncomingMessage);
  const accept = 'text/html,application/xhtml+xml';
  it.each([
    { what: 'of a browser', is: asked('/', { accept }) },
    { what: 'of the page itself', is: asked('/main', { accept }) },
    { what: 'for news', is: asked('/live', { accept: 'text/event-stream' }) },
  ])('$what', ({ is }) => expect(is).toBe(true));
  it.each([
    { what: 'signed: it lists buckets', is: asked('/', { accept, authorization: 'AWS4-HMAC-SHA256 ...' }) },
    { what: 'of a tool that takes anything', is: asked('/', { accept: '*/*' }) },
    { what: 'for something else', is: asked('/clusters', { accept }) },
    { what: 'with a body', is: asked('/', { accept }, 'POST') },
    { what: 'presigned', is: asked('/?X-Amz-Signature=1', { accept }) },
  ])('not where it is $what', ({ is }) => expect(is).toBe(false));
});

describe('news', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const awsEndpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = pageOf({ awsEndpointUrl } as Sandbox, () => '');
  server.on('request', (incoming, outgoing) => page.serve(incoming, outgoing));
  afterAll(() => {
    page.stop();
    server.close();
    server.closeAllConnections();
  });

  const gone = new AbortController();
  const listen = (signal?: AbortSignal) =>
    fetch(`${awsEndpointUrl}/live`, { headers: { accept: 'text/event-stream' }, ...(signal ? { signal } : {}) });

  it('are told to so many and no more, until one goes', async () => {
    const heard = [await listen(gone.signal)];
    for (let count = 1; count < MOST_LISTENERS; count += 1) heard.push(await listen());
    expect(heard.map(({ status }) => status)).toEqual(Array.from({ length: MOST_LISTENERS }, () => 200));
    const refused = await listen();
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.text()).toContain('32 listen already');
    gone.abort();
    await expect.poll(async () => (await listen()).status).toBe(200);
  });
});
