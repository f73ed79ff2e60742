import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { webhookHeaders } from '../verbs/sign-webhook.ts';
import { ADMINS, MIA, OPERATORS } from './cast.ts';

/** What a provider sends: to whom, and the body, byte for byte. */
export interface Delivery {
  readonly source: 'okta' | 'standard';
  readonly type: string;
  /** The provider's id of the event: what Gatehouse's ledger calls the cause. */
  readonly event: string;
  readonly body: string;
}

/** The body of a sample under `events/`. */
function sample(path: string): Record<string, unknown> {
  const text = readFileSync(new URL(`../../../events/${path}`, import.meta.url), 'utf8');
  return JSON.parse((JSON.parse(text) as { body: string }).body) as Record<string, unknown>;
}

/** Okta says that Jo joined the administrators: its event hook, as it stands in the sample, of now. */
export function joJoins(): Delivery {
  const hook = sample('okta/member-added.json') as {
    eventId: string;
    eventTime: string;
    data: { events: { uuid: string; published: string; eventType: string; target: { type: string; id: string }[] }[] };
  };
  const now = new Date().toISOString();
  hook.eventId = randomUUID();
  hook.eventTime = now;
  const [event] = hook.data.events;
  event!.uuid = randomUUID();
  event!.published = now;
  event!.target.find(({ type }) => type === 'UserGroup')!.id = ADMINS.group;
  return { source: 'okta', type: event!.eventType, event: event!.uuid, body: JSON.stringify(hook) };
}

/** The company's directory says that Mia joined or left the operators. */
export function mia(does: 'joins' | 'leaves'): Delivery {
  return membership(does, MIA, OPERATORS.group);
}

/** The company's directory says that somebody joined or left a group: a Standard Webhook, of now. */
export function membership(
  does: 'joins' | 'leaves',
  { id, login }: { readonly id: string; readonly login: string },
  group: string,
): Delivery {
  const message = sample(`standard/member-${does === 'joins' ? 'added' : 'removed'}.json`) as {
    type: string;
    timestamp: string;
    data: object;
  };
  message.timestamp = new Date().toISOString();
  message.data = { group: { id: group }, user: does === 'joins' ? { id, login, email: login } : { id } };
  return { source: 'standard', type: message.type, event: newMessageId(), body: JSON.stringify(message) };
}

/** An id for another delivery of the same message. */
export const newMessageId = (): string => `msg_${randomUUID().replaceAll('-', '')}`;

/** Signs and sends a delivery now; answers the status. */
export async function send(sandbox: Sandbox, { source, event, body }: Delivery): Promise<number> {
  const secret = sandbox.webhookSecret(source);
  const proof =
    source === 'okta'
      ? { authorization: secret }
      : webhookHeaders(secret, Buffer.from(body), { now: Date.now(), id: event });
  const response = await fetch(`${sandbox.webhookUrl}/${source}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...proof },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}
