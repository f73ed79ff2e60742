import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { Subject } from '@gatehouse/core/access/subject';
import {
  blastRadius,
  clusterGuards,
  entries,
  lockout,
  MAX_AWS_AUTH_BYTES,
  namespaces,
  onAwsAuth,
  onePrincipalEach,
  ownership,
  protectedPrincipals,
  reservedNames,
  rights,
  size,
  strangersEntries,
  strangersGroups,
} from '@gatehouse/core/plan/guards';
import type { Draft, Guard } from '@gatehouse/core/plan/plan';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_OBJECT, type AwsAuthClaim } from '@gatehouse/core/resources/aws-auth/model';
import { CLAIMED_BY_ANNOTATION } from '@gatehouse/core/resources/namespace/model';
import type { Change, Claim, OwnedClaim } from '@gatehouse/core/resources/resource';
import type { RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import { describe, expect, it } from 'vitest';
import { ACCOUNT, aGrant, aPolicy } from '../../builders/policy.ts';
import { ours, user } from '../resources/cluster-objects.ts';

const ALICE: Subject = 'user/okta/alice';
const BOB: Subject = 'user/okta/bob';
const GRANT: Subject = 'grant/readers';
const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
const userArn = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const entry = (arn: string, username: string, ...groups: string[]) =>
  `- rolearn: ${arn}\n  username: "${username}"\n${groups.length > 0 ? `  groups: [${groups.join(', ')}]\n` : ''}`;
const NODES = entry(role('nodes'), 'system:node:{{EC2PrivateDNSName}}', 'system:bootstrappers', 'system:nodes');
const BREAK_GLASS = entry(role('break-glass'), 'break-glass', 'system:masters');
const SHARED = 'gatehouse:readers:{{SessionNameRaw}}';
const OURS = entry(role('gatehouse-readers'), SHARED);

const configMap = (mapRoles: string, more: Partial<KubernetesObject> = {}) => ({
  present: true as const,
  configMap: {
    apiVersion: 'v1',
    kind: 'ConfigMap' as const,
    metadata: { namespace: 'kube-system', name: 'aws-auth', resourceVersion: '1' },
    data: { mapRoles },
    ...more,
  },
});
const awsAuth = (before: string, after: string, more: Partial<KubernetesObject> = {}): Change => ({
  kind: 'aws-auth',
  object: AWS_AUTH_OBJECT,
  action: 'update',
  before: configMap(before),
  after: configMap(after, more),
  lines: [],
});
const door = (over: Partial<AwsAuthClaim> = {}, subject: Subject = GRANT): OwnedClaim => ({
  subject,
  grant: 'readers',
  claim: {
    kind: 'aws-auth',
    object: AWS_AUTH_OBJECT,
    list: 'mapRoles',
    arn: role('gatehouse-readers'),
    username: SHARED,
    ...over,
  } as AwsAuthClaim,
});

const BINDING = 'ClusterRoleBinding/gatehouse:readers:role:0';
const OWN_ROLE = { kind: 'ClusterRole', name: 'gatehouse:readers' } as const;
const ADMIN = { kind: 'ClusterRole', name: 'cluster-admin' } as const;
const binding = (names: readonly string[], roleRef: object = OWN_ROLE, metadata: object = ours('readers')) => ({
  present: true as const,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding' as const,
    metadata: { name: 'gatehouse:readers:role:0', ...metadata },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
    subjects: names.map(user),
  } as unknown as KubernetesObject,
});
const ABSENT = { present: false as const };
type Side = ReturnType<typeof binding> | typeof ABSENT;
const change = (kind: string, object: string, before: unknown, after: unknown): Change => ({
  kind,
  object,
  action: (after as Side).present ? ((before as Side).present ? 'update' : 'create') : 'delete',
  before,
  after,
  lines: [],
});
const bound = (username: string, subject: Subject, over: Partial<RoleBindingClaim> = {}): OwnedClaim => ({
  subject,
  grant: 'readers',
  claim: { kind: 'role-binding', object: BINDING, grant: 'readers', roleRef: OWN_ROLE, username, ...over } as Claim,
});
const namespace = (name: string, claimedBy: readonly string[] | undefined, managed = true) => ({
  present: true as const,
  object: {
    apiVersion: 'v1',
    kind: 'Namespace' as const,
    metadata: {
      name,
      ...(managed ? { labels: ours('x').labels } : {}),
      ...(claimedBy ? { annotations: { [CLAIMED_BY_ANNOTATION]: JSON.stringify(claimedBy) } } : {}),
    },
  },
});
const rules = (...verbs: string[]) => [{ apiGroups: [''], resources: ['pods'], verbs }];
const roleObject = (over: object, metadata: object = ours('readers')) => ({
  present: true as const,
  object: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole' as const,
    metadata: { name: 'gatehouse:readers', ...metadata },
    ...over,
  },
});
const ROLE = 'ClusterRole/gatehouse:readers';
const roleClaim = (): OwnedClaim => ({
  subject: GRANT,
  grant: 'readers',
  claim: { kind: 'role', object: ROLE, grant: 'readers', rules: rules('get', 'list') } as Claim,
});

