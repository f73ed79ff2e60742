import { Agent, request } from 'node:https';
import type { Answer, RequestHeaders } from './api.ts';

/** One request, as it goes over the wire: the path is sent as it is. */
export interface RawRequest {
  readonly token?: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  /** Sent as JSON unless it is a text or bytes. */
  readonly body?: unknown;
  readonly headers?: RequestHeaders;
}

/** Sends requests to an API server over connections that are kept until they are closed. `ca` is PEM. */
export function httpsRequests(server: { readonly url: string; readonly ca: string }): {
  readonly send: (request: RawRequest) => Promise<Answer>;
  readonly close: () => void;
} {
  const agent = new Agent({ keepAlive: true, ca: server.ca });
  const send = ({ token, method, url, body, headers = {} }: RawRequest): Promise<Answer> => {
    const whole = typeof body === 'string' || body instanceof Uint8Array;
    const text = body === undefined || whole ? (body as string | Uint8Array | undefined) : JSON.stringify(body);
    const all = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      // Node would send the body of a DELETE without saying where it ends.
      ...(text === undefined ? {} : { 'content-length': Buffer.byteLength(text) }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(server.url, { agent, path: url, method, headers: all, timeout: 10_000 }, (response) => {
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
