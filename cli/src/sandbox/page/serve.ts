import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import type { LogLine } from '../../pipeline/log-line.ts';
import { Happened } from './happened.ts';
import type { Html } from './html.ts';
import { renderMain, renderPage } from './page.ts';
import { readView, type View } from './view.ts';

/** News is told at most this often: one event is a dozen lines of logs. */
const TELL_EVERY_MS = 250;
/** What has no line of a log, like a time that has come, is seen after so long. */
const LOOK_AGAIN_MS = 5_000;
/** Browsers, or whatever says that it is one, that may listen at a time. */
export const MOST_LISTENERS = 32;
/** Whoever comes when as many listen already may ask again after so many seconds. */
const ASK_AGAIN_S = 5;
/** A command to be pasted stays the same for so long. */
const COMMAND_MS = 120_000;

/** The page of a sandbox. */
export interface Page {
  /** Takes in a line of a function's log. */
  log(line: LogLine): void;
  /** Answers a request for the page; false where it is none, and AWS is meant. */
  serve(incoming: IncomingMessage, outgoing: ServerResponse): boolean;
  /** Ends what browsers listen to. */
  stop(): void;
}

/** The page at the root of a sandbox's AWS endpoint. `tryIt`: a command that sends an event. */
export function pageOf(sandbox: Sandbox, tryIt: () => string): Page {
  const happened = new Happened();
  const listeners = new Set<ServerResponse>();
  let pending: NodeJS.Timeout | undefined;
  let reading: Promise<View> | undefined;
  let command = { since: Number.NEGATIVE_INFINITY, text: '' };

  const tell = () => {
    pending = undefined;
    for (const listener of listeners) listener.write('data: news\n\n');
  };
  const again = setInterval(tell, LOOK_AGAIN_MS).unref();
  const view = () => {
    // Whoever asks while it is being read gets what is read.
    reading ??= readView(sandbox, happened).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const listen = (listener: ServerResponse) => {
    listener.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' }).write('retry: 1000\n\n');
    listeners.add(listener);
    listener.once('close', () => listeners.delete(listener));
  };
  const hosts = new Set(hostsOf(sandbox.awsEndpointUrl));

  return {
    log: (line) => {
      if (!happened.add(line, Date.now()) || listeners.size === 0) return;
      pending ??= setTimeout(tell, TELL_EVERY_MS).unref();
    },
    serve: (incoming, outgoing) => {
      if (!asksForPage(incoming)) return false;
      if (!hosts.has(incoming.headers.host ?? '')) {
        // A name that somebody else's DNS leads here must not read the page from a browser.
        outgoing.writeHead(421, { 'content-type': 'text/plain' }).end(`this is ${sandbox.awsEndpointUrl}\n`);
        return true;
      }
      const { url } = incoming;
      if (url === '/live') {
        if (listeners.size < MOST_LISTENERS) listen(outgoing);
        else refuseListener(outgoing);
        return true;
      }
      if (Date.now() - command.since > COMMAND_MS) command = { since: Date.now(), text: tryIt() };
      void answer(outgoing, async (nonce) => {
        const seen = await view();
        return url === '/main' ? renderMain(seen, command.text) : renderPage(seen, { nonce, tryIt: command.text });
      });
      return true;
    },
    stop: () => {
      clearInterval(again);
      clearTimeout(pending);
      for (const listener of listeners) listener.end();
    },
  };
}

const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

function refuseListener(outgoing: ServerResponse): void {
  outgoing
    .writeHead(503, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8', 'retry-after': String(ASK_AGAIN_S) })
    .end(`${MOST_LISTENERS} listen already: close one, and load the page again\n`);
}

async function answer(outgoing: ServerResponse, render: (nonce: string) => Promise<Html>): Promise<void> {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  try {
    const { text } = await render(nonce);
    outgoing
      .writeHead(200, { ...HEADERS, 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy })
      .end(text);
  } catch (error) {
    outgoing
      .writeHead(500, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' })
      .end(`the page cannot be read: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

/** A browser, and no AWS tool: these sign what they ask, and `GET /` of theirs lists buckets. */
export function asksForPage({ method, url, headers }: IncomingMessage): boolean {
  if (method !== 'GET' || headers.authorization !== undefined) return false;
  const accept = headers.accept ?? '';
  return url === '/live'
    ? accept.includes('text/event-stream')
    : (url === '/' || url === '/main') && accept.includes('text/html');
}

function hostsOf(url: string): readonly string[] {
  const { port } = new URL(url);
  return ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
}
