import type { AssociatedIdentityProvider, OidcConfig } from '@gatehouse/core/ports/eks';
import { diffIdentityProvider, underWay } from '@gatehouse/core/resources/identity-provider/diff';
import { identityProviderKind } from '@gatehouse/core/resources/identity-provider/kind';
import {
  type IdentityProviderClaim,
  type IdentityProviderState,
  IDENTITY_PROVIDER_OBJECT as OBJECT,
  PROVIDER_TAGS,
} from '@gatehouse/core/resources/identity-provider/model';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

type Claims = ObjectClaims<IdentityProviderClaim>;

const CONFIG: Required<OidcConfig> = {
  name: 'gatehouse-okta',
  issuer: 'https://acme.okta.com/oauth2/default',
  clientId: '0oa1',
  usernameClaim: 'email',
  usernamePrefix: 'okta:',
  groupsClaim: 'groups',
  groupsPrefix: 'okta:',
  requiredClaims: {},
};
const owned = (over: Partial<Required<OidcConfig>> = {}): OwnedClaim<IdentityProviderClaim> => ({
  subject: 'identity-provider/okta',
  claim: { kind: 'identity-provider', object: OBJECT, config: { ...CONFIG, ...over } },
});
const wants = (over: Partial<Required<OidcConfig>> = {}): Claims => ({
  wanted: [owned(over)],
  unwanted: [],
  recorded: [],
});
const GONE: Claims = { wanted: [], unwanted: [owned()], recorded: [] };

const there = (over: Partial<AssociatedIdentityProvider> = {}): AssociatedIdentityProvider => ({
  ...CONFIG,
  status: 'ACTIVE',
  tags: PROVIDER_TAGS,
  ...over,
});
const state = (over: Partial<IdentityProviderState> = {}): IdentityProviderState => ({
  version: '1.34',
  ownIssuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/0123',
  provider: null,
  ...over,
});

/** What is done, and the codes of what is found. */
function told(observed: IdentityProviderState, claims: Claims): string {
  const { change, findings } = diffIdentityProvider(OBJECT, observed, claims);
  return [change?.action ?? 'nothing', ...findings.map(({ code, severity }) => `${severity} ${code}`)].join(', ');
}

