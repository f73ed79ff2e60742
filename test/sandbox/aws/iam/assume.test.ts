import type { Json } from '@gatehouse/core/access/json';
import { accountTrust, closedTrust, memberTrust } from '@gatehouse/core/resources/iam-role/trust';
import { describe, expect, it } from 'vitest';
import { assumable } from '../../../../sandbox/src/aws/iam/assume.ts';
import * as iam from '../../../../sandbox/src/aws/iam/operations.ts';
import { newIamState, principalOfKey, restoreIam, snapshotIam } from '../../../../sandbox/src/aws/iam/state.ts';

const HOME = '111122223333';
const AWAY = '444455556666';
const ROLE = `arn:aws:iam::${HOME}:role/gatehouse/ops`;
const user = (name: string, account = HOME) => `arn:aws:iam::${account}:user/${name}`;

/** Alice and Bob at home, Carol away, and the role with this trust document. */
function world(trust: unknown) {
  const state = newIamState([HOME, AWAY], { seed: 'assume', now: () => 0 });
  for (const name of ['alice', 'bob']) iam.createUser(state, HOME, { name });
  iam.createUser(state, AWAY, { name: 'carol' });
  iam.createRole(state, HOME, { name: 'ops', path: '/gatehouse/', trust: JSON.stringify(trust) });
  const may = (arn: string, sessionName: string, externalId?: string) =>
    assumable(state, ROLE, { arn, ...(externalId === undefined ? {} : { externalId }) }, sessionName);
  const permit = (account: string, name: string, statement: object) =>
    iam.putPolicy(
      state,
      account,
      'user',
      name,
      `p${state.issued++}`,
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*', ...statement }],
      }),
    );
  return { state, may, permit };
}

const trusting = (...statements: object[]) => ({
  Version: '2012-10-17',
  Statement: statements.map((statement) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', ...statement })),
});
const condition = (test: Json) => trusting({ Principal: { AWS: user('alice') }, Condition: test });

describe('trust in members', () => {
  it('lets each in under their own name only', () => {
    const { may } = world(memberTrust([user('alice')]));
    expect(may(user('alice'), 'alice')).toEqual({ allowed: true });
    expect(may(user('alice'), 'bob').allowed).toBe(false);
    expect(may(user('alice'), 'Alice').allowed).toBe(false);
    expect(may(user('bob'), 'bob').allowed).toBe(false);
    expect(may(user('bob'), 'alice').allowed).toBe(false);
  });

  it('needs a permission of their own from members of other accounts', () => {
    const { may, permit } = world(memberTrust([user('carol', AWAY)]));
    expect(may(user('carol', AWAY), 'carol').allowed).toBe(false);
    permit(AWAY, 'carol', { Resource: 'arn:aws:iam::111122223333:role/gatehouse/*' });
    expect(may(user('carol', AWAY), 'carol').allowed).toBe(true);
  });

  it('ends with the user: another of that name is somebody else', () => {
    const { state, may } = world(memberTrust([user('alice')]));
    iam.deleteUser(state, HOME, 'alice');
    expect(may(user('alice'), 'alice').allowed).toBe(false);
    iam.createUser(state, HOME, { name: 'alice' });
    expect(may(user('alice'), 'alice').allowed).toBe(false);
  });

  it('is nobody when closed', () => {
    const { may, permit } = world(closedTrust());
    permit(HOME, 'alice', {});
    expect(may(user('alice'), 'alice')).toMatchObject({ allowed: false, reason: expect.stringContaining('denies') });
  });
});

describe('trust in an account', () => {
  it('leaves it to the identity policies, and asks for the unique id', () => {
    const { state, may, permit } = world(accountTrust([HOME], 'aws'));
    const { id } = iam.userOf(state, HOME, 'alice');
    expect(may(user('alice'), id).allowed).toBe(false);
    permit(HOME, 'alice', { Action: 'sts:Assume*', Resource: ROLE });
    expect(may(user('alice'), id).allowed).toBe(true);
    expect(may(user('alice'), 'alice').allowed).toBe(false);
    expect(may(user('bob'), iam.userOf(state, HOME, 'bob').id).allowed).toBe(false);
    expect(may(user('carol', AWAY), 'carol').allowed).toBe(false);
  });

  it('is not enough where an identity policy allows another role, or denies this one', () => {
    const { state, may, permit } = world(accountTrust([HOME], 'aws'));
    const { id } = iam.userOf(state, HOME, 'alice');
    permit(HOME, 'alice', { Resource: `${ROLE}-other` });
    expect(may(user('alice'), id).allowed).toBe(false);
    permit(HOME, 'alice', {});
    permit(HOME, 'alice', { Effect: 'Deny' });
    expect(may(user('alice'), id)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('identity-based policy denies'),
    });
  });

  it('never lets the root user itself in', () => {
    const { may } = world(trusting({ Principal: { AWS: HOME } }));
    expect(may(`arn:aws:iam::${HOME}:root`, 'root')).toEqual({
      allowed: false,
      reason: 'Roles may not be assumed by root accounts.',
    });
  });
});

