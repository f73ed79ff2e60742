import { IAMClient } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Json } from '@gatehouse/core/access/json';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { orFailure } from '@gatehouse/core/aws/failures';
import { iamOver } from '@gatehouse/core/aws/iam';
import type { Iam, IamRole, PolicyDocument } from '@gatehouse/core/ports/iam';
import { accountTrust, closedTrust, memberTrust } from '@gatehouse/core/resources/iam-role/trust';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';
import type { Aws } from './over-aws.ts';

/** STS under test, with IAM behind it: two accounts, each as its administrator sees it. */
export interface StsSubject {
  readonly own: Aws;
  readonly other: Aws;
  close?(): Promise<void>;
}

/** An IAM user with an access key. */
interface Person {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly credentials: AwsCredentials;
}

/** A session of a role, as AssumeRole gave it. */
interface Session {
  readonly arn: string;
  readonly userId: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds UTC, by the clock of STS. */
  readonly expiresAt: number;
}

const statement = (more: Readonly<Record<string, Json>>): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', ...more }],
});
const MAY_ASSUME = statement({ Resource: '*' });
const MUST_NOT = { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: 'sts:*', Resource: '*' }] };
/** Trust in these principals, whatever they call the session. */
const trusting = (...arns: readonly string[]): PolicyDocument => statement({ Principal: { AWS: arns } });

