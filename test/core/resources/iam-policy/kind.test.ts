import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import { iamPolicyKind } from '@gatehouse/core/resources/iam-policy/kind';
import {
  ABSENT_POLICY,
  DEFAULT_POLICY_NAME,
  type IamPolicyClaim,
  type IamPolicyState,
} from '@gatehouse/core/resources/iam-policy/model';
import type { OwnedClaim } from '@gatehouse/core/resources/resource';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as operations from '../../../../sandbox/src/aws/iam/operations.ts';
import { snapshotIam } from '../../../../sandbox/src/aws/iam/state.ts';
import { FAKE_ACCOUNT } from '../../../fakes/iam.ts';
import { Crash, claimsOf, dying, memoryAccount, settle, turn, wanting } from '../account-turns.ts';
import { expectKindLaws, turnClaims } from '../kind-laws.ts';

const ARN = `arn:aws:iam::${FAKE_ACCOUNT}:policy/gatehouse/${DEFAULT_POLICY_NAME}`;
const clusterArn = (name: string) => `arn:aws:eks:eu-west-1:${FAKE_ACCOUNT}:cluster/${name}`;
const looksUp = (...names: readonly string[]): PolicyDocument => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: names.map(clusterArn) }],
});
const claim = (
  document = looksUp('prod'),
  subject: OwnedClaim['subject'] = 'machine/ci',
): OwnedClaim<IamPolicyClaim> => ({
  subject,
  claim: {
    kind: 'iam-policy',
    object: ARN,
    arn: ARN,
    path: '/gatehouse/',
    name: DEFAULT_POLICY_NAME,
    document,
    tags: {},
  },
});
const inForce = async ({ iam }: ReturnType<typeof memoryAccount>) => {
  const policy = await iam.getPolicy(ARN);
  return policy && iam.getPolicyVersion(ARN, policy.version);
};
const called = (account: ReturnType<typeof memoryAccount>) => account.iam.calls.map((call) => call.split(' ')[0]);

describe('a managed policy that is wanted', () => {
  it('is made in one call, as ours', async () => {
    const account = memoryAccount();
    const { answer, change } = await turn(iamPolicyKind, account.ports, ARN, wanting(claim()));
    expect(called(account)).toEqual(['getPolicy', 'createPolicy']);
    expect(await account.iam.getPolicy(ARN)).toMatchObject({
      path: '/gatehouse/',
      tags: { 'gatehouse:managed': 'true' },
    });
    expect(await iamPolicyKind.observe(account.ports, ARN)).toEqual(answer);
    expect(change!.lines.map(({ sign, text }) => `${sign} ${text}`)).toEqual([
      `+ policy ${ARN}: eks:DescribeCluster on ${clusterArn('prod')}`,
    ]);
  });

  it('costs two reads where nothing changed, however its document is written', async () => {
    const account = memoryAccount();
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp('prod'))));
    account.iam.calls.length = 0;
    const single = {
      ...looksUp(),
      Statement: { Effect: 'Allow', Action: ['eks:DescribeCluster'], Resource: clusterArn('prod') },
    };
    expect(await turn(iamPolicyKind, account.ports, ARN, wanting(claim(single), true))).toEqual({ findings: [] });
    expect(called(account)).toEqual(['getPolicy', 'getPolicyVersion']);
  });

  it('gets a new version for another document, and never more than five', async () => {
    const account = memoryAccount();
    for (let index = 1; index <= 12; index += 1) {
      await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp(`c${index}`)), index > 1));
      expect(await inForce(account)).toEqual(looksUp(`c${index}`));
    }
    const kept = (await account.iam.listPolicyVersions(ARN)).map(({ id }) => id);
    expect(kept).toEqual(['v12', 'v11', 'v10', 'v9', 'v8']);
  });

  it('is put right where somebody edited it, and its tag is put back where the record says that it is ours', async () => {
    const account = memoryAccount();
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim()));
    await account.iam.createPolicyVersion(ARN, {
      ...looksUp('prod'),
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
    });
    await account.iam.tagPolicy(ARN, { 'gatehouse:managed': 'no', team: 'x' });
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim(), true));
    expect(await inForce(account)).toEqual(looksUp('prod'));
    expect((await account.iam.getPolicy(ARN))!.tags).toEqual({ 'gatehouse:managed': 'true', team: 'x' });
  });

  it('is wanted by several machines at once, in one form only', () => {
    const both = claimsOf({ wanted: [claim(), claim(looksUp('prod'), 'machine/cd')] });
    expect(iamPolicyKind.diff(ARN, ABSENT_POLICY, both).change?.action).toBe('create');
    const differing = claimsOf({ wanted: [claim(), claim(looksUp('test'), 'machine/cd')] });
    expect(iamPolicyKind.diff(ARN, ABSENT_POLICY, differing)).toMatchObject({
      findings: [{ code: 'claims-differ' }, { code: 'claims-differ' }],
    });
  });
});

