import { iamUserKind } from '@gatehouse/core/resources/iam-user/kind';
import {
  ABSENT_USER,
  type IamUserClaim,
  type IamUserState,
  SECRET_TAG,
} from '@gatehouse/core/resources/iam-user/model';
import { CLUSTER_POLICY } from '@gatehouse/core/resources/managed-principal';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as operations from '../../../../sandbox/src/aws/iam/operations.ts';
import { snapshotIam } from '../../../../sandbox/src/aws/iam/state.ts';
import { FAKE_ACCOUNT } from '../../../fakes/iam.ts';
import { BOUNDARY, Crash, claimsOf, dying, memoryAccount, settle, turn, wanting } from '../account-turns.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const NAME = 'gatehouse-ci';
const ARN = `arn:aws:iam::${FAKE_ACCOUNT}:user/gatehouse/${NAME}`;
const SECRET = `gatehouse/keys/${FAKE_ACCOUNT}/${NAME}`;
const MANAGED = `arn:aws:iam::${FAKE_ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`;
const FOREIGN = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: '*' }],
};

const claim = (over: Partial<IamUserClaim> = {}): OwnedClaim<IamUserClaim> => ({
  subject: 'machine/ci',
  claim: {
    kind: 'iam-user',
    object: NAME,
    arn: ARN,
    path: '/gatehouse/',
    state: 'open',
    policies: { [CLUSTER_POLICY]: POLICY },
    tags: { 'gatehouse:grant': 'ci' },
    accessKey: { secret: SECRET },
    ...over,
  },
});
const withoutKey = (): OwnedClaim<IamUserClaim> => {
  const { accessKey: _, ...rest } = claim().claim;
  return { ...claim(), claim: rest };
};

type Account = ReturnType<typeof memoryAccount>;

/** What the secret holds, and what IAM has: the two must fit. */
async function keysAndSecret({ iam, secrets }: Account, secret = SECRET) {
  const value = await secrets.read(secret);
  const held =
    value === undefined ? undefined : (JSON.parse(value) as { accessKeyId: string; secretAccessKey: string });
  const user = iam.state.accounts.get(FAKE_ACCOUNT)!.users.get(NAME);
  return { held, keys: [...(user?.keys.values() ?? [])] };
}

/** Exactly one key, active, and the secret holds just this one. */
async function expectOneKey(account: Account, secret = SECRET) {
  const { held, keys } = await keysAndSecret(account, secret);
  expect(keys).toMatchObject([{ id: held?.accessKeyId, secret: held?.secretAccessKey, active: true }]);
  return held!.accessKeyId;
}

