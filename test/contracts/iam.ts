import { inspect } from 'node:util';
import { isFailure } from '@gatehouse/core/access/failure';
import type { Iam, NewRole, PolicyDocument } from '@gatehouse/core/ports/iam';
import { beforeEach, describe, expect, it } from 'vitest';

/** What a suite is run against: an empty IAM, and ways to put there what Gatehouse itself never makes. */
export interface IamUnderTest {
  readonly iam: Iam;
  readonly account: string;
  attach(kind: 'role' | 'user', name: string, policyArn: string): Promise<void>;
  /** Makes the group and puts the user in. */
  addToGroup(user: string, group: string): Promise<void>;
  createLoginProfile(user: string): Promise<void>;
}

const TRUST: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::111122223333:root' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:RoleSessionName': '${aws:username}' } },
    },
  ],
};

const POLICY: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Sid: 'Read1', Effect: 'Allow', Action: ['eks:DescribeCluster'], Resource: "arn:aws:eks:*:*:cluster/ä'(b)*! <&>" },
  ],
};

const BOUNDARY = 'arn:aws:iam::111122223333:policy/gatehouse/boundary';

const newRole = (over: Partial<NewRole> = {}): NewRole => ({
  name: 'gatehouse-admins',
  path: '/gatehouse/',
  trust: TRUST,
  tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'admins +=_@/' },
  maxSessionSeconds: 3600,
  ...over,
});
const newUser = (name = 'alice') => ({ name, path: '/gatehouse/', tags: { 'gatehouse:managed': 'true' } });

/** The code of the Failure that the call ends in, or `no failure`. */
async function code(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no failure',
    (error) => (isFailure(error) ? error.code : String(error)),
  );
}

const statement = (document: PolicyDocument | undefined) =>
  (document!.Statement as readonly { Principal: { AWS: string | readonly string[] } }[])[0]!;

