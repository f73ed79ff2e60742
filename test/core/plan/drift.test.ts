import { driftIn } from '@gatehouse/core/plan/drift';
import { objectId } from '@gatehouse/core/plan/turn-claims';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import { roleBindingKind } from '@gatehouse/core/resources/role-binding/kind';
import type { RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import { describe, expect, it } from 'vitest';

const OBJECT = 'RoleBinding/pay/gatehouse:ops:role:0';

const bound = (user: string): OwnedClaim<RoleBindingClaim> => ({
  subject: `user/okta/${user}`,
  grant: 'ops',
  claim: {
    kind: 'role-binding',
    object: OBJECT,
    grant: 'ops',
    roleRef: { kind: 'Role', name: 'gatehouse:ops' },
    username: `gatehouse:ops:${user}`,
  },
});
const ID = objectId(bound('alice').claim);

/** The binding with these, as Gatehouse makes it. */
const there = (...users: readonly string[]) => {
  const wanted = users.map(bound);
  const { change } = roleBindingKind.diff(OBJECT, { present: false }, { wanted, unwanted: [], recorded: [] });
  return new Map([[ID, change?.after ?? { present: false }]]);
};

describe('drift', () => {
  it.each([
    { case: 'all is as it was made', wanted: 'ab', recorded: 'ab', observed: 'ab', drift: '' },
    { case: 'somebody took one out', wanted: 'ab', recorded: 'ab', observed: 'a', drift: 'b' },
    { case: 'somebody deleted it', wanted: 'ab', recorded: 'ab', observed: '', drift: 'ab' },
    { case: 'one is new', wanted: 'abc', recorded: 'ab', observed: 'ab', drift: '' },
    { case: 'one is new, and one was taken out', wanted: 'abc', recorded: 'ab', observed: 'b', drift: 'a' },
    { case: 'one is no longer wanted, and gone already', wanted: 'a', recorded: 'ab', observed: 'a', drift: '' },
    { case: 'one is no longer wanted', wanted: 'a', recorded: 'ab', observed: 'ab', drift: '' },
    { case: 'nothing is recorded', wanted: 'ab', recorded: '', observed: '', drift: '' },
  ])('where $case: "$drift"', ({ wanted, recorded, observed, drift }) => {
    const claims = { wanted: [...wanted].map(bound), recorded: [...recorded].map(bound) };
    const lines = driftIn([roleBindingKind], claims, there(...observed)).flatMap((one) => one.lines);
    expect(lines.map(({ sign, subject }) => `${sign} ${subject}`)).toEqual(
      [...drift].map((user) => `+ user/okta/${user}`),
    );
  });

  it('is nothing that is marked: it may not have been made yet', () => {
    const claims = { wanted: [bound('a'), bound('b')], recorded: [bound('a'), bound('b')] };
    const [one, ...more] = driftIn([roleBindingKind], claims, there(), new Set(['user/okta/a']));
    expect(one?.lines.map(({ subject }) => subject)).toEqual(['user/okta/b']);
    expect(more).toEqual([]);
  });
});
