import { request } from 'node:https';

/** A host of the internet that is played: HTTPS on 127.0.0.1, with a certificate of its name. */
export interface PlayedHost {
  readonly port: number;
  /** Who signed its certificate, PEM. */
  readonly ca: string;
}

/** The hosts of the internet that are played on loopback, by name. There are no others. */
export type PlayedInternet = Readonly<Record<string, PlayedHost>>;

const TIMEOUT_MS = 5_000;

/** Reads a page of a played host. @throws Error where no such host is played, or it answers with anything but the page. */
export function readPage(internet: PlayedInternet, text: string): Promise<string> {
  const url = new URL(text);
  const host = Object.hasOwn(internet, url.hostname) ? internet[url.hostname] : undefined;
  if (host === undefined) return Promise.reject(new Error(`${url.hostname} cannot be reached: nobody plays it here`));
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: host.port,
        ca: host.ca,
        servername: url.hostname,
        path: `${url.pathname}${url.search}`,
        headers: { host: url.host },
        agent: false,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString());
          else reject(new Error(`${text} answers with the status ${response.statusCode}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}