/** The contract of the IAM port: one suite for the fake and for the adapter over something that speaks IAM's protocol. */
export function iamContract(name: string, make: () => Promise<IamUnderTest>): void {
  describe(`Iam: ${name}`, () => {
    let iam: Iam;
    let under: IamUnderTest;
    beforeEach(async () => {
      under = await make();
      iam = under.iam;
    });

    describe('roles', () => {
      it('tells what is not there as undefined', async () => {
        expect(await iam.getRole('nobody')).toBeUndefined();
        expect(await iam.getRolePolicy('nobody', 'gatehouse')).toBeUndefined();
        await iam.createRole(newRole());
        expect(await iam.getRolePolicy('gatehouse-admins', 'gatehouse')).toBeUndefined();
      });

      it('reads back what was created, and CreateRole answers the same', async () => {
        const made = await iam.createRole(newRole({ boundary: BOUNDARY, maxSessionSeconds: 7200 }));
        expect(made).toMatchObject({
          name: 'gatehouse-admins',
          arn: `arn:aws:iam::${under.account}:role/gatehouse/gatehouse-admins`,
          path: '/gatehouse/',
          trust: TRUST,
          boundary: BOUNDARY,
          tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'admins +=_@/' },
          maxSessionSeconds: 7200,
        });
        expect(made.id).toMatch(/^AROA[A-Z2-7]+$/);
        expect(await iam.getRole('gatehouse-admins')).toEqual(made);
      });

      it('leaves the boundary out where there is none', async () => {
        await iam.createRole(newRole());
        expect(await iam.getRole('gatehouse-admins')).not.toHaveProperty('boundary');
      });

      it('gives a role that is made again another id', async () => {
        const first = await iam.createRole(newRole());
        await iam.deleteRole('gatehouse-admins');
        const second = await iam.createRole(newRole());
        expect(second.arn).toBe(first.arn);
        expect(second.id).not.toBe(first.id);
      });

      it('holds a name unique whatever its path or case', async () => {
        await iam.createRole(newRole());
        expect(await code(iam.createRole(newRole({ path: '/' })))).toBe('already-exists');
        expect(await code(iam.createRole(newRole({ name: 'GATEHOUSE-admins' })))).toBe('already-exists');
      });

      it.each([
        ['a name with a slash', { name: 'a/b' }],
        ['a name of 65 characters', { name: 'a'.repeat(65) }],
        ['a path without its slashes', { path: 'gatehouse' }],
        ['a session of ten minutes', { maxSessionSeconds: 600 }],
        ['a trust document without statements', { trust: { Version: '2012-10-17', Statement: [] } }],
        ['a trust document with a resource', { trust: POLICY }],
      ] satisfies [string, Partial<NewRole>][])('refuses %s', async (_what, over: Partial<NewRole>) => {
        expect(await code(iam.createRole(newRole(over)))).toBe('invalid');
        expect(await iam.getRole(newRole(over).name)).toBeUndefined();
      });

      it('replaces trust, boundary, session and tags one by one', async () => {
        await iam.createRole(newRole());
        const trust = { Version: '2012-10-17', Statement: [{ ...(TRUST.Statement as object[])[0], Effect: 'Deny' }] };
        await iam.updateTrust('gatehouse-admins', trust);
        await iam.setRoleBoundary('gatehouse-admins', BOUNDARY);
        await iam.setRoleSession('gatehouse-admins', 43_200);
        await iam.tagRole('gatehouse-admins', { 'gatehouse:grant': 'x', more: '' });
        expect(await iam.getRole('gatehouse-admins')).toMatchObject({
          trust,
          boundary: BOUNDARY,
          maxSessionSeconds: 43_200,
          tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'x', more: '' },
        });
      });

      it('refuses trust in a user who does not exist, and keeps what was there', async () => {
        await iam.createRole(newRole());
        const ghost = {
          ...TRUST,
          Statement: [{ ...statement(TRUST), Principal: { AWS: 'arn:aws:iam::111122223333:user/ghost' } }],
        };
        expect(await code(iam.updateTrust('gatehouse-admins', ghost))).toBe('invalid');
        expect((await iam.getRole('gatehouse-admins'))?.trust).toEqual(TRUST);
      });

      it('shows a deleted user by id, also after another of the same name was made', async () => {
        const user = await iam.createUser(newUser());
        await iam.createRole(
          newRole({ trust: { ...TRUST, Statement: [{ ...statement(TRUST), Principal: { AWS: user.arn } }] } }),
        );
        expect(statement((await iam.getRole('gatehouse-admins'))?.trust).Principal.AWS).toBe(user.arn);
        await iam.deleteUser('alice');
        expect(statement((await iam.getRole('gatehouse-admins'))?.trust).Principal.AWS).toBe(user.id);
        await iam.createUser(newUser());
        expect(statement((await iam.getRole('gatehouse-admins'))?.trust).Principal.AWS).toBe(user.id);
      });

      it('refuses trust documents over 2,048 characters', async () => {
        const AWS = Array.from(
          { length: 60 },
          (_, index) => `arn:aws:iam::4444555566${String(index).padStart(2, '0')}:root`,
        );
        const trust = { ...TRUST, Statement: [{ ...statement(TRUST), Principal: { AWS } }] };
        expect(await code(iam.createRole(newRole({ trust })))).toBe('too-large');
      });

      it('says not-found for every write to what is not there', async () => {
        expect(await code(iam.updateTrust('nobody', TRUST))).toBe('not-found');
        expect(await code(iam.setRoleSession('nobody', 3600))).toBe('not-found');
        expect(await code(iam.deleteRole('nobody'))).toBe('not-found');
        expect(await code(iam.tagRole('nobody', { a: 'b' }))).toBe('not-found');
        expect(await code(iam.setRoleBoundary('nobody', BOUNDARY))).toBe('not-found');
        expect(await code(iam.putRolePolicy('nobody', 'p', POLICY))).toBe('not-found');
        expect(await code(iam.deleteRolePolicy('nobody', 'p'))).toBe('not-found');
        expect(await code(iam.listRolePolicies('nobody'))).toBe('not-found');
        expect(await code(iam.listAttachedRolePolicies('nobody'))).toBe('not-found');
        expect(await code(iam.detachRolePolicy('nobody', BOUNDARY))).toBe('not-found');
      });
    });

    describe.each(['role', 'user'] as const)('policies of a %s', (kind) => {
      const of = (port: Iam) =>
        kind === 'role'
          ? {
              get: port.getRolePolicy,
              put: port.putRolePolicy,
              remove: port.deleteRolePolicy,
              list: port.listRolePolicies,
              attached: port.listAttachedRolePolicies,
              detach: port.detachRolePolicy,
              delete: port.deleteRole,
            }
          : {
              get: port.getUserPolicy,
              put: port.putUserPolicy,
              remove: port.deleteUserPolicy,
              list: port.listUserPolicies,
              attached: port.listAttachedUserPolicies,
              detach: port.detachUserPolicy,
              delete: port.deleteUser,
            };
      beforeEach(async () => {
        await (kind === 'role' ? iam.createRole(newRole({ name: 'p' })) : iam.createUser(newUser('p')));
      });

      it('reads back a document exactly, replaces it, deletes it', async () => {
        await of(iam).put('p', 'gatehouse', POLICY);
        expect(await of(iam).get('p', 'gatehouse')).toEqual(POLICY);
        const other = { Version: '2012-10-17', Statement: [] as object[] };
        expect(await code(of(iam).put('p', 'gatehouse', other as unknown as PolicyDocument))).toBe('invalid');
        await of(iam).remove('p', 'gatehouse');
        expect(await of(iam).get('p', 'gatehouse')).toBeUndefined();
        expect(await code(of(iam).remove('p', 'gatehouse'))).toBe('not-found');
      });

      it('lists completely, over all pages', async () => {
        const names = ['a', 'b', 'c', 'd', 'e'];
        for (const policy of names) await of(iam).put('p', policy, POLICY);
        expect([...(await of(iam).list('p'))].sort()).toEqual(names);
        const arns = names.map((policy) => `arn:aws:iam::aws:policy/${policy}`);
        for (const arn of arns) await under.attach(kind, 'p', arn);
        expect([...(await of(iam).attached('p'))].sort()).toEqual(arns);
      });

      it('limits the size of all together', async () => {
        const statements = Array.from({ length: kind === 'role' ? 100 : 25 }, (_, index) => ({
          Sid: `s${index}`,
          Effect: 'Allow',
          Action: 'eks:DescribeCluster',
          Resource: '*',
        }));
        const big = { Version: '2012-10-17', Statement: statements };
        await of(iam).put('p', 'first', big);
        expect(await code(of(iam).put('p', 'second', big))).toBe('too-large');
        await of(iam).put('p', 'first', POLICY);
      });

      it('is not deleted while it has any', async () => {
        await of(iam).put('p', 'gatehouse', POLICY);
        await under.attach(kind, 'p', 'arn:aws:iam::aws:policy/ReadOnlyAccess');
        expect(await code(of(iam).delete('p'))).toBe('conflict');
        await of(iam).remove('p', 'gatehouse');
        expect(await code(of(iam).delete('p'))).toBe('conflict');
        await of(iam).detach('p', 'arn:aws:iam::aws:policy/ReadOnlyAccess');
        expect(await code(of(iam).detach('p', 'arn:aws:iam::aws:policy/ReadOnlyAccess'))).toBe('not-found');
        await of(iam).delete('p');
        expect(await code(of(iam).delete('p'))).toBe('not-found');
      });
    });

    describe('users', () => {
      it('reads back what was created', async () => {
        expect(await iam.getUser('alice')).toBeUndefined();
        const made = await iam.createUser({ ...newUser(), boundary: BOUNDARY });
        expect(made).toMatchObject({
          name: 'alice',
          arn: `arn:aws:iam::${under.account}:user/gatehouse/alice`,
          path: '/gatehouse/',
          boundary: BOUNDARY,
          tags: { 'gatehouse:managed': 'true' },
        });
        expect(made.id).toMatch(/^AIDA[A-Z2-7]+$/);
        expect(await iam.getUser('alice')).toEqual(made);
        expect(await code(iam.createUser(newUser()))).toBe('already-exists');
      });

      it('changes tags and boundary', async () => {
        await iam.createUser(newUser());
        await iam.tagUser('alice', { 'gatehouse:managed': 'no', b: 'c' });
        await iam.setUserBoundary('alice', BOUNDARY);
        expect(await iam.getUser('alice')).toMatchObject({
          tags: { 'gatehouse:managed': 'no', b: 'c' },
          boundary: BOUNDARY,
        });
      });

      it('keeps two keys at most, and tells a secret once, never by accident', async () => {
        await iam.createUser(newUser());
        const first = await iam.createAccessKey('alice');
        const second = await iam.createAccessKey('alice');
        expect(second.id).not.toBe(first.id);
        expect(first.id).toMatch(/^AKIA[A-Z2-7]{16}$/);
        expect(first.secret.reveal()).toHaveLength(40);
        expect(`${JSON.stringify(first)} ${inspect(first)} ${first.secret}`).not.toContain(first.secret.reveal());
        expect(await code(iam.createAccessKey('alice'))).toBe('too-large');
        expect(await iam.listAccessKeys('alice')).toEqual([
          { id: first.id, active: true },
          { id: second.id, active: true },
        ]);
        await iam.setAccessKeyStatus('alice', first.id, false);
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        await iam.deleteAccessKey('alice', second.id);
        expect(await code(iam.deleteAccessKey('alice', second.id))).toBe('not-found');
        expect(await iam.listAccessKeys('alice')).toEqual([{ id: first.id, active: false }]);
      });

      it('is not deleted while it is in a group or has a password', async () => {
        await iam.createUser(newUser());
        await under.addToGroup('alice', 'staff');
        await under.createLoginProfile('alice');
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        expect(await iam.listGroupsOf('alice')).toEqual(['staff']);
        await iam.removeFromGroup('alice', 'staff');
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        await iam.deleteLoginProfile('alice');
        expect(await code(iam.deleteLoginProfile('alice'))).toBe('not-found');
        await iam.deleteUser('alice');
        expect(await iam.getUser('alice')).toBeUndefined();
      });

      it('says not-found for every call on what is not there', async () => {
        expect(await iam.getUserPolicy('nobody', 'p')).toBeUndefined();
        expect(await code(iam.deleteUser('nobody'))).toBe('not-found');
        expect(await code(iam.tagUser('nobody', { a: 'b' }))).toBe('not-found');
        expect(await code(iam.listAccessKeys('nobody'))).toBe('not-found');
        expect(await code(iam.createAccessKey('nobody'))).toBe('not-found');
        expect(await code(iam.setAccessKeyStatus('nobody', 'AKIA2222222222222222', false))).toBe('not-found');
        expect(await code(iam.listGroupsOf('nobody'))).toBe('not-found');
      });
    });
  });
}
