import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import type { InvocationResult } from '../aws/lambda-service.ts';
import type { InvokeMessage, WorkerMessage, WorkerStart } from './worker-messages.ts';

/** What an instance is made of. */
export interface InstanceOptions extends WorkerStart {
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly log: (line: string) => void;
}

/** Lambda lets a module take ten seconds to load. */
const INIT_TIMEOUT_MS = 10_000;

/** One instance of a function: a worker thread. It runs one event at a time; after an error outside the handler it is gone. */
export class FunctionInstance {
  readonly #options: InstanceOptions;
  readonly #worker: Worker;
  /** What the initialization came to: undefined is success. */
  readonly #ready: Promise<InvocationResult | undefined>;
  #gone = false;

  constructor(options: InstanceOptions) {
    this.#options = options;
    const { module, exportName, functionName, functionArn, memoryMegabytes, internet } = options;
    const start: WorkerStart = { module, exportName, functionName, functionArn, memoryMegabytes, internet };
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), {
      name: functionName,
      workerData: start,
      env: { ...options.environment },
      execArgv: ['-C', 'source', '--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
      stdout: true,
      stderr: true,
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      createInterface({ input: stream }).on('line', options.log);
    }
    // Without a listener an error of the thread would end this process.
    this.#worker.on('error', (error) => options.log(String(error)));
    this.#worker.once('exit', () => {
      this.#gone = true;
    });
    this.#ready = this.#answer(INIT_TIMEOUT_MS, INIT_TIMEOUT_MS / 1000);
    this.#ready.then((result) => {
      if (result) void this.stop();
    });
  }

  /** Whether it can run another event. */
  get usable(): boolean {
    return !this.#gone;
  }

  /** Waits until the module is loaded, or could not be. */
  async loaded(): Promise<void> {
    await this.#ready;
  }

  /** Runs the handler. A time-out ends the instance, as in Lambda. Never throws: what goes wrong is a result with `error`. */
  async invoke(requestId: string, payload: string): Promise<InvocationResult> {
    const failedInit = await this.#ready;
    if (failedInit) return failedInit;
    const { timeoutSeconds } = this.#options;
    const message: InvokeMessage = { requestId, payload, deadline: Date.now() + timeoutSeconds * 1000 };
    const answer = this.#answer(timeoutSeconds * 1000, timeoutSeconds);
    this.#worker.postMessage(message);
    return (await answer) ?? unhandled('Runtime.Unknown', 'the worker gave no answer');
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    this.#gone = true;
    await this.#worker.terminate();
  }

  /** The next message of the worker, or how it ended without one. */
  async #answer(milliseconds: number, seconds: number): Promise<InvocationResult | undefined> {
    const settled = new AbortController();
    const { signal } = settled;
    const timer = setTimeout(() => settled.abort(), milliseconds);
    try {
      return await Promise.race([
        once(this.#worker, 'message', { signal }).then(([message]) => resultOf(message as WorkerMessage)),
        once(this.#worker, 'exit', { signal }).then(() =>
          unhandled('Runtime.ExitError', 'Runtime exited without providing a reason'),
        ),
      ]);
    } catch (error) {
      this.#gone = true;
      void this.#worker.terminate();
      if (signal.aborted) return unhandled('Sandbox.Timedout', `Task timed out after ${seconds.toFixed(2)} seconds`);
      return unhandled((error as Error).name, (error as Error).message);
    } finally {
      clearTimeout(timer);
      settled.abort();
    }
  }
}

function resultOf(message: WorkerMessage): InvocationResult | undefined {
  if (message.kind === 'ready') return undefined;
  return message.kind === 'result' ? { payload: message.payload } : { payload: message.payload, error: 'Unhandled' };
}

function unhandled(errorType: string, errorMessage: string): InvocationResult {
  return { payload: JSON.stringify({ errorType, errorMessage }), error: 'Unhandled' };
}