function codes(
  guard: Guard,
  changes: readonly Change[],
  claims: Partial<Draft['claims']> = {},
  observed: Draft['observed'] = new Map(),
): string[] {
  const draft: Draft = {
    changes: changes.map((one) => ({ pass: 'add', change: one })),
    claims: { wanted: [], recorded: [], ...claims },
    observed,
  };
  return guard(draft).map(({ code, severity, subject }) => {
    expect(severity).toBe('blocks');
    return subject === undefined ? code : `${code} ${subject}`;
  });
}

describe('ownership', () => {
  const foreign = binding(['x'], OWN_ROLE, { labels: {} });
  it.each<[string, Change, number]>([
    ["a change of somebody else's binding", change('role-binding', BINDING, foreign, binding(['x', 'y'])), 1],
    ["a deletion of somebody else's Role", change('role', ROLE, roleObject({}, {}), ABSENT), 1],
    [
      "a deletion of somebody else's namespace",
      change('namespace', 'pay', namespace('pay', [GRANT], false), ABSENT),
      1,
    ],
    ['something made without the label', change('role', ROLE, ABSENT, roleObject({}, {})), 1],
    ['a change of our own', change('role-binding', BINDING, binding(['x']), binding(['x', 'y'])), 0],
    ['something made with the label', change('role', ROLE, ABSENT, roleObject({})), 0],
    [
      'a namespace that is let go',
      change('namespace', 'pay', namespace('pay', [GRANT]), namespace('pay', undefined, false)),
      0,
    ],
  ])('%s', (_name, one, found) => {
    expect(codes(ownership, [one])).toEqual(Array(found).fill('ownership'));
  });
});

describe('reserved names', () => {
  it.each([
    ['system:masters', false],
    ['alice', false],
    ['gatehouse-controller', false],
    ['gatehouse:', false],
    ['gatehouse:readers', false],
    ['gatehouse:readers:', false],
    ['gatehouse:readers:a:b', false],
    ['gatehouse:readers:{{EC2PrivateDNSName}}', false],
    ['gatehouse:readers:{{SessionName}}', false],
    ['gatehouse:readers:x{{SessionNameRaw}}', false],
    ['gatehouse:READERS:alice', false],
    ['gatehouse:readers:al ice', false],
    ['gatehouse:readers:alice', true],
    ['gatehouse:readers:{{SessionNameRaw}}', true],
    [`gatehouse:iam-user:${ACCOUNT}:alice`, true],
    [`gatehouse:iam-user:${ACCOUNT}:a`, true],
  ])('%s in aws-auth: %s', (username, sound) => {
    expect(codes(reservedNames(aPolicy()), [], { wanted: [door({ username })] })).toEqual(
      sound ? [] : [`reserved-name ${GRANT}`],
    );
  });

  it('are given to a machine by the policy alone, and to that machine only', () => {
    const policy = aPolicy({ machines: [{ name: 'ci', username: 'eks-cicd-user' }, { name: 'cd' }] });
    const found = (username: string, subject: Subject) => [
      ...codes(reservedNames(policy), [], { wanted: [door({ list: 'mapUsers', username }, subject)] }),
      ...codes(reservedNames(policy), [], { wanted: [bound(username, subject)] }),
    ];
    expect(found('eks-cicd-user', 'machine/ci')).toEqual([]);
    for (const subject of ['machine/cd', ALICE, GRANT] as const) {
      expect(found('eks-cicd-user', subject)).toEqual([`reserved-name ${subject}`, `reserved-name ${subject}`]);
    }
    expect(found('another', 'machine/ci')).toHaveLength(2);
  });

  it('takes no template in a binding', () => {
    expect(codes(reservedNames(aPolicy()), [], { wanted: [bound(SHARED, ALICE)] })).toEqual([`reserved-name ${ALICE}`]);
  });

  it('asks nothing of what is only to be taken away', () => {
    expect(codes(reservedNames(aPolicy()), [], { recorded: [bound('system:masters', ALICE)] })).toEqual([]);
  });
});

