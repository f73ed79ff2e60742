import type { MachineTrust, SamlTrust } from '@gatehouse/core/access/policy';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import {
  accountTrust,
  closedTrust,
  machineTrust,
  memberTrust,
  sameTrust,
  samlTrust,
  soundTrust,
  trustedPrincipals,
  trustInBoth,
  trustsAllOf,
  trustTogether,
} from '@gatehouse/core/resources/iam-role/trust';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/* Trust in whom the policy itself names, beside the members: a SAML provider, machines; and documents put together. */

const ACCOUNT = '111122223333';
const ROLE = { account: ACCOUNT, partition: 'aws' };
const ALICE = `arn:aws:iam::${ACCOUNT}:user/alice`;
const saml = (over: Partial<SamlTrust> = {}): SamlTrust => ({ provider: 'acme', subjects: [], groups: [], ...over });
const machine = (over: Partial<MachineTrust> = {}): MachineTrust => ({
  principals: [],
  accounts: [],
  webIdentity: [],
  ...over,
});

describe('trust in a SAML provider', () => {
  it('is in anybody whom it lets in, for AWS alone', () => {
    expect(samlTrust(saml(), ROLE)).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: `arn:aws:iam::${ACCOUNT}:saml-provider/acme` },
          Action: 'sts:AssumeRoleWithSAML',
          Condition: { StringEquals: { 'SAML:aud': 'https://signin.aws.amazon.com/saml' } },
        },
      ],
    });
  });

  it('asks for one of the subjects and one of the groups', () => {
    expect(samlTrust(saml({ subjects: ['*@acme.com', 'bob'], groups: ['staff'] }), ROLE)).toMatchObject({
      Statement: [
        {
          Condition: {
            StringLike: { 'saml:sub': ['*@acme.com', 'bob'] },
            'ForAnyValue:StringLike': { 'saml:edupersonaffiliation': 'staff' },
          },
        },
      ],
    });
  });

  it.each([
    ['aws', 'https://signin.aws.amazon.com/saml'],
    ['aws-cn', 'https://signin.amazonaws.cn/saml'],
    ['aws-us-gov', 'https://signin.amazonaws-us-gov.com/saml'],
  ])('of the partition %s is for %s', (partition, audience) => {
    const [statement] = samlTrust(saml(), { account: ACCOUNT, partition }).Statement as unknown as [
      { Principal: { Federated: string }; Condition: object },
    ];
    expect(statement.Condition).toEqual({ StringEquals: { 'SAML:aud': audience } });
    expect(statement.Principal.Federated).toBe(`arn:${partition}:iam::${ACCOUNT}:saml-provider/acme`);
  });
});

describe('trust in a machine', () => {
  it('demands its name of its sessions where it shares the role, of every door', () => {
    const trust = machineTrust(
      machine({
        principals: [`arn:aws:iam::${ACCOUNT}:role/build`],
        accounts: [{ id: '444455556666', externalId: 'x' }],
        webIdentity: [{ provider: 'token.example.com', audiences: ['aws'], subjects: ['repo:a/b:*'] }],
      }),
      ROLE,
      'ci',
    );
    const statements = trust.Statement as unknown as { Condition: { StringEquals: Record<string, unknown> } }[];
    expect(statements).toHaveLength(3);
    for (const { Condition } of statements) expect(Condition.StringEquals['sts:RoleSessionName']).toBe('ci');
  });

  it('is closed where nobody is named', () => {
    expect(machineTrust(machine(), ROLE)).toEqual(closedTrust());
  });
});

/* Documents as Gatehouse builds them, of every sort. */
const names = fc.uniqueArray(fc.constantFrom('alice', 'bob', 'carol', 'dave'), { maxLength: 4 });
const built: fc.Arbitrary<PolicyDocument> = fc.oneof(
  names.map((all) => memberTrust(all.map((name) => `arn:aws:iam::${ACCOUNT}:user/${name}`))),
  fc.subarray(['111122223333', '444455556666']).map((accounts) => accountTrust(accounts, 'aws')),
  fc
    .record({
      provider: fc.constantFrom('acme', 'other'),
      subjects: fc.subarray(['a*', 'b']),
      groups: fc.subarray(['staff', 'ops']),
    })
    .map((one) => samlTrust(one, ROLE)),
  fc
    .record({
      principals: fc.subarray([`arn:aws:iam::${ACCOUNT}:role/build`, `arn:aws:iam::${ACCOUNT}:role/deploy`]),
      accounts: fc.subarray([{ id: '444455556666' }, { id: '777788889999', externalId: 'x' }]),
      webIdentity: fc.subarray([{ provider: 'token.example.com', audiences: ['aws'], subjects: ['repo:a/b:*'] }]),
      session: fc.option(fc.constant('ci'), { nil: undefined }),
    })
    .map(({ session, ...one }) => machineTrust(one, ROLE, session)),
);
const several = fc.array(built, { maxLength: 3 }).map((all) => trustTogether(...all));

