import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { PublicWeb, WebAnswer, WebProblem } from '../ports/public-web.ts';
import { isPublicAddress } from './public-address.ts';

/** Milliseconds for all of it: finding the address, connecting, reading. Two pages fit into the work of a turn. */
const TIME_LIMIT_MS = 2_000;
/** Bytes of a page. Discovery documents have some thousand, key sets some ten thousand. */
const SIZE_LIMIT = 256 * 1024;

/** Where a request goes instead of to the address that was found: for tests of what is behind the address. */
export interface Detour {
  readonly host: string;
  readonly port: number;
  /** PEM. Whom to trust beside the authorities that everybody trusts. */
  readonly ca?: string;
}

/** What tests set; production calls {@link publicWeb} without any of it. */
export interface PublicWebOptions {
  /** All addresses of a host's name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Taken only where every address that was found is public. */
  readonly detour?: Detour;
  readonly timeLimitMs?: number;
}

/**
 * The {@link PublicWeb} over HTTPS. Whoever writes an access policy names the host, so it may name what only this machine
 * reaches: every address of the name must be public, and it is these addresses that are asked, not the name once more. The
 * certificate must be the name's. No redirect is followed, no header is sent that tells anything.
 */
export function publicWeb({
  resolve = addressesOf,
  detour,
  timeLimitMs = TIME_LIMIT_MS,
}: PublicWebOptions = {}): PublicWeb {
  return {
    async get(text) {
      const url = URL.parse(text);
      if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
        return no('not-https', `${text} is not an https URL`);
      }
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
      const time = AbortSignal.timeout(timeLimitMs);
      try {
        const addresses = isIP(host) ? [host] : await untilAborted(resolve(host), time);
        const inner = addresses.find((address) => !isPublicAddress(address));
        if (inner !== undefined) {
          return no('not-public', `${host} leads to ${inner}, which is not an address of the internet`);
        }
        if (addresses.length === 0) return no('unreachable', `${host} has no address`);
        return await read(url, { host, address: addresses[0]!, detour, time });
      } catch (error) {
        const why = time.aborted ? `it took longer than ${timeLimitMs / 1000} s` : messageOf(error);
        return no('unreachable', `${host} cannot be read: ${why}`);
      }
    },
  };
}

const no = (problem: WebProblem, message: string): WebAnswer => ({ ok: false, problem, message });

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** The answer of a call that cannot be called off, unless time is over first. */
function untilAborted<T>(call: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    call,
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    }),
  ]);
}

interface Way {
  readonly host: string;
  readonly address: string;
  readonly detour: Detour | undefined;
  readonly time: AbortSignal;
}

function read(url: URL, { host, address, detour, time }: Way): Promise<WebAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: detour?.host ?? address,
        port: detour?.port ?? (url.port === '' ? 443 : Number(url.port)),
        path: `${url.pathname}${url.search}`,
        ...(isIP(host) ? {} : { servername: host }),
        headers: { host: url.host, accept: 'application/json' },
        agent: false,
        signal: time,
        ...(detour?.ca === undefined ? {} : { ca: detour.ca }),
      },
      (response) => {
        const { statusCode = 0 } = response;
        if (statusCode === 200) {
          bodyOf(response, url).then(resolve, reject);
          return;
        }
        response.destroy();
        const { location } = response.headers;
        const where = statusCode >= 300 && statusCode < 400 && location ? ` and sends on to ${location}` : '';
        resolve(no('refused', `${url.href} answers with the status ${statusCode}${where}`));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

async function bodyOf(response: IncomingMessage, url: URL): Promise<WebAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > SIZE_LIMIT) return no('refused', `${url.href} is larger than ${SIZE_LIMIT / 1024} KiB`);
    chunks.push(chunk);
  }
  return { ok: true, body: Buffer.concat(chunks).toString() };
}

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message === undefined || message === '' ? String(code ?? error) : message;
}
