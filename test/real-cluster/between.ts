import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What stands between a caller and a service. */
export interface Between {
  readonly url: string;
  stop(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** What it does with a call of the query protocol (`DescribeChangeSet`): answers itself, or changes the service's answer. */
export type Meddling = (action: string, answer: () => Promise<Reply>) => Promise<Reply>;

/** Passes all on to a service of AWS, and lets a test meddle with the calls of the query protocol. */
export async function startBetween(service: string, meddle: Meddling): Promise<Between> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks);
      const { host: _host, connection: _connection, ...headers } = request.headers as Record<string, string>;
      const method = request.method!;
      const sent = { method, headers, ...(['GET', 'HEAD'].includes(method) ? {} : { body }) };
      const asked = async () => fetch(`${service}${request.url}`, sent);
      const action = /(?:^|&)Action=(\w+)/.exec(body.subarray(0, 100_000).toString())?.[1];
      if (action === undefined) {
        const answer = await asked();
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        return void response.end(Buffer.from(await answer.arrayBuffer()));
      }
      const { status, body: text } = await meddle(action, async () => {
        const answer = await asked();
        return { status: answer.status, body: await answer.text() };
      });
      response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
