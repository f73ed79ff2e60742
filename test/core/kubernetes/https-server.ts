import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeCertificates, type ServerCertificates } from '../../../sandbox/src/kubernetes/certificates.ts';

let made: Promise<ServerCertificates> | undefined;

/** One certificate for all servers of a test file: TLS compares it with the real time. */
export function loopbackCertificates(): Promise<ServerCertificates> {
  made ??= makeCertificates('test', { now: () => Date.now() });
  return made;
}

/** The `certificateAuthority` of a cluster, for a PEM. */
export const base64 = (pem: string): string => Buffer.from(pem).toString('base64');

/** An HTTPS server on loopback that answers as `listener` does, and how to reach it. */
export async function httpsServer(listener: RequestListener): Promise<{
  readonly server: string;
  readonly certificateAuthority: string;
  readonly https: Server;
  close(): Promise<void>;
}> {
  const { ca, cert, key } = await loopbackCertificates();
  const https = createServer({ cert, key }, listener);
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  return {
    server: `https://127.0.0.1:${(https.address() as AddressInfo).port}`,
    certificateAuthority: base64(ca),
    https,
    close: () =>
      new Promise((resolve) => {
        https.close(() => resolve());
        https.closeAllConnections();
      }),
  };
}
