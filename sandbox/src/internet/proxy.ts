import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { PlayedInternet } from './played-internet.ts';

/** A way to the played internet for programs that know proxies. */
export interface EgressProxy {
  /** For `HTTPS_PROXY`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a proxy on loopback that leads to played hosts, and to nowhere else. TLS goes through it unread. */
export async function startEgressProxy(internet: PlayedInternet): Promise<EgressProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, socket: Socket, head: Buffer) => {
    const name = (request.url ?? '').replace(/:\d+$/, '');
    const host = Object.hasOwn(internet, name) ? internet[name] : undefined;
    socket.on('error', () => socket.destroy());
    if (host === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const beyond = connect(host.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      beyond.write(head);
      beyond.pipe(socket);
      socket.pipe(beyond);
    });
    for (const each of [socket, beyond]) {
      sockets.add(each);
      each.once('close', () => sockets.delete(each));
    }
    beyond.on('error', () => socket.destroy());
    socket.once('close', () => beyond.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
