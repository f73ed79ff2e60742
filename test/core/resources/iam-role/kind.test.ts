import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { iamRoleKind } from '@gatehouse/core/resources/iam-role/kind';
import { ABSENT_ROLE, type IamRoleClaim, type IamRoleState } from '@gatehouse/core/resources/iam-role/model';
import { closedTrust, memberTrust, trustedPrincipals } from '@gatehouse/core/resources/iam-role/trust';
import { CLUSTER_POLICY } from '@gatehouse/core/resources/managed-principal';
import type { ObjectClaims, OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as operations from '../../../../sandbox/src/aws/iam/operations.ts';
import { snapshotIam } from '../../../../sandbox/src/aws/iam/state.ts';
import { FAKE_ACCOUNT } from '../../../fakes/iam.ts';
import { BOUNDARY, Crash, claimsOf, dying, memoryAccount, settle, turn, wanting } from '../account-turns.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const NAME = 'gatehouse-ops';
const ARN = `arn:aws:iam::${FAKE_ACCOUNT}:role/gatehouse/${NAME}`;
const user = (name: string) => `arn:aws:iam::${FAKE_ACCOUNT}:user/${name}`;
const POLICY = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: 'arn:aws:eks:eu-west-1:111122223333:cluster/a' },
  ],
};

const claim = (over: Partial<IamRoleClaim> = {}): OwnedClaim<IamRoleClaim> => ({
  subject: 'grant/ops',
  claim: {
    kind: 'iam-role',
    object: NAME,
    arn: ARN,
    path: '/gatehouse/',
    state: 'open',
    trust: memberTrust([user('alice')]),
    policies: { [CLUSTER_POLICY]: POLICY },
    tags: { 'gatehouse:grant': 'ops' },
    maxSessionSeconds: 3600,
    ...over,
  },
});

/** An account with these users, and a trust document that others wrote. */
async function account(...users: string[]) {
  const made = memoryAccount();
  for (const name of users) await made.iam.createUser({ name, path: '/', tags: {} });
  made.iam.calls.length = 0;
  return made;
}

const FOREIGN_TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

