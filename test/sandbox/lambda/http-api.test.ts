import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InvocationResult } from '../../../sandbox/src/aws/lambda-service.ts';
import { HttpApi, matchRoute } from '../../../sandbox/src/lambda/http-api.ts';

interface Event {
  readonly version: string;
  readonly routeKey: string;
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly headers: { [name: string]: string };
  readonly cookies?: string[];
  readonly body?: string;
  readonly isBase64Encoded: boolean;
  readonly pathParameters?: object;
  readonly requestContext: { http: { method: string } };
}

let api: HttpApi;
let events: Event[] = [];
let result: InvocationResult = { payload: '{"statusCode":204}' };

beforeAll(async () => {
  api = await HttpApi.start({
    routes: [
      { method: 'POST', path: '/webhooks/{source}', function: 'receive' },
      { method: 'GET', path: '/webhooks/{source}', function: 'receive' },
    ],
    account: '111122223333',
    port: 0,
    invoke: async (_name, payload) => {
      events.push(JSON.parse(payload) as Event);
      return result;
    },
  });
});
beforeEach(() => {
  events = [];
  result = { payload: '{"statusCode":204}' };
});
afterAll(() => api.stop());

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, path = '/webhooks/okta') =>
  fetch(`${api.url}${path}`, { method: 'POST', body, headers });

describe('a request', () => {
  it('becomes an event of payload format 2.0', async () => {
    await post('{"a":1}', { 'content-type': 'application/json', 'X-Signature': 's' }, '/webhooks/okta?a=1&a=2&b=%2F');
    expect(events[0]).toMatchObject({
      version: '2.0',
      routeKey: 'POST /webhooks/{source}',
      rawPath: '/webhooks/okta',
      rawQueryString: 'a=1&a=2&b=%2F',
      queryStringParameters: { a: '1,2', b: '/' },
      pathParameters: { source: 'okta' },
      headers: { 'x-signature': 's', 'content-type': 'application/json' },
      requestContext: { http: { method: 'POST', path: '/webhooks/okta' }, stage: '$default' },
      body: '{"a":1}',
      isBase64Encoded: false,
    });
  });

  it.each([
    ['text/plain', false],
    ['application/json; charset=utf-8', false],
    ['APPLICATION/XML', false],
    ['application/javascript', false],
    ['application/scim+json', true],
    ['application/secevent+jwt', true],
    ['application/x-www-form-urlencoded', true],
    ['application/octet-stream', true],
  ])('of type %s arrives in base64: %s', async (type, encoded) => {
    await post('body', { 'content-type': type });
    expect(events[0]!.isBase64Encoded).toBe(encoded);
    expect(Buffer.from(events[0]!.body!, encoded ? 'base64' : 'utf8').toString()).toBe('body');
  });

  it('without a type arrives in base64, byte for byte', async () => {
    const bytes = new Uint8Array([0xff, 0, 0x80]);
    await post(bytes, {});
    expect(events[0]).toMatchObject({ body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true });
  });

  it('has repeated headers joined with commas, and its cookies apart', async () => {
    const { port } = new URL(api.url);
    await new Promise<void>((done, failed) => {
      const headers = [
        'Host',
        'x',
        'X-One',
        'a',
        'x-one',
        'b',
        'Authorization',
        '1',
        'authorization',
        '2',
        'Cookie',
        'c=1; d=2',
      ];
      request({ port, host: '127.0.0.1', path: '/webhooks/okta', headers }, (answer) =>
        answer.resume().once('end', done),
      )
        .once('error', failed)
        .end();
    });
    expect(events[0]!.headers).toMatchObject({ 'x-one': 'a,b', authorization: '1,2' });
    expect(events[0]!.cookies).toEqual(['c=1', 'd=2']);
    expect(events[0]!.headers.cookie).toBeUndefined();
  });

  it.each([
    ['PUT', '/webhooks/okta'],
    ['POST', '/webhooks'],
    ['POST', '/webhooks/'],
    ['POST', '/webhooks/okta/more'],
    ['GET', '/'],
  ])('%s %s has no route', async (method, path) => {
    const answer = await fetch(`${api.url}${path}`, { method });
    expect([answer.status, await answer.json()]).toEqual([404, { message: 'Not Found' }]);
    expect(events).toEqual([]);
  });

  it('over 10 MiB is refused before the function sees it', async () => {
    const answer = await post(new Uint8Array(10 * 1024 * 1024 + 1), {});
    expect(answer.status).toBe(413);
    expect(events).toEqual([]);
  });
});

describe('an answer', () => {
  it('has the status, headers and body that the function gives', async () => {
    result = {
      payload: JSON.stringify({
        statusCode: 418,
        headers: { 'X-Pot': 'tea' },
        body: 'c2hvcnQ=',
        isBase64Encoded: true,
      }),
    };
    const answer = await post('x', {});
    expect([answer.status, answer.headers.get('x-pot'), await answer.text()]).toEqual([418, 'tea', 'short']);
  });

  it('is JSON where the function names no status', async () => {
    result = { payload: '{"verification":"x"}' };
    const answer = await post('x', {});
    expect([answer.status, await answer.json()]).toEqual([200, { verification: 'x' }]);
  });

  it.each([
    ['an error', { payload: '{"errorMessage":"secret"}', error: 'Unhandled' as const }],
    ['a status that is none', { payload: '{"statusCode":"many"}' }],
    ['a body that is no text', { payload: '{"statusCode":200,"body":{}}' }],
  ])('is 500 without a reason where the function gives %s', async (_what, given) => {
    result = given;
    const answer = await post('x', {});
    expect([answer.status, await answer.json()]).toEqual([500, { message: 'Internal Server Error' }]);
  });
});

describe('of several routes', () => {
  const routes = ['GET /a/{x}', 'ANY /a/{x}', 'GET /a/b', 'GET /{proxy+}', 'ANY /{y}/b'].map((key) => {
    const [method = '', path = ''] = key.split(' ');
    return { method, path, function: key };
  });
  it.each([
    ['GET', '/a/b', 'GET /a/b'],
    ['GET', '/a/c', 'GET /a/{x}'],
    ['POST', '/a/c', 'ANY /a/{x}'],
    ['GET', '/z/b', 'ANY /{y}/b'],
    ['GET', '/z/y/x', 'GET /{proxy+}'],
    ['POST', '/z/y/x', undefined],
  ])('%s %s takes the most specific', (method, path, expected) => {
    expect(matchRoute(routes, method, path)?.route.function).toBe(expected);
  });
});
