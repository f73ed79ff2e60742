import { readdirSync, readFileSync } from 'node:fs';
import type { Reception } from '@gatehouse/core/directory/fact';
import { envelopeSchema } from '@gatehouse/core/sources/cloud-trail';
import { eventSources, webhookSources } from '@gatehouse/core/sources/sources';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { OKTA_SECRET, receptionOf, SENT_AT, STANDARD_SECRET, webhookRequest } from '../builders/webhook-events.ts';

const ROOT = new URL('../../events/', import.meta.url);
const TRUST = { accounts: new Set(['111122223333']), ownRoles: new Set<string>() };
const SECRETS = new Map([
  ['okta', OKTA_SECRET],
  ['standard', STANDARD_SECRET],
]);

/** `folder/name` of every sample. */
const samples = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap((folder) => readdirSync(new URL(`${folder.name}/`, ROOT)).map((file) => `${folder.name}/${file}`))
  .sort();

/** What each sample means: type and state of its facts, or why nothing is done. */
const MEANING = new Map<string, readonly string[]>([
  ['aws/cluster-created.json', ['cluster present']],
  ['aws/cluster-deleted.json', ['cluster deleted']],
  ['aws/cluster-deregistered.json', ['cluster deleted']],
  ['aws/cluster-registered.json', ['cluster present']],
  ['aws/role-created.json', ['principal created']],
  ['aws/role-deleted.json', ['principal deleted']],
  ['cognito/group-deleted.json', ['group deleted']],
  ['cognito/member-added.json', ['membership present']],
  ['cognito/member-removed.json', ['membership absent']],
  ['cognito/user-disabled.json', ['user inactive']],
  ['okta/group-deleted.json', ['group deleted']],
  ['okta/handshake.json', ['P3xGg5mDVJaw4dCV0kIcU0wV5v8ADmLr']],
  ['okta/member-added.json', ['user', 'membership present']],
  ['okta/member-removed.json', ['membership absent']],
  [
    'okta/mixed-batch.json',
    ['user', 'membership present', 'membership absent', 'user', 'not-successful', 'unknown-type'],
  ],
  ['okta/unknown-type.json', ['unknown-type']],
  ['okta/user-deactivated.json', ['user inactive']],
  ['policy/uploaded.json', ['Object Created']],
  ['standard/application-onboarded.json', ['application present']],
  ['standard/application-removed.json', ['application absent']],
  ['standard/cluster-deregistered.json', ['registration absent']],
  ['standard/cluster-registered.json', ['registration present']],
  ['standard/environment-created-with-role.json', ['environment present']],
  ['standard/environment-created.json', ['environment present']],
  ['standard/environment-removed.json', ['environment absent']],
  ['standard/group-created.json', ['group present']],
  ['standard/group-deleted.json', ['group deleted']],
  ['standard/member-added.json', ['user', 'membership present']],
  ['standard/member-removed.json', ['membership absent']],
  ['standard/user-disabled.json', ['user inactive']],
  ['standard/user-enabled.json', ['user active']],
]);

function meaningOf(sample: string, event: unknown): readonly string[] {
  const folder = sample.split('/')[0]!;
  if (webhookSources.has(folder)) return webhookMeaning(folder, event as APIGatewayProxyEventV2);
  const envelope = envelopeSchema.parse(event);
  if (folder === 'policy') return [envelope['detail-type']];
  const source = eventSources.get(envelope.source);
  if (source?.name !== folder) throw new Error(`events/${sample} stands in a folder that no source owns`);
  return receptionMeaning(receptionOf(source.receive(event, TRUST)));
}

function webhookMeaning(name: string, event: APIGatewayProxyEventV2): readonly string[] {
  expect(event.rawPath).toBe(`/webhooks/${name}`);
  const { method } = event.requestContext.http;
  const request = webhookRequest({ method, headers: event.headers as Record<string, string>, body: event.body ?? '' });
  const source = webhookSources.get(name)!;
  const secrets = [SECRETS.get(name)!];
  if (method !== 'GET') return receptionMeaning(receptionOf(source.receive(request, secrets, SENT_AT)));
  const handshake = source.handshake!(request, secrets);
  return handshake.kind === 'answer' ? Object.values(handshake.body) : [handshake.kind];
}

function receptionMeaning(reception: Reception): readonly string[] {
  return reception.events.flatMap((event) => {
    if (event.facts.length === 0) return [event.ignored ?? ''];
    return event.facts.map((fact) => {
      if (fact.type === 'principal') return `principal ${fact.change}`;
      if (fact.type !== 'user') return `${fact.type} ${fact.state}`;
      return fact.active === undefined ? 'user' : `user ${fact.active ? 'active' : 'inactive'}`;
    });
  });
}

describe('the samples', () => {
  it('are those described here, no more and no fewer', () => {
    expect(samples.length).toBeGreaterThan(0);
    expect(samples).toEqual([...MEANING.keys()]);
  });

  it.each(samples)('events/%s', (sample) => {
    const event: unknown = JSON.parse(readFileSync(new URL(sample, ROOT), 'utf8'));
    expect(meaningOf(sample, event)).toEqual(MEANING.get(sample));
  });
});
