import { randomUUID } from 'node:crypto';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InvocationResult, InvokableFunctions } from '../aws/lambda-service.ts';
import type { PlayedInternet } from '../internet/played-internet.ts';
import type { FunctionWiring } from '../template/wiring.ts';
import { FunctionInstance } from './instance.ts';

/** Credentials of a function's role. */
export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** An invocation, as it is reported once it is over. */
export interface InvocationRecord {
  readonly function: string;
  readonly requestId: string;
  readonly milliseconds: number;
  readonly error?: string;
}

/** What functions run with. */
export interface FunctionsOptions {
  /** Folder of the template. */
  readonly root: string;
  readonly region: string;
  /** URL of the AWS endpoint. */
  readonly endpoint: string;
  readonly credentials: (wiring: FunctionWiring) => FunctionCredentials;
  /** Most instances of one function at once. */
  readonly instances: number;
  readonly log: (functionName: string, line: string) => void;
  /** What they find of the internet. */
  readonly internet?: PlayedInternet;
  /** Where an event goes that was invoked asynchronously and failed for good. */
  readonly deadLetter: (queueArn: string, body: string) => Promise<void>;
  /** Milliseconds to wait before the first and the second retry of an asynchronous invocation. */
  readonly retryDelays?: readonly number[];
}

/** Lambda waits one minute before the first retry, two before the second (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html). */
const RETRY_DELAYS = [60_000, 120_000] as const;

/** Lambda: the functions of a template, each in threads of its own, as many at once as are allowed; what is more waits. */
export class LambdaFunctions implements InvokableFunctions {
  readonly #options: FunctionsOptions;
  readonly #pools: ReadonlyMap<string, Pool>;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #observers = new Set<(record: InvocationRecord) => void>();
  #stopped = false;

  constructor(functions: readonly FunctionWiring[], options: FunctionsOptions) {
    this.#options = options;
    this.#pools = new Map(functions.map((wiring) => [wiring.name, new Pool(wiring, options)]));
  }

