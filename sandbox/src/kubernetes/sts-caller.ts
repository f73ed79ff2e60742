import { request } from 'node:http';
import type { FetchIdentity, StsIdentity } from './authenticator.ts';

/** How long STS may take. */
const TIMEOUT_MS = 10_000;

/**
 * Asks the STS at an address of loopback who signed a presigned URL, whichever host of AWS the URL is for: that host is part of
 * what is signed, so it goes along. GET, no redirects, JSON (`GetCallerIdentityResponse`). What is not 200, and what cannot be
 * read, is a refusal.
 */
export function stsAt(endpoint: string): FetchIdentity {
  return async (url, headers) => {
    try {
      const { status, text } = await getPresigned(endpoint, url, headers);
      if (status !== 200) return { refusal: `error from AWS (expected 200, got ${status}). Body: ${text}` };
      return readIdentity(JSON.parse(text)) ?? { refusal: 'the answer names no identity' };
    } catch (error) {
      return { refusal: `error during GET: ${error instanceof Error ? error.message : String(error)}` };
    }
  };
}

/** Sends the GET of a presigned URL to another address than it is for, which does not show in what is signed. */
export function getPresigned(
  endpoint: string,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; text: string }> {
  const { host, pathname, search } = new URL(url);
  const options = { headers: { ...headers, host }, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(`${pathname}${search}`, endpoint), options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

function readIdentity(answer: unknown): StsIdentity | undefined {
  const response = (answer as { GetCallerIdentityResponse?: { GetCallerIdentityResult?: unknown } } | null)
    ?.GetCallerIdentityResponse;
  const { Account, Arn, UserId } = (response?.GetCallerIdentityResult ?? {}) as Partial<StsIdentity>;
  const complete = typeof Account === 'string' && typeof Arn === 'string' && typeof UserId === 'string';
  return complete ? { Account, Arn, UserId } : undefined;
}