describe('a user that is wanted', () => {
  it('is made with its policy, and its key goes straight into the secret', async () => {
    const account = memoryAccount();
    const { answer, change } = await turn(iamUserKind, account.ports, NAME, wanting(claim({ boundary: BOUNDARY })));
    expect(account.iam.calls).toEqual(
      ['getUser', 'createUser', 'putUserPolicy', 'listAccessKeys', 'createAccessKey'].map((call) => `${call} ${NAME}`),
    );
    const keyId = await expectOneKey(account);
    expect(account.secrets.tags(SECRET)).toEqual({ 'gatehouse:managed': 'true', 'gatehouse:grant': 'ci' });
    expect(answer).toMatchObject({
      present: true,
      keys: [{ id: keyId, active: true }],
      secret: { name: SECRET, keyId },
    });
    expect(await iamUserKind.observe(account.ports, NAME)).toEqual(answer);
    const { held } = await keysAndSecret(account);
    expect(JSON.stringify([change, answer])).not.toContain(held!.secretAccessKey);
    expect(change!.lines.map(({ sign, text }) => `${sign} ${text}`)).toEqual([
      `+ user ${ARN}`,
      `+ user ${NAME}: access key (new) made, straight into its secret`,
    ]);
  });

  it('costs four reads and one of the secret where nothing changed', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    account.iam.calls.length = 0;
    const reads = account.secrets.calls.read;
    expect(await turn(iamUserKind, account.ports, NAME, wanting(claim(), true))).toEqual({ findings: [] });
    expect(account.iam.calls).toEqual(
      ['getUser', 'getUserPolicy', 'listAttachedUserPolicies', 'listAccessKeys'].map((call) => `${call} ${NAME}`),
    );
    expect(account.secrets.calls).toEqual({ read: reads + 1, write: 1, remove: 0 });
  });

  it('has its managed policy before its key, and what is no longer wanted goes, while what others attached stays', async () => {
    const account = memoryAccount();
    const { iam } = account;
    const made = await iam.createPolicy({
      name: 'EKS_CICD_User_Policy',
      path: '/gatehouse/',
      document: POLICY,
      tags: {},
    });
    const { change } = await turn(iamUserKind, account.ports, NAME, wanting(claim({ attached: [made.arn] })));
    expect(change!.lines.map(({ sign, text }) => `${sign} ${text}`)).toContain(`+ user ${NAME}: attached ${MANAGED}`);
    const order = iam.calls.map((call) => call.split(' ')[0]);
    expect(order.indexOf('attachUserPolicy')).toBeLessThan(order.indexOf('createAccessKey'));
    operations.attachPolicy(iam.state, FAKE_ACCOUNT, 'user', NAME, FOREIGN);
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    expect(await iam.listAttachedUserPolicies(NAME)).toEqual([FOREIGN]);
    await settle(iamUserKind, account.ports, NAME, wanting(claim({ attached: [made.arn] }), true));
    expect(await iam.listAttachedUserPolicies(NAME)).toEqual([FOREIGN, MANAGED]);
    await settle(iamUserKind, account.ports, NAME, wanting(claim({ attached: [made.arn], state: 'closed' }), true));
    expect(await iam.listAttachedUserPolicies(NAME)).toEqual([FOREIGN]);
  });

  it('waits for a managed policy that is not there yet, without a key', async () => {
    const account = memoryAccount();
    const waiting = turn(iamUserKind, account.ports, NAME, wanting(claim({ attached: [MANAGED] })));
    await expect(waiting).rejects.toMatchObject({ retryable: true, message: expect.stringContaining(MANAGED) });
    expect((await keysAndSecret(account)).keys).toEqual([]);
  });

  describe('whose key is to be another one', () => {
    const retiring = (keyId: string, kept: boolean) =>
      claim({ accessKey: { secret: SECRET, retired: { keyId, kept } } });
    const keyCalls = ({ iam }: Account) =>
      iam.calls.map((call) => call.split(' ')[0]!).filter((call) => /AccessKey$/.test(call));

    async function rotating() {
      const account = memoryAccount();
      await settle(iamUserKind, account.ports, NAME, wanting(claim()));
      const old = await expectOneKey(account);
      account.iam.calls.length = 0;
      return { account, old };
    }

    it('gets it straight into the secret, and keeps the old one beside it, until that goes', async () => {
      const { account, old } = await rotating();
      const { change, answer } = await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, true)));
      expect(keyCalls(account)).toEqual(['createAccessKey']);
      const { held, keys } = await keysAndSecret(account);
      expect(held!.accessKeyId).not.toBe(old);
      expect(keys.map(({ id, active }) => ({ id, active }))).toEqual([
        { id: old, active: true },
        { id: held!.accessKeyId, active: true },
      ]);
      expect(JSON.stringify([change, answer])).not.toContain(held!.secretAccessKey);
      expect(await iamUserKind.observe(account.ports, NAME)).toEqual(answer);
      expect(await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, true), true))).toEqual({
        findings: [],
      });
      account.iam.calls.length = 0;
      const end = await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, false)));
      expect(keyCalls(account)).toEqual(['deleteAccessKey']);
      expect(end.change!.lines).toMatchObject([{ sign: '-', text: `user ${NAME}: access key ${old} deleted` }]);
      expect(await expectOneKey(account)).toBe(held!.accessKeyId);
      expect(await turn(iamUserKind, account.ports, NAME, wanting(claim(), true))).toEqual({ findings: [] });
    });

    it('without overlap has the new one in place before the old one goes', async () => {
      const { account, old } = await rotating();
      await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, false)));
      expect(keyCalls(account)).toEqual(['createAccessKey', 'deleteAccessKey']);
      expect(await expectOneKey(account)).not.toBe(old);
    });

    it('leaves an old key switched off that somebody switched off', async () => {
      const { account, old } = await rotating();
      await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, true)));
      await account.iam.setAccessKeyStatus(NAME, old, false);
      await settle(iamUserKind, account.ports, NAME, wanting(retiring(old, true), true));
      expect(await account.iam.listAccessKeys(NAME)).toContainEqual({ id: old, active: false });
    });

    it('makes room: of two keys, the one that is neither in the secret nor kept goes first', async () => {
      const { account, old } = await rotating();
      const stray = await account.iam.createAccessKey(NAME);
      account.iam.calls.length = 0;
      await turn(iamUserKind, account.ports, NAME, wanting(retiring(old, true)));
      expect(keyCalls(account)).toEqual(['deleteAccessKey', 'createAccessKey']);
      const ids = (await account.iam.listAccessKeys(NAME)).map(({ id }) => id);
      expect(ids).toContain(old);
      expect(ids).not.toContain(stray.id);
    });

    it.each(['before', 'after'] as const)(
      'always has one that works, wherever the process dies (%s a call)',
      async (when) => {
        for (const kept of [true, false]) {
          for (let at = 1; at <= 9; at += 1) {
            const { account, old } = await rotating();
            const claims = wanting(retiring(old, kept));
            const { ports } = dying(account.ports, at, when);
            await turn(iamUserKind, ports, NAME, claims).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
            const between = await keysAndSecret(account);
            expect(between.keys.find(({ id }) => id === between.held?.accessKeyId)).toMatchObject({
              active: true,
              secret: between.held?.secretAccessKey,
            });
            await settle(iamUserKind, account.ports, NAME, claims);
            const { held, keys } = await keysAndSecret(account);
            expect(held!.accessKeyId).not.toBe(old);
            expect(keys.map(({ id }) => id).sort()).toEqual([...(kept ? [old] : []), held!.accessKeyId].sort());
          }
        }
      },
    );
  });

  it('without an access key has none', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(withoutKey()));
    expect((await keysAndSecret(account)).keys).toEqual([]);
    await account.iam.createAccessKey(NAME);
    await settle(iamUserKind, account.ports, NAME, wanting(withoutKey(), true));
    expect((await keysAndSecret(account)).keys).toEqual([]);
  });

  it('loses keys that the secret does not name', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    const keyId = await expectOneKey(account);
    const orphan = await account.iam.createAccessKey(NAME);
    const { change } = await turn(iamUserKind, account.ports, NAME, wanting(claim(), true));
    expect(change!.lines).toEqual([
      { sign: '-', text: `user ${NAME}: access key ${orphan.id} deleted`, subject: 'machine/ci' },
    ]);
    expect(await expectOneKey(account)).toBe(keyId);
  });

  it.each([
    ['is gone', async ({ secrets }: Account) => secrets.remove(SECRET)],
    ['holds something else', async ({ secrets }: Account) => secrets.write(SECRET, 'not JSON', {})],
    [
      'holds an id without its key',
      async ({ secrets, iam }: Account) => {
        const [key] = await iam.listAccessKeys(NAME);
        await secrets.write(SECRET, JSON.stringify({ accessKeyId: key!.id }), {});
      },
    ],
    [
      'names a key that was deleted',
      async ({ iam }: Account) => {
        const [key] = await iam.listAccessKeys(NAME);
        await iam.deleteAccessKey(NAME, key!.id);
      },
    ],
  ])('gets a new key where the secret %s', async (_what, spoil) => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    const before = await expectOneKey(account);
    await spoil(account);
    await settle(iamUserKind, account.ports, NAME, wanting(claim(), true));
    expect(await expectOneKey(account)).not.toBe(before);
  });

  it('keeps its key where only the tag that names the secret was lost', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    const before = await expectOneKey(account);
    operations.untag(account.iam.state, FAKE_ACCOUNT, 'user', NAME, [SECRET_TAG]);
    await settle(iamUserKind, account.ports, NAME, wanting(claim(), true));
    expect(await expectOneKey(account)).toBe(before);
    expect((await account.iam.getUser(NAME))!.tags[SECRET_TAG]).toBe(SECRET);
  });

  it('closed keeps its key, inactive, and no policy; keys go first', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    const keyId = await expectOneKey(account);
    await account.iam.createAccessKey(NAME);
    account.iam.calls.length = 0;
    await turn(iamUserKind, account.ports, NAME, wanting(claim({ state: 'closed' }), true));
    expect(account.iam.calls.slice(4)).toEqual(
      ['setAccessKeyStatus', 'setAccessKeyStatus', 'deleteUserPolicy'].map((call) => `${call} ${NAME}`),
    );
    expect((await keysAndSecret(account)).keys.map((key) => key.active)).toEqual([false, false]);
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    expect(await expectOneKey(account)).toBe(keyId);
  });

  it('is not made only to be closed', async () => {
    const account = memoryAccount();
    await turn(iamUserKind, account.ports, NAME, wanting(claim({ state: 'closed' })));
    expect(account.iam.calls).toEqual([`getUser ${NAME}`]);
  });

  it('moves its key to another secret, and the old one goes', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    const moved = claim({ accessKey: { secret: 'elsewhere' } });
    const claims = claimsOf({ wanted: [moved], unwanted: [claim()] });
    await settle(iamUserKind, account.ports, NAME, claims);
    await expectOneKey(account, 'elsewhere');
    expect(account.secrets.names()).toEqual(['elsewhere']);
  });

  it('never removes a secret only because a tag names it', async () => {
    const account = memoryAccount();
    await account.secrets.write('okta-signing', 'precious', {});
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    await account.iam.tagUser(NAME, { [SECRET_TAG]: 'okta-signing' });
    await settle(iamUserKind, account.ports, NAME, wanting(claim(), true));
    expect(await account.secrets.read('okta-signing')).toBe('precious');
    await account.iam.tagUser(NAME, { [SECRET_TAG]: 'okta-signing' });
    await settle(iamUserKind, account.ports, NAME, claimsOf({ unwanted: [claim()] }));
    expect(account.secrets.names()).toEqual(['okta-signing']);
  });

  it('gets its key as soon as the secret of an earlier one is deleted', async () => {
    const account = memoryAccount();
    await account.secrets.write(SECRET, 'earlier', {});
    account.secrets.markForDeletion(SECRET);
    await expect(settle(iamUserKind, account.ports, NAME, wanting(claim()))).rejects.toMatchObject({ retryable: true });
    await account.secrets.remove(SECRET);
    await settle(iamUserKind, account.ports, NAME, wanting(claim()));
    await expectOneKey(account);
  });

  it('gets policy, boundary and tags put right', async () => {
    const account = memoryAccount();
    await settle(iamUserKind, account.ports, NAME, wanting(claim({ boundary: BOUNDARY })));
    await account.iam.deleteUserPolicy(NAME, CLUSTER_POLICY);
    await account.iam.setUserBoundary(NAME, 'arn:aws:iam::aws:policy/AdministratorAccess');
    await account.iam.tagUser(NAME, { 'gatehouse:grant': 'other', team: 'x' });
    await settle(iamUserKind, account.ports, NAME, wanting(claim({ boundary: BOUNDARY }), true));
    expect(await iamUserKind.observe(account.ports, NAME)).toMatchObject({
      policies: { [CLUSTER_POLICY]: POLICY },
      boundary: BOUNDARY,
      tags: { 'gatehouse:grant': 'ci', team: 'x', 'gatehouse:managed': 'true' },
    });
  });
});