describe('documents put together', () => {
  it('trust whom one of them trusts, and nobody else', () => {
    fc.assert(
      fc.property(built, built, (a, b) => {
        const both = trustTogether(a, b);
        expect(trustsAllOf(both, a) && trustsAllOf(both, b)).toBe(true);
        expect(new Set(trustedPrincipals(both))).toEqual(new Set([...trustedPrincipals(a), ...trustedPrincipals(b)]));
        expect(sameTrust(both, trustTogether(b, a))).toBe(true);
      }),
    );
  });

  it('are closed where all of them are', () => {
    expect(trustTogether()).toEqual(closedTrust());
    expect(trustTogether(closedTrust(), closedTrust())).toEqual(closedTrust());
  });
});

describe('what two documents have in common', () => {
  it('is trusted by each of them, under the same conditions', () => {
    fc.assert(
      fc.property(several, several, (a, b) => {
        const common = trustInBoth(a, b);
        expect(trustsAllOf(a, common) && trustsAllOf(b, common)).toBe(true);
        // Statement by statement they may be grouped otherwise.
        const other = trustInBoth(b, a);
        expect(trustsAllOf(common, other) && trustsAllOf(other, common)).toBe(true);
      }),
    );
  });

  it('is all of a document with itself, and nobody with a closed one', () => {
    fc.assert(
      fc.property(several, (a) => {
        expect(sameTrust(trustInBoth(a, a), a)).toBe(true);
        expect(trustedPrincipals(trustInBoth(a, closedTrust()))).toEqual([]);
      }),
    );
  });

  it('is nobody where only a condition differs', () => {
    const [loose, tight] = [saml({ groups: ['staff'] }), saml({ groups: ['ops'] })];
    expect(trustedPrincipals(trustInBoth(samlTrust(loose, ROLE), samlTrust(tight, ROLE)))).toEqual([]);
    const one = machine({ principals: [ALICE] });
    expect(trustedPrincipals(trustInBoth(machineTrust(one, ROLE), machineTrust(one, ROLE, 'ci')))).toEqual([]);
  });
});

describe('a sound document', () => {
  const given = trustTogether(
    samlTrust(saml({ groups: ['staff'] }), ROLE),
    machineTrust(machine({ principals: [`arn:aws:iam::${ACCOUNT}:role/build`] }), ROLE, 'ci'),
  );
  const allow = (statement: object): PolicyDocument => ({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', ...statement }],
  });

  it('is any part of what the policy gives, with members or without', () => {
    fc.assert(
      fc.property(several, names, fc.boolean(), (policy, members, hasMembers) => {
        const own = memberTrust(members.map((name) => `arn:aws:iam::${ACCOUNT}:user/${name}`));
        expect(soundTrust(policy, policy, hasMembers)).toBe(true);
        expect(soundTrust(closedTrust(), policy, hasMembers)).toBe(true);
        expect(soundTrust(trustTogether(policy, own), policy, true)).toBe(true);
        // Where the role has no members, nobody is listed as one.
        const isListed = members.length > 0 && !trustsAllOf(policy, own);
        expect(soundTrust(trustTogether(policy, own), policy, false)).toBe(!isListed);
      }),
    );
  });

  it.each<[string, PolicyDocument]>([
    ['everybody', allow({ Principal: '*' })],
    ['an account without conditions', allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` } })],
    ['a member under a free name', allow({ Principal: { AWS: ALICE } })],
    [
      "a member under somebody else's name",
      allow({ Principal: { AWS: ALICE }, Condition: { StringEquals: { 'sts:RoleSessionName': 'bob' } } }),
    ],
    ['the same provider for everybody', samlTrust(saml(), ROLE)],
    ['another provider', samlTrust(saml({ provider: 'evil', groups: ['staff'] }), ROLE)],
    ["the machine's principal under a free name", allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:role/build` } })],
    ['a service', allow({ Principal: { Service: 'ec2.amazonaws.com' } })],
    ['all but one', allow({ NotPrincipal: { AWS: ALICE } })],
    [
      'a provider with more actions',
      {
        ...samlTrust(saml({ groups: ['staff'] }), ROLE),
        Statement: [
          {
            ...(samlTrust(saml({ groups: ['staff'] }), ROLE).Statement as object[])[0],
            Action: ['sts:AssumeRoleWithSAML', 'sts:TagSession'],
          },
        ],
      },
    ],
  ])('never trusts %s', (_what, document) => {
    expect(soundTrust(document, given, true)).toBe(false);
    expect(soundTrust(trustTogether(given, document), given, true)).toBe(false);
  });
});