describe('a role that is wanted', () => {
  it('is made with everything at once, and then its policy', async () => {
    const { ports, iam } = await account('alice');
    const { answer, change } = await turn(iamRoleKind, ports, NAME, wanting(claim({ boundary: BOUNDARY })));
    expect(iam.calls).toEqual([`getRole ${NAME}`, `createRole ${NAME}`, `putRolePolicy ${NAME}`]);
    expect(change).toMatchObject({
      action: 'create',
      lines: [
        { sign: '+', text: `role ${ARN}`, subject: 'grant/ops' },
        { sign: '+', text: `role ${NAME}: ${user('alice')}` },
      ],
    });
    expect(await iam.getRole(NAME)).toMatchObject({
      arn: ARN,
      trust: memberTrust([user('alice')]),
      boundary: BOUNDARY,
      tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'ops' },
    });
    expect(await iamRoleKind.observe(ports, NAME)).toEqual(answer);
  });

  it('costs two reads where nothing changed', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    iam.calls.length = 0;
    expect(await turn(iamRoleKind, ports, NAME, wanting(claim(), true))).toEqual({ findings: [] });
    expect(iam.calls).toEqual([`getRole ${NAME}`, `getRolePolicy ${NAME}`]);
  });

  it('costs one write for one more member', async () => {
    const { ports, iam } = await account('alice', 'bob');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    iam.calls.length = 0;
    const both = claim({ trust: memberTrust([user('bob'), user('alice')]) });
    const { change } = await turn(iamRoleKind, ports, NAME, claimsOf({ wanted: [both], unwanted: [claim()] }));
    expect(iam.calls).toEqual([`getRole ${NAME}`, `getRolePolicy ${NAME}`, `updateTrust ${NAME}`]);
    expect(change!.lines).toEqual([{ sign: '+', text: `role ${NAME}: ${user('bob')}`, subject: 'grant/ops' }]);
  });

  it('lets nobody in before policy and boundary are in place, and closes before anything else', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    iam.calls.length = 0;
    await turn(iamRoleKind, ports, NAME, wanting(claim({ state: 'closed' })));
    expect(iam.calls.slice(2)).toEqual([`updateTrust ${NAME}`, `deleteRolePolicy ${NAME}`]);
    expect(await iamRoleKind.observe(ports, NAME)).toMatchObject({ trust: closedTrust(), policies: {} });
    iam.calls.length = 0;
    await turn(iamRoleKind, ports, NAME, wanting(claim({ boundary: BOUNDARY })));
    expect(iam.calls.slice(2)).toEqual([`setRoleBoundary ${NAME}`, `putRolePolicy ${NAME}`, `updateTrust ${NAME}`]);
  });

  it('is not made only to be closed', async () => {
    const { ports, iam } = await account();
    await turn(iamRoleKind, ports, NAME, wanting(claim({ state: 'closed' })));
    expect(iam.calls).toEqual([`getRole ${NAME}`]);
  });

  it('is made again where somebody deleted it', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim({ policies: {} })));
    await iam.deleteRole(NAME);
    expect((await turn(iamRoleKind, ports, NAME, wanting(claim({ policies: {} }), true))).change!.action).toBe(
      'create',
    );
  });

  it('gets drift undone: trust, policy, tags, session length; what others tagged stays', async () => {
    const { ports, iam } = await account('alice', 'mallory');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    await iam.updateTrust(NAME, memberTrust([user('alice'), user('mallory')]));
    await iam.putRolePolicy(NAME, CLUSTER_POLICY, {
      ...POLICY,
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
    });
    await iam.tagRole(NAME, { 'gatehouse:managed': 'no', team: 'x' });
    await iam.setRoleSession(NAME, 43_200);
    const { change } = await turn(iamRoleKind, ports, NAME, wanting(claim(), true));
    expect(change!.lines.map(({ sign, text }) => `${sign} ${text}`)).toEqual([
      `- role ${NAME}: ${user('mallory')}`,
      `~ role ${NAME}: inline policy`,
      `~ role ${NAME}: tags`,
      `~ role ${NAME}: longest session`,
    ]);
    expect(await iamRoleKind.observe(ports, NAME)).toMatchObject({
      trust: memberTrust([user('alice')]),
      policies: { [CLUSTER_POLICY]: POLICY },
      tags: { 'gatehouse:managed': 'true', team: 'x' },
      maxSessionSeconds: 3600,
    });
  });

  it('puts a member back who was deleted and made again: the id in the document is nobody any more', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    await iam.deleteUser('alice');
    await iam.createUser({ name: 'alice', path: '/', tags: {} });
    expect(trustedPrincipals((await iam.getRole(NAME))!.trust)).not.toContain(user('alice'));
    await turn(iamRoleKind, ports, NAME, wanting(claim(), true));
    expect(trustedPrincipals((await iam.getRole(NAME))!.trust)).toEqual([user('alice')]);
  });

  it('is not written because IAM writes principals in another order', async () => {
    const { ports, iam } = await account('alice', 'bob');
    const members = claim({ trust: memberTrust([user('alice'), user('bob')]) });
    await settle(iamRoleKind, ports, NAME, wanting(members));
    const trust = memberTrust([user('alice'), user('bob')]);
    const [statement] = trust.Statement as unknown as object[];
    const turned = { ...statement, Principal: { AWS: [user('bob'), user('alice')] }, Action: ['sts:AssumeRole'] };
    await iam.updateTrust(NAME, { ...trust, Statement: [turned] });
    expect((await turn(iamRoleKind, ports, NAME, wanting(members, true))).change).toBeUndefined();
  });

  it('refuses a document that does not fit, before any call', () => {
    const many = memberTrust(Array.from({ length: 60 }, (_, index) => user(`member-${index}`)));
    expect(iamRoleKind.diff(NAME, ABSENT_ROLE, wanting(claim({ trust: many })))).toMatchObject({
      findings: [{ code: 'trust-too-large', severity: 'blocks', object: NAME, subject: 'grant/ops' }],
    });
  });

  it('says where two claims differ', () => {
    const other = { ...claim({ trust: closedTrust() }), subject: 'grant/other' as const };
    const { change, findings } = iamRoleKind.diff(NAME, ABSENT_ROLE, claimsOf({ wanted: [claim(), other] }));
    expect(change).toBeUndefined();
    expect(findings.map(({ code, subject }) => [code, subject])).toEqual([
      ['claims-differ', 'grant/ops'],
      ['claims-differ', 'grant/other'],
    ]);
  });
});

