import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ApiResponse, ApiState } from './api-state.ts';
import type { UserInfo } from './authorizer.ts';
import { ApiError, entityTooLarge, internalError, unauthorized } from './status.ts';
import type { Watch } from './watches.ts';

/** What the server needs. */
export interface KubernetesServerOptions {
  readonly state: Pick<ApiState, 'handle'>;
  /** Who holds a bearer token; undefined where it is not accepted. */
  readonly authenticate: (bearer: string) => Promise<UserInfo | undefined>;
  readonly host: '127.0.0.1';
  /** 0: any free port. */
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Told of every answered request: who (undefined: nobody), what, and the status. */
  readonly onRequest?: (seen: SeenRequest) => void;
  /** Told of every change, after the state has it, before its writer hears of it; of reviews and dry runs too. */
  readonly onChange?: () => void;
}

/** A request that was answered. */
export interface SeenRequest {
  readonly username: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

/** A running server. */
export interface KubernetesServer {
  /** `https://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Answers what is under way, ends kept-alive connections, frees the port. */
  close(): Promise<void>;
}

/** Bytes of a body that kube-apiserver reads (`MaxRequestBodyBytes`). */
export const BODY_LIMIT = 3 * 1024 * 1024;

/** What everybody may ask without a token, as on EKS. */
const HEALTH: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz']);
const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Serves an {@link ApiState} over HTTPS on loopback. */
export async function startKubernetesServer(options: KubernetesServerOptions): Promise<KubernetesServer> {
  const watches = new Set<ServerResponse>();
  const server = createServer({ cert: options.tls.cert, key: options.tls.key }, (request, response) => {
    void serve(options, request, response, watches);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${options.host}:${port}`,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        for (const watch of watches) watch.end();
        server.closeIdleConnections();
      }),
  };
}

async function serve(
  options: KubernetesServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  watches: Set<ServerResponse>,
): Promise<void> {
  let user: UserInfo | undefined;
  let answer: ApiResponse;
  try {
    const { path, query } = splitUrl(request);
    user = await authenticated(options, request, path);
    const body = await readCapped(request);
    const headers = request.headersDistinct;
    answer = options.state.handle({ method: request.method ?? 'GET', path, query, headers, body }, user);
  } catch (error) {
    const why =
      error instanceof ApiError ? error : internalError(error instanceof Error ? error.message : String(error));
    answer = { status: why.code, body: why.status };
  }
  const { method = 'GET', url: path = '/' } = request;
  if (answer.status < 300 && method !== 'GET') options.onChange?.();
  options.onRequest?.({ username: user?.username, method, path, status: answer.status });
  if (answer.watch === undefined) send(request, response, answer);
  else stream(response, answer.watch, watches);
}

/** Writes events, one a line, until the watch is over or whoever reads it goes. */
function stream(response: ServerResponse, { begin, milliseconds }: Watch, watches: Set<ServerResponse>): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  watches.add(response);
  const over = setTimeout(() => response.end(), milliseconds);
  const stop = begin((event) => {
    response.write(`${JSON.stringify(event)}\n`);
    if (event.type === 'ERROR') response.end();
  });
  response.once('close', () => {
    clearTimeout(over);
    watches.delete(response);
    stop();
  });
}

/** Path and query as they were sent: dots in a path are names here, and nothing is resolved. */
function splitUrl({ url = '/' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  if (mark < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, mark), query: readQuery(url.slice(mark + 1)) };
}

/** A query as Go reads it: what is wrongly escaped, or holds a semicolon, is as if it were not there. */
export function readQuery(query: string): URLSearchParams {
  const parts = query.split('&').filter((part) => !part.includes(';') && !/%(?![0-9a-f]{2})/i.test(part));
  return new URLSearchParams(parts.join('&'));
}

/** The values of the header `Warning`. */
export function warningHeader(warnings: readonly string[]): string[] {
  return warnings.map((text) => `299 - ${JSON.stringify(text)}`);
}

async function authenticated(
  options: KubernetesServerOptions,
  request: IncomingMessage,
  path: string,
): Promise<UserInfo> {
  const [scheme = '', bearer = ''] = (request.headers.authorization ?? '').split(' ');
  // Who brings nothing that is a token is nobody in particular.
  const brought = scheme.toLowerCase() === 'bearer' && bearer !== '';
  const user = brought ? await options.authenticate(bearer) : HEALTH.has(path) ? ANONYMOUS : undefined;
  if (user === undefined) throw unauthorized();
  return user;
}

async function readCapped(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT) throw entityTooLarge(BODY_LIMIT);
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw entityTooLarge(BODY_LIMIT);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, warnings = [] }: ApiResponse): void {
  const text = typeof body === 'string' ? body : `${JSON.stringify(body)}\n`;
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  const cut = !request.complete || status === 413;
  if (warnings.length > 0) response.setHeader('warning', warningHeader(warnings));
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-cache, private',
    ...(cut ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}
