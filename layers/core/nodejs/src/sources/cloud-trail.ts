import * as z from 'zod';
import { Failure } from '../access/failure.ts';
import type { Fact, Reception } from '../directory/fact.ts';
import type { EventTrust, Verdict } from './source.ts';
import { eventId, instant } from './stable-id.ts';

/**
 * What EventBridge wraps around every event.
 *
 *     {"version":"0","id":"6a7e...","detail-type":"AWS API Call via CloudTrail","source":"aws.eks",
 *      "account":"111122223333","time":"2026-01-02T03:04:05Z","region":"eu-west-1","resources":[],"detail":{...}}
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
 */
export const envelopeSchema = z.object({
  id: eventId,
  'detail-type': z.string(),
  source: z.string(),
  account: z.string().regex(/^\d{12}$/),
  region: z.string().min(1),
  detail: z.unknown(),
});

const busSchema = envelopeSchema.pick({ source: true });

/** The `source` of an event of EventBridge; empty where it has none. */
export function busOf(event: unknown): string {
  return busSchema.safeParse(event).data?.source ?? '';
}

/** The record of one call, as far as Gatehouse reads it; members it cannot read are as if absent. */
const recordSchema = z.object({
  eventID: eventId,
  eventName: z.string().min(1).max(256),
  eventTime: instant,
  errorCode: z.string().nullish(),
  userIdentity: z
    .object({ sessionContext: z.object({ sessionIssuer: z.object({ arn: z.string() }) }) })
    .optional()
    .catch(undefined),
  requestParameters: z.record(z.string(), z.unknown()).nullish().catch(undefined),
  additionalEventData: z.record(z.string(), z.unknown()).nullish().catch(undefined),
});

/** A successful call in an account we believe, not made by ourselves. */
export interface Call {
  readonly name: string;
  readonly at: number;
  /** From the envelope, which EventBridge fills in. */
  readonly account: string;
  readonly region: string;
  /** A text among the call's parameters; undefined where it is no text. */
  parameter(name: string): string | undefined;
  /** A text among what the service added. */
  addition(name: string): string | undefined;
}

/** Which calls a source understands, by name: each gives facts, none where it does not fit. */
export type CallReaders = ReadonlyMap<string, (call: Call) => readonly Fact[]>;

/**
 * Judges an API call that CloudTrail reported through EventBridge: `source` names who tells it in facts' causes.
 * @throws Failure `invalid` where this is no event of EventBridge at all: the wiring is wrong, and a dead-letter queue keeps it.
 */
export function receiveCall(event: unknown, trust: EventTrust, source: string, readers: CallReaders): Verdict {
  const envelope = envelopeSchema.safeParse(event);
  if (!envelope.success) throw new Failure('invalid', `what arrived for ${source} is no EventBridge event`);
  const { id, account, region, detail } = envelope.data;
  if (!trust.accounts.has(account)) return { kind: 'unauthenticated', reason: 'foreign-account' };
  const record = recordSchema.safeParse(detail);
  if (envelope.data['detail-type'] !== 'AWS API Call via CloudTrail' || !record.success) {
    return accepted({ cause: { source, event: id, type: 'unknown' }, facts: [], ignored: 'not-understood' });
  }
  const { eventID, eventName, eventTime, errorCode, userIdentity, requestParameters, additionalEventData } =
    record.data;
  // The envelope's id is another on every bus that the event passes through; eventID is the call's own.
  const cause = { source, event: eventID, type: eventName };
  if (errorCode) return accepted({ cause, facts: [], ignored: 'not-successful' });
  const issuer = userIdentity?.sessionContext.sessionIssuer.arn;
  if (issuer !== undefined && trust.ownRoles.has(issuer)) return accepted({ cause, facts: [], ignored: 'own-call' });
  const read = readers.get(eventName);
  if (!read) return accepted({ cause, facts: [], ignored: 'unknown-type' });
  const facts = read({
    name: eventName,
    at: eventTime,
    account,
    region,
    parameter: (name) => textOf(requestParameters, name),
    addition: (name) => textOf(additionalEventData, name),
  });
  return accepted(facts.length > 0 ? { cause, facts } : { cause, facts, ignored: 'not-understood' });
}

function accepted(event: Reception['events'][number]): Verdict {
  return { kind: 'accepted', reception: { delivery: event.cause.event, events: [event] } };
}

function textOf(members: Readonly<Record<string, unknown>> | null | undefined, name: string): string | undefined {
  const value = members && Object.hasOwn(members, name) ? members[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}
