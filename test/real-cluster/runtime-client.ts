import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '@gatehouse/core/access/failure';
import { cacheFolder } from '../../sandbox/src/real-cluster/components.ts';
import { GuardedProcess } from '../../sandbox/src/real-cluster/guarded-process.ts';

const PACKAGE = join(import.meta.dirname, 'lambda');

/** The folder of AWS Lambda's runtime interface client for Node, installed where it is not yet: seconds, once. */
export async function runtimeClient(tell: (line: string) => void): Promise<string> {
  const lock = join(PACKAGE, 'package-lock.json');
  const key = createHash('sha256').update(readFileSync(lock)).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(), 'npm', `lambda-${key}`);
  const client = join(folder, 'node_modules/aws-lambda-ric');
  if (existsSync(client)) return client;
  tell('installing the runtime client of AWS Lambda from npm (seconds, once)');
  const beside = `${folder}.new-${process.pid}`;
  mkdirSync(beside, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(PACKAGE, file), join(beside, file));
  try {
    // Its scripts would compile curl; what they make is replaced by native-client.cjs.
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: beside });
    renameSync(beside, folder);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    if (!existsSync(client)) {
      throw new Failure('invalid', `npm ci of the runtime client failed: ${(error as Error).message}`, {
        remedy: 'a first run needs the npm registry',
      });
    }
  }
  return client;
}

/** One function, run by AWS Lambda's own runtime client. */
export interface RunningFunction {
  /** Milliseconds from the start of the process until the runtime asked for its first invocation. */
  readonly initMs: number;
  /** Invokes it; one at a time, as Lambda does. `error` where the handler threw, or the process ended. */
  invoke(
    payload: string,
  ): Promise<{ readonly payload: string; readonly error: boolean; readonly milliseconds: number }>;
  /** What it has logged. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** How a function is run. */
export interface FunctionOptions {
  /** Folder of {@link runtimeClient}. */
  readonly client: string;
  /** Folder of the built function, in which Node finds the layer's package. */
  readonly taskRoot: string;
  /** `main.handler` */
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly env: Readonly<Record<string, string>>;
}

interface Pending {
  readonly id: string;
  readonly payload: string;
  readonly answered: (answer: { payload: string; error: boolean }) => void;
}

/**
 * Starts a function as Lambda does: a process with the runtime client, and for it the Runtime API on loopback.
 * @throws Failure with what the runtime reports, where its module does not load.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export async function startFunction(options: FunctionOptions): Promise<RunningFunction> {
  const { client, taskRoot, handler, timeoutSeconds, env } = options;
  const lines: string[] = [];
  const waiting: ServerResponse[] = [];
  const queue: Pending[] = [];
  const running = new Map<string, Pending>();
  let asked: number | undefined;
  let initError: string | undefined;

  const hand = () => {
    while (waiting.length > 0 && queue.length > 0) {
      const [response, pending] = [waiting.shift()!, queue.shift()!];
      running.set(pending.id, pending);
      response.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': pending.id,
        'lambda-runtime-deadline-ms': String(Date.now() + timeoutSeconds * 1000),
        'lambda-runtime-invoked-function-arn': `arn:aws:lambda:eu-west-1:111122223333:function:${env.AWS_LAMBDA_FUNCTION_NAME}`,
      });
      response.end(pending.payload);
    }
  };
  const server = createServer(async (request, response) => {
    const [, , , action = '', id = '', what = ''] = (request.url ?? '').split('/');
    if (request.method === 'GET' && action === 'invocation' && id === 'next') {
      asked ??= performance.now();
      waiting.push(response);
      hand();
      return;
    }
    const body = await bodyOf(request);
    if (action === 'init') initError = body;
    running.get(id)?.answered({ payload: body, error: what !== 'response' });
    running.delete(id);
    response.writeHead(202).end('{"status":"OK"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const began = performance.now();
  const child = new GuardedProcess({
    name: `the function in ${taskRoot}`,
    program: process.execPath,
    arguments: ['--require', join(PACKAGE, 'native-client.cjs'), join(client, 'index.mjs')],
    env: {
      ...env,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${env.AWS_LAMBDA_FUNCTION_NAME}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'test',
      LAMBDA_TASK_ROOT: taskRoot,
      _HANDLER: handler,
      TZ: ':UTC',
    },
    onLine: (line) => lines.push(line),
    onErrorLine: (line) => lines.push(line),
  });
  const stop = async () => {
    await child.stop();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  try {
    await child.until(async () => asked !== undefined, timeoutSeconds);
  } catch (error) {
    await stop();
    throw new Failure('invalid', initError ?? (error as Error).message, { cause: error });
  }
  return {
    initMs: asked! - began,
    lines,
    invoke: async (payload) => {
      const sent = performance.now();
      const answer = await Promise.race([
        new Promise<{ payload: string; error: boolean }>((answered) => {
          queue.push({ id: randomUUID(), payload, answered });
          hand();
        }),
        child.ended.then(() => ({ payload: lines.slice(-5).join('\n'), error: true })),
      ]);
      return { ...answer, milliseconds: performance.now() - sent };
    },
    stop,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
