import { boundaryKept, iamGuards, ownPath, protectedFromIam, trust } from '@gatehouse/core/plan/iam-guards';
import type { Guard } from '@gatehouse/core/plan/plan';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { ABSENT_ROLE, type IamRoleState } from '@gatehouse/core/resources/iam-role/model';
import { accountTrust, closedTrust, memberTrust, soundTrust } from '@gatehouse/core/resources/iam-role/trust';
import { describe, expect, it } from 'vitest';
import { ACCOUNT, aGrant, aPolicy } from '../../builders/policy.ts';

const NAME = 'gatehouse-ops';
const OPS = aPolicy({ grants: [aGrant({ name: 'ops' })] });
const ALICE = `arn:aws:iam::${ACCOUNT}:user/alice`;
const role = (over: object = {}): IamRoleState => ({
  present: true,
  roleId: 'AROA1',
  arn: `arn:aws:iam::${ACCOUNT}:role/gatehouse/${NAME}`,
  path: '/gatehouse/',
  trust: memberTrust([ALICE]),
  policies: {},
  boundary: `arn:aws:iam::${ACCOUNT}:policy/b`,
  tags: { 'gatehouse:managed': 'true' },
  maxSessionSeconds: 3600,
  ...over,
});
function codes(guard: Guard, before: IamRoleState, after: IamRoleState): string[] {
  const change = { kind: 'iam-role', object: NAME, action: 'update' as const, before, after, lines: [] };
  const draft = {
    changes: [{ pass: 'add' as const, change }],
    claims: { wanted: [], recorded: [] },
    observed: new Map(),
  };
  return guard(draft).map(({ code, severity }) => `${severity} ${code}`);
}
const statement = (over: object): PolicyDocument => {
  const [first] = memberTrust([ALICE]).Statement as { [member: string]: never }[];
  return { Version: '2012-10-17', Statement: [{ ...first, ...over }] };
};

describe('a plan for IAM', () => {
  const elsewhere = { path: '/', arn: `arn:aws:iam::${ACCOUNT}:role/${NAME}` };
  it.each<[string, IamRoleState, IamRoleState, number]>([
    ['changes what is under the path', role(), role(), 0],
    ['makes and deletes what is under the path', ABSENT_ROLE, role(), 0],
    ['deletes what is elsewhere', role(elsewhere), ABSENT_ROLE, 1],
    ['changes what is elsewhere', role(elsewhere), role(elsewhere), 1],
    ['makes something elsewhere', ABSENT_ROLE, role(elsewhere), 1],
    ['leaves the tag out', ABSENT_ROLE, role({ tags: {} }), 1],
  ])('that %s: %#', (_name, before, after, found) => {
    expect(codes(ownPath, before, after)).toEqual(Array(found).fill('blocks ownership'));
  });

  it.each<[string, string, number]>([
    ['protected', `arn:aws:iam::${ACCOUNT}:role/gatehouse/${NAME}`, 1],
    ['protected, by the name only', `arn:aws:iam::${ACCOUNT}:role/${NAME.toUpperCase()}`, 1],
    ['another', `arn:aws:iam::${ACCOUNT}:role/other`, 0],
  ])('for a principal that is %s', (_name, principal, found) => {
    const guard = protectedFromIam(aPolicy({ protected: { principals: [principal] } }));
    for (const [before, after] of [
      [ABSENT_ROLE, role()],
      [role(), role()],
      [role(), ABSENT_ROLE],
    ] as const) {
      expect(codes(guard, before, after)).toEqual(Array(found).fill('blocks protected-principal'));
    }
  });

  it('that takes the permissions boundary away', () => {
    const { boundary: _boundary, ...without } = role() as Extract<IamRoleState, { present: true }>;
    expect(codes(boundaryKept, role(), without)).toEqual(['blocks boundary-lost']);
    expect(codes(boundaryKept, role(), role({ boundary: 'another' }))).toEqual([]);
    expect(codes(boundaryKept, without, without)).toEqual([]);
    expect(codes(boundaryKept, role(), ABSENT_ROLE)).toEqual([]);
  });

  it('that writes a trust document which lets somebody choose a session name', () => {
    const loose = role({ trust: statement({ Condition: {} }) });
    expect(codes(trust(OPS), role(), loose)).toEqual(['blocks unsound-trust']);
    expect(codes(trust(OPS), ABSENT_ROLE, loose)).toEqual(['blocks unsound-trust']);
    expect(codes(trust(OPS), loose, loose)).toEqual([]);
    expect(codes(trust(OPS), loose, role())).toEqual([]);
  });

  it('is asked all of that', () => {
    expect(iamGuards(aPolicy())).toHaveLength(4);
    expect(iamGuards(aPolicy())).toEqual(expect.arrayContaining([ownPath, boundaryKept]));
  });
});

describe('a trust document', () => {
  const root = `arn:aws:iam::${ACCOUNT}:root`;
  it.each<[string, PolicyDocument, boolean]>([
    ['of members', memberTrust([ALICE]), true],
    ['of accounts', accountTrust([ACCOUNT], 'aws'), true],
    ['of nobody', closedTrust(), true],
    ['of everybody', statement({ Principal: '*' }), false],
    ['of everybody, in a list', statement({ Principal: { AWS: [ALICE, '*'] } }), false],
    ['of an account by the name of a user', statement({ Principal: { AWS: root } }), false],
    ['of members and an account', statement({ Principal: { AWS: [ALICE, root] } }), false],
    ['of a service', statement({ Principal: { Service: 'ec2.amazonaws.com' } }), false],
    ['of members and a service', statement({ Principal: { AWS: ALICE, Service: 'ec2.amazonaws.com' } }), false],
    ['without the condition', statement({ Condition: {} }), false],
    ['with another condition', statement({ Condition: { StringLike: { 'sts:RoleSessionName': '*' } } }), false],
    ['that allows more than to assume', statement({ Action: ['sts:AssumeRole', 'sts:TagSession'] }), false],
    ['that names whom it does not mean', statement({ NotPrincipal: { AWS: ALICE } }), false],
    ['of one who is deleted', statement({ Principal: { AWS: 'AIDAEXAMPLE' } }), false],
  ])('%s is sound: %s', (_name, document, sound) => {
    expect(soundTrust(document, closedTrust(), true)).toBe(sound);
  });
});
