import { okta } from '@gatehouse/core/sources/okta/receive';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  factsOf,
  OKTA_SECRET,
  oktaDelivery,
  oktaEvent,
  receptionOf,
  SENT_AT,
  webhookRequest,
} from '../../builders/webhook-events.ts';

const OTHER_SECRET = 'another-value-of-good-length';
const at = Date.UTC(2026, 0, 15, 11, 59);

function receive(body: string | Uint8Array, authorization = OKTA_SECRET, secrets: readonly string[] = [OKTA_SECRET]) {
  return okta.receive(webhookRequest({ body, headers: { authorization } }), secrets, SENT_AT);
}

const one = (overrides: object) => receptionOf(receive(oktaDelivery([oktaEvent(overrides)]))).events[0]!;

describe('the authorization', () => {
  it.each([
    ['of the one secret', OKTA_SECRET, [OKTA_SECRET], 'accepted'],
    ['of the second secret', OKTA_SECRET, [OTHER_SECRET, OKTA_SECRET], 'accepted'],
    ['of a withdrawn secret', OKTA_SECRET, [OTHER_SECRET], 'unauthenticated'],
    ['with a scheme before it', `Bearer ${OKTA_SECRET}`, [OKTA_SECRET], 'unauthenticated'],
    ['in other case', OKTA_SECRET.toUpperCase(), [OKTA_SECRET], 'unauthenticated'],
    ['twice, joined', `${OKTA_SECRET},${OKTA_SECRET}`, [OKTA_SECRET], 'unauthenticated'],
    ['empty', '', [OKTA_SECRET], 'unauthenticated'],
    ['with no secret set up', '', [], 'unauthenticated'],
  ])('%s', (_name, authorization, secrets, kind) => {
    expect(receive(oktaDelivery([]), authorization, secrets).kind).toBe(kind);
  });

  it('is missed where the header is absent', () => {
    expect(okta.receive(webhookRequest({ body: oktaDelivery([]) }), [OKTA_SECRET], SENT_AT).kind).toBe(
      'unauthenticated',
    );
  });

  it('is refused for every other text', () => {
    fc.assert(
      fc.property(fc.nat(OKTA_SECRET.length - 1), fc.integer({ min: 1, max: 127 }), (index, flip) => {
        const bytes = Buffer.from(OKTA_SECRET, 'latin1');
        bytes[index]! ^= flip;
        expect(receive(oktaDelivery([]), bytes.toString('latin1')).kind).toBe('unauthenticated');
      }),
      { numRuns: 200 },
    );
  });

  it('is not compared with a secret that could be guessed', () => {
    expect(() => receive(oktaDelivery([]), 'short', ['short'])).toThrowError(/shorter than 16/);
  });
});

describe('the handshake', () => {
  const ask = (headers: Record<string, string>) =>
    okta.handshake!(webhookRequest({ method: 'GET', headers }), [OKTA_SECRET]);

  it('gives the challenge back', () => {
    const headers = { authorization: OKTA_SECRET, 'x-okta-verification-challenge': 'challenge"\n' };
    expect(ask(headers)).toEqual({ kind: 'answer', body: { verification: 'challenge"\n' } });
  });
  it('is refused to strangers', () => {
    expect(ask({ authorization: OTHER_SECRET, 'x-okta-verification-challenge': 'c' }).kind).toBe('unauthenticated');
    expect(ask({ 'x-okta-verification-challenge': 'c' }).kind).toBe('unauthenticated');
  });
  it('needs a challenge', () => {
    expect(ask({ authorization: OKTA_SECRET }).kind).toBe('malformed');
  });
});