describe('a user that must go', () => {
  it('goes with keys, secret, policies, groups and password; keys first, the secret before the user', async () => {
    const account = memoryAccount();
    const { iam, secrets, ports } = account;
    await settle(iamUserKind, ports, NAME, wanting(claim()));
    await iam.createAccessKey(NAME);
    await iam.putUserPolicy(NAME, 'added-by-somebody', POLICY);
    operations.attachPolicy(iam.state, FAKE_ACCOUNT, 'user', NAME, 'arn:aws:iam::aws:policy/ReadOnlyAccess');
    operations.createGroup(iam.state, FAKE_ACCOUNT, 'staff');
    operations.addToGroup(iam.state, FAKE_ACCOUNT, NAME, 'staff');
    operations.createLoginProfile(iam.state, FAKE_ACCOUNT, NAME);
    iam.calls.length = 0;
    const { change, answer } = await turn(iamUserKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
    expect(change!.action).toBe('delete');
    expect(answer).toEqual(ABSENT_USER);
    expect(iam.calls[5]).toBe(`setAccessKeyStatus ${NAME}`);
    expect(await iam.getUser(NAME)).toBeUndefined();
    expect(secrets.names()).toEqual([]);
    expect(await turn(iamUserKind, ports, NAME, claimsOf({ unwanted: [claim()] }))).toEqual({ findings: [] });
  });

  it('goes, though somebody is deleting its secret', async () => {
    const { iam, secrets, ports } = memoryAccount();
    await settle(iamUserKind, ports, NAME, wanting(claim()));
    secrets.markForDeletion(SECRET);
    await settle(iamUserKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
    expect(await iam.getUser(NAME)).toBeUndefined();
    expect(secrets.names()).toEqual([]);
  });

  it('may be gone already at any of the calls; its secret goes nevertheless', async () => {
    const { iam, secrets, ports } = memoryAccount();
    await settle(iamUserKind, ports, NAME, wanting(claim()));
    const { change } = iamUserKind.diff(
      NAME,
      await iamUserKind.observe(ports, NAME),
      claimsOf({ unwanted: [claim()] }),
    );
    await iamUserKind.apply(ports, change!);
    await secrets.write(SECRET, 'left over', {});
    expect(await iamUserKind.apply(ports, change!)).toEqual(ABSENT_USER);
    expect(secrets.names()).toEqual([]);
    expect(await iam.getUser(NAME)).toBeUndefined();
  });
});

describe('a user of somebody else', () => {
  it.each([
    ['under another path', { path: '/' }],
    ['under another path, with our tags', { path: '/people/', tags: [['gatehouse:managed', 'true']] as const }],
    ['under our path without our tag', { path: '/gatehouse/' }],
  ])('%s is never touched: not its keys, not when a claim was recorded', async (_what, over) => {
    const { iam, ports } = memoryAccount();
    operations.createUser(iam.state, FAKE_ACCOUNT, { name: NAME, ...over });
    await iam.createAccessKey(NAME);
    const before = snapshotIam(iam.state);
    const { findings } = await turn(iamUserKind, ports, NAME, wanting(claim()));
    expect(findings).toMatchObject([{ code: 'foreign-principal', severity: 'blocks', subject: 'machine/ci' }]);
    if (over.path !== '/gatehouse/') {
      const gone = await turn(iamUserKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
      expect(gone.findings).toMatchObject([{ code: 'foreign-principal', severity: 'notice' }]);
    }
    expect(snapshotIam(iam.state)).toEqual(before);
  });

  it('made between reading and creating is a conflict, not ours', async () => {
    const { iam, ports } = memoryAccount();
    const { change } = iamUserKind.diff(NAME, ABSENT_USER, wanting(claim()));
    operations.createUser(iam.state, FAKE_ACCOUNT, { name: NAME, path: '/gatehouse/' });
    await expect(iamUserKind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect(iam.state.accounts.get(FAKE_ACCOUNT)!.users.get(NAME)!.keys.size).toBe(0);
  });
});

it('made by somebody else between reading and deleting stays, with keys', async () => {
  const { iam, ports } = memoryAccount();
  await settle(iamUserKind, ports, NAME, wanting(claim({ policies: {} })));
  const { change } = iamUserKind.diff(NAME, await iamUserKind.observe(ports, NAME), claimsOf({ unwanted: [claim()] }));
  for (const { id } of await iam.listAccessKeys(NAME)) await iam.deleteAccessKey(NAME, id);
  await iam.deleteUser(NAME);
  operations.createUser(iam.state, FAKE_ACCOUNT, { name: NAME, path: '/gatehouse/' });
  await iam.createAccessKey(NAME);
  const before = snapshotIam(iam.state);
  await expect(iamUserKind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
  expect(snapshotIam(iam.state)).toEqual(before);
});

it('is made once, however often the same change is made', async () => {
  const account = memoryAccount();
  const { change } = iamUserKind.diff(NAME, ABSENT_USER, wanting(claim()));
  const first = await iamUserKind.apply(account.ports, change!);
  expect(await iamUserKind.apply(account.ports, change!)).toEqual(first);
  await expectOneKey(account);
});

const someClaim = fc
  .record({
    state: fc.constantFrom('open' as const, 'open' as const, 'closed' as const),
    policy: fc.boolean(),
    boundary: fc.boolean(),
    secret: fc.constantFrom(SECRET, SECRET, 'elsewhere', undefined),
    attached: fc.subarray([MANAGED, `${MANAGED}-2`]),
  })
  .map(({ state, policy, boundary, secret, attached }) => ({
    ...withoutKey(),
    claim: {
      ...withoutKey().claim,
      state,
      policies: policy ? { [CLUSTER_POLICY]: POLICY } : {},
      ...(boundary ? { boundary: BOUNDARY } : {}),
      ...(secret ? { accessKey: { secret } } : {}),
      ...(attached.length > 0 ? { attached } : {}),
    },
  }));

const someState: fc.Arbitrary<IamUserState> = fc.option(
  fc
    .record({
      arn: fc.constantFrom(ARN, ARN, ARN.replace('/gatehouse/', '/')),
      path: fc.constantFrom('/gatehouse/', '/gatehouse/', '/'),
      policies: fc.constantFrom({}, { [CLUSTER_POLICY]: POLICY }),
      attached: fc.subarray([MANAGED, FOREIGN]).map((arns) => arns.toSorted()),
      tags: fc.constantFrom({}, { 'gatehouse:managed': 'true' }, { 'gatehouse:managed': 'true', team: 'x' }),
      keys: fc.array(fc.boolean(), { maxLength: 2 }),
      secret: fc.option(
        fc.constantFrom({ name: SECRET }, { name: SECRET, keyId: 'AKIA0' }, { name: 'x', keyId: 'AKIA1' }),
      ),
    })
    .map(({ keys, secret, ...rest }) => ({
      present: true as const,
      userId: 'AIDAEXAMPLE',
      ...rest,
      keys: keys.map((active, index) => ({ id: `AKIA${index}`, active })),
      ...(secret ? { secret } : {}),
    })),
  { nil: ABSENT_USER },
);

it('keeps the laws of a kind', () => {
  const cases = fc
    .record({ observed: someState, claims: turnClaims(fc.array(someClaim, { maxLength: 2 })) })
    .map((given) => ({ object: NAME, ...given }));
  const foreignTags = (state: IamUserState) =>
    state.present ? Object.entries(state.tags).filter(([key]) => !key.startsWith('gatehouse:')) : undefined;
  expectKindLaws(iamUserKind, cases, foreignTags);
});

it('comes to the same end whatever call the process dies at: no orphan key, no secret left', async () => {
  await fc.assert(
    fc.asyncProperty(
      someClaim,
      fc.option(someClaim),
      fc.integer({ min: 1, max: 14 }),
      fc.constantFrom('before' as const, 'after' as const),
      async (first, second, at, when) => {
        const account = memoryAccount();
        for (const arn of [MANAGED, `${MANAGED}-2`]) account.iam.state.managedPolicies.set(arn, {});
        const next: ObjectClaims<IamUserClaim> = second
          ? claimsOf({ wanted: [second], unwanted: [first] })
          : claimsOf({ unwanted: [first] });
        for (const claims of [wanting(first), next]) {
          const { ports } = dying(account.ports, at, when);
          await turn(iamUserKind, ports, NAME, claims).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          await settle(iamUserKind, account.ports, NAME, { ...claims, recorded: claims.wanted });
          const [wanted] = claims.wanted;
          await expectEnd(account, wanted?.claim);
          const observed = await iamUserKind.observe(account.ports, NAME);
          const { change, answer } = await turn(iamUserKind, account.ports, NAME, wanting(first, true));
          if (change) expect(await iamUserKind.observe(account.ports, NAME)).toEqual(answer);
          else expect(await iamUserKind.observe(account.ports, NAME)).toEqual(observed);
          if (change) break;
        }
      },
    ),
    { numRuns: 250 },
  );
});

/** The end, judged without the kind's own code. */
async function expectEnd(account: Account, wanted: IamUserClaim | undefined) {
  const user = account.iam.state.accounts.get(FAKE_ACCOUNT)!.users.get(NAME);
  if (!wanted) {
    expect(user).toBeUndefined();
    expect(account.secrets.names()).toEqual([]);
  } else if (!user) {
    expect(wanted.state).toBe('closed');
  } else if (wanted.state === 'closed') {
    expect([...user.keys.values()].filter((key) => key.active)).toEqual([]);
    expect(user.inline.size).toBe(0);
  } else {
    expect([...user.inline.keys()]).toEqual(Object.keys(wanted.policies));
    expect([...user.attached].sort()).toEqual(wanted.attached ?? []);
    if (wanted.boundary) expect(user.boundary).toBe(wanted.boundary);
    if (wanted.accessKey) await expectOneKey(account, wanted.accessKey.secret);
    else expect(user.keys.size).toBe(0);
  }
}

it('names every action of IAM that it calls, and no other', async () => {
  const { iam, ports } = memoryAccount();
  await settle(iamUserKind, ports, NAME, wanting(claim()));
  await settle(
    iamUserKind,
    ports,
    NAME,
    wanting(claim({ boundary: BOUNDARY, tags: { 'gatehouse:grant': 'ci', a: 'b' } })),
  );
  await settle(iamUserKind, ports, NAME, wanting(claim({ state: 'closed' })));
  iam.state.managedPolicies.set(MANAGED, {});
  await settle(iamUserKind, ports, NAME, wanting(claim({ attached: [MANAGED] })));
  operations.attachPolicy(iam.state, FAKE_ACCOUNT, 'user', NAME, BOUNDARY);
  operations.createGroup(iam.state, FAKE_ACCOUNT, 'staff');
  operations.addToGroup(iam.state, FAKE_ACCOUNT, NAME, 'staff');
  await settle(iamUserKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
  const named: Record<string, string> = {
    setUserBoundary: 'PutUserPermissionsBoundary',
    setAccessKeyStatus: 'UpdateAccessKey',
    listGroupsOf: 'ListGroupsForUser',
    removeFromGroup: 'RemoveUserFromGroup',
  };
  const called = iam.calls.map((call) => {
    const method = call.split(' ')[0]!;
    return `iam:${named[method] ?? method[0]!.toUpperCase() + method.slice(1)}`;
  });
  const actions = iamUserKind.iamActions.filter((action) => action.startsWith('iam:'));
  expect([...new Set(called)].sort()).toEqual([...actions].sort());
});