describe('one principal for each', () => {
  const mine = (subject: Subject, arn = userArn('a')) =>
    door({ list: 'mapUsers', arn, username: `gatehouse:iam-user:${ACCOUNT}:a` }, subject);

  it('lets the first of two people in, and not the second', () => {
    expect(codes(onePrincipalEach, [], { wanted: [mine(ALICE), mine(BOB)] })).toEqual([`shared-principal ${BOB}`]);
  });

  it('leaves the principal to who has it, however the ARN is written', () => {
    const claims = { wanted: [mine(ALICE, userArn('A')), mine(BOB)], recorded: [mine(BOB)] };
    expect(codes(onePrincipalEach, [], claims)).toEqual([`shared-principal ${ALICE}`]);
  });

  it('lets one person have it by two grants', () => {
    expect(codes(onePrincipalEach, [], { wanted: [mine(ALICE), { ...mine(ALICE), grant: 'other' }] })).toEqual([]);
  });
});

describe('protected principals', () => {
  const policy = aPolicy({ protected: { principals: [`arn:aws:iam::${ACCOUNT}:role/ops/break-glass`] } });
  const all = NODES + BREAK_GLASS;
  it.each<[string, string, string, number]>([
    ['a node line that goes', all, BREAK_GLASS, 1],
    ['a node line that is changed', all, all.replace('system:nodes', 'system:masters'), 1],
    ['a node line that is overruled by a later one', all, all + entry(role('nodes'), SHARED), 1],
    ['a protected principal whose line goes', all, NODES, 1],
    ['a protected principal in other case, who gets a line', NODES, NODES + entry(role('Break-Glass'), SHARED), 1],
    ['somebody else who gets a line', all, all + OURS, 0],
    ['a line that matches nobody', all, `${all}- rolearn: nonsense\n  username: x\n`, 0],
  ])('%s', (_name, before, after, found) => {
    expect(codes(onAwsAuth(protectedPrincipals(policy)), [awsAuth(before, after)])).toEqual(
      Array(found).fill('protected-principal'),
    );
  });
});

describe('a protected principal that somebody claims', () => {
  it('holds that one back, and nobody else', () => {
    const guard = onAwsAuth(protectedPrincipals(aPolicy({ protected: { principals: [role('gatehouse-readers')] } })));
    const one = awsAuth(NODES, NODES + OURS);
    expect(codes(guard, [one], { wanted: [door()] })).toEqual([`protected-principal ${GRANT}`]);
    expect(codes(guard, [awsAuth(NODES + OURS, NODES)], { recorded: [door()] })).toEqual([
      `protected-principal ${GRANT}`,
    ]);
    expect(codes(guard, [one], { wanted: [door({ arn: role('other') })] })).toEqual(['protected-principal']);
  });
});

describe('blast radius', () => {
  const claims = { wanted: [door()] };
  it.each<[string, string, string, number]>([
    ['the line of the claim', NODES, NODES + OURS, 0],
    ['a foreign line that goes', NODES + BREAK_GLASS + OURS, NODES + OURS, 1],
    ['a line that nobody asked for', NODES, NODES + entry(role('eve'), 'gatehouse:readers:eve'), 1],
  ])('%s', (_name, before, after, found) => {
    expect(codes(onAwsAuth(strangersEntries), [awsAuth(before, after)], claims)).toEqual(
      Array(found).fill('blast-radius'),
    );
  });

  it('sees an account that mapAccounts admits', () => {
    const data = { mapRoles: NODES, mapAccounts: `- "${ACCOUNT}"\n` };
    expect(codes(onAwsAuth(strangersEntries), [awsAuth(NODES, NODES, { data })], claims)).toEqual(['blast-radius']);
  });

  const A = 'gatehouse:readers:alice';
  const B = 'gatehouse:readers:bob';
  it.each<[string, Side, Side, Partial<Draft['claims']>, number]>([
    ['who is wanted is bound', binding([B]), binding([B, A]), { wanted: [bound(A, ALICE)] }, 0],
    ['who is gone is unbound', binding([A, B]), binding([B]), { recorded: [bound(A, ALICE)] }, 0],
    ['all are gone with the binding', binding([A]), ABSENT, { recorded: [bound(A, ALICE)] }, 0],
    ['somebody is bound whom nobody named', ABSENT, binding([A, B]), { wanted: [bound(A, ALICE)] }, 1],
    ['somebody of another turn is unbound', binding([A, B]), ABSENT, { recorded: [bound(A, ALICE)] }, 1],
    [
      'somebody of this turn who is wanted is unbound',
      binding([A, B]),
      binding([A]),
      { wanted: [bound(B, BOB)], recorded: [bound(B, BOB)] },
      1,
    ],
    [
      'somebody is bound who is wanted elsewhere',
      ABSENT,
      binding([A]),
      { wanted: [bound(A, ALICE, { object: 'ClusterRoleBinding/gatehouse:other:role:0' })] },
      1,
    ],
    ['somebody is bound who is only recorded', ABSENT, binding([A]), { recorded: [bound(A, ALICE)] }, 1],
  ])('%s', (_name, before, after, some, found) => {
    expect(codes(blastRadius, [change('role-binding', BINDING, before, after)], some)).toEqual(
      Array(found).fill('blast-radius'),
    );
  });

  it('sees a group that is bound under the name of a user', () => {
    const after = binding([A]);
    const withGroup = {
      ...after,
      object: { ...after.object, subjects: [user(A), { ...user(A), kind: 'Group' as const }] },
    };
    const claims = { wanted: [bound(A, ALICE)] };
    expect(codes(blastRadius, [change('role-binding', BINDING, ABSENT, withGroup)], claims)).toEqual(['blast-radius']);
  });
});