/**
 * What Gatehouse relies on of STS: whom a trust document lets in and under which session name, who a caller is, how long a
 * session lasts, and what becomes of a presigned GetCallerIdentity. `make` is called once; each test has names of its own.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export function stsContract(name: string, make: () => Promise<StsSubject>, deviations: Deviations = {}): void {
  describe(`STS: ${name}`, () => {
    expectDeviations(deviations);
    let subject: StsSubject;
    let tests = 0;
    beforeAll(async () => {
      subject = await make();
    });
    beforeEach(() => {
      tests += 1;
    });
    afterAll(() => subject?.close?.());

    const iamOf = (aws: Aws): Iam => iamOver(new IAMClient({ ...aws.client, maxAttempts: 1 }));
    const sts = (credentials: AwsCredentials) =>
      new STSClient({ ...subject.own.client, credentials: { ...credentials }, maxAttempts: 1 });

    /** A user who may assume any role, as far as it is for their own policies. */
    async function person(
      name: string,
      { aws = subject.own, path = '/', policy = MAY_ASSUME as PolicyDocument | 'none' } = {},
    ): Promise<Person> {
      const iam = iamOf(aws);
      const user = await iam.createUser({ name: `${name}-${tests}`, path, tags: {} });
      if (policy !== 'none') await iam.putUserPolicy(user.name, 'contract', policy);
      const { id, secret } = await iam.createAccessKey(user.name);
      return { ...user, credentials: { accessKeyId: id, secretAccessKey: secret.reveal() } };
    }

    async function deletePerson({ name, credentials }: Person): Promise<void> {
      const iam = iamOf(subject.own);
      await iam.deleteAccessKey(name, credentials.accessKeyId);
      await iam.deleteUserPolicy(name, 'contract');
      await iam.deleteUser(name);
    }

    /** A role with this trust document, which may assume any other. */
    async function role(
      trust: PolicyDocument,
      { aws = subject.own, name = 'ops', path = '/gatehouse/', maxSessionSeconds = 3600 } = {},
    ): Promise<IamRole> {
      const iam = iamOf(aws);
      const made = await iam.createRole({ name: `${name}-${tests}`, path, trust, tags: {}, maxSessionSeconds });
      await iam.putRolePolicy(made.name, 'contract', MAY_ASSUME);
      return made;
    }

    async function assume(
      { credentials }: { readonly credentials: AwsCredentials },
      RoleArn: string,
      RoleSessionName: string,
      more: { readonly ExternalId?: string; readonly DurationSeconds?: number } = {},
    ): Promise<Session> {
      const { Credentials, AssumedRoleUser } = await orFailure('assuming the role', () =>
        sts(credentials).send(new AssumeRoleCommand({ RoleArn, RoleSessionName, ...more })),
      );
      return {
        arn: AssumedRoleUser!.Arn!,
        userId: AssumedRoleUser!.AssumedRoleId!,
        credentials: {
          accessKeyId: Credentials!.AccessKeyId!,
          secretAccessKey: Credentials!.SecretAccessKey!,
          sessionToken: Credentials!.SessionToken!,
        },
        expiresAt: Credentials!.Expiration!.getTime(),
      };
    }

    const identify = async ({ credentials }: { readonly credentials: AwsCredentials }) => {
      const { Arn, UserId, Account } = await orFailure('asking who it is', () =>
        sts(credentials).send(new GetCallerIdentityCommand({})),
      );
      return { Arn, UserId, Account };
    };
    const refused = (call: Promise<unknown>, code: 'forbidden' | 'invalid' | 'unauthorized') =>
      expect(call).rejects.toMatchObject({ name: 'Failure', code });

    describe('GetCallerIdentity', () => {
      it('names a user by the ARN with its path, and the unique id', async () => {
        const alice = await person('alice', { path: '/people/' });
        expect(await identify(alice)).toEqual({
          Arn: `arn:aws:iam::${subject.own.account}:user/people/${alice.name}`,
          UserId: alice.id,
          Account: subject.own.account,
        });
      });

      it('names a session by role and session, without the path of the role, and the role’s unique id', async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn));
        const session = await assume(alice, ops.arn, 'any@example.com');
        const Arn = `arn:aws:sts::${subject.own.account}:assumed-role/${ops.name}/any@example.com`;
        const UserId = `${ops.id}:any@example.com`;
        expect([session.arn, session.userId]).toEqual([Arn, UserId]);
        expect(await identify(session)).toEqual({ Arn, UserId, Account: subject.own.account });
      });

      it('answers whatever the caller’s policies deny', async () => {
        const alice = await person('alice', { policy: MUST_NOT });
        expect(await identify(alice)).toMatchObject({ UserId: alice.id });
      });

      it.each<[string, (alice: Person, ops: IamRole) => Promise<AwsCredentials>]>([
        ['a key that nobody has', async () => ({ accessKeyId: 'AKIA2222222222222222', secretAccessKey: 'x' })],
        ['another secret', async ({ credentials }) => ({ ...credentials, secretAccessKey: 'another' })],
        [
          'a key that is switched off',
          async ({ name, credentials }) => {
            await iamOf(subject.own).setAccessKeyStatus(name, credentials.accessKeyId, false);
            return credentials;
          },
        ],
        [
          'a key of a session without its token',
          async (alice, ops) => {
            const { credentials } = await assume(alice, ops.arn, 'any');
            const { sessionToken: _without, ...rest } = credentials;
            return rest;
          },
        ],
      ])('refuses %s', async (_what, credentialsOf) => {
        const alice = await person('alice');
        const credentials = await credentialsOf(alice, await role(trusting(alice.arn)));
        await refused(identify({ credentials }), 'unauthorized');
      });
    });

    describe('trust in members', () => {
      it('lets in whom it names, and nobody else', async () => {
        const [alice, bob] = [await person('alice'), await person('bob', { path: '/people/' })];
        const ops = await role(trusting(alice.arn, bob.arn));
        for (const member of [alice, bob]) {
          expect(await assume(member, ops.arn, 'any')).toMatchObject({ userId: `${ops.id}:any` });
        }
        await refused(assume(await person('carol'), ops.arn, 'any'), 'forbidden');
      });

      it('is enough in the same account, without a policy of the member', async () => {
        const alice = await person('alice', { policy: 'none' });
        const ops = await role(trusting(alice.arn));
        expect(await assume(alice, ops.arn, 'any')).toMatchObject({ userId: `${ops.id}:any` });
      });

      it('does not help where a policy of the member denies', async () => {
        const alice = await person('alice', { policy: MUST_NOT });
        await refused(assume(alice, (await role(trusting(alice.arn))).arn, 'any'), 'forbidden');
      });

      it('asks members of another account for a policy of their own', async () => {
        const alice = await person('alice', { aws: subject.other });
        const bob = await person('bob', { aws: subject.other, policy: 'none' });
        const ops = await role(trusting(alice.arn, bob.arn));
        expect((await assume(alice, ops.arn, 'any')).arn).toContain(`:${subject.own.account}:assumed-role/`);
        await refused(assume(bob, ops.arn, 'any'), 'forbidden');
      });

      it('ends with the member: another user of that name is somebody else', async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn));
        await deletePerson(alice);
        const another = await person('alice');
        expect(another.arn).toBe(alice.arn);
        await refused(assume(another, ops.arn, 'any'), 'forbidden');
        await iamOf(subject.own).updateTrust(ops.name, trusting(another.arn));
        expect(await assume(another, ops.arn, 'any')).toMatchObject({ userId: `${ops.id}:any` });
      });

      it('is nobody where it is closed', async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn));
        await iamOf(subject.own).updateTrust(ops.name, closedTrust());
        await refused(assume(alice, ops.arn, 'any'), 'forbidden');
      });
    });

    describe('trust in an account', () => {
      const opened = () => role(trusting(`arn:aws:iam::${subject.own.account}:root`));

      it('lets in whom a policy of their own lets assume the role', async () => {
        const ops = await opened();
        const alice = await person('alice', { policy: statement({ Resource: ops.arn }) });
        const bob = await person('bob', { policy: statement({ Resource: `${ops.arn}-other` }) });
        expect(await assume(alice, ops.arn, 'any')).toMatchObject({ userId: `${ops.id}:any` });
        await refused(assume(bob, ops.arn, 'any'), 'forbidden');
        await refused(assume(await person('carol', { policy: 'none' }), ops.arn, 'any'), 'forbidden');
      });

      it('lets nobody of another account in', async () => {
        const mallory = await person('mallory', { aws: subject.other });
        await refused(assume(mallory, (await opened()).arn, 'any'), 'forbidden');
      });
    });

    describe('a session name that must be the user’s name', () => {
      const opened = async () => {
        const [alice, bob] = [await person('alice'), await person('bob', { path: '/people/' })];
        return { alice, bob, ops: await role(memberTrust([alice.arn, bob.arn])) };
      };

      it('may be that', async () => {
        const { alice, bob, ops } = await opened();
        for (const { credentials, name } of [alice, bob]) {
          expect(await assume({ credentials }, ops.arn, name)).toMatchObject({ userId: `${ops.id}:${name}` });
        }
      });

      it('may be no other', async () => {
        const { alice, bob, ops } = await opened();
        for (const sessionName of [bob.name, alice.name.toUpperCase(), `${alice.name}-2`, alice.id]) {
          await refused(assume(alice, ops.arn, sessionName), 'forbidden');
        }
      });

      it('lets no role in, whose sessions have no user name', async () => {
        const alice = await person('alice');
        const runner = await role(trusting(alice.arn), { name: 'runner' });
        const ops = await role(memberTrust([runner.arn]));
        const session = await assume(alice, runner.arn, alice.name);
        for (const sessionName of [alice.name, runner.name]) {
          await refused(assume(session, ops.arn, sessionName), 'forbidden');
        }
      });
    });

    describe('a session name that must be the user’s unique id', () => {
      const opened = () => role(accountTrust([subject.own.account], 'aws'));

      it('may be that', async () => {
        const [alice, ops] = [await person('alice'), await opened()];
        expect(await assume(alice, ops.arn, alice.id)).toMatchObject({ userId: `${ops.id}:${alice.id}` });
      });

      it('may be no other', async () => {
        const [alice, bob, ops] = [await person('alice'), await person('bob'), await opened()];
        for (const sessionName of [alice.name, bob.id, alice.id.toLowerCase()]) {
          await refused(assume(alice, ops.arn, sessionName), 'forbidden');
        }
      });

      it('is another one for another user of that name', async () => {
        const [alice, ops] = [await person('alice'), await opened()];
        await deletePerson(alice);
        const another = await person('alice');
        expect(another.id).not.toBe(alice.id);
        await refused(assume(another, ops.arn, alice.id), 'forbidden');
      });

      it('lets no role in, whose unique id is no session name', async () => {
        const [alice, ops] = [await person('alice'), await opened()];
        const runner = await role(trusting(alice.arn), { name: 'runner' });
        const session = await assume(alice, runner.arn, 'any');
        for (const sessionName of ['any', alice.id, runner.id]) {
          await refused(assume(session, ops.arn, sessionName), 'forbidden');
        }
        expect(session.userId).toBe(`${runner.id}:any`);
      });
    });

    describe('a role of another account', () => {
      const entered = () => {
        const AWS = `arn:aws:iam::${subject.own.account}:root`;
        const Condition = { StringEquals: { 'sts:ExternalId': 'external-1' } };
        return role(statement({ Principal: { AWS }, Condition }), { aws: subject.other });
      };

      it('is entered with its external id, and the session is of that account', async () => {
        const [alice, member] = [await person('alice'), await entered()];
        const session = await assume(alice, member.arn, 'gatehouse', { ExternalId: 'external-1' });
        expect(await identify(session)).toEqual({
          Arn: `arn:aws:sts::${subject.other.account}:assumed-role/${member.name}/gatehouse`,
          UserId: `${member.id}:gatehouse`,
          Account: subject.other.account,
        });
      });

      it.each<[string, { readonly ExternalId?: string }]>([
        ['with another external id', { ExternalId: 'external-2' }],
        ['with its external id in another case', { ExternalId: 'EXTERNAL-1' }],
        ['without its external id', {}],
      ])('is not entered %s', async (_how, more) => {
        const [alice, member] = [await person('alice'), await entered()];
        await refused(assume(alice, member.arn, 'gatehouse', more), 'forbidden');
      });

      it('is not entered by whom their own account does not let', async () => {
        const [alice, member] = [await person('alice', { policy: 'none' }), await entered()];
        await refused(assume(alice, member.arn, 'gatehouse', { ExternalId: 'external-1' }), 'forbidden');
      });

      it('does not hide behind one of the own account that has its name', async () => {
        const [alice, member] = [await person('alice'), await entered()];
        await role(trusting(alice.arn), { name: 'ops' });
        await refused(assume(alice, member.arn, 'any'), 'forbidden');
      });
    });

    describe('a role', () => {
      it('that does not exist is answered like one that denies', async () => {
        const alice = await person('alice');
        const ops = await role(closedTrust());
        await refused(assume(alice, `${ops.arn}-absent`, 'any'), 'forbidden');
      });

      it('is found by its whole ARN only', async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn));
        await refused(assume(alice, ops.arn.replace('/gatehouse/', '/'), 'any'), 'forbidden');
      });

      it('that is made again is another: its sessions have another id', async () => {
        const alice = await person('alice');
        const [first, iam] = [await role(trusting(alice.arn)), iamOf(subject.own)];
        const before = await assume(alice, first.arn, 'any');
        await iam.deleteRolePolicy(first.name, 'contract');
        await iam.deleteRole(first.name);
        await refused(assume(alice, first.arn, 'any'), 'forbidden');
        const second = await role(trusting(alice.arn));
        const after = await assume(alice, second.arn, 'any');
        expect([before.userId, after.userId]).toEqual([`${first.id}:any`, `${second.id}:any`]);
        expect(first.id).not.toBe(second.id);
        expect(after.arn).toBe(before.arn);
      });

      it('may assume another that names it', async () => {
        const alice = await person('alice');
        const runner = await role(trusting(alice.arn), { name: 'runner' });
        const ops = await role(trusting(runner.arn));
        const session = await assume(await assume(alice, runner.arn, 'any'), ops.arn, 'any');
        expect(await identify(session)).toMatchObject({ UserId: `${ops.id}:any` });
      });
    });

    describe('a session', () => {
      const anyName = async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn), { maxSessionSeconds: 7200 });
        return { alice, ops };
      };

      it.each(['ab', 'x'.repeat(64), 'a_1+=,.@-Z'])('may be called %s', async (sessionName) => {
        const { alice, ops } = await anyName();
        expect((await assume(alice, ops.arn, sessionName)).userId).toBe(`${ops.id}:${sessionName}`);
      });

      it.each([
        ['of one character', 'a'],
        ['of 65 characters', 'x'.repeat(65)],
        ['with a blank', 'two words'],
        ['with a slash', 'sl/ash'],
        ['with a colon', 'a:b'],
        ['with a letter that is not ASCII', 'zoë'],
        ['that is a policy variable', '${aws:username}'],
      ])('has no name %s', async (_what, sessionName) => {
        const { alice, ops } = await anyName();
        await refused(assume(alice, ops.arn, sessionName), 'invalid');
      });

      it('lasts an hour, or as long as was asked for', async () => {
        const { alice, ops } = await anyName();
        const whole = await assume(alice, ops.arn, 'whole');
        const [quarter, two] = [{ DurationSeconds: 900 }, { DurationSeconds: 7200 }];
        const seconds = async (more: typeof quarter) =>
          ((await assume(alice, ops.arn, 'other', more)).expiresAt - whole.expiresAt) / 1000;
        expect(Math.abs((await seconds(quarter)) + 2700)).toBeLessThan(10);
        expect(Math.abs((await seconds(two)) - 3600)).toBeLessThan(10);
      });

      it.each([
        ['under a quarter of an hour', 899],
        ['over what the role allows', 7201],
        ['over twelve hours', 43_201],
      ])('lasts no time %s', async (_what, DurationSeconds) => {
        const { alice, ops } = await anyName();
        await refused(assume(alice, ops.arn, 'any', { DurationSeconds }), 'invalid');
      });

      it('of a role that another role assumed lasts an hour at most', async () => {
        const { alice, ops: runner } = await anyName();
        const ops = await role(trusting(runner.arn), { name: 'next', maxSessionSeconds: 7200 });
        const session = await assume(alice, runner.arn, 'any');
        await assume(session, ops.arn, 'any', { DurationSeconds: 3600 });
        await refused(assume(session, ops.arn, 'any', { DurationSeconds: 3601 }), 'invalid');
      });

      it('lives on when the trust is cut, until its time is over', async () => {
        const { alice, ops } = await anyName();
        const session = await assume(alice, ops.arn, 'any', { DurationSeconds: 900 });
        await iamOf(subject.own).updateTrust(ops.name, closedTrust());
        subject.own.advance(880);
        expect(await identify(session)).toMatchObject({ UserId: `${ops.id}:any` });
        subject.own.advance(40);
        await refused(identify(session), 'unauthorized');
      });
    });

    describe('a presigned GetCallerIdentity', () => {
      /** The URL in the token of a caller, signed some seconds ago. */
      const presigned = async ({ credentials }: { readonly credentials: AwsCredentials }, secondsAgo = 0) => {
        const { endpoint, region } = subject.own.client;
        const now = Date.now() - secondsAgo * 1000;
        const token = await clusterToken({ cluster: 'prod-eu', region, endpoint, credentials, now });
        return new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
      };
      const get = (url: URL, headers: Readonly<Record<string, string>> = { 'x-k8s-aws-id': 'prod-eu' }) =>
        fetch(url, { headers, redirect: 'error' });

      it('is answered with the header that it was signed with', async () => {
        const alice = await person('alice');
        const answer = await get(await presigned(alice));
        expect(answer.status).toBe(200);
        expect(await answer.text()).toContain(`<Arn>${alice.arn}</Arn><UserId>${alice.id}</UserId>`);
      });

      it('is answered as JSON where that is asked for', async () => {
        const alice = await person('alice');
        const headers = { 'x-k8s-aws-id': 'prod-eu', accept: 'application/json' };
        expect(await (await get(await presigned(alice), headers)).json()).toMatchObject({
          GetCallerIdentityResponse: {
            GetCallerIdentityResult: { Account: subject.own.account, Arn: alice.arn, UserId: alice.id },
          },
        });
      });

      it('is answered for a session, as long as it lives', async () => {
        const alice = await person('alice');
        const ops = await role(trusting(alice.arn));
        const session = await assume(alice, ops.arn, 'any', { DurationSeconds: 900 });
        const answer = await get(await presigned(session));
        expect(await answer.text()).toContain(`<Arn>${session.arn}</Arn><UserId>${session.userId}</UserId>`);
        subject.own.advance(920);
        expect((await get(await presigned(session))).status).toBe(403);
      });

      it('is good for a quarter of an hour, whatever it says itself', async () => {
        const alice = await person('alice');
        const old = await presigned(alice, 14 * 60);
        expect(old.searchParams.get('X-Amz-Expires')).toBe('60');
        expect((await get(old)).status).toBe(200);
        expect((await get(await presigned(alice, 16 * 60))).status).toBe(403);
      });

      it.each<[string, Readonly<Record<string, string>>]>([
        ['the header of another cluster', { 'x-k8s-aws-id': 'prod-us' }],
        ['no such header', {}],
      ])('is refused with %s', async (_what, headers) => {
        expect((await get(await presigned(await person('alice')), headers)).status).toBe(403);
      });

      it('is refused where somebody changed it', async () => {
        const [alice, bob] = [await person('alice'), await person('bob')];
        const url = await presigned(alice);
        const credential = url.searchParams.get('X-Amz-Credential')!;
        const { accessKeyId } = alice.credentials;
        url.searchParams.set('X-Amz-Credential', credential.replace(accessKeyId, bob.credentials.accessKeyId));
        expect((await get(url)).status).toBe(403);
      });
    });
  });
}