describe('the events', () => {
  const member = { type: 'membership', source: 'okta', group: '00g1', user: '00u1', at };
  const user = { type: 'user', source: 'okta', user: '00u1', at, login: 'jo@example.com' };
  const group = { type: 'group', source: 'okta', group: '00g1', at };

  it.each([
    ['group.user_membership.add', [user, { ...member, state: 'present' }]],
    ['group.user_membership.remove', [{ ...member, state: 'absent' }]],
    ['group.lifecycle.create', [{ ...group, state: 'present' }]],
    ['group.lifecycle.delete', [{ ...group, state: 'deleted' }]],
    ['user.lifecycle.activate', [{ ...user, active: true }]],
    ['user.lifecycle.reactivate', [{ ...user, active: true }]],
    ['user.lifecycle.unsuspend', [{ ...user, active: true }]],
    ['user.lifecycle.deactivate', [{ ...user, active: false }]],
    ['user.lifecycle.suspend', [{ ...user, active: false }]],
    ['user.lifecycle.delete.initiated', [{ ...user, active: false }]],
    ['user.account.update_profile', [user]],
  ])('%s', (eventType, facts) => {
    expect(one({ eventType }).facts).toEqual(facts);
  });

  it('name targets by type, in whatever order and company', () => {
    const [person, team] = (oktaEvent() as { target: object[] }).target;
    const target = [{ id: '0ua', type: 'AppUser' }, team, { id: 'x', type: 'AppInstance' }, person];
    expect(one({ target }).facts).toEqual([user, { ...member, state: 'present' }]);
  });

  it.each([
    [
      'without a login',
      [
        { id: '00u1', type: 'User' },
        { id: '00g1', type: 'UserGroup' },
      ],
    ],
    [
      'with the login "unknown"',
      [
        { id: '00u1', type: 'User', alternateId: 'unknown' },
        { id: '00g1', type: 'UserGroup' },
      ],
    ],
    [
      'with a line feed in the login',
      [
        { id: '00u1', type: 'User', alternateId: 'a\nb' },
        { id: '00g1', type: 'UserGroup' },
      ],
    ],
  ])('give the membership alone %s', (_name, target) => {
    expect(one({ target }).facts).toEqual([{ ...member, state: 'present' }]);
  });

  it.each([
    ['unknown-type', { eventType: 'user.session.clear' }],
    ['not-successful', { outcome: { result: 'FAILURE', reason: 'no' } }],
    ['not-successful', { outcome: { result: 'SKIPPED' } }],
    ['not-understood', { target: [] }],
    ['not-understood', { target: null }],
    ['not-understood', { target: [{ id: '00u1', type: 'User' }] }],
    [
      'not-understood',
      {
        target: [
          { id: '00u1', type: 'User' },
          { id: '00u2', type: 'User' },
          { id: '00g1', type: 'UserGroup' },
        ],
      },
    ],
    [
      'not-understood',
      {
        target: [
          { id: '00u 1', type: 'User' },
          { id: '00g1', type: 'UserGroup' },
        ],
      },
    ],
    ['not-understood', { published: 'yesterday' }],
    ['not-understood', { uuid: undefined }],
    ['not-understood', { outcome: undefined }],
  ])('are accepted and not acted on: %s %j', (ignored, overrides) => {
    expect(one(overrides)).toMatchObject({ facts: [], ignored });
  });

  it('of one delivery are judged one by one, by their uuid', () => {
    const events = [oktaEvent(), 17, oktaEvent({ uuid: 'uuid-2', eventType: 'user.lifecycle.suspend' })];
    const reception = receptionOf(receive(oktaDelivery(events, 'delivery-7')));
    expect(reception.delivery).toBe('delivery-7');
    expect(reception.events.map((event) => [event.cause.event, event.facts.length, event.ignored])).toEqual([
      ['uuid-1', 2, undefined],
      ['delivery-7/1', 0, 'not-understood'],
      ['uuid-2', 1, undefined],
    ]);
  });

  it.each([
    ['no JSON', '{"data":'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['empty', ''],
    ['without events', '{"eventId":"d"}'],
    ['with events that are no list', '{"eventId":"d","data":{"events":{}}}'],
  ])('are malformed where the body is %s', (_name, body) => {
    expect(receive(body).kind).toBe('malformed');
  });

  it('take a display name for nothing but a name', () => {
    expect(JSON.stringify(factsOf(receive(oktaDelivery([oktaEvent()]))))).not.toContain('system:masters');
  });
});