describe('entries of aws-auth', () => {
  const claims = { wanted: [door()] };
  it.each<[string, string, string, Partial<Draft['claims']>, number]>([
    ['ours comes', NODES, NODES + OURS, claims, 0],
    ['ours goes', NODES + OURS, NODES, { recorded: [door()] }, 0],
    ['ours is put right', entry(role('gatehouse-readers'), SHARED, 'system:masters'), OURS, claims, 0],
    ['ours comes with a group', NODES, NODES + entry(role('gatehouse-readers'), SHARED, 'system:masters'), claims, 1],
    [
      'ours comes with a template of nodes',
      NODES,
      NODES + entry(role('gatehouse-readers'), 'gatehouse:readers:{{EC2PrivateDNSName}}'),
      claims,
      1,
    ],
    ['ours comes back although it is only recorded', NODES, NODES + OURS, { recorded: [door()] }, 1],
    ['a foreign entry for our principal goes', entry(role('gatehouse-readers'), 'x') + OURS, OURS, claims, 1],
    ['a foreign duplicate that never counted goes', entry(role('nodes'), 'x') + NODES, NODES, claims, 1],
    [
      "another grant's entry goes",
      OURS + entry(role('gatehouse-other'), 'gatehouse:other:{{SessionNameRaw}}'),
      OURS,
      claims,
      1,
    ],
  ])('%s', (_name, before, after, some, found) => {
    expect(codes(onAwsAuth(entries), [awsAuth(before, after)], some)).toEqual(
      Array(found).fill('foreign-entry-changed'),
    );
  });

  it.each<[string, Change]>([
    ['deletes the ConfigMap', { ...awsAuth(NODES, NODES), action: 'delete', after: ABSENT }],
    ['changes another key', awsAuth(NODES, NODES, { data: { mapRoles: NODES, mapAccounts: '[]' } })],
    [
      'changes its labels',
      awsAuth(NODES, NODES, { metadata: { namespace: 'kube-system', name: 'aws-auth', labels: {} } }),
    ],
  ])('blocks what %s', (_name, one) => {
    expect(codes(onAwsAuth(entries), [one], claims)).toEqual(['foreign-entry-changed']);
  });
});

