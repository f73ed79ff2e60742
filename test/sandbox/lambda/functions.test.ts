import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InvocationRecord, LambdaFunctions } from '../../../sandbox/src/lambda/functions.ts';
import type { FunctionWiring } from '../../../sandbox/src/template/wiring.ts';

const ROOT = new URL('../../..', import.meta.url).pathname;

const wiring = (name: string, more: Partial<FunctionWiring> = {}): FunctionWiring => ({
  logicalId: name,
  name,
  arn: `arn:aws:lambda:eu-west-1:111122223333:function:${name}`,
  module: 'test/fixtures/functions/echo/main.ts',
  exportName: 'handler',
  layers: [],
  timeoutSeconds: 5,
  memoryMegabytes: 256,
  environment: { NOTE: name },
  role: { name: `${name}Role`, path: '/', arn: `arn:aws:iam::111122223333:role/${name}Role` },
  policies: [],
  asynchronous: { retries: 2, deadLetterForm: 'record' },
  ...more,
});

const lines: string[] = [];
const dead: [string, string][] = [];
const records: InvocationRecord[] = [];
let functions: LambdaFunctions;

beforeAll(() => {
  const queue = { deadLetterQueueArn: 'arn:aws:sqs:eu-west-1:111122223333:failures' };
  functions = new LambdaFunctions(
    [
      wiring('echo'),
      wiring('other'),
      wiring('hasty', { timeoutSeconds: 1 }),
      wiring('alone', { reservedConcurrency: 1 }),
      wiring('broken', { module: 'test/fixtures/functions/broken/main.ts' }),
      wiring('destination', { asynchronous: { retries: 1, deadLetterForm: 'record', ...queue } }),
      wiring('dead-letters', { asynchronous: { retries: 0, deadLetterForm: 'event', ...queue } }),
    ],
    {
      root: ROOT,
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:1',
      credentials: ({ name }) => ({ accessKeyId: `ASIA${name}`, secretAccessKey: 'secret', sessionToken: 'token' }),
      instances: 2,
      log: (name, line) => lines.push(`${name}: ${line}`),
      deadLetter: async (arn, body) => void dead.push([arn, body]),
      retryDelays: [5, 5],
    },
  );
  functions.observe((record) => records.push(record));
});
afterAll(() => functions.stop());

const call = async (name: string, event: object) => {
  const { payload, error } = await functions.invoke(name, JSON.stringify(event));
  return { error, answer: JSON.parse(payload) as Record<string, unknown> };
};

describe('an invocation', () => {
  it('sees the environment of its function and nothing of this process', async () => {
    const { answer, error } = await call('echo', { a: 1 });
    expect(error).toBeUndefined();
    expect(answer.event).toEqual({ a: 1 });
    const environment = answer.environment as Record<string, string>;
    expect(environment).toMatchObject({
      NOTE: 'echo',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ACCESS_KEY_ID: 'ASIAecho',
      AWS_SESSION_TOKEN: 'token',
      AWS_LAMBDA_FUNCTION_NAME: 'echo',
    });
    expect(environment.PATH).toBeUndefined();
    expect(environment.VITEST).toBeUndefined();
    // What a thread prints comes by a way of its own, not before its answer.
    await expect.poll(() => lines).toContain('echo: call 1');
  });

  it('uses an instance again, and functions do not share one', async () => {
    const before = (await call('echo', {})).answer.count as number;
    expect((await call('echo', {})).answer.count).toBe(before + 1);
    expect((await call('other', {})).answer.count).toBe(1);
  });

  it('knows how much time is left', async () => {
    const { remaining } = (await call('echo', {})).answer;
    expect(remaining).toBeGreaterThan(4000);
    expect(remaining).toBeLessThanOrEqual(5000);
  });

  it.each([
    ['throws', { throw: 'no' }, { errorType: 'TypeError', errorMessage: 'no' }],
    ['ends the runtime', { exit: true }, { errorType: 'Runtime.ExitError' }],
  ])('is an error where the handler %s, and the next one works', async (_what, event, expected) => {
    expect(await call('echo', event)).toMatchObject({ error: 'Unhandled', answer: expected });
    expect((await call('echo', {})).error).toBeUndefined();
  });

  it('is ended when its time is over', async () => {
    const late = await call('hasty', { sleepMs: 60_000 });
    expect(late).toMatchObject({ error: 'Unhandled', answer: { errorType: 'Sandbox.Timedout' } });
    expect((await call('hasty', {})).answer.count).toBe(1);
  });

  it('is an error where the module does not load, with its reason', async () => {
    expect(await call('broken', {})).toMatchObject({
      error: 'Unhandled',
      answer: { errorMessage: 'QUEUE_URL is missing' },
    });
  });

  it('waits for another one where the function may run once at a time', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => call('alone', { sleepMs: 5 })));
    expect(answers.map(({ answer }) => answer.count)).toEqual([1, 2, 3]);
  });
});

describe('an asynchronous invocation', () => {
  const settled = async (name: string, count: number) => {
    await expect.poll(() => records.filter((record) => record.function === name).length).toBe(count);
  };

  it('is tried again, and then told to the destination', async () => {
    functions.invokeLater('destination', '{"throw":"never"}');
    await settled('destination', 2);
    await expect.poll(() => dead.length).toBe(1);
    const [arn, body] = dead.pop()!;
    expect(arn).toBe('arn:aws:sqs:eu-west-1:111122223333:failures');
    expect(JSON.parse(body)).toMatchObject({
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 2 },
      requestPayload: { throw: 'never' },
      responsePayload: { errorMessage: 'never' },
    });
  });

  it('goes to the dead-letter queue as it is', async () => {
    functions.invokeLater('dead-letters', '{"throw":"never"}');
    await expect.poll(() => dead.length).toBe(1);
    expect(dead.pop()![1]).toBe('{"throw":"never"}');
  });
});
