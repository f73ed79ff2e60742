import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import tls from 'node:tls';
import type { PlayedInternet } from '../internet/played-internet.ts';

/** What the played hosts' names lead to: addresses of the internet, of which none is ever asked. */
const FIRST_ADDRESS = [8, 8, 100, 1] as const;

/**
 * Plays the internet in this thread, below everything that the deployed modules do: their own checks see names, public
 * addresses and certificates, and only the last step, the connection, goes to loopback instead. Names that are not played lead
 * nowhere, as without a network.
 */
export function playInternet(internet: PlayedInternet): void {
  const hosts = Object.entries(internet);
  const [a, b, c, d] = FIRST_ADDRESS;
  const addressOf = new Map(hosts.map(([name], index) => [name, [a, b, c, d + index].join('.')]));
  const portAt = new Map(hosts.map(([name, { port }]) => [addressOf.get(name)!, port]));

  dns.lookup = (async (name: string) => {
    const address = addressOf.get(name);
    if (address !== undefined) return [{ address, family: 4 }];
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
  }) as unknown as typeof dns.lookup;
  syncBuiltinESMExports();
  if (hosts.length === 0) return;

  const { connect } = Socket.prototype as unknown as { connect: (...given: unknown[]) => Socket };
  (Socket.prototype as unknown as { connect: unknown }).connect = function (this: Socket, ...given: unknown[]) {
    // Node hands its own calls on as one list: the options, and what to call.
    const [first] = given;
    const options = (Array.isArray(first) ? first[0] : first) as { host?: string; port?: unknown } | undefined;
    const port = portAt.get(options?.host ?? '');
    if (options !== undefined && port !== undefined) Object.assign(options, { host: '127.0.0.1', port });
    return connect.apply(this, given);
  };
  tls.setDefaultCACertificates([...tls.getCACertificates(), ...hosts.map(([, { ca }]) => ca)]);
}
