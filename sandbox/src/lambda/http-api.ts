import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InvocationResult } from '../aws/lambda-service.ts';
import type { RouteWiring } from '../template/wiring.ts';

/** What an HTTP API is made of. */
export interface HttpApiOptions {
  readonly routes: readonly RouteWiring[];
  readonly account: string;
  readonly invoke: (functionName: string, payload: string) => Promise<InvocationResult>;
  /** 0: any free port. */
  readonly port: number;
}

const MAX_BODY_BYTES = 10 * 1024 * 1024;
const MAX_HEADER_BYTES = 10_240;
const INTEGRATION_TIMEOUT_MS = 30_000;

/**
 * An HTTP API of API Gateway on loopback: routes to functions, payload format 2.0.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export class HttpApi {
  readonly #options: HttpApiOptions;
  readonly #server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES },
    (request, response) => void this.#serve(request, response),
  );

  private constructor(options: HttpApiOptions) {
    this.#options = options;
  }

  /** Listens on 127.0.0.1. */
  static async start(options: HttpApiOptions): Promise<HttpApi> {
    const api = new HttpApi(options);
    await new Promise<void>((done, failed) => {
      api.#server.once('error', failed);
      api.#server.listen(options.port, '127.0.0.1', done);
    });
    return api;
  }

  /** `http://127.0.0.1:PORT` */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers no more requests. */
  async stop(): Promise<void> {
    await new Promise<void>((done) => {
      this.#server.close(() => done());
      this.#server.closeAllConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://localhost');
      const match = matchRoute(this.#options.routes, request.method ?? 'GET', url.pathname);
      if (!match) {
        message(response, 404, 'Not Found');
        return;
      }
      const body = await bodyOf(request);
      if (!body) {
        message(response, 413, 'Request Entity Too Large');
        return;
      }
      const payload = JSON.stringify(this.#event(request, url, match, body));
      answer(response, await withTimeout(this.#options.invoke(match.route.function, payload)));
    } catch {
      // The sender went away, or nothing more can be said.
      if (!response.headersSent) message(response, 500, 'Internal Server Error');
    }
  }

  #event(request: IncomingMessage, url: URL, { route, parameters }: RouteMatch, body: Buffer) {
    const { headers, cookies } = joinedHeaders(request);
    const routeKey = `${route.method} ${route.path}`;
    const query = [...new Set(url.searchParams.keys())].map(
      (name) => [name, url.searchParams.getAll(name).join(',')] as const,
    );
    const plain = isText(headers.get('content-type') ?? '');
    return {
      version: '2.0',
      routeKey,
      rawPath: url.pathname,
      rawQueryString: url.search.slice(1),
      ...(cookies.length > 0 ? { cookies } : {}),
      headers: Object.fromEntries(headers),
      ...(query.length > 0 ? { queryStringParameters: Object.fromEntries(query) } : {}),
      ...(parameters.size > 0 ? { pathParameters: Object.fromEntries(parameters) } : {}),
      requestContext: {
        accountId: this.#options.account,
        apiId: 'sandbox',
        domainName: headers.get('host') ?? '',
        domainPrefix: 'sandbox',
        http: {
          method: request.method,
          path: url.pathname,
          protocol: `HTTP/${request.httpVersion}`,
          sourceIp: request.socket.remoteAddress ?? '',
          userAgent: headers.get('user-agent') ?? '',
        },
        requestId: randomUUID(),
        routeKey,
        stage: '$default',
        time: new Date().toUTCString(),
        timeEpoch: Date.now(),
      },
      ...(body.length > 0 ? { body: body.toString(plain ? 'utf8' : 'base64') } : {}),
      isBase64Encoded: body.length > 0 && !plain,
    };
  }
}

/** A route and what its parameters are. */
export interface RouteMatch {
  readonly route: RouteWiring;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The most specific route: a literal segment before a parameter, a parameter before a greedy one, a method before ANY. */
export function matchRoute(routes: readonly RouteWiring[], method: string, path: string): RouteMatch | undefined {
  const matches = routes
    .filter((route) => route.method === method || route.method === 'ANY')
    .map((route) => ({ route, parameters: matchPath(route.path, path) }))
    .filter((match): match is RouteMatch => match.parameters !== undefined)
    .sort((a, b) => rank(b.route).localeCompare(rank(a.route)));
  return matches[0];
}

/** Compares as text: a better route is greater. */
function rank({ path, method }: RouteWiring): string {
  const segments = path
    .split('/')
    .map((segment) => (segment.endsWith('+}') ? '1' : segment.startsWith('{') ? '2' : '3'));
  return `${segments.join('')}${method === 'ANY' ? '0' : '1'}`;
}

function matchPath(pattern: string, path: string): ReadonlyMap<string, string> | undefined {
  const wanted = pattern.split('/');
  const segments = path.split('/');
  const parameters = new Map<string, string>();
  for (const [index, segment] of wanted.entries()) {
    const parameter = /^\{([^}+]+)(\+?)\}$/.exec(segment);
    const rest = segments.slice(index).join('/');
    if (parameter && rest === '') return undefined;
    if (parameter?.[2]) return parameters.set(parameter[1]!, decoded(rest));
    const actual = segments[index];
    if (parameter && actual) parameters.set(parameter[1]!, decoded(actual));
    else if (segment !== actual) return undefined;
  }
  return segments.length === wanted.length ? parameters : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** API Gateway gives the body as text for these types alone; all others, and none, arrive in base64. */
function isText(contentType: string): boolean {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  return type.startsWith('text/') || ['application/json', 'application/xml', 'application/javascript'].includes(type);
}

/** Names in lower case, repeated headers joined with commas; cookies apart. */
function joinedHeaders({ rawHeaders, socket }: IncomingMessage) {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const value = rawHeaders[index + 1]!;
    const before = headers.get(name);
    if (name === 'cookie') cookies.push(...value.split(/; ?/));
    else headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  headers.set('x-forwarded-for', socket.remoteAddress ?? '');
  headers.set('x-forwarded-proto', 'https');
  headers.set('x-forwarded-port', '443');
  return { headers, cookies };
}

/** Undefined where there is too much of it; the rest is still read, so that the sender gets to see the answer. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
}

async function withTimeout(invocation: Promise<InvocationResult>): Promise<InvocationResult | 'too late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'too late'>((resolve) => {
    timer = setTimeout(() => resolve('too late'), INTEGRATION_TIMEOUT_MS);
  });
  return Promise.race([invocation, late]).finally(() => clearTimeout(timer));
}

/** What a function gives back: an answer with a status, or any JSON, which is then the body. */
function answer(response: ServerResponse, result: InvocationResult | 'too late'): ServerResponse {
  if (result === 'too late') return message(response, 503, 'Service Unavailable');
  if (result.error) return message(response, 500, 'Internal Server Error');
  const value = JSON.parse(result.payload) as {
    statusCode?: unknown;
    headers?: Record<string, unknown>;
    cookies?: string[];
    body?: unknown;
    isBase64Encoded?: boolean;
  } | null;
  if (value === null || typeof value !== 'object' || value.statusCode === undefined) {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(result.payload);
  }
  const status = Number(value.statusCode);
  const bodyFits = value.body === undefined || value.body === null || typeof value.body === 'string';
  if (!Number.isInteger(status) || status < 100 || status > 599 || !bodyFits)
    return message(response, 500, 'Internal Server Error');
  const body = Buffer.from((value.body as string | null | undefined) ?? '', value.isBase64Encoded ? 'base64' : 'utf8');
  const headers = Object.entries(value.headers ?? {}).map(
    ([name, each]) => [name.toLowerCase(), String(each)] as const,
  );
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    ...Object.fromEntries(headers),
    ...(value.cookies ? { 'set-cookie': value.cookies } : {}),
    ...(status === 204 ? {} : { 'content-length': body.length }),
  });
  return response.end(status === 204 ? undefined : body);
}

function message(response: ServerResponse, status: number, text: string): ServerResponse {
  response.writeHead(status, { 'content-type': 'application/json' });
  return response.end(JSON.stringify({ message: text }));
}
