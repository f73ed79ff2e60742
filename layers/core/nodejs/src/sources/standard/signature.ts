import { createHmac, timingSafeEqual } from 'node:crypto';
import { Failure } from '../../access/failure.ts';
import { CLOCK_TOLERANCE, type WebhookRequest } from '../source.ts';

/**
 * Ids hold no full stop, because the signed text joins id, time and body with full stops: otherwise one signature would
 * fit several ways to part them.
 */
const ID = /^[\w:=+/@-]{1,128}$/;
const TIMESTAMP = /^\d{1,12}$/;
const V1_SIGNATURE = /^v1,([A-Za-z0-9+/]{43}=)$/;
const SECRET = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/;

/** Proof that a request was signed, or why it is not proven. `id` is the sender's, the same at every attempt. */
export type SignatureVerdict =
  | { readonly kind: 'signed'; readonly id: string }
  | { readonly kind: 'unauthenticated'; readonly reason: string }
  | { readonly kind: 'stale'; readonly reason: string };

/**
 * Verifies a request by the rules of Standard Webhooks, symmetric scheme `v1`: HMAC-SHA256 over `id.timestamp.body`, the
 * body in raw bytes; any of several signatures may match, with any of the secrets; other schemes are skipped.
 *
 * @throws Failure `invalid` where a secret is not 24 to 64 bytes in base64.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifySignature(request: WebhookRequest, secrets: readonly string[], now: number): SignatureVerdict {
  const id = request.headers.get('webhook-id');
  const timestamp = request.headers.get('webhook-timestamp');
  const signatures = request.headers.get('webhook-signature');
  if (!id || !timestamp || !signatures) return { kind: 'unauthenticated', reason: 'missing-header' };
  if (!ID.test(id) || !TIMESTAMP.test(timestamp)) return { kind: 'unauthenticated', reason: 'bad-header' };
  const given = signatures.split(' ').flatMap((entry) => {
    const match = V1_SIGNATURE.exec(entry);
    return match ? [Buffer.from(match[1]!, 'base64')] : [];
  });
  // No early way out: how long this takes does not tell which secret or signature was close.
  let matches = 0;
  for (const secret of secrets) {
    const expected = hmac(keyOf(secret), id, timestamp, request.body);
    for (const signature of given) matches += timingSafeEqual(signature, expected) ? 1 : 0;
  }
  if (matches === 0) return { kind: 'unauthenticated', reason: 'bad-signature' };
  if (Math.abs(now - Number(timestamp) * 1000) > CLOCK_TOLERANCE) return { kind: 'stale', reason: 'stale-timestamp' };
  return { kind: 'signed', id };
}

/** The value of `webhook-signature` for a body, as senders make it. `timestamp` in seconds. @throws Failure `invalid`. */
export function signWebhook(secret: string, id: string, timestamp: number, body: Uint8Array): string {
  return `v1,${hmac(keyOf(secret), id, String(timestamp), body).toString('base64')}`;
}

function hmac(key: Uint8Array, id: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function keyOf(secret: string): Uint8Array {
  const match = SECRET.exec(secret);
  const key = Buffer.from(match?.[1] ?? '', 'base64');
  if (!match || key.length < 24 || key.length > 64) {
    throw new Failure('invalid', 'a Standard Webhooks secret is not "whsec_" and the base64 of 24 to 64 bytes', {
      remedy: 'store a secret made with: echo whsec_$(openssl rand -base64 32)',
    });
  }
  return key;
}