  /** Calls `observer` after every invocation; the answer stops that. */
  observe(observer: (record: InvocationRecord) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  has(name: string): boolean {
    return this.#pools.has(name);
  }

  list(): readonly FunctionWiring[] {
    return [...this.#pools.values()].map(({ wiring }) => wiring).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Loads one instance of every function, one after the other, so that first events need not wait for it. */
  async warm(): Promise<void> {
    for (const pool of this.#pools.values()) if (!this.#stopped) await pool.warm();
  }

  /** Invokes and waits for the answer. */
  async invoke(name: string, payload: string): Promise<InvocationResult> {
    return (await this.#invoke(name, payload)).result;
  }

  /** Invokes asynchronously: an event that fails is tried again twice, and then goes to where the function says. */
  invokeLater(name: string, payload: string): void {
    this.#attempt(name, payload, 0);
  }

  /**
   * Ends all threads, once what is running has ended or `patienceMs` are over: what is cut off counts as a crash, and its
   * leases last. Asynchronous events that wait are lost.
   */
  async stop(patienceMs = 10_000): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    let patience: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, patienceMs);
    });
    await Promise.race([Promise.all([...this.#pools.values()].map((pool) => pool.idle())), over]);
    clearTimeout(patience);
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
    await Promise.allSettled(this.#running);
  }

  async #invoke(name: string, payload: string): Promise<{ requestId: string; result: InvocationResult }> {
    const pool = this.#pools.get(name);
    if (!pool) throw new Error(`there is no function ${name}`);
    const requestId = randomUUID();
    const started = performance.now();
    const result = await pool.run(requestId, payload);
    const record = { function: name, requestId, milliseconds: performance.now() - started };
    for (const observer of this.#observers) observer(result.error ? { ...record, error: result.payload } : record);
    return { requestId, result };
  }

  #attempt(name: string, payload: string, failures: number): void {
    if (this.#stopped) return;
    const running: Promise<void> = this.#invoke(name, payload)
      .then(({ requestId, result }) =>
        result.error ? this.#failed(name, payload, failures + 1, requestId, result) : undefined,
      )
      .catch((error: unknown) => this.#options.log(name, `asynchronous invocation: ${String(error)}`))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #failed(
    name: string,
    payload: string,
    failures: number,
    requestId: string,
    result: InvocationResult,
  ): Promise<void> {
    if (this.#stopped) return;
    const { asynchronous, arn } = this.#pools.get(name)!.wiring;
    if (failures <= asynchronous.retries) {
      const delays = this.#options.retryDelays ?? RETRY_DELAYS;
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          this.#attempt(name, payload, failures);
        },
        delays[failures - 1] ?? delays.at(-1)!,
      );
      this.#timers.add(timer);
      return;
    }
    this.#options.log(name, `gave up an event after ${failures} attempts: ${result.payload}`);
    if (asynchronous.deadLetterQueueArn === undefined) return;
    const record = {
      version: '1.0',
      timestamp: new Date().toISOString(),
      requestContext: {
        requestId,
        functionArn: `${arn}:$LATEST`,
        condition: 'RetriesExhausted',
        approximateInvokeCount: failures,
      },
      requestPayload: JSON.parse(payload) as unknown,
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: result.error },
      responsePayload: JSON.parse(result.payload) as unknown,
    };
    const body = asynchronous.deadLetterForm === 'event' ? payload : JSON.stringify(record);
    await this.#options.deadLetter(asynchronous.deadLetterQueueArn, body);
  }
}

/** The instances of one function, and the invocations that wait for one. */
class Pool {
  readonly wiring: FunctionWiring;
  readonly #options: FunctionsOptions;
  readonly #limit: number;
  readonly #idle: FunctionInstance[] = [];
  readonly #all = new Set<FunctionInstance>();
  readonly #waiting: (() => void)[] = [];
  readonly #whenIdle: (() => void)[] = [];
  #busy = 0;

  constructor(wiring: FunctionWiring, options: FunctionsOptions) {
    this.wiring = wiring;
    this.#options = options;
    this.#limit = Math.min(wiring.reservedConcurrency ?? options.instances, options.instances);
  }

  async warm(): Promise<void> {
    if (this.#all.size > 0) return;
    const instance = this.#start();
    this.#idle.push(instance);
    await instance.loaded();
  }

  async run(requestId: string, payload: string): Promise<InvocationResult> {
    if (this.#busy >= this.#limit) await new Promise<void>((free) => this.#waiting.push(free));
    else this.#busy += 1;
    const instance = this.#take();
    try {
      return await instance.invoke(requestId, payload);
    } finally {
      if (instance.usable) this.#idle.push(instance);
      else this.#all.delete(instance);
      // Whoever waits takes over the place, so that nobody who comes just now overtakes.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy -= 1;
      if (this.#busy === 0) for (const idle of this.#whenIdle.splice(0)) idle();
    }
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    if (this.#busy > 0) await new Promise<void>((idle) => this.#whenIdle.push(idle));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#all].map((instance) => instance.stop()));
  }

  #take(): FunctionInstance {
    for (let instance = this.#idle.pop(); instance; instance = this.#idle.pop()) {
      if (instance.usable) return instance;
      this.#all.delete(instance);
    }
    return this.#start();
  }

  #start(): FunctionInstance {
    const { root, log, internet = {} } = this.#options;
    const { name, arn, module, exportName, memoryMegabytes, timeoutSeconds } = this.wiring;
    const instance = new FunctionInstance({
      module: pathToFileURL(join(root, module)).href,
      exportName,
      functionName: name,
      functionArn: arn,
      memoryMegabytes,
      timeoutSeconds,
      internet,
      environment: this.#environment(),
      log: (line) => log(name, line),
    });
    this.#all.add(instance);
    return instance;
  }

  /** What Lambda's runtime sets, and the template's own; nothing of this process gets through, the user's AWS profile least of all. */
  #environment(): Record<string, string> {
    const { region, endpoint, credentials } = this.#options;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials(this.wiring);
    return {
      ...this.wiring.environment,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: this.wiring.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(this.wiring.memoryMegabytes),
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${this.wiring.name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'sandbox',
      LAMBDA_TASK_ROOT: this.#options.root,
      // Metrics are lines of the log that only CloudWatch makes something of.
      POWERTOOLS_METRICS_DISABLED: 'true',
      TZ: ':UTC',
    };
  }
}
