import { inspect } from 'node:util';
import { isFailure } from '@gatehouse/core/access/failure';
import type { Iam, NewPolicy, NewRole, PolicyDocument } from '@gatehouse/core/ports/iam';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** What a suite is run against: an IAM with nothing but a boundary in it, and ways to put there what Gatehouse never makes. */
export interface IamUnderTest {
  readonly iam: Iam;
  readonly account: string;
  /** ARN of a managed policy of this account. */
  readonly boundary: string;
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

const newRole = (over: Partial<NewRole> = {}): NewRole => ({
  name: 'gatehouse-admins',
  path: '/gatehouse/',
  trust: TRUST,
  tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'admins +=_@/' },
  maxSessionSeconds: 3600,
  ...over,
});
const newPolicy = (over: Partial<NewPolicy> = {}): NewPolicy => ({
  name: 'EKS_CICD_User_Policy',
  path: '/gatehouse/',
  document: POLICY,
  tags: { 'gatehouse:managed': 'true' },
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
export function iamContract(name: string, make: () => Promise<IamUnderTest>, deviations: Deviations = {}): void {
  describe(`Iam: ${name}`, () => {
    expectDeviations(deviations);
    let iam: Iam;
    let under: IamUnderTest;
    beforeEach(async () => {
      under = await make();
      iam = under.iam;
    });
    const absentBoundary = () => `arn:aws:iam::${under.account}:policy/gatehouse/absent`;

    describe('roles', () => {
      it('tells what is not there as undefined', async () => {
        expect(await iam.getRole('nobody')).toBeUndefined();
        expect(await iam.getRolePolicy('nobody', 'gatehouse')).toBeUndefined();
        await iam.createRole(newRole());
        expect(await iam.getRolePolicy('gatehouse-admins', 'gatehouse')).toBeUndefined();
      });

      it('makes the role linked to a service, with the name and path that AWS gives it, once', async () => {
        const service = 'eks-connector.amazonaws.com';
        await iam.createServiceLinkedRole(service);
        expect(await iam.getRole('AWSServiceRoleForAmazonEKSConnector')).toMatchObject({
          path: `/aws-service-role/${service}/`,
          arn: `arn:aws:iam::${under.account}:role/aws-service-role/${service}/AWSServiceRoleForAmazonEKSConnector`,
        });
        expect(await code(iam.createServiceLinkedRole(service))).toBe('already-exists');
      });

      it('lists every role of a path, however many pages they are, with the time of their making', async () => {
        const path = '/aws-reserved/sso.amazonaws.com/';
        const names = Array.from(
          { length: 130 },
          (_, index) => `AWSReservedSSO_Ops_${String(index).padStart(16, '0')}`,
        );
        for (const [index, name] of names.entries()) {
          await iam.createRole(newRole({ name, path: index % 2 ? path : `${path}eu-west-1/`, tags: {} }));
        }
        await iam.createRole(newRole({ name: 'elsewhere', path: '/mine/', tags: {} }));
        const listed = await iam.listRoles(path);
        expect(listed.map(({ name }) => name).sort()).toEqual(names);
        expect(await iam.listRoles(`${path}eu-west-1/`)).toHaveLength(65);
        expect(await iam.listRoles('/nowhere/')).toEqual([]);
        const [first] = listed;
        const { id, arn } = (await iam.getRole(first!.name))!;
        expect(first).toEqual({ name: first!.name, id, arn, createdAt: expect.any(Number) });
        for (const { createdAt } of listed) expect(Number.isFinite(createdAt) && createdAt >= 0).toBe(true);
      });

      it('reads back what was created, and CreateRole answers the same', async () => {
        const { boundary } = under;
        const made = await iam.createRole(newRole({ boundary, maxSessionSeconds: 7200 }));
        expect(made).toMatchObject({
          name: 'gatehouse-admins',
          arn: `arn:aws:iam::${under.account}:role/gatehouse/gatehouse-admins`,
          path: '/gatehouse/',
          trust: TRUST,
          boundary,
          tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'admins +=_@/' },
          maxSessionSeconds: 7200,
        });
        expect(made.id).toMatch(/^AROA[A-Z0-9]+$/);
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

      it.each([
        ['path', { path: '/' }],
        ['case', { name: 'GATEHOUSE-admins' }],
      ])('holds a name unique whatever its %s', async (_what, over) => {
        await iam.createRole(newRole());
        expect(await code(iam.createRole(newRole(over)))).toBe('already-exists');
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

      it('refuses a boundary that there is not, and says that it is the boundary', async () => {
        const made = iam.createRole(newRole({ boundary: absentBoundary() }));
        await expect(made).rejects.toMatchObject({
          code: 'invalid',
          message: expect.stringContaining(absentBoundary()),
        });
        expect(await iam.getRole('gatehouse-admins')).toBeUndefined();
        await iam.createRole(newRole());
        expect(await code(iam.setRoleBoundary('gatehouse-admins', absentBoundary()))).toBe('invalid');
      });

      it('replaces trust, boundary, session and tags one by one', async () => {
        await iam.createRole(newRole());
        const trust = { Version: '2012-10-17', Statement: [{ ...(TRUST.Statement as object[])[0], Effect: 'Deny' }] };
        await iam.updateTrust('gatehouse-admins', trust);
        await iam.setRoleBoundary('gatehouse-admins', under.boundary);
        await iam.setRoleSession('gatehouse-admins', 43_200);
        await iam.tagRole('gatehouse-admins', { 'gatehouse:grant': 'x', more: '' });
        expect(await iam.getRole('gatehouse-admins')).toMatchObject({
          trust,
          boundary: under.boundary,
          maxSessionSeconds: 43_200,
          tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'x', more: '' },
        });
      });

      it('refuses trust in a user who does not exist, names them, and keeps what was there', async () => {
        await iam.createRole(newRole());
        const ghost = `arn:aws:iam::${under.account}:user/ghost`;
        const trust = { ...TRUST, Statement: [{ ...statement(TRUST), Principal: { AWS: ghost } }] };
        await expect(iam.updateTrust('gatehouse-admins', trust)).rejects.toMatchObject({
          code: 'invalid',
          message: expect.stringContaining(`Invalid principal in policy: "AWS":"${ghost}"`),
        });
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

      it.each<[string, () => Promise<unknown>]>([
        ['updateTrust', () => iam.updateTrust('nobody', TRUST)],
        ['setRoleSession', () => iam.setRoleSession('nobody', 3600)],
        ['deleteRole', () => iam.deleteRole('nobody')],
        ['tagRole', () => iam.tagRole('nobody', { a: 'b' })],
        ['setRoleBoundary', () => iam.setRoleBoundary('nobody', under.boundary)],
        ['putRolePolicy', () => iam.putRolePolicy('nobody', 'p', POLICY)],
        ['deleteRolePolicy', () => iam.deleteRolePolicy('nobody', 'p')],
        ['listRolePolicies', () => iam.listRolePolicies('nobody')],
        ['listAttachedRolePolicies', () => iam.listAttachedRolePolicies('nobody')],
        ['detachRolePolicy', () => iam.detachRolePolicy('nobody', under.boundary)],
      ])('%s does not find what is not there', async (_method, call) => {
        expect(await code(call())).toBe('not-found');
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
        const other = { ...POLICY, Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }] };
        await of(iam).put('p', 'gatehouse', other);
        expect(await of(iam).get('p', 'gatehouse')).toEqual(other);
        await of(iam).remove('p', 'gatehouse');
        expect(await of(iam).get('p', 'gatehouse')).toBeUndefined();
        expect(await code(of(iam).remove('p', 'gatehouse'))).toBe('not-found');
      });

      it('refuses a document without statements', async () => {
        expect(await code(of(iam).put('p', 'gatehouse', { Version: '2012-10-17', Statement: [] }))).toBe('invalid');
        expect(await of(iam).get('p', 'gatehouse')).toBeUndefined();
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

      it('is not deleted while it has one of its own', async () => {
        await of(iam).put('p', 'gatehouse', POLICY);
        expect(await code(of(iam).delete('p'))).toBe('conflict');
        await of(iam).remove('p', 'gatehouse');
        await of(iam).delete('p');
        expect(await code(of(iam).delete('p'))).toBe('not-found');
      });

      it('is not deleted while a managed one is attached', async () => {
        const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
        await under.attach(kind, 'p', arn);
        expect(await code(of(iam).delete('p'))).toBe('conflict');
        await of(iam).detach('p', arn);
        expect(await code(of(iam).detach('p', arn))).toBe('not-found');
        await of(iam).delete('p');
      });
    });

    describe('users', () => {
      it('reads back what was created', async () => {
        expect(await iam.getUser('alice')).toBeUndefined();
        const { boundary } = under;
        const made = await iam.createUser({ ...newUser(), boundary });
        expect(made).toMatchObject({
          name: 'alice',
          arn: `arn:aws:iam::${under.account}:user/gatehouse/alice`,
          path: '/gatehouse/',
          boundary,
          tags: { 'gatehouse:managed': 'true' },
        });
        expect(made.id).toMatch(/^AIDA[A-Z0-9]+$/);
        expect(await iam.getUser('alice')).toEqual(made);
        expect(await code(iam.createUser(newUser()))).toBe('already-exists');
      });

      it('refuses a boundary that there is not, and says that it is the boundary', async () => {
        const made = iam.createUser({ ...newUser(), boundary: absentBoundary() });
        await expect(made).rejects.toMatchObject({
          code: 'invalid',
          message: expect.stringContaining(absentBoundary()),
        });
        expect(await iam.getUser('alice')).toBeUndefined();
        await iam.createUser(newUser());
        expect(await code(iam.setUserBoundary('alice', absentBoundary()))).toBe('invalid');
      });

      it('changes tags and boundary', async () => {
        await iam.createUser(newUser());
        await iam.tagUser('alice', { 'gatehouse:managed': 'no', b: 'c' });
        await iam.setUserBoundary('alice', under.boundary);
        expect(await iam.getUser('alice')).toMatchObject({
          tags: { 'gatehouse:managed': 'no', b: 'c' },
          boundary: under.boundary,
        });
      });

      it('has two keys at most', async () => {
        await iam.createUser(newUser());
        const first = await iam.createAccessKey('alice');
        const second = await iam.createAccessKey('alice');
        expect(second.id).not.toBe(first.id);
        expect(await code(iam.createAccessKey('alice'))).toBe('too-large');
        expect((await iam.listAccessKeys('alice')).map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
      });

      it('tells the secret of a key, never by accident', async () => {
        await iam.createUser(newUser());
        const { id, secret } = await iam.createAccessKey('alice');
        expect(id).toMatch(/^AKIA[A-Z0-9]{16}$/);
        expect(secret.reveal()).toHaveLength(40);
        expect(`${JSON.stringify({ secret })} ${inspect({ secret })} ${secret}`).not.toContain(secret.reveal());
      });

      it('has keys switched off and deleted', async () => {
        await iam.createUser(newUser());
        const [first, second] = [await iam.createAccessKey('alice'), await iam.createAccessKey('alice')];
        await iam.setAccessKeyStatus('alice', first.id, false);
        await iam.deleteAccessKey('alice', second.id);
        expect(await code(iam.deleteAccessKey('alice', second.id))).toBe('not-found');
        expect(await iam.listAccessKeys('alice')).toEqual([{ id: first.id, active: false }]);
        await iam.setAccessKeyStatus('alice', first.id, true);
        expect(await iam.listAccessKeys('alice')).toEqual([{ id: first.id, active: true }]);
      });

      it('is not deleted while it has a key', async () => {
        await iam.createUser(newUser());
        const { id } = await iam.createAccessKey('alice');
        await iam.setAccessKeyStatus('alice', id, false);
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        await iam.deleteAccessKey('alice', id);
        await iam.deleteUser('alice');
        expect(await iam.getUser('alice')).toBeUndefined();
      });

      it('is not deleted while it is in a group', async () => {
        await iam.createUser(newUser());
        await under.addToGroup('alice', 'staff');
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        expect(await iam.listGroupsOf('alice')).toEqual(['staff']);
        await iam.removeFromGroup('alice', 'staff');
        expect(await iam.listGroupsOf('alice')).toEqual([]);
        await iam.deleteUser('alice');
      });

      it('is not deleted while it has a password', async () => {
        await iam.createUser(newUser());
        await under.createLoginProfile('alice');
        expect(await code(iam.deleteUser('alice'))).toBe('conflict');
        await iam.deleteLoginProfile('alice');
        expect(await code(iam.deleteLoginProfile('alice'))).toBe('not-found');
        await iam.deleteUser('alice');
      });

      it('has a managed policy attached once, and not one that there is not', async () => {
        await iam.createUser(newUser());
        const { arn } = await iam.createPolicy(newPolicy());
        await iam.attachUserPolicy('alice', arn);
        await iam.attachUserPolicy('alice', arn);
        expect(await iam.listAttachedUserPolicies('alice')).toEqual([arn]);
        expect(await code(iam.attachUserPolicy('alice', `${arn}-absent`))).toBe('not-found');
        expect(await code(iam.attachUserPolicy('nobody', arn))).toBe('not-found');
        await iam.detachUserPolicy('alice', arn);
        expect(await iam.listAttachedUserPolicies('alice')).toEqual([]);
      });

      it.each<[string, () => Promise<unknown>]>([
        ['deleteUser', () => iam.deleteUser('nobody')],
        ['tagUser', () => iam.tagUser('nobody', { a: 'b' })],
        ['setUserBoundary', () => iam.setUserBoundary('nobody', under.boundary)],
        ['putUserPolicy', () => iam.putUserPolicy('nobody', 'p', POLICY)],
        ['deleteUserPolicy', () => iam.deleteUserPolicy('nobody', 'p')],
        ['listUserPolicies', () => iam.listUserPolicies('nobody')],
        ['listAttachedUserPolicies', () => iam.listAttachedUserPolicies('nobody')],
        ['listAccessKeys', () => iam.listAccessKeys('nobody')],
        ['createAccessKey', () => iam.createAccessKey('nobody')],
        ['setAccessKeyStatus', () => iam.setAccessKeyStatus('nobody', 'AKIA2222222222222222', false)],
        ['deleteAccessKey', () => iam.deleteAccessKey('nobody', 'AKIA2222222222222222')],
        ['listGroupsOf', () => iam.listGroupsOf('nobody')],
      ])('%s does not find whom there is not', async (_method, call) => {
        expect(await code(call())).toBe('not-found');
      });

      it('has no policy where there is no such user', async () => {
        expect(await iam.getUserPolicy('nobody', 'p')).toBeUndefined();
      });
    });

    describe('managed policies', () => {
      const other = (index: number): PolicyDocument => ({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: `arn:aws:eks:*:*:cluster/c${index}` }],
      });

      it('reads back what was created, and CreatePolicy answers the same', async () => {
        const made = await iam.createPolicy(newPolicy());
        expect(made).toMatchObject({
          name: 'EKS_CICD_User_Policy',
          arn: `arn:aws:iam::${under.account}:policy/gatehouse/EKS_CICD_User_Policy`,
          path: '/gatehouse/',
          tags: { 'gatehouse:managed': 'true' },
          version: 'v1',
        });
        expect(made.id).toMatch(/^A[A-Z0-9]+$/);
        expect(await iam.getPolicy(made.arn)).toEqual(made);
        expect(await iam.getPolicyVersion(made.arn, 'v1')).toEqual(POLICY);
      });

      it('tells what is not there as undefined', async () => {
        const arn = `arn:aws:iam::${under.account}:policy/gatehouse/nothing`;
        expect(await iam.getPolicy(arn)).toBeUndefined();
        expect(await iam.getPolicyVersion(arn, 'v1')).toBeUndefined();
      });

      it('holds a name unique', async () => {
        await iam.createPolicy(newPolicy());
        expect(await code(iam.createPolicy(newPolicy()))).toBe('already-exists');
      });

      it('holds a name unique whatever its path', async () => {
        await iam.createPolicy(newPolicy());
        expect(await code(iam.createPolicy(newPolicy({ path: '/other/' })))).toBe('already-exists');
      });

      it('puts a new version in force, and keeps the ones before', async () => {
        const { arn } = await iam.createPolicy(newPolicy());
        await iam.createPolicyVersion(arn, other(2));
        expect(await iam.getPolicy(arn)).toMatchObject({ version: 'v2' });
        expect(await iam.getPolicyVersion(arn, 'v2')).toEqual(other(2));
        expect(await iam.getPolicyVersion(arn, 'v1')).toEqual(POLICY);
        const versions = (await iam.listPolicyVersions(arn)).toSorted((a, b) => a.id.localeCompare(b.id));
        expect(versions).toEqual([
          { id: 'v1', isDefault: false },
          { id: 'v2', isDefault: true },
        ]);
      });

      it('has five versions at most', async () => {
        const { arn } = await iam.createPolicy(newPolicy());
        for (const index of [2, 3, 4, 5]) await iam.createPolicyVersion(arn, other(index));
        expect(await code(iam.createPolicyVersion(arn, other(6)))).toBe('too-large');
        await iam.deletePolicyVersion(arn, 'v1');
        await iam.createPolicyVersion(arn, other(6));
        expect(await iam.getPolicy(arn)).toMatchObject({ version: 'v6' });
      });

      it('keeps the version in force', async () => {
        const { arn } = await iam.createPolicy(newPolicy());
        expect(await code(iam.deletePolicyVersion(arn, 'v1'))).toBe('conflict');
      });

      it('changes tags', async () => {
        const { arn } = await iam.createPolicy(newPolicy());
        await iam.tagPolicy(arn, { 'gatehouse:managed': 'no', b: 'c' });
        expect(await iam.getPolicy(arn)).toMatchObject({ tags: { 'gatehouse:managed': 'no', b: 'c' } });
      });

      it('is not deleted while it is attached', async () => {
        await iam.createUser(newUser());
        const { arn } = await iam.createPolicy(newPolicy());
        await iam.attachUserPolicy('alice', arn);
        expect(await code(iam.deletePolicy(arn))).toBe('conflict');
        await iam.detachUserPolicy('alice', arn);
        await iam.deletePolicy(arn);
        expect(await iam.getPolicy(arn)).toBeUndefined();
        expect(await code(iam.deletePolicy(arn))).toBe('not-found');
      });

      it('is not deleted while it has another version', async () => {
        const { arn } = await iam.createPolicy(newPolicy());
        await iam.createPolicyVersion(arn, other(2));
        expect(await code(iam.deletePolicy(arn))).toBe('conflict');
        await iam.deletePolicyVersion(arn, 'v1');
        await iam.deletePolicy(arn);
      });

      it.each<[string, (arn: string) => Promise<unknown>]>([
        ['listPolicyVersions', (arn) => iam.listPolicyVersions(arn)],
        ['createPolicyVersion', (arn) => iam.createPolicyVersion(arn, POLICY)],
        ['deletePolicyVersion', (arn) => iam.deletePolicyVersion(arn, 'v1')],
        ['tagPolicy', (arn) => iam.tagPolicy(arn, { a: 'b' })],
        ['deletePolicy', (arn) => iam.deletePolicy(arn)],
      ])('%s does not find one that there is not', async (_method, call) => {
        expect(await code(call(`arn:aws:iam::${under.account}:policy/gatehouse/nothing`))).toBe('not-found');
      });
    });
  });
}