describe('rights', () => {
  const guard = rights(aPolicy());
  const roleChange = (before: unknown, after: unknown) => change('role', ROLE, before, after);
  it.each<[string, Change, number]>([
    ['the rules of the level', roleChange(ABSENT, roleObject({ rules: rules('get', 'list') })), 0],
    ['some of them', roleChange(ABSENT, roleObject({ rules: rules('get') })), 0],
    ['none of them', roleChange(roleObject({ rules: rules('*') }), roleObject({ rules: [] })), 0],
    ['one verb more', roleChange(ABSENT, roleObject({ rules: rules('get', 'delete') })), 1],
    ['everything', roleChange(ABSENT, roleObject({ rules: rules('*') })), 1],
    [
      'an aggregation',
      roleChange(ABSENT, roleObject({ rules: rules('get'), aggregationRule: { clusterRoleSelectors: [] } })),
      1,
    ],
    ['a deletion', roleChange(roleObject({ rules: rules('*') }), ABSENT), 0],
  ])('a Role with %s', (_name, one, found) => {
    expect(codes(guard, [one], { wanted: [roleClaim()] })).toEqual(Array(found).fill('beyond-level'));
  });

  it('knows no rules for a Role that no grant of the policy wants', () => {
    const one = roleChange(ABSENT, roleObject({ rules: rules('get') }));
    expect(codes(guard, [one])).toEqual(['beyond-level']);
    expect(codes(rights(aPolicy({ grants: [] })), [one], { wanted: [roleClaim()] })).toEqual(['beyond-level']);
  });

  const A = 'gatehouse:readers:alice';
  const bindingChange = (before: Side, after: Side, object = BINDING) => change('role-binding', object, before, after);
  const ADMINS = 'ClusterRoleBinding/gatehouse:readers:clusterrole-cluster-admin:0';
  const adminPolicy = aPolicy({ grants: [aGrant({ level: { name: 'admin', clusterRole: 'cluster-admin' } })] });
  it.each<[string, AccessPolicy, Change, number]>([
    ["the grant's own Role", aPolicy(), bindingChange(ABSENT, binding([A])), 0],
    ['the ClusterRole of the level', adminPolicy, bindingChange(ABSENT, binding([A], ADMIN), ADMINS), 0],
    [
      "the ClusterRole of the level, by another binding than the grant's",
      adminPolicy,
      bindingChange(ABSENT, binding([A], ADMIN)),
      1,
    ],
    ['cluster-admin, which no level names', aPolicy(), bindingChange(ABSENT, binding([A], ADMIN)), 1],
    [
      "another grant's Role",
      aPolicy(),
      bindingChange(ABSENT, binding([A], { kind: 'ClusterRole', name: 'gatehouse:x' })),
      1,
    ],
    ['its own Role, where the level names a ClusterRole', adminPolicy, bindingChange(ABSENT, binding([A])), 1],
    ['another one than before', aPolicy(), bindingChange(binding([A], ADMIN), binding([A])), 1],
    ['cluster-admin, only taken away', aPolicy(), bindingChange(binding([A, 'b'], ADMIN), binding(['b'], ADMIN)), 0],
  ])('a binding to %s', (_name, policy, one, found) => {
    const wanted = [bound(A, ALICE, { object: one.object })];
    expect(codes(rights(policy), [one], { wanted })).toEqual(Array(found).fill('beyond-level'));
  });
});

describe('namespaces', () => {
  const need = (subject: Subject, onAbsent: string, object = 'pay'): OwnedClaim => ({
    subject,
    grant: 'readers',
    claim: { kind: 'namespace', object, onAbsent } as Claim,
  });
  const OTHER: Subject = 'grant/other';
  it.each<[string, Change, Partial<Draft['claims']>, number]>([
    [
      'made to go with its last grant',
      change('namespace', 'pay', namespace('pay', [GRANT]), ABSENT),
      { recorded: [need(GRANT, 'create-and-delete')] },
      0,
    ],
    [
      'made to stay',
      change('namespace', 'pay', namespace('pay', [GRANT]), ABSENT),
      { recorded: [need(GRANT, 'create')] },
      1,
    ],
    [
      'that another grant needs',
      change('namespace', 'pay', namespace('pay', [GRANT, OTHER]), ABSENT),
      { recorded: [need(GRANT, 'create-and-delete')] },
      1,
    ],
    [
      'that is wanted in this turn',
      change('namespace', 'pay', namespace('pay', [GRANT]), ABSENT),
      { wanted: [need(GRANT, 'create-and-delete')], recorded: [need(GRANT, 'create-and-delete')] },
      1,
    ],
    [
      'whose note is lost',
      change('namespace', 'pay', namespace('pay', undefined), ABSENT),
      { recorded: [need(GRANT, 'create-and-delete')] },
      1,
    ],
    [
      'of Kubernetes itself',
      change('namespace', 'kube-system', namespace('kube-system', [GRANT]), ABSENT),
      { recorded: [need(GRANT, 'create-and-delete', 'kube-system')] },
      1,
    ],
  ])('a deletion of one %s', (_name, one, claims, found) => {
    expect(codes(namespaces, [one], claims)).toEqual(Array(found).fill('namespace-needed'));
  });
});

