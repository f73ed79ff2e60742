import { boundaryKept, iamGuards, ownPath, policies, protectedFromIam, trust } from '@gatehouse/core/plan/iam-guards';
import type { Guard } from '@gatehouse/core/plan/plan';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';
import type { IamPolicyState } from '@gatehouse/core/resources/iam-policy/model';
import { ABSENT_ROLE, type IamRoleState } from '@gatehouse/core/resources/iam-role/model';
import { accountTrust, closedTrust, memberTrust, soundTrust } from '@gatehouse/core/resources/iam-role/trust';
import type { IamUserState } from '@gatehouse/core/resources/iam-user/model';
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
type Side = IamRoleState | IamUserState | IamPolicyState;

function codes(guard: Guard, before: Side, after: Side): string[] {
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
    expect(iamGuards(aPolicy())).toHaveLength(5);
    expect(iamGuards(aPolicy())).toEqual(expect.arrayContaining([ownPath, boundaryKept, policies]));
  });

  const cluster = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
  const managedPolicy = (over: Record<string, unknown> = {}): IamPolicyState => ({
    present: true,
    policyId: 'ANPA1',
    name: 'EKS_CICD_User_Policy',
    arn: `arn:aws:iam::${ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`,
    path: '/gatehouse/',
    tags: { 'gatehouse:managed': 'true' },
    document: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: cluster, ...over }],
    } as PolicyDocument,
  });

  it.each<[string, Record<string, unknown>, number]>([
    ['looks one cluster up', {}, 0],
    ['looks several up', { Resource: [cluster, cluster.replace('prod', 'test')] }, 0],
    ['does more', { Action: ['eks:DescribeCluster', 'eks:AccessKubernetesApi'] }, 1],
    ['does anything', { Action: '*' }, 1],
    ['is for all clusters', { Resource: '*' }, 1],
    ['is for all clusters of an account', { Resource: cluster.replace('prod-eu', '*') }, 1],
    ['is for all but some', { Resource: undefined, NotResource: cluster }, 1],
    ['is for something else', { Resource: `arn:aws:iam::${ACCOUNT}:role/admin` }, 1],
  ])('that writes a managed policy which %s', (_name, over, found) => {
    const written = JSON.parse(JSON.stringify(managedPolicy(over))) as IamPolicyState;
    expect(codes(policies, ABSENT_ROLE, written)).toEqual(Array(found).fill('blocks beyond-level'));
    expect(codes(policies, managedPolicy(), written)).toEqual(Array(found).fill('blocks beyond-level'));
    // What somebody else wrote, and a plan only passes by, is not the plan's doing.
    expect(codes(policies, written, written)).toEqual([]);
  });

  it('that attaches a policy of somebody else’s', () => {
    const user = (...attached: string[]) =>
      ({ ...managedPolicy(), document: undefined, userId: 'AIDA1', policies: {}, keys: [], attached }) as never;
    const side = (...attached: string[]) => JSON.parse(JSON.stringify(user(...attached))) as IamUserState;
    const own = `arn:aws:iam::${ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`;
    const foreign = 'arn:aws:iam::aws:policy/AdministratorAccess';
    expect(codes(policies, side(), side(own))).toEqual([]);
    expect(codes(policies, side(), side(own, foreign))).toEqual(['blocks beyond-level']);
    expect(codes(policies, side(foreign), side(own, foreign))).toEqual([]);
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
