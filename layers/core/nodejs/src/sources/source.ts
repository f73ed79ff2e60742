import type { Reception } from '../directory/fact.ts';

/** The most bytes that the body of a webhook may have, after base64 is undone. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** How far a sender's clock may be off, either way, in milliseconds (Standard Webhooks: 5 minutes). */
export const CLOCK_TOLERANCE = 5 * 60 * 1000;

/** A webhook as it came over the wire. */
export interface WebhookRequest {
  /** Upper case. */
  readonly method: string;
  /** Names in lower case; the values of a repeated header are joined with commas, as API Gateway does. */
  readonly headers: ReadonlyMap<string, string>;
  /** The raw bytes: signatures are made over these, so nothing is parsed before they are verified. */
  readonly body: Uint8Array;
}

/**
 * What a source makes of something that arrived. Only `accepted` may leave a trace in the table or on a queue.
 *
 * - `unauthenticated`: it does not prove who sent it. `stale`: it proves it, or might, but for another time.
 * - `malformed`: its sender is who he says, but this is not a message of his. `reason` may be told to him.
 */
export type Verdict =
  | { readonly kind: 'accepted'; readonly reception: Reception }
  | { readonly kind: 'unauthenticated'; readonly reason: string }
  | { readonly kind: 'stale'; readonly reason: string }
  | { readonly kind: 'malformed'; readonly reason: string };

/** What a source answers to the request by which a provider proves that an endpoint wants its events. */
export type Handshake =
  | { readonly kind: 'answer'; readonly body: Readonly<Record<string, string>> }
  | Exclude<Verdict, { readonly kind: 'accepted' }>;

/**
 * A provider that posts to `/webhooks/{name}`. All members are pure: no clock, no network, no state.
 *
 * `secrets` are those valid now, one or, during a rotation, two. @throws Failure `invalid` where a secret cannot serve:
 * that is the operator's mistake, not the sender's.
 */
export interface WebhookSource {
  /** The `source` of every fact it gives, the last part of its URL, and the last part of its secret's name. */
  readonly name: string;
  /** Answers GET, for providers that ask before they send. */
  handshake?(request: WebhookRequest, secrets: readonly string[]): Handshake;
  /** Judges a POST. `now` in milliseconds UTC. */
  receive(request: WebhookRequest, secrets: readonly string[], now: number): Verdict;
}

/** From where events on the bus are believed. */
export interface EventTrust {
  /** The AWS accounts whose events count. */
  readonly accounts: ReadonlySet<string>;
  /** ARNs of the roles Gatehouse itself works under: their events are echoes of its own writes. */
  readonly ownRoles: ReadonlySet<string>;
}

/** Events that arrive through EventBridge, whose `source` `aws.*` only AWS itself can send. */
export interface EventSource {
  readonly name: string;
  /** The `source` members of the envelopes it takes, for example `aws.eks`. */
  readonly buses: readonly string[];
  /** Names of the API calls it understands: the template's rules let exactly these through. */
  readonly calls: readonly string[];
  /** Judges one event, given as it was parsed from JSON. */
  receive(event: unknown, trust: EventTrust): Verdict;
}
