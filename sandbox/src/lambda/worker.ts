import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { playInternet } from './worker-internet.ts';
import type { InvokeMessage, WorkerMessage, WorkerStart } from './worker-messages.ts';

/*
 * One instance of a Lambda function: a thread of its own, with the environment of the function and nothing else, that imports
 * the deployed module unchanged and runs its handler for one event at a time.
 */

type LambdaHandler = (event: unknown, context: unknown) => unknown;

const { module, exportName, functionName, functionArn, memoryMegabytes, internet } = workerData as WorkerStart;
const port = parentPort!;

const send = (message: WorkerMessage): void => port.postMessage(message);

const failed = (error: unknown): void => {
  const known = error instanceof Error ? error : new Error(String(error));
  console.error(
    JSON.stringify({ errorType: known.name, errorMessage: known.message, stack: known.stack?.split('\n') }),
  );
  const trace = known.stack?.split('\n');
  send({ kind: 'error', payload: JSON.stringify({ errorType: known.name, errorMessage: known.message, trace }) });
};

function contextOf({ requestId, deadline }: InvokeMessage) {
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(memoryMegabytes),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'sandbox',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function load(): Promise<LambdaHandler> {
  enableCompileCache();
  playInternet(internet);
  const exported = ((await import(module)) as Record<string, unknown>)[exportName];
  if (typeof exported !== 'function') throw new Error(`${module} does not export a function ${exportName}`);
  return exported as LambdaHandler;
}

try {
  const handler = await load();
  port.on('message', (message: InvokeMessage) => {
    const run = async () => handler(JSON.parse(message.payload), contextOf(message));
    run().then((result) => send({ kind: 'result', payload: JSON.stringify(result) ?? 'null' }), failed);
  });
  send({ kind: 'ready' });
} catch (error) {
  failed(error);
}