describe('the identity provider of a cluster', () => {
  it.each<[string, IdentityProviderState, Claims, string]>([
    ['is associated where the place is free', state(), wants(), 'create'],
    ['stays where it is as wanted', state({ provider: there() }), wants(), 'nothing'],
    ['is waited for while it is made', state({ provider: there({ status: 'CREATING' }) }), wants(), 'nothing'],
    ['goes first where it is to be another', state({ provider: there({ clientId: 'old' }) }), wants(), 'update'],
    [
      'is not touched while it is made, though it is to be another',
      state({ provider: there({ clientId: 'old', status: 'CREATING' }) }),
      wants(),
      'nothing',
    ],
    ['is waited for while the old one goes', state({ provider: there({ status: 'DELETING' }) }), wants(), 'nothing'],
    [
      'stays as it was where what is to come is unsound',
      state({ provider: there() }),
      wants({ groupsPrefix: 'system:' }),
      'nothing, blocks reserved-prefix',
    ],
    [
      'stays where it is somebody else’s',
      state({ provider: there({ tags: {} }) }),
      wants(),
      'nothing, blocks identity-provider-taken',
    ],
    ['goes with what claimed it', state({ provider: there() }), GONE, 'delete'],
    ['goes when it is made', state({ provider: there({ status: 'CREATING' }) }), GONE, 'nothing'],
    ['is gone soon', state({ provider: there({ status: 'DELETING' }) }), GONE, 'nothing'],
    ['is gone', state(), GONE, 'nothing'],
    ['is gone, and another has followed', state({ provider: there({ name: 'gatehouse-b' }) }), GONE, 'nothing'],
    ['of somebody else’s goes with nobody', state({ provider: there({ tags: {} }) }), GONE, 'nothing'],
    [
      'is not tried again at once where it failed',
      state({ failed: { config: CONFIG, reason: 'x' } }),
      wants(),
      'nothing, blocks association-failed',
    ],
    [
      'is tried in another form where it failed',
      state({ failed: { config: { ...CONFIG, clientId: 'old' }, reason: 'x' } }),
      wants(),
      'create',
    ],
  ])('%s', (_what, observed, claims, expected) => {
    expect(told(observed, claims)).toBe(expected);
  });

  it.each<[string, Partial<IdentityProviderState>, Partial<Required<OidcConfig>>]>([
    ['issuer-not-https', {}, { issuer: 'http://id.acme.com' }],
    ['own-issuer', {}, { issuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/0123/' }],
    ['version-too-old', { version: '1.15' }, {}],
    ['client-id-missing', {}, { clientId: '' }],
    ['reserved-prefix', {}, { usernamePrefix: 'system:' }],
    ['reserved-prefix', {}, { usernamePrefix: 'eks:x' }],
    ['usernames-not-safe', {}, { usernamePrefix: '-' }],
    ['usernames-not-safe', {}, { usernamePrefix: '' }],
    ['usernames-not-safe', {}, { usernamePrefix: 'gate' }],
    ['usernames-not-safe', {}, { usernamePrefix: 'gatehouse:ops:' }],
    ['groups-not-safe', {}, { groupsPrefix: '-' }],
    ['issuer-not-public', { issuerFault: { problem: 'not-public', message: 'x' } }, {}],
    ['issuer-unreachable', { issuerFault: { problem: 'unreachable', message: 'x' } }, {}],
    ['issuer-unreachable', { issuerFault: { problem: 'refused', message: 'x' } }, {}],
    ['discovery-invalid', { issuerFault: { problem: 'invalid', message: 'x' } }, {}],
  ])('is not associated: %s', (code, observed, config) => {
    const { change, findings } = diffIdentityProvider(OBJECT, state(observed), wants(config));
    expect(change).toBeUndefined();
    expect(findings.map((one) => one.code)).toEqual([code]);
    expect(findings[0]).toMatchObject({ severity: 'blocks', object: OBJECT, subject: 'identity-provider/okta' });
    expect(findings[0]!.remedy).not.toBe('');
  });

  it.each([
    ['1.16', 'create'],
    ['1.9', 'nothing, blocks version-too-old'],
    ['2.0', 'create'],
  ])('of Kubernetes %s: %s', (version, expected) => {
    expect(told(state({ version }), wants())).toBe(expected);
  });

  it.each<[string, Partial<AssociatedIdentityProvider>, boolean]>([
    ['no prefix at all', { usernamePrefix: '-' }, true],
    ['an e-mail address, and EKS’s default', { usernameClaim: 'email', usernamePrefix: undefined as never }, true],
    ['another claim, and EKS’s default', { usernameClaim: 'sub', usernamePrefix: undefined as never }, false],
    ['a prefix of its own', { usernamePrefix: 'corp:' }, false],
  ])('of somebody else’s is remarked where its tokens could name Gatehouse’s people: %s', (_how, over, isUnsafe) => {
    const { findings } = diffIdentityProvider(OBJECT, state({ provider: there({ tags: {}, ...over }) }), GONE);
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual(
      isUnsafe ? [['usernames-not-safe', 'notice']] : [],
    );
  });

  it('says what is under way, of its own alone', () => {
    expect(underWay(state({ provider: there({ status: 'CREATING' }) }))).toContain('associating');
    expect(underWay(state({ provider: there({ status: 'DELETING' }) }))).toContain('disassociating');
    for (const provider of [null, there(), there({ status: 'DELETING', tags: {} })]) {
      expect(underWay(state({ provider }))).toBeUndefined();
    }
  });
});

describe('the laws of kinds', () => {
  const config = fc.record({
    clientId: fc.constantFrom('0oa1', '0oa2'),
    groupsPrefix: fc.constantFrom('okta:', 'system:'),
  });
  const provider = fc.option(
    fc.record({
      clientId: fc.constantFrom('0oa1', '0oa2'),
      status: fc.constantFrom('CREATING' as const, 'ACTIVE' as const, 'DELETING' as const),
      tags: fc.constantFrom({}, { ...PROVIDER_TAGS }),
    }),
    { nil: null },
  );
  const observed = provider.map((one) => state({ provider: one && there(one) }));
  const claims = turnClaims(config.map((over) => [owned(over)]));

  it('hold', () => {
    expectKindLaws<IdentityProviderClaim, IdentityProviderState>(
      identityProviderKind,
      fc.record({ object: fc.constant(OBJECT), observed, claims }),
      ({ provider: one }) => (one !== null && one.tags['gatehouse:managed'] === undefined ? one : undefined),
    );
  });
});