describe('a policy of the name that is somebody else’s', () => {
  it('stays as it is, and is a finding', async () => {
    const account = memoryAccount();
    await account.iam.createPolicy({
      name: DEFAULT_POLICY_NAME,
      path: '/gatehouse/',
      document: looksUp('x'),
      tags: {},
    });
    const before = snapshotIam(account.iam.state);
    const diff = await turn(iamPolicyKind, account.ports, ARN, wanting(claim()));
    expect(diff).toMatchObject({
      findings: [{ code: 'foreign-principal', severity: 'blocks', subject: 'machine/ci' }],
    });
    expect(diff.findings[0]!.remedy).toContain('under machines');
    expect(await turn(iamPolicyKind, account.ports, ARN, claimsOf({}))).toEqual({ findings: [] });
    expect(snapshotIam(account.iam.state)).toEqual(before);
  });

  it('of another path is refused by IAM, and no retry helps', async () => {
    const account = memoryAccount();
    await account.iam.createPolicy({ name: DEFAULT_POLICY_NAME, path: '/', document: looksUp('x'), tags: {} });
    const made = turn(iamPolicyKind, account.ports, ARN, wanting(claim()));
    await expect(made).rejects.toMatchObject({ code: 'already-exists', retryable: false });
    await expect(made).rejects.toMatchObject({ remedy: expect.stringContaining('under machines') });
  });

  it('made between reading and deleting stays', async () => {
    const account = memoryAccount();
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim()));
    const gone = claimsOf({ unwanted: [claim()] });
    const { change } = iamPolicyKind.diff(ARN, await iamPolicyKind.observe(account.ports, ARN), gone);
    await account.iam.deletePolicy(ARN);
    await account.iam.createPolicy({
      name: DEFAULT_POLICY_NAME,
      path: '/gatehouse/',
      document: looksUp('x'),
      tags: {},
    });
    await expect(iamPolicyKind.apply(account.ports, change!)).rejects.toMatchObject({ code: 'conflict' });
    expect(await inForce(account)).toEqual(looksUp('x'));
  });
});

describe('a managed policy that is released', () => {
  const gone = claimsOf({ unwanted: [claim()] });

  it('is deleted with all its versions', async () => {
    const account = memoryAccount();
    const empty = snapshotIam(account.iam.state).accounts;
    for (const name of ['a', 'b', 'c'])
      await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp(name)), true));
    await settle(iamPolicyKind, account.ports, ARN, gone);
    expect(snapshotIam(account.iam.state).accounts).toEqual(empty);
    expect(await turn(iamPolicyKind, account.ports, ARN, gone)).toEqual({ findings: [] });
  });

  it('waits, in force, until whoever has it lets go', async () => {
    const account = memoryAccount();
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim()));
    operations.createUser(account.iam.state, FAKE_ACCOUNT, { name: 'someone' });
    await account.iam.attachUserPolicy('someone', ARN);
    await expect(turn(iamPolicyKind, account.ports, ARN, gone)).rejects.toMatchObject({
      code: 'conflict',
      retryable: true,
      remedy: expect.stringContaining('list-entities-for-policy'),
    });
    expect(await inForce(account)).toEqual(looksUp('prod'));
    await account.iam.detachUserPolicy('someone', ARN);
    await settle(iamPolicyKind, account.ports, ARN, gone);
    expect(await account.iam.getPolicy(ARN)).toBeUndefined();
  });
});

it.each(['before', 'after'] as const)('comes to the same end wherever the process dies (%s a call)', async (when) => {
  for (let at = 1; at <= 12; at += 1) {
    const account = memoryAccount();
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp('old'))));
    for (const claims of [wanting(claim(looksUp('new')), true), claimsOf({ unwanted: [claim(looksUp('new'))] })]) {
      const { ports } = dying(account.ports, at, when);
      await turn(iamPolicyKind, ports, ARN, claims).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
      await settle(iamPolicyKind, account.ports, ARN, claims);
      expect(await inForce(account)).toEqual(claims.wanted.length > 0 ? looksUp('new') : undefined);
    }
  }
});

it('calls what its iamActions say, and nothing else', async () => {
  const account = memoryAccount();
  for (let index = 1; index <= 6; index += 1) {
    await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp(`c${index}`)), true));
  }
  await account.iam.tagPolicy(ARN, { 'gatehouse:managed': 'no' });
  await settle(iamPolicyKind, account.ports, ARN, wanting(claim(looksUp('c6')), true));
  await settle(iamPolicyKind, account.ports, ARN, claimsOf({ unwanted: [claim()] }));
  const actions = new Set(called(account).map((method) => `iam:${method![0]!.toUpperCase()}${method!.slice(1)}`));
  expect([...actions].sort()).toEqual([...iamPolicyKind.iamActions].sort());
});

const someState: fc.Arbitrary<IamPolicyState> = fc
  .record({
    arn: fc.constantFrom(ARN, ARN, ARN.replace('/gatehouse/', '/')),
    document: fc.constantFrom(looksUp('a'), looksUp('b')),
    tags: fc.constantFrom({}, { 'gatehouse:managed': 'true' }, { 'gatehouse:managed': 'true', team: 'x' }),
    present: fc.boolean(),
  })
  .map(({ arn, present, ...rest }) => {
    const path = arn === ARN ? '/gatehouse/' : '/';
    return present
      ? { present: true, policyId: 'ANPA1', name: DEFAULT_POLICY_NAME, arn, path, ...rest }
      : ABSENT_POLICY;
  });

it('keeps the laws of a kind', () => {
  const owned = fc
    .record({
      subject: fc.constantFrom('machine/ci', 'machine/cd'),
      document: fc.constantFrom(looksUp('a'), looksUp('b')),
    })
    .map(({ subject, document }) => claim(document, subject as OwnedClaim['subject']));
  const cases = fc
    .tuple(turnClaims(fc.uniqueArray(owned, { maxLength: 2, selector: ({ subject }) => subject })), someState)
    .map(([claims, observed]) => ({ object: ARN, observed, claims }));
  expectKindLaws(iamPolicyKind, cases, (state) =>
    state.present ? { ...state.tags, 'gatehouse:managed': undefined } : undefined,
  );
});