describe('lockout', () => {
  const A = 'gatehouse:readers:alice';
  const observed = (mapRoles: string) => new Map([[`aws-auth ${AWS_AUTH_OBJECT}`, configMap(mapRoles)]]);
  const last = change('role-binding', BINDING, binding([A], ADMIN), ABSENT);
  it.each<[string, Guard, Change, Draft['observed'], number]>([
    ['the last administrator goes', lockout(aPolicy()), last, observed(NODES), 1],
    ['aws-auth was not seen', lockout(aPolicy()), last, new Map(), 1],
    ['somebody is mapped to system:masters', lockout(aPolicy()), last, observed(NODES + BREAK_GLASS), 0],
    ['the policy protects somebody', lockout(aPolicy({ protected: { principals: [role('x')] } })), last, new Map(), 0],
    [
      'one of two goes',
      lockout(aPolicy()),
      change('role-binding', BINDING, binding([A, 'b'], ADMIN), binding(['b'], ADMIN)),
      new Map(),
      0,
    ],
    [
      'somebody is added',
      lockout(aPolicy()),
      change('role-binding', BINDING, ABSENT, binding([A], ADMIN)),
      new Map(),
      0,
    ],
    ['the last reader goes', lockout(aPolicy()), change('role-binding', BINDING, binding([A]), ABSENT), new Map(), 0],
  ])('where %s', (_name, guard, one, there, found) => {
    expect(codes(guard, [one], {}, there)).toEqual(Array(found).fill('lockout'));
  });
});

describe('size', () => {
  const large = (bytes: number) => `${NODES}#${'x'.repeat(bytes)}\n`;
  it.each<[string, string, string, number]>([
    ['grows over the limit', NODES, large(MAX_AWS_AUTH_BYTES), 1],
    ['grows further beyond it', large(MAX_AWS_AUTH_BYTES), large(MAX_AWS_AUTH_BYTES + 1), 1],
    ['shrinks, and is too large still', large(MAX_AWS_AUTH_BYTES + 1), large(MAX_AWS_AUTH_BYTES), 0],
    ['grows below it', NODES, large(MAX_AWS_AUTH_BYTES - 1024), 0],
  ])('of an aws-auth that %s', (_name, before, after, found) => {
    expect(codes(size, [awsAuth(before, after)])).toEqual(Array(found).fill('too-large'));
  });
});

describe('groups of an OIDC provider', () => {
  const group = bound('okta:payments', ALICE);
  const wanted = [{ ...group, claim: { ...group.claim, username: undefined, group: 'okta:payments' } } as OwnedClaim];
  const provider = {
    name: 'theirs',
    issuer: 'https://x',
    clientId: 'c',
    requiredClaims: {},
    status: 'ACTIVE',
    tags: {},
  };
  const found = (state: unknown, claims = wanted) =>
    strangersGroups({
      changes: [],
      claims: { wanted: claims, recorded: [] },
      observed: new Map(state === undefined ? [] : [['identity-provider identity-provider', state]]),
    }).map(({ code, subject }) => `${code} ${subject}`);

  it.each<[string, unknown, number]>([
    ['nothing is known of the cluster’s place for one', undefined, 0],
    ['the place is free', { provider: null }, 0],
    ['it is Gatehouse’s', { provider: { ...provider, tags: { 'gatehouse:managed': 'true' } } }, 0],
    ['it is somebody else’s', { provider }, 1],
    ['it is somebody else’s, and not there yet', { provider: { ...provider, status: 'CREATING' } }, 1],
  ])('are held back or not where %s', (_what, state, count) => {
    expect(found(state)).toEqual(Array(count).fill(`identity-provider-taken ${ALICE}`));
  });

  it('hold no user back', () => {
    expect(found({ provider }, [bound('gatehouse:readers:alice', ALICE)])).toEqual([]);
  });
});

it('are all asked of every plan for a cluster', () => {
  const policy = aPolicy();
  const named = [ownership, onePrincipalEach, strangersGroups, blastRadius, namespaces, size];
  expect(clusterGuards(policy)).toEqual(expect.arrayContaining(named));
  expect(clusterGuards(policy)).toHaveLength(named.length + [reservedNames, onAwsAuth, rights, lockout].length);
});

it('are all asked of what becomes of aws-auth', () => {
  const found = clusterGuards(aPolicy()).flatMap((guard) => codes(guard, [awsAuth(NODES + OURS, OURS)]));
  expect(found).toEqual(['protected-principal', 'blast-radius', 'foreign-entry-changed']);
});
