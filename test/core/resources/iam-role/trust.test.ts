import { Failure } from '@gatehouse/core/access/failure';
import {
  accountTrust,
  closedTrust,
  memberTrust,
  sameTrust,
  settledTrust,
  trustedPrincipals,
  trustFits,
  trustOnly,
} from '@gatehouse/core/resources/iam-role/trust';
import { sameDocument } from '@gatehouse/core/resources/managed-principal';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const alice = 'arn:aws:iam::111122223333:user/alice';
const bob = 'arn:aws:iam::111122223333:user/people/bob';
const root = 'arn:aws:iam::111122223333:root';

const document = (statement: object, version: object = { Version: '2012-10-17' }) => ({
  ...version,
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', ...statement }],
});

describe('trust in members', () => {
  it('lists them sorted and once, each under their own user name', () => {
    expect(memberTrust([bob, alice, bob])).toEqual({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: [alice, bob] },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'sts:RoleSessionName': '${aws:username}' } },
        },
      ],
    });
  });

  it.each([root, '*', 'arn:aws:iam::111122223333:user/*', 'arn:aws:sts::111122223333:assumed-role/a/b', 'AIDAEXAMPLE'])(
    'never trusts %s as a member',
    (arn) => {
      expect(() => memberTrust([alice, arn])).toThrow(Failure);
    },
  );

  it('is closed without members', () => {
    expect(memberTrust([])).toEqual(closedTrust());
    expect(accountTrust([], 'aws')).toEqual(closedTrust());
    expect(trustedPrincipals(closedTrust())).toEqual([]);
  });

  it('fits 2,048 characters, and no more', () => {
    const members = (count: number) =>
      memberTrust(Array.from({ length: count }, (_, index) => `${alice}${String(index).padStart(3, '0')}`));
    const most = Array.from({ length: 100 }, (_, count) => count)
      .filter((count) => trustFits(members(count)))
      .at(-1)!;
    expect(JSON.stringify(members(most)).length).toBeLessThanOrEqual(2048);
    expect(JSON.stringify(members(most + 1)).length).toBeGreaterThan(2048);
  });
});

it('trusts accounts by their roots, and asks for the unique id', () => {
  expect(accountTrust(['444455556666', '111122223333'], 'aws-cn')).toMatchObject({
    Statement: [
      {
        Principal: { AWS: ['arn:aws-cn:iam::111122223333:root', 'arn:aws-cn:iam::444455556666:root'] },
        Condition: { StringEquals: { 'sts:RoleSessionName': '${aws:userid}' } },
      },
    ],
  });
});

describe('documents that mean the same', () => {
  it.each([
    ['one principal, alone or in a list', { Principal: { AWS: alice } }, { Principal: { AWS: [alice] } }],
    ['principals in another order', { Principal: { AWS: [alice, bob] } }, { Principal: { AWS: [bob, alice] } }],
    ['everybody', { Principal: '*' }, { Principal: { AWS: '*' } }],
    ['an account', { Principal: { AWS: root } }, { Principal: { AWS: '111122223333' } }],
    ['actions', { Principal: '*', Action: ['sts:AssumeRole'] }, { Principal: '*', Action: 'sts:AssumeRole' }],
    [
      'condition values and the case of keys',
      { Principal: '*', Condition: { StringEquals: { 'sts:ExternalId': ['x'] } } },
      { Principal: '*', Condition: { StringEquals: { 'sts:externalid': 'x' } } },
    ],
  ])('%s', (_what, a, b) => {
    expect(sameTrust(document(a), document(b))).toBe(true);
  });

  it('does not mind the order of members or one statement outside of a list', () => {
    const [statement] = document({ Principal: { AWS: alice } }).Statement;
    expect(
      sameDocument({ Statement: statement!, Version: '2012-10-17' }, document({ Principal: { AWS: alice } })),
    ).toBe(true);
  });
});

describe('documents that differ', () => {
  it.each([
    ['a deleted member, shown by id', { Principal: { AWS: 'AIDAEXAMPLE' } }, { Principal: { AWS: alice } }],
    ['another member', { Principal: { AWS: bob } }, { Principal: { AWS: alice } }],
    ['one more member', { Principal: { AWS: [alice, bob] } }, { Principal: { AWS: alice } }],
    ['a member among everybody', { Principal: { AWS: ['*', alice] } }, { Principal: { AWS: alice } }],
    ['no condition', { Principal: { AWS: alice } }, memberTrust([alice]).Statement as object],
    ['Deny', { Effect: 'Deny', Principal: { AWS: alice } }, { Principal: { AWS: alice } }],
    ['a federated principal beside', { Principal: { AWS: alice, Federated: 'x' } }, { Principal: { AWS: alice } }],
  ])('%s', (_what, a, b) => {
    const other = Array.isArray(b) ? { Version: '2012-10-17', Statement: b } : document(b);
    expect(sameTrust(document(a), other as never)).toBe(false);
  });

  it('a document without a version, which knows no variables', () => {
    expect(sameTrust(document({ Principal: { AWS: alice } }, {}), document({ Principal: { AWS: alice } }))).toBe(false);
  });

  it('one more statement', () => {
    const one = memberTrust([alice]);
    const two = { ...one, Statement: [...(one.Statement as object[]), ...document({ Principal: '*' }).Statement] };
    expect(sameTrust(one, two as never)).toBe(false);
  });
});

const someMembers = fc.uniqueArray(
  fc.nat(40).map((index) => `${alice}${index}`),
  { maxLength: 12 },
);

it('settles to what the builders write, whatever the order that IAM answers in', () => {
  fc.assert(
    fc.property(someMembers, fc.array(fc.nat()), (members, order) => {
      const built = memberTrust(members);
      const shuffled = [...members].sort((a, b) => (order[members.indexOf(a)] ?? 0) - (order[members.indexOf(b)] ?? 0));
      const [statement] = built.Statement as unknown as { Principal: object }[];
      const answered =
        members.length === 0 ? built : { ...built, Statement: [{ ...statement, Principal: { AWS: shuffled } }] };
      expect(settledTrust(answered as never)).toEqual(built);
      expect(sameTrust(answered as never, built)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

it('narrows to some members without touching anything else', () => {
  const federated = { Effect: 'Allow', Principal: { Federated: 'f' }, Action: 'sts:AssumeRoleWithSAML' };
  const both = {
    ...memberTrust([alice, bob]),
    Statement: [...(memberTrust([alice, bob]).Statement as object[]), federated],
  };
  expect(trustOnly(memberTrust([alice, bob]), (arn) => arn === bob)).toEqual(memberTrust([bob]));
  expect(trustOnly(memberTrust([alice]), () => false)).toEqual(closedTrust());
  expect(trustedPrincipals(trustOnly(both as never, () => false))).toEqual([]);
});