describe('a member whom IAM does not know', () => {
  it('keeps nobody else out', async () => {
    const { ports } = await account('alice');
    const withGhost = claim({ trust: memberTrust([user('alice'), user('ghost')]) });
    const { answer } = await turn(iamRoleKind, ports, NAME, wanting(withGhost));
    expect(answer).toMatchObject({ trust: memberTrust([user('alice')]) });
    expect(await iamRoleKind.observe(ports, NAME)).toEqual(answer);
    await expect(turn(iamRoleKind, ports, NAME, wanting(withGhost, true))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(user('ghost')),
    });
  });

  it('keeps nobody in who must go', async () => {
    const { ports, iam } = await account('alice', 'bob', 'carol');
    const trusting = (...names: string[]) => claim({ trust: memberTrust(names.map(user)) });
    await settle(iamRoleKind, ports, NAME, wanting(trusting('alice', 'bob', 'carol')));
    await iam.deleteUser('carol');
    await turn(iamRoleKind, ports, NAME, wanting(trusting('alice', 'carol'), true));
    expect(trustedPrincipals((await iam.getRole(NAME))!.trust)).toEqual([user('alice')]);
    iam.calls.length = 0;
    await expect(turn(iamRoleKind, ports, NAME, wanting(trusting('alice', 'carol'), true))).rejects.toMatchObject({
      code: 'invalid',
      retryable: false,
    });
    await expect(turn(iamRoleKind, ports, NAME, wanting(trusting('carol'), true))).resolves.toMatchObject({
      answer: { trust: closedTrust() },
    });
  });

  it('makes no role that would have nobody', async () => {
    const { ports, iam } = await account();
    await expect(turn(iamRoleKind, ports, NAME, wanting(claim()))).rejects.toMatchObject({ code: 'invalid' });
    expect(await iam.getRole(NAME)).toBeUndefined();
  });
});

it('says which boundary there is not, and leaves the members in peace', async () => {
  const { ports, iam } = await account('alice');
  const absent = `${BOUNDARY}-absent`;
  const says = {
    code: 'invalid',
    retryable: false,
    message: expect.stringMatching(`^\\S+ ${NAME}: NoSuchEntity: Scope ARN: ${absent} does not exist`),
  };
  await expect(turn(iamRoleKind, ports, NAME, wanting(claim({ boundary: absent })))).rejects.toMatchObject(says);
  expect(await iam.getRole(NAME)).toBeUndefined();
  await settle(iamRoleKind, ports, NAME, wanting(claim()));
  await expect(turn(iamRoleKind, ports, NAME, wanting(claim({ boundary: absent }), true))).rejects.toMatchObject(says);
  expect((await iam.getRole(NAME))!.trust).toEqual(memberTrust([user('alice')]));
});

describe('a role that must go', () => {
  it('is closed, emptied of everything and deleted', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    await iam.putRolePolicy(NAME, 'added-by-somebody', POLICY);
    operations.attachPolicy(iam.state, FAKE_ACCOUNT, 'role', NAME, 'arn:aws:iam::aws:policy/ReadOnlyAccess');
    iam.calls.length = 0;
    const { change, answer } = await turn(iamRoleKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
    expect(change).toMatchObject({
      action: 'delete',
      lines: [{ sign: '-', text: `role ${ARN}`, subject: 'grant/ops' }],
    });
    expect(answer).toEqual(ABSENT_ROLE);
    expect(iam.calls[3]).toBe(`updateTrust ${NAME}`);
    expect(await iam.getRole(NAME)).toBeUndefined();
    expect(await turn(iamRoleKind, ports, NAME, claimsOf({ unwanted: [claim()] }))).toEqual({ findings: [] });
  });

  it('stays while somebody wants it', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    const other = { ...claim(), subject: 'grant/other' as const };
    await turn(iamRoleKind, ports, NAME, claimsOf({ wanted: [claim()], recorded: [claim()], unwanted: [other] }));
    expect(await iam.getRole(NAME)).toBeDefined();
  });

  it('is deleted also where the reads do not know it yet', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim({ policies: {} })));
    const { change } = iamRoleKind.diff(
      NAME,
      await iamRoleKind.observe(ports, NAME),
      claimsOf({ unwanted: [claim()] }),
    );
    const lagging = { ...ports, iam: { ...iam, getRole: async () => undefined } };
    await iamRoleKind.apply(lagging, change!);
    expect(await iam.getRole(NAME)).toBeUndefined();
  });

  it('may be gone already at any of the calls', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    const observed = await iamRoleKind.observe(ports, NAME);
    const { change } = iamRoleKind.diff(NAME, observed, claimsOf({ unwanted: [claim()] }));
    await iamRoleKind.apply(ports, change!);
    expect(await iamRoleKind.apply(ports, change!)).toEqual(ABSENT_ROLE);
    expect(iam.state.accounts.get(FAKE_ACCOUNT)!.roles.size).toBe(0);
  });
});

