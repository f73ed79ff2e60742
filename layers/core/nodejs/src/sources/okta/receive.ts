import { createHash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { Failure } from '../../access/failure.ts';
import type { Fact, Reception } from '../../directory/fact.ts';
import { parseJsonBody } from '../json-body.ts';
import type { Handshake, Verdict, WebhookRequest, WebhookSource } from '../source.ts';
import { eventId, instant, login, stableId } from '../stable-id.ts';

const SOURCE = 'okta';
/** The header value is a password that comes with every request: anything shorter could be guessed. */
const MIN_SECRET_LENGTH = 16;

const targetSchema = z.object({
  id: z.string(),
  type: z.string(),
  /** Of a user: the login, which is often but not always the mail address. Of a group: `unknown`. */
  alternateId: z.string().nullish(),
});

/**
 * One event of the System Log, as far as Gatehouse reads it.
 *
 *     {"uuid":"f4...","published":"2026-01-02T03:04:05.678Z","eventType":"group.user_membership.add",
 *      "outcome":{"result":"SUCCESS"},
 *      "target":[{"id":"00u1","type":"User","alternateId":"jo@example.com"},{"id":"00g1","type":"UserGroup"}]}
 *
 * @see https://developer.okta.com/docs/reference/api/system-log/#logevent-object
 */
const logEventSchema = z.object({
  uuid: eventId,
  published: instant,
  eventType: z.string().min(1).max(256),
  outcome: z.object({ result: z.string() }),
  target: z.array(targetSchema).nullish(),
});
type LogEvent = z.infer<typeof logEventSchema>;
type Target = z.infer<typeof targetSchema>;

/** The envelope of a delivery (https://developer.okta.com/docs/concepts/event-hooks/#sample-event-delivery-payload). */
const deliverySchema = z.object({
  eventId: eventId,
  data: z.object({ events: z.array(z.unknown()) }),
});

/** Okta event hooks: a static `Authorization`, no signature, no timestamp, several events in one POST. */
export const okta: WebhookSource = { name: SOURCE, handshake, receive };

function handshake(request: WebhookRequest, secrets: readonly string[]): Handshake {
  const refusal = refuse(request, secrets);
  if (refusal) return refusal;
  const challenge = request.headers.get('x-okta-verification-challenge');
  if (!challenge) return { kind: 'malformed', reason: 'the header X-Okta-Verification-Challenge is missing' };
  return { kind: 'answer', body: { verification: challenge } };
}

function receive(request: WebhookRequest, secrets: readonly string[]): Verdict {
  const refusal = refuse(request, secrets);
  if (refusal) return refusal;
  const delivery = deliverySchema.safeParse(parseJsonBody(request.body));
  if (!delivery.success)
    return { kind: 'malformed', reason: 'the body is not an event hook delivery with data.events' };
  const { eventId: id, data } = delivery.data;
  return {
    kind: 'accepted',
    reception: { delivery: id, events: data.events.map((event, index) => readEvent(event, `${id}/${index}`)) },
  };
}

/** Compares digests, which have one length, so that the time taken says nothing about the secret. */
function refuse(request: WebhookRequest, secrets: readonly string[]) {
  const given = sha256(request.headers.get('authorization') ?? '');
  let matches = 0;
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new Failure('invalid', `a webhook secret of ${SOURCE} is shorter than ${MIN_SECRET_LENGTH} characters`, {
        remedy: 'store a long random value and configure the same in the event hook',
      });
    }
    matches += timingSafeEqual(given, sha256(secret)) ? 1 : 0;
  }
  return matches > 0 ? undefined : ({ kind: 'unauthenticated', reason: 'bad-authorization' } as const);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

function readEvent(event: unknown, position: string): Reception['events'][number] {
  const parsed = logEventSchema.safeParse(event);
  if (!parsed.success) {
    return { cause: { source: SOURCE, event: position, type: 'unknown' }, facts: [], ignored: 'not-understood' };
  }
  const { uuid, eventType, outcome } = parsed.data;
  // The uuid names the event; the envelope's eventId names only this attempt to deliver it.
  const cause = { source: SOURCE, event: uuid, type: eventType };
  if (outcome.result !== 'SUCCESS') return { cause, facts: [], ignored: 'not-successful' };
  const read = READERS.get(eventType);
  if (!read) return { cause, facts: [], ignored: 'unknown-type' };
  const facts = read(parsed.data);
  return facts.length > 0 ? { cause, facts } : { cause, facts, ignored: 'not-understood' };
}

const READERS: ReadonlyMap<string, (event: LogEvent) => readonly Fact[]> = new Map([
  ['group.user_membership.add', (event) => membership(event, 'present')],
  ['group.user_membership.remove', (event) => membership(event, 'absent')],
  ['group.lifecycle.create', (event) => group(event, 'present')],
  ['group.lifecycle.delete', (event) => group(event, 'deleted')],
  ['user.lifecycle.activate', (event) => user(event, true)],
  ['user.lifecycle.reactivate', (event) => user(event, true)],
  ['user.lifecycle.unsuspend', (event) => user(event, true)],
  ['user.lifecycle.deactivate', (event) => user(event, false)],
  ['user.lifecycle.suspend', (event) => user(event, false)],
  ['user.lifecycle.delete.initiated', (event) => user(event, false)],
  ['user.account.update_profile', (event) => user(event)],
]);

/** Targets are found by their type: Okta gives them no fixed place, and adds others. */
function only(event: LogEvent, type: string): Target | undefined {
  const found = (event.target ?? []).filter((target) => target.type === type);
  return found.length === 1 && stableId.safeParse(found[0]!.id).success ? found[0] : undefined;
}

function membership(event: LogEvent, state: 'present' | 'absent'): readonly Fact[] {
  const member = only(event, 'User');
  const of = only(event, 'UserGroup');
  if (!member || !of) return [];
  const fact: Fact = { type: 'membership', source: SOURCE, group: of.id, user: member.id, state, at: event.published };
  // Who joins may be new to Gatehouse: the login is what the policy's templates are filled with. It comes first, so that
  // nobody is a member yet whose principal cannot be known.
  return state === 'present' && loginOf(member) ? [...user(event), fact] : [fact];
}

function group(event: LogEvent, state: 'present' | 'deleted'): readonly Fact[] {
  const target = only(event, 'UserGroup');
  return target ? [{ type: 'group', source: SOURCE, group: target.id, state, at: event.published }] : [];
}

function user(event: LogEvent, active?: boolean): readonly Fact[] {
  const target = only(event, 'User');
  if (!target) return [];
  const name = loginOf(target);
  if (active === undefined && name === undefined) return [];
  return [
    {
      type: 'user',
      source: SOURCE,
      user: target.id,
      at: event.published,
      ...(active === undefined ? {} : { active }),
      ...(name === undefined ? {} : { login: name }),
    },
  ];
}

function loginOf(target: Target): string | undefined {
  const parsed = login.safeParse(target.alternateId);
  return parsed.success && parsed.data !== 'unknown' ? parsed.data : undefined;
}
