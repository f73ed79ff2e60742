import type { PlayedInternet } from '../internet/played-internet.ts';

/** What a worker is started with. */
export interface WorkerStart {
  /** URL of the module that exports the handler. */
  readonly module: string;
  readonly exportName: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMegabytes: number;
  readonly internet: PlayedInternet;
}

/** To the worker: run the handler once. */
export interface InvokeMessage {
  readonly requestId: string;
  /** JSON text. */
  readonly payload: string;
  /** Milliseconds since 1970 at which the invocation times out. */
  readonly deadline: number;
}

/** From the worker: `ready` once after the module was loaded, then one answer an invocation. Payloads are JSON text. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly payload: string }
  | { readonly kind: 'error'; readonly payload: string };