describe('a role of somebody else', () => {
  const cases: [string, Partial<Parameters<typeof operations.createRole>[2]>][] = [
    ['under another path', { path: '/' }],
    ['under another path, with our tags', { path: '/apps/', tags: [['gatehouse:managed', 'true']] }],
    ['under our path without our tag', { path: '/gatehouse/' }],
    [
      'under our path, made for another grant',
      {
        path: '/gatehouse/',
        tags: [
          ['gatehouse:managed', 'true'],
          ['gatehouse:grant', 'x'],
        ],
      },
    ],
    ['deeper under our path', { path: '/gatehouse/deep/', tags: [['gatehouse:managed', 'true']] }],
  ];
  it.each(cases)('%s is never touched', async (_what, over) => {
    const { ports, iam } = await account('alice');
    operations.createRole(iam.state, FAKE_ACCOUNT, { name: NAME, trust: JSON.stringify(FOREIGN_TRUST), ...over });
    const before = snapshotIam(iam.state);
    const { findings } = await turn(iamRoleKind, ports, NAME, wanting(claim()));
    expect(findings).toMatchObject([
      { code: 'foreign-principal', severity: 'blocks', object: NAME, subject: 'grant/ops' },
    ]);
    expect(snapshotIam(iam.state)).toEqual(before);
  });

  it('is not deleted either, though a claim of that name was recorded', async () => {
    const { ports, iam } = await account('alice');
    operations.createRole(iam.state, FAKE_ACCOUNT, { name: NAME, trust: JSON.stringify(FOREIGN_TRUST), path: '/' });
    const before = snapshotIam(iam.state);
    const { findings } = await turn(iamRoleKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
    expect(findings).toMatchObject([{ code: 'foreign-principal', severity: 'notice' }]);
    expect(snapshotIam(iam.state)).toEqual(before);
  });

  it('made between reading and creating is a conflict, not ours', async () => {
    const { ports, iam } = await account('alice');
    const { change } = iamRoleKind.diff(NAME, ABSENT_ROLE, wanting(claim()));
    operations.createRole(iam.state, FAKE_ACCOUNT, {
      name: NAME,
      trust: JSON.stringify(FOREIGN_TRUST),
      path: '/gatehouse/',
    });
    const before = snapshotIam(iam.state);
    await expect(iamRoleKind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect(snapshotIam(iam.state)).toEqual(before);
  });

  it('made between reading and deleting stays', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim({ policies: {} })));
    const { change } = iamRoleKind.diff(
      NAME,
      await iamRoleKind.observe(ports, NAME),
      claimsOf({ unwanted: [claim()] }),
    );
    await iam.deleteRole(NAME);
    operations.createRole(iam.state, FAKE_ACCOUNT, {
      name: NAME,
      trust: JSON.stringify(FOREIGN_TRUST),
      path: '/gatehouse/',
    });
    const before = snapshotIam(iam.state);
    await expect(iamRoleKind.apply(ports, change!)).rejects.toMatchObject({ code: 'conflict', retryable: true });
    expect(snapshotIam(iam.state)).toEqual(before);
  });

  it('cannot be claimed outside of our path', () => {
    const outside = claim({ path: '/', arn: `arn:aws:iam::${FAKE_ACCOUNT}:role/${NAME}` });
    expect(iamRoleKind.diff(NAME, ABSENT_ROLE, wanting(outside))).toMatchObject({
      findings: [{ code: 'foreign-principal', severity: 'blocks' }],
    });
  });

  it('recorded as ours it is ours, also after somebody took the tag away', async () => {
    const { ports, iam } = await account('alice');
    await settle(iamRoleKind, ports, NAME, wanting(claim()));
    operations.untag(iam.state, FAKE_ACCOUNT, 'role', NAME, ['gatehouse:managed', 'gatehouse:grant']);
    await settle(iamRoleKind, ports, NAME, wanting(claim(), true));
    expect((await iam.getRole(NAME))!.tags).toEqual({ 'gatehouse:managed': 'true', 'gatehouse:grant': 'ops' });
  });
});

it('is made once, however often the same change is made', async () => {
  const { ports, iam } = await account('alice');
  const { change } = iamRoleKind.diff(NAME, ABSENT_ROLE, wanting(claim()));
  const first = await iamRoleKind.apply(ports, change!);
  expect(await iamRoleKind.apply(ports, change!)).toEqual(first);
  expect(iam.calls.filter((call) => call.startsWith('putRolePolicy'))).toHaveLength(1);
});