describe('what a trust document may say', () => {
  it.each([
    ['an external id', { StringEquals: { 'sts:ExternalId': 'x' } }, 'alice', 'x', true],
    ['another external id', { StringEquals: { 'sts:ExternalId': 'x' } }, 'alice', 'y', false],
    ['no external id', { StringEquals: { 'sts:ExternalId': 'x' } }, 'alice', undefined, false],
    ['one of several', { StringEquals: { 'sts:ExternalId': ['w', 'x'] } }, 'alice', 'x', true],
    ['a pattern', { StringLike: { 'sts:RoleSessionName': '${aws:username}-*' } }, 'alice-1', undefined, true],
    ['another pattern', { StringLike: { 'sts:RoleSessionName': '${aws:username}-*' } }, 'bob-1', undefined, false],
    ['a key in another case', { stringequals: { 'STS:rolesessionname': 'alice' } }, 'alice', undefined, true],
    ['a negation', { StringNotEquals: { 'sts:RoleSessionName': ['root', 'admin'] } }, 'admin', undefined, false],
    [
      'a negation that holds',
      { StringNotEquals: { 'sts:RoleSessionName': ['root', 'admin'] } },
      'alice',
      undefined,
      true,
    ],
    ['something that must be absent', { Null: { 'sts:ExternalId': 'true' } }, 'alice', undefined, true],
    [
      'a variable without value',
      { StringEquals: { 'sts:RoleSessionName': '${aws:PrincipalTag/x}' } },
      'alice',
      undefined,
      false,
    ],
    [
      'two conditions at once',
      { StringEquals: { 'sts:RoleSessionName': 'alice', 'sts:ExternalId': 'x' } },
      'alice',
      'y',
      false,
    ],
  ])('%s', (_what, test, session, externalId, allowed) => {
    expect(world(condition(test as Json)).may(user('alice'), session, externalId).allowed).toBe(allowed);
  });

  it('a denial wins', () => {
    const { may } = world(trusting({ Principal: '*' }, { Effect: 'Deny', Principal: { AWS: user('bob') } }));
    expect(may(user('alice'), 'any').allowed).toBe(true);
    expect(may(user('bob'), 'any').allowed).toBe(false);
  });

  it('a role may assume another, its session named as it likes', () => {
    const { state, may } = world(closedTrust());
    iam.createRole(state, HOME, { name: 'runner', path: '/apps/', trust: JSON.stringify(closedTrust()) });
    iam.updateTrust(
      state,
      HOME,
      'ops',
      JSON.stringify(trusting({ Principal: { AWS: `arn:aws:iam::${HOME}:role/apps/runner` } })),
    );
    expect(may(`arn:aws:sts::${HOME}:assumed-role/runner/job-1`, 'anything').allowed).toBe(true);
    expect(may(`arn:aws:sts::${HOME}:assumed-role/ops/job-1`, 'anything').allowed).toBe(false);
  });

  it('an operator that it does not know is refused by name', () => {
    const { may } = world(condition({ DateLessThan: { 'aws:CurrentTime': '2030-01-01' } }));
    expect(() => may(user('alice'), 'alice')).toThrow('DateLessThan');
  });

  it.each(['a', 'with space', 'x'.repeat(65), 'sl/ash'])('no session is called "%s"', (session) => {
    expect(world(trusting({ Principal: '*' })).may(user('alice'), session).allowed).toBe(false);
  });
});

it('says whose an access key is, until it is deleted', () => {
  const { state } = world(closedTrust());
  const key = iam.createAccessKey(state, HOME, 'alice');
  const owner = { account: HOME, userName: 'alice', arn: user('alice'), secret: key.secret, active: true };
  expect(principalOfKey(state, key.id)).toMatchObject(owner);
  iam.updateAccessKey(state, HOME, 'alice', key.id, false);
  expect(principalOfKey(state, key.id)).toMatchObject({ ...owner, active: false });
  iam.deleteAccessKey(state, HOME, 'alice', key.id);
  expect(principalOfKey(state, key.id)).toBeUndefined();
});

it('is the same after a snapshot went through JSON, and gives out no id twice', () => {
  const { state } = world(memberTrust([user('alice')]));
  const key = iam.createAccessKey(state, HOME, 'bob');
  iam.createGroup(state, HOME, 'staff');
  iam.addToGroup(state, HOME, 'bob', 'staff');
  iam.putBoundary(state, HOME, 'user', 'bob', 'arn:aws:iam::aws:policy/ReadOnlyAccess');
  const restored = restoreIam(JSON.parse(JSON.stringify(snapshotIam(state))), { now: () => 0 });
  expect(snapshotIam(restored)).toEqual(snapshotIam(state));
  expect(principalOfKey(restored, key.id)?.secret).toBe(key.secret);
  expect(iam.createAccessKey(restored, HOME, 'alice').id).not.toBe(key.id);
  expect(assumable(restored, ROLE, { arn: user('alice') }, 'alice').allowed).toBe(true);
});
