import { Agent, request } from 'node:https';

/** The answer to one request. */
export interface JsonAnswer {
  readonly status: number;
  /** Parsed; undefined where it is no JSON. */
  readonly body: unknown;
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** One HTTPS server, asked in JSON over connections that stay open. */
export interface JsonConnection {
  /**
   * @param headers a list is sent as one line for each.
   * @throws where no whole answer comes within 30 seconds.
   */
  send(method: string, path: string, body?: unknown, headers?: Headers): Promise<JsonAnswer>;
  close(): void;
}

/** @param headers go with every request. */
export function jsonConnection(server: string, ca: string, headers: Headers = {}): JsonConnection {
  const agent = new Agent({ keepAlive: true, ca, maxSockets: 8 });
  return {
    send: (method, path, body, more = {}) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? '' : JSON.stringify(body);
        const sent = request(
          new URL(path, server),
          {
            agent,
            method,
            headers: {
              accept: 'application/json',
              'content-type': 'application/json',
              ...headers,
              ...more,
              'content-length': Buffer.byteLength(text),
            },
            signal: AbortSignal.timeout(30_000),
          },
          (response) => {
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () => {
              const status = response.statusCode ?? 0;
              resolve({ status, body: parsed(Buffer.concat(chunks).toString()) });
            });
          },
        );
        sent.on('error', reject);
        sent.end(text);
      }),
    close: () => agent.destroy(),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
