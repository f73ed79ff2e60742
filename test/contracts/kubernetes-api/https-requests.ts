import { Agent, request } from 'node:https';
import type { RealCluster } from './cluster.ts';

/** One request, as it goes over the wire: the path is sent as it is. */
export interface RawRequest {
  readonly token?: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** Sent as JSON unless it is a text. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** An answer: JSON where it is JSON, else its text. */
export interface RawAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared, not used.
  readonly body: any;
  /** The header `Warning`. */
  readonly warning?: string;
}

/** Sends requests to the API server of a cluster over connections that are kept, until {@link close}. */
export function apiRequests(cluster: Pick<RealCluster, 'url' | 'identity'>): {
  readonly send: (request: RawRequest) => Promise<RawAnswer>;
  readonly close: () => void;
} {
  const agent = new Agent({ keepAlive: true, ca: cluster.identity.apiServer.ca });
  const send = ({ token, method, url, body, headers = {} }: RawRequest): Promise<RawAnswer> => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const all = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // Node would send the body of a DELETE without saying where it ends.
      ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(cluster.url, { agent, path: url, method, headers: all, timeout: 10_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { warning } = response.headers;
          const body = read(Buffer.concat(chunks));
          resolve({ status: response.statusCode ?? 0, body, ...(warning === undefined ? {} : { warning }) });
        });
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${url} was not answered`)));
      sent.end(text);
    });
  };
  return { send, close: () => agent.destroy() };
}

function read(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
