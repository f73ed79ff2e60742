import { standard } from '@gatehouse/core/sources/standard/receive';
import { signWebhook, verifySignature } from '@gatehouse/core/sources/standard/signature';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import {
  factsOf,
  memberAdded,
  receptionOf,
  SENT_AT,
  STANDARD_SECRET,
  standardHeaders,
  webhookRequest,
} from '../../builders/webhook-events.ts';

const OTHER_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const MINUTE = 60_000;

function signed(body: string | Uint8Array, options: Parameters<typeof standardHeaders>[1] = {}, headers: object = {}) {
  return webhookRequest({ body, headers: { ...standardHeaders(body, options), ...headers } });
}

describe('the signature', () => {
  it('is that of the published vector', () => {
    const body = Buffer.from('{"type":"group.member.added"}');
    expect(signWebhook(STANDARD_SECRET, 'msg_1', 1_700_000_000, body)).toBe(
      'v1,8QBlnb3Fw08bHvqeeYkLayWIhSqBxcYakBAp/RyS0xU=',
    );
    const request = webhookRequest({
      body,
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': '1700000000',
        'webhook-signature': 'v1,8QBlnb3Fw08bHvqeeYkLayWIhSqBxcYakBAp/RyS0xU=',
      },
    });
    expect(verifySignature(request, [STANDARD_SECRET], 1_700_000_000_000)).toEqual({ kind: 'signed', id: 'msg_1' });
  });

  it('is that of the reference implementation', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array({ minLength: 24, maxLength: 64 }), (body, key) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`;
        const theirs = new Webhook(secret).sign('msg_1', new Date(SENT_AT), body);
        expect(signWebhook(secret, 'msg_1', SENT_AT / 1000, Buffer.from(body))).toBe(theirs);
      }),
      { numRuns: 100 },
    );
  });

  const body = memberAdded();
  const right = standardHeaders(body)['webhook-signature']!;
  const cases: readonly [string, ReturnType<typeof webhookRequest>, readonly string[], string][] = [
    ['right', signed(body), [STANDARD_SECRET], 'signed'],
    ['by the second of two secrets', signed(body), [OTHER_SECRET, STANDARD_SECRET], 'signed'],
    ['by the first of two secrets', signed(body), [STANDARD_SECRET, OTHER_SECRET], 'signed'],
    [
      'second of several',
      signed(body, {}, { 'webhook-signature': `v1,${'A'.repeat(43)}= ${right}` }),
      [STANDARD_SECRET],
      'signed',
    ],
    [
      'beside an asymmetric one',
      signed(body, {}, { 'webhook-signature': `v1a,AAAA ${right}` }),
      [STANDARD_SECRET],
      'signed',
    ],
    ['4 min 59 s old', signed(body, { at: SENT_AT - 299_000 }), [STANDARD_SECRET], 'signed'],
    ['4 min 59 s ahead', signed(body, { at: SENT_AT + 299_000 }), [STANDARD_SECRET], 'signed'],
    ['over 5 min old', signed(body, { at: SENT_AT - 5 * MINUTE - 1000 }), [STANDARD_SECRET], 'stale'],
    ['over 5 min ahead', signed(body, { at: SENT_AT + 5 * MINUTE + 1000 }), [STANDARD_SECRET], 'stale'],
    ['by an unknown secret', signed(body, { secret: OTHER_SECRET }), [STANDARD_SECRET], 'unauthenticated'],
    ['with no secret set up', signed(body), [], 'unauthenticated'],
    [
      'of another scheme only',
      signed(body, {}, { 'webhook-signature': right.replace('v1', 'v1a') }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    [
      'without its scheme',
      signed(body, {}, { 'webhook-signature': right.slice(3) }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    ['cut short', signed(body, {}, { 'webhook-signature': 'v1,' }), [STANDARD_SECRET], 'unauthenticated'],
    ['empty', signed(body, {}, { 'webhook-signature': '' }), [STANDARD_SECRET], 'unauthenticated'],
    ['with the id of another', signed(body, {}, { 'webhook-id': 'msg_2' }), [STANDARD_SECRET], 'unauthenticated'],
    [
      'with a newer timestamp',
      signed(body, {}, { 'webhook-timestamp': String(SENT_AT / 1000 + 1) }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    [
      'with a timestamp that goes on',
      signed(body, {}, { 'webhook-timestamp': `${SENT_AT / 1000}x` }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    [
      'with a repeated id header',
      signed(body, {}, { 'webhook-id': 'msg_1,msg_1' }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    [
      'with a repeated signature header',
      signed(body, {}, { 'webhook-signature': `${right},${right}` }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    ['with a full stop in the id', signed(body, { id: 'msg.1' }), [STANDARD_SECRET], 'unauthenticated'],
    [
      'without an id',
      webhookRequest({ body, headers: { ...standardHeaders(body), 'webhook-id': '' } }),
      [STANDARD_SECRET],
      'unauthenticated',
    ],
    ['absent altogether', webhookRequest({ body }), [STANDARD_SECRET], 'unauthenticated'],
  ];
  it.each(cases)('%s', (_name, request, secrets, kind) => {
    expect(verifySignature(request, secrets, SENT_AT).kind).toBe(kind);
    expect(standard.receive(request, secrets, SENT_AT).kind).toBe(kind === 'signed' ? 'accepted' : kind);
  });

  it('fits nothing but the bytes it was made for', () => {
    const bytes = Buffer.from(body);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const tampered = Buffer.from(bytes);
        tampered[index]! ^= flip;
        const request = webhookRequest({ body: tampered, headers: standardHeaders(body) });
        expect(verifySignature(request, [STANDARD_SECRET], SENT_AT).kind).toBe('unauthenticated');
      }),
      { numRuns: 300 },
    );
  });

  it('tells apart bodies that only their raw bytes tell apart', () => {
    // Both decode to the same text (U+FFFD): who verifies decoded text accepts the second.
    const [sent, arrived] = [Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0x22, 0xfe, 0x22])];
    const request = webhookRequest({ body: arrived, headers: standardHeaders(sent) });
    expect(verifySignature(request, [STANDARD_SECRET], SENT_AT).kind).toBe('unauthenticated');
    expect(verifySignature(signed(sent), [STANDARD_SECRET], SENT_AT).kind).toBe('signed');
  });

  it.each(['', 'whsec_', 'whsec_c2hvcnQ=', 'not base64 !', `whsec_${Buffer.alloc(65).toString('base64')}`])(
    'is not made with the unusable secret %j',
    (secret) => {
      expect(() => verifySignature(signed(body), [secret], SENT_AT)).toThrowError(/24 to 64 bytes/);
    },
  );
});

describe('the events', () => {
  const receive = (body: string) => standard.receive(signed(body), [STANDARD_SECRET], SENT_AT);
  const at = Date.UTC(2026, 0, 15, 11, 59);
  const fact = { source: 'standard', at };

  it.each([
    [
      'group.member-removed',
      { group: { id: 'eng' }, user: { id: 'u-17' } },
      [{ ...fact, type: 'membership', group: 'eng', user: 'u-17', state: 'absent' }],
    ],
    [
      'group.member-added',
      { group: { id: 'eng' }, user: { id: 'u-17' } },
      [{ ...fact, type: 'membership', group: 'eng', user: 'u-17', state: 'present' }],
    ],
    ['group.created', { group: { id: 'eng' } }, [{ ...fact, type: 'group', group: 'eng', state: 'present' }]],
    ['group.deleted', { group: { id: 'eng' } }, [{ ...fact, type: 'group', group: 'eng', state: 'deleted' }]],
    ['user.disabled', { user: { id: 'u-17' } }, [{ ...fact, type: 'user', user: 'u-17', active: false }]],
    [
      'user.enabled',
      { user: { id: 'u-17', email: 'jo@example.com' } },
      [{ ...fact, type: 'user', user: 'u-17', active: true, email: 'jo@example.com' }],
    ],
  ])('%s', (type, data, facts) => {
    expect(factsOf(receive(memberAdded({ type, data })))).toEqual(facts);
  });

  const cluster = { account: '111122223333', region: 'eu-west-1', name: 'prod-eu' };
  const role = 'arn:aws:iam::111122223333:role/platform/provisioner';
  it.each([
    [
      'environment.created',
      { environment: { name: 'prod', cluster, role } },
      { type: 'environment', name: 'prod', state: 'present', cluster, role },
    ],
    ['environment.removed', { environment: { name: 'prod' } }, { type: 'environment', name: 'prod', state: 'absent' }],
    [
      'application.onboarded',
      { application: { environment: 'prod', namespace: 'pay', group: '00g1' } },
      { type: 'application', environment: 'prod', namespace: 'pay', state: 'present', group: '00g1' },
    ],
    [
      'application.removed',
      { application: { environment: 'prod', namespace: 'pay' } },
      { type: 'application', environment: 'prod', namespace: 'pay', state: 'absent' },
    ],
  ])('%s', (type, data, expected) => {
    expect(factsOf(receive(memberAdded({ type, data })))).toEqual([{ ...expected, at }]);
  });

  it.each<[string, object, string]>([
    ['no name', { cluster }, 'data.environment.name'],
    ['a name with --', { name: 'prod--eu', cluster }, 'data.environment.name: is no name of an environment'],
    ['a name that is too long', { name: 'e'.repeat(64), cluster }, 'data.environment.name'],
    ['no cluster', { name: 'prod' }, 'data.environment.cluster'],
    ['a short account', { name: 'prod', cluster: { ...cluster, account: '1111' } }, 'data.environment.cluster.account'],
    ['no Region', { name: 'prod', cluster: { ...cluster, region: 'mars' } }, 'data.environment.cluster.region'],
    ['a wildcard for a cluster', { name: 'prod', cluster: { ...cluster, name: '*' } }, 'data.environment.cluster.name'],
    ['a misspelt member', { name: 'prod', cluster, rol: role }, 'data.environment: Unrecognized key: "rol"'],
    ['a wildcard in the role', { name: 'prod', cluster, role: `${role}*` }, 'data.environment.role: is no ARN'],
    [
      'a user for a role',
      { name: 'prod', cluster, role: role.replace('role/', 'user/') },
      'is no role (it is of type user)',
    ],
    [
      'a session for a role',
      { name: 'prod', cluster, role: 'arn:aws:sts::111122223333:assumed-role/x/y' },
      'is no role (it is of type assumed-role)',
    ],
    [
      'a service-linked role',
      { name: 'prod', cluster, role: 'arn:aws:iam::111122223333:role/aws-service-role/x/AWSServiceRoleForX' },
      'data.environment.role: cannot be used: it is the service-linked role',
    ],
    [
      'a role of Identity Center',
      { name: 'prod', cluster, role: 'arn:aws:iam::111122223333:role/AWSReservedSSO_Ops_0123456789abcdef' },
      'permission set',
    ],
    ['a role of ours', { name: 'prod', cluster, role: role.replace('platform', 'gatehouse') }, 'own making'],
  ])('of an environment are malformed with %s: the member is named', (_what, environment, reason) => {
    const verdict = receive(memberAdded({ type: 'environment.created', data: { environment } }));
    expect(verdict).toMatchObject({ kind: 'malformed', reason: expect.stringContaining(reason) });
  });

  it.each<[string, object, string]>([
    ['no namespace', { environment: 'prod' }, 'data.application.namespace'],
    ['a namespace that is none', { environment: 'prod', namespace: 'Pay' }, 'data.application.namespace'],
    ['a wildcard', { environment: 'prod', namespace: 'pay-*' }, 'data.application.namespace'],
    ['an empty group', { environment: 'prod', namespace: 'pay', group: '' }, 'data.application.group'],
    ['a list of groups', { environment: 'prod', namespace: 'pay', group: ['a'] }, 'data.application.group'],
  ])('of an application are malformed with %s: the member is named', (_what, application, reason) => {
    const verdict = receive(memberAdded({ type: 'application.onboarded', data: { application } }));
    expect(verdict).toMatchObject({ kind: 'malformed', reason: expect.stringContaining(reason) });
  });

  it('say who joins, as far as the sender does', () => {
    const user = { id: 'u-17', login: 'jo', attributes: { 'aws-arn': 'arn:aws:iam::111122223333:user/jo' } };
    expect(factsOf(receive(memberAdded({ data: { group: { id: 'eng' }, user } })))).toEqual([
      { ...fact, type: 'user', user: 'u-17', login: 'jo', attributes: user.attributes },
      { ...fact, type: 'membership', group: 'eng', user: 'u-17', state: 'present' },
    ]);
  });

  it('carry the id of the delivery, which stays the same when it is sent again', () => {
    const reception = receptionOf(standard.receive(signed(memberAdded(), { id: 'msg_9' }), [STANDARD_SECRET], SENT_AT));
    expect(reception.delivery).toBe('msg_9');
    expect(reception.events[0]!.cause).toEqual({ source: 'standard', event: 'msg_9', type: 'group.member-added' });
  });

  it('of an unknown type are accepted and not acted on', () => {
    const reception = receptionOf(receive(memberAdded({ type: 'group.renamed', data: null })));
    expect(reception.events).toEqual([
      { cause: { source: 'standard', event: 'msg_1', type: 'group.renamed' }, facts: [], ignored: 'unknown-type' },
    ]);
  });

  it.each([
    ['no JSON', '{"type":', 'the body'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'the body'],
    ['a list', '[]', 'the body'],
    ['no type', memberAdded({ type: undefined }), 'type'],
    ['no time', memberAdded({ timestamp: undefined }), 'timestamp'],
    ['a time without zone', memberAdded({ timestamp: '2026-01-15T11:59:00' }), 'timestamp'],
    ['no group', memberAdded({ data: { user: { id: 'u-17' } } }), 'data.group'],
    ['an empty id', memberAdded({ data: { group: { id: '' }, user: { id: 'u-17' } } }), 'data.group.id'],
    ['a line feed in an id', memberAdded({ data: { group: { id: 'eng' }, user: { id: 'u\n17' } } }), 'data.user.id'],
    ['an endless id', memberAdded({ data: { group: { id: 'e'.repeat(257) }, user: { id: 'u-17' } } }), 'data.group.id'],
    ['half a character', memberAdded({ data: { group: { id: '\ud800' }, user: { id: 'u-17' } } }), 'data.group.id'],
    ['a number for an id', memberAdded({ data: { group: { id: 17 }, user: { id: 'u-17' } } }), 'data.group.id'],
    [
      'a space in the name of an attribute',
      memberAdded().replace('"login"', '"attributes":{"a b":"x"},"login"'),
      'attributes',
    ],
  ])('are malformed with %s', (_name, body, path) => {
    const verdict = standard.receive(signed(body), [STANDARD_SECRET], SENT_AT);
    expect(verdict).toMatchObject({ kind: 'malformed', reason: expect.stringContaining(path) });
  });

  it('leave out attributes that would mean something to JavaScript', () => {
    const body = memberAdded().replace('"login"', '"attributes":{"__proto__":"x","team":"a"},"login"');
    const [user] = factsOf(receive(body));
    expect(Object.entries((user as { attributes: object }).attributes)).toEqual([['team', 'a']]);
    expect((user as { attributes: { constructor?: unknown } }).attributes.constructor).toBeUndefined();
  });

  it('are not parsed before they are proven', () => {
    const request = webhookRequest({ body: '{"type":', headers: standardHeaders('other') });
    expect(standard.receive(request, [STANDARD_SECRET], SENT_AT).kind).toBe('unauthenticated');
  });
});
