import type { FetchIdentity, StsIdentity } from './authenticator.ts';

/** How long STS may take. */
const TIMEOUT_MS = 10_000;

/**
 * Asks STS over HTTP who signed a presigned URL: GET, no redirects, JSON (`GetCallerIdentityResponse`). What is not 200, and
 * what cannot be read, is a refusal.
 */
export const askSts: FetchIdentity = async (url, headers) => {
  try {
    const answer = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await answer.text();
    if (answer.status !== 200) return { refusal: `error from AWS (expected 200, got ${answer.status}). Body: ${text}` };
    return readIdentity(JSON.parse(text)) ?? { refusal: 'the answer names no identity' };
  } catch (error) {
    return { refusal: `error during GET: ${error instanceof Error ? error.message : String(error)}` };
  }
};

function readIdentity(answer: unknown): StsIdentity | undefined {
  const response = (answer as { GetCallerIdentityResponse?: { GetCallerIdentityResult?: unknown } } | null)
    ?.GetCallerIdentityResponse;
  const { Account, Arn, UserId } = (response?.GetCallerIdentityResult ?? {}) as Partial<StsIdentity>;
  const complete = typeof Account === 'string' && typeof Arn === 'string' && typeof UserId === 'string';
  return complete ? { Account, Arn, UserId } : undefined;
}