const USERS = ['alice', 'bob', 'carol'];
const someClaim = fc
  .record({
    members: fc.subarray(USERS),
    state: fc.constantFrom('open' as const, 'open' as const, 'closed' as const),
    policy: fc.boolean(),
    boundary: fc.boolean(),
  })
  .map(({ members, state, policy, boundary }) =>
    claim({
      trust: memberTrust(members.map(user)),
      state,
      policies: policy ? { [CLUSTER_POLICY]: POLICY } : {},
      ...(boundary ? { boundary: BOUNDARY } : {}),
    }),
  );

/** The document as IAM shows it after the user `gone` was deleted. */
const withDeleted = (trust: PolicyDocument): PolicyDocument =>
  JSON.parse(JSON.stringify(trust).replace(user('gone'), 'AIDAEXAMPLE'));

const someState: fc.Arbitrary<IamRoleState> = fc.option(
  fc.record({
    present: fc.constant(true as const),
    roleId: fc.constant('AROAEXAMPLE'),
    arn: fc.constantFrom(ARN, ARN, ARN.replace('/gatehouse/', '/')),
    path: fc.constantFrom('/gatehouse/', '/gatehouse/', '/'),
    trust: fc.subarray(['gone', ...USERS]).map((members) => withDeleted(memberTrust(members.map(user)))),
    policies: fc.constantFrom(
      {},
      { [CLUSTER_POLICY]: POLICY },
      { [CLUSTER_POLICY]: { Version: '2012-10-17', Statement: [] } },
    ),
    tags: fc.constantFrom({}, { 'gatehouse:managed': 'true' }, { 'gatehouse:managed': 'true', team: 'x' }),
    maxSessionSeconds: fc.constantFrom(3600, 7200),
  }),
  { nil: ABSENT_ROLE },
);

it('keeps the laws of a kind', () => {
  const cases = fc
    .record({ observed: someState, claims: turnClaims(fc.array(someClaim, { maxLength: 2 })) })
    .map((given) => ({ object: NAME, ...given }));
  const foreignTags = (state: IamRoleState) =>
    state.present ? Object.entries(state.tags).filter(([key]) => !key.startsWith('gatehouse:')) : undefined;
  expectKindLaws(iamRoleKind, cases, foreignTags);
});

it('comes to the same end whatever call the process dies at, and answers what is then read', async () => {
  await fc.assert(
    fc.asyncProperty(
      someClaim,
      fc.option(someClaim),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('before' as const, 'after' as const),
      async (first, second, at, when) => {
        const next: ObjectClaims<IamRoleClaim> = second
          ? claimsOf({ wanted: [second], unwanted: [first] })
          : claimsOf({ unwanted: [first] });
        const golden = await account(...USERS);
        await settle(iamRoleKind, golden.ports, NAME, wanting(first));
        const { answer } = await turn(iamRoleKind, golden.ports, NAME, next);
        if (answer) expect(await iamRoleKind.observe(golden.ports, NAME)).toEqual(answer);

        const crashed = await account(...USERS);
        for (const claims of [wanting(first), next]) {
          const { ports } = dying(crashed.ports, at, when);
          await turn(iamRoleKind, ports, NAME, claims).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          await settle(iamRoleKind, crashed.ports, NAME, { ...claims, recorded: claims.wanted });
        }
        expect(snapshotIam(crashed.iam.state)).toEqual(snapshotIam(golden.iam.state));
      },
    ),
    { numRuns: 150 },
  );
});

it('names every action that it calls, and no other', async () => {
  const { ports, iam } = await account(...USERS);
  await settle(iamRoleKind, ports, NAME, wanting(claim()));
  await iam.setRoleSession(NAME, 7200);
  await settle(
    iamRoleKind,
    ports,
    NAME,
    wanting(claim({ boundary: BOUNDARY, tags: { 'gatehouse:grant': 'ops', a: 'b' } })),
  );
  await settle(iamRoleKind, ports, NAME, wanting(claim({ state: 'closed' })));
  await settle(iamRoleKind, ports, NAME, wanting(claim()));
  operations.attachPolicy(iam.state, FAKE_ACCOUNT, 'role', NAME, BOUNDARY);
  await settle(iamRoleKind, ports, NAME, claimsOf({ unwanted: [claim()] }));
  const named: Record<string, string> = {
    updateTrust: 'UpdateAssumeRolePolicy',
    setRoleSession: 'UpdateRole',
    setRoleBoundary: 'PutRolePermissionsBoundary',
  };
  const called = iam.calls.map((call) => {
    const method = call.split(' ')[0]!;
    return `iam:${named[method] ?? method[0]!.toUpperCase() + method.slice(1)}`;
  });
  expect([...new Set(called)].sort()).toEqual([...iamRoleKind.iamActions].sort());
});
