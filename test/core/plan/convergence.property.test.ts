import { canonicalJson } from '@gatehouse/core/access/json';
import { GRANT_ANNOTATION, MANAGED_BY } from '@gatehouse/core/access/names';
import type { AccessPolicy, Grant } from '@gatehouse/core/access/policy';
import { grantSubject, type Subject } from '@gatehouse/core/access/subject';
import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { placedClaim } from '@gatehouse/core/plan/bindings';
import { desiredForGrant, desiredForMember } from '@gatehouse/core/plan/desired';
import { clusterGuards } from '@gatehouse/core/plan/guards';
import { iamGuards } from '@gatehouse/core/plan/iam-guards';
import { type Guard, type Plan, planTurn } from '@gatehouse/core/plan/plan';
import { machineUserArn } from '@gatehouse/core/plan/principals';
import { objectId, ownedClaimKey, type TurnClaims, unwantedClaims } from '@gatehouse/core/plan/turn-claims';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_OBJECT, type AwsAuthClaim, type AwsAuthObserved } from '@gatehouse/core/resources/aws-auth/model';
import type { IamPolicyClaim, IamPolicyState } from '@gatehouse/core/resources/iam-policy/model';
import type { IamRoleClaim, IamRoleState } from '@gatehouse/core/resources/iam-role/model';
import { memberTrust, trustedPrincipals } from '@gatehouse/core/resources/iam-role/trust';
import type { IamUserClaim, IamUserState } from '@gatehouse/core/resources/iam-user/model';
import { CLUSTER_KINDS, IAM_KINDS } from '@gatehouse/core/resources/kinds';
import { isManaged, type ObjectState } from '@gatehouse/core/resources/managed-object';
import { claimedBy } from '@gatehouse/core/resources/namespace/model';
import type { Kind, OwnedClaim } from '@gatehouse/core/resources/resource';
import { type RoleClaim, sameRules } from '@gatehouse/core/resources/role/model';
import { boundIn, type RoleBindingClaim } from '@gatehouse/core/resources/role-binding/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACCOUNT, aCluster, aGrant, aPolicy } from '../../builders/policy.ts';
import { user } from '../resources/cluster-objects.ts';

type World = Map<string, unknown>;
type Case = { readonly policy: AccessPolicy; readonly claims: TurnClaims; readonly observed: World };

const RUNS = { numRuns: 150 };
const keys = (claims: readonly OwnedClaim[]) => new Set(claims.map(ownedClaimKey));
const pairOf = ({ subject, grant = '' }: OwnedClaim) => `${subject} ${grant}`;

/** A state without what only tells `apply` to do something beside. */
function settled(state: unknown): unknown {
  const { retires: _retires, ...rest } = state as { retires?: unknown };
  return rest;
}

/** What is there once a plan is carried out. */
function carriedOut(observed: World, { changes }: Plan): World {
  const world = new Map(observed);
  for (const { change } of changes) {
    const id = objectId(change);
    expect(settled(change.before)).toEqual(world.get(id));
    world.set(id, settled(change.after));
  }
  return world;
}

/** The claims of a turn without those that its plan holds back. */
function openClaims(claims: TurnClaims, plan: Plan): TurnClaims {
  const held = keys(plan.held);
  const open = (owned: OwnedClaim) => !held.has(ownedClaimKey(owned));
  return { wanted: claims.wanted.filter(open), recorded: claims.recorded.filter(open) };
}

/** What is recorded when a plan has been carried out. */
function recordedAfter(claims: TurnClaims, plan: Plan): readonly OwnedClaim[] {
  const open = openClaims(claims, plan);
  const gone = keys(unwantedClaims(open));
  const all = [...claims.recorded, ...open.wanted].filter((owned) => !gone.has(ownedClaimKey(owned)));
  return [...new Map(all.map((owned) => [ownedClaimKey(owned), owned])).values()];
}

/** The laws of every plan, whatever the kinds. */
function expectLaws(kinds: readonly Kind[], guards: readonly Guard[], { claims, observed }: Case): World {
  const given = canonicalJson([claims, [...observed]]);
  const plan = planTurn({ kinds, claims, observed, guards });
  expect(canonicalJson([claims, [...observed]])).toBe(given);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);

  const passes = plan.changes.map(({ pass }) => pass);
  expect(passes).toEqual([...passes].sort().reverse());
  const order = (pass: string) =>
    plan.changes
      .filter((one) => one.pass === pass)
      .map(({ change }) => kinds.findIndex(({ name }) => name === change.kind));
  expect(order('add')).toEqual(order('add').toSorted((a, b) => a - b));
  expect(order('remove')).toEqual(order('remove').toSorted((a, b) => b - a));

  const held = keys(plan.held);
  // A line that two grants of a subject want stays while one of them is open.
  const wantedOnce = [...Map.groupBy(claims.wanted, ownedClaimKey).values()]
    .filter((owned) => owned.length === 1)
    .flat();
  for (const [pair, wanted] of Map.groupBy(wantedOnce, pairOf)) {
    const left = wanted.filter((owned) => held.has(ownedClaimKey(owned)));
    expect([0, wanted.length], `${pair} gets all or nothing`).toContain(left.length);
  }
  const places = new Set(claims.wanted.map(({ subject, claim }) => `${subject} ${objectId(claim)}`));
  for (const { subject, claim } of unwantedClaims(claims).filter((owned) => held.has(ownedClaimKey(owned)))) {
    const because = plan.findings.some(
      (finding) =>
        finding.severity === 'blocks' &&
        finding.object === claim.object &&
        (finding.subject === undefined || finding.subject === subject),
    );
    expect(because || places.has(`${subject} ${objectId(claim)}`), `${subject} keeps ${claim.object}`).toBe(true);
  }

  const after = carriedOut(observed, plan);
  const again = planTurn({
    kinds,
    claims: { wanted: claims.wanted, recorded: recordedAfter(claims, plan) },
    observed: after,
    guards,
  });
  expect(again.changes).toEqual([]);
  return after;
}

/** Codes of guards that no honest plan may meet; the others speak of the world, not of the planner. */
const FAULTS = new Set(['ownership', 'reserved-name', 'blast-radius', 'foreign-entry-changed', 'beyond-level']);
function expectNoFault(kinds: readonly Kind[], guards: readonly Guard[], { claims, observed }: Case): void {
  const plan = planTurn({ kinds, claims, observed, guards: [] });
  const draft = { changes: plan.changes, claims: openClaims(claims, plan), observed };
  const found = guards
    .flatMap((guard) => guard(draft))
    .filter(({ code }) => FAULTS.has(code) || code === 'namespace-needed');
  expect(found).toEqual([]);
}

// ---------------------------------------------------------------- a cluster

const CLUSTER = aCluster();
const pods = (...verbs: string[]) => [{ apiGroups: [''], resources: ['pods'], verbs }];
const PEOPLE: readonly Subject[] = ['user/okta/alice', 'user/okta/bob', 'machine/ci'];
const nameOf = (subject: Subject) => subject.split('/').at(-1)!;
const arnOf = (subject: Subject) =>
  subject.startsWith('machine/')
    ? machineUserArn({ name: nameOf(subject) }, ACCOUNT, 'aws')
    : `arn:aws:iam::${ACCOUNT}:user/${nameOf(subject)}`;

const grants: fc.Arbitrary<readonly Grant[]> = fc
  .tuple(
    fc.record({
      verbs: fc.constantFrom(['get'], ['get', 'list']),
      namespaces: fc.constantFrom(['pay'], ['pay', 'ship']),
      absentNamespaces: fc.constantFrom('refuse' as const, 'create' as const, 'create-and-delete' as const),
    }),
    fc.record({
      through: fc.constantFrom('role' as const, 'user' as const),
      namespaces: fc.constantFrom([], ['pay']),
      absentNamespaces: fc.constantFrom('create' as const, 'create-and-delete' as const),
    }),
    fc.subarray(['ops', 'readers', 'admins'], { minLength: 1 }),
  )
  .map(([{ verbs, namespaces, absentNamespaces }, readers, names]) =>
    [
      aGrant({ name: 'ops', namespaces, absentNamespaces, level: { name: 'ops', rules: pods(...verbs) } }),
      aGrant({ name: 'readers', ...readers, level: { name: 'reader', rules: pods('watch') } }),
      aGrant({ name: 'admins', through: 'user', level: { name: 'admin', clusterRole: 'cluster-admin' } }),
    ].filter(({ name }) => names.includes(name)),
  );

/** Who is in what. */
const members = fc.array(fc.subarray(['ops', 'readers', 'admins']), {
  minLength: PEOPLE.length,
  maxLength: PEOPLE.length,
});

function desired(policy: AccessPolicy, memberships: readonly (readonly string[])[]): OwnedClaim[] {
  const shared = policy.grants.flatMap((grant) => desiredForGrant(grant, CLUSTER).claims);
  const own = PEOPLE.flatMap((subject, index) => {
    const session = { session: nameOf(subject) };
    const member = { subject, grants: new Set(memberships[index]), principal: { arn: arnOf(subject) }, session };
    const { claims, bindings } = desiredForMember(policy, member, policy.grants, () => 'user-name');
    return [...claims, ...bindings.map((wish) => placedClaim(wish, 0))];
  });
  return [...shared, ...own];
}

const FOREIGN_LINES = [
  `- rolearn: arn:aws:iam::${ACCOUNT}:role/nodes  # nodes\n  username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]\n`,
  `- rolearn: "arn:aws:iam::${ACCOUNT}:role/break-glass"\n  username: glass\n  groups:\n  - system:masters\n`,
  '- rolearn: no arn at all\n  username: gatehouse:readers:eve\n',
];
const TAKEN = `- userarn: arn:aws:iam::${ACCOUNT}:user/bob\n  username: theirs\n`;

/** What others do to what is there: each number is one of their habits. */
const meddling = fc.record({
  lines: fc.subarray(FOREIGN_LINES),
  taken: fc.boolean(),
  broken: fc.boolean(),
  strangers: fc.boolean(),
  disowned: fc.subarray(['role', 'role-binding', 'namespace']),
  widened: fc.boolean(),
  lost: fc.nat({ max: 5 }),
});
type Meddling = typeof meddling extends fc.Arbitrary<infer T> ? T : never;

function meddled(world: World, { lines, taken, broken, strangers, disowned, widened, lost }: Meddling): World {
  const result: World = new Map();
  let index = 0;
  for (const [id, state] of world) {
    const [kind = ''] = id.split(' ');
    index += 1;
    if (kind === 'aws-auth') {
      const there = state as AwsAuthObserved;
      const data = there.present ? { ...there.configMap.data } : {};
      const withForeign = {
        ...data,
        mapRoles: lines.join('') + (data.mapRoles ?? ''),
        mapUsers: broken ? '\t- {{' : (data.mapUsers ?? '') + (taken ? TAKEN : ''),
        other: 'stays',
      };
      const configMap = {
        apiVersion: 'v1',
        kind: 'ConfigMap' as const,
        metadata: { namespace: 'kube-system', name: 'aws-auth', resourceVersion: '7' },
        data: withForeign,
      };
      result.set(id, { present: true, configMap });
      continue;
    }
    const there = state as ObjectState;
    if (index === lost || !there.present) {
      result.set(id, { present: false });
      continue;
    }
    let object: KubernetesObject = { ...there.object, metadata: { ...there.object.metadata, uid: `uid-${index}` } };
    if (strangers && kind === 'role-binding')
      object = { ...object, subjects: [...(object.subjects ?? []), user('eve')] };
    if (widened && kind === 'role') object = { ...object, rules: pods('*') };
    if (disowned.includes(kind) && index % 2 === 0) {
      object = { ...object, metadata: { ...object.metadata, labels: { team: 'theirs' } } };
    }
    result.set(id, { present: true, object });
  }
  return result;
}

const emptyWorld = (claims: readonly OwnedClaim[]): World =>
  new Map(
    claims.map(({ claim }) => [
      objectId(claim),
      claim.kind === 'namespace' && claim.object === 'ship'
        ? { present: true, object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ship' } } }
        : { present: false },
    ]),
  );

const clusterCase: fc.Arbitrary<Case> = fc
  .tuple(grants, grants, members, members, fc.boolean(), meddling, fc.boolean())
  .map(([before, now, was, is, fresh, habits, isProtected]) => {
    const principals = isProtected ? [`arn:aws:iam::${ACCOUNT}:role/break-glass`] : [];
    const policy = aPolicy({ grants: now, protected: { principals } });
    const wanted = desired(policy, is);
    const earlier = fresh ? [] : desired(aPolicy({ grants: before }), was);
    const empty = emptyWorld([...wanted, ...earlier]);
    const claims: TurnClaims = { wanted: earlier, recorded: [] };
    const first = planTurn({ kinds: CLUSTER_KINDS, claims, observed: empty, guards: [] });
    const recorded = recordedAfter(claims, first);
    return { policy, claims: { wanted, recorded }, observed: meddled(carriedOut(empty, first), habits) };
  });

const objectIn = (world: World, id: string): KubernetesObject | undefined => {
  const state = world.get(id) as ObjectState | undefined;
  return state?.present ? state.object : undefined;
};
const awsAuthIn = (world: World) => {
  const state = world.get(`aws-auth ${AWS_AUTH_OBJECT}`) as AwsAuthObserved | undefined;
  return readAwsAuth(state?.present ? state.configMap.data : undefined);
};

/** Whether a claim is fulfilled, in words of its own: nothing of the kinds' diffs. */
function isFulfilled(world: World, { subject, claim }: OwnedClaim): boolean {
  const object = objectIn(world, objectId(claim));
  switch (claim.kind) {
    case 'namespace': {
      const noted = object && claimedBy(object);
      return object !== undefined && (!isManaged(object) || noted === undefined || noted.includes(subject));
    }
    case 'role':
      return object !== undefined && sameRules(object.rules ?? [], (claim as RoleClaim).rules);
    case 'role-binding': {
      const { username, roleRef } = claim as RoleBindingClaim;
      const names = (object?.subjects ?? []).map(boundIn);
      return names.includes(`User ${username}`) && object?.roleRef?.name === roleRef.name;
    }
    default: {
      const { list, arn, username } = claim as AwsAuthClaim;
      const { roles, users } = awsAuthIn(world);
      const own = (list === 'mapRoles' ? roles : users).filter((one) => one.arn.toLowerCase() === arn.toLowerCase());
      return own.length === 1 && own[0]!.username === username && own[0]!.groups.length === 0;
    }
  }
}

/** All in a world that is not of the subjects' claims. */
function foreignIn(world: World, { wanted, recorded }: TurnClaims): unknown {
  const all = [...wanted, ...recorded];
  return [...world].flatMap(([id, state]): unknown[] => {
    if (id.startsWith('aws-auth')) {
      const { data } = (state as Extract<AwsAuthObserved, { present: true }>).configMap;
      const { mapRoles = '', mapUsers = '', ...rest } = data ?? {};
      const blocks = [...FOREIGN_LINES, TAKEN].map((block) => (mapRoles + mapUsers).split(block).length);
      return [id, blocks, rest];
    }
    const object = objectIn(world, id);
    if (!object) return [];
    if (!isManaged(object) && object.metadata.labels?.team === 'theirs') return [id, object];
    const mine = new Set(all.map(({ claim }) => (claim as Partial<RoleBindingClaim>).username));
    const strangers = (object.subjects ?? []).filter((one) => !mine.has(one.name));
    return strangers.length > 0 ? [id, strangers] : [];
  });
}

describe('a plan for a cluster', () => {
  it('leads to what is desired, once, and touches nothing foreign', () => {
    fc.assert(
      fc.property(clusterCase, (one) => {
        const guards = clusterGuards(one.policy);
        const after = expectLaws(CLUSTER_KINDS, guards, one);
        const plan = planTurn({ kinds: CLUSTER_KINDS, claims: one.claims, observed: one.observed, guards });
        const { wanted, recorded } = openClaims(one.claims, plan);
        for (const owned of wanted) expect(isFulfilled(after, owned), ownedClaimKey(owned)).toBe(true);
        const kept = new Set(wanted.map(({ claim }) => canonicalJson(claim)));
        const told = new Set(plan.findings.map(({ object, subject }) => `${object} ${subject ?? ''}`));
        for (const owned of unwantedClaims({ wanted, recorded })) {
          const { claim, subject } = owned;
          // A Role or a namespace that is still wanted in another form, or a stranger's (said so), stays.
          const line = claim.kind === 'role-binding' || claim.kind === 'aws-auth';
          if (!line || kept.has(canonicalJson(claim)) || told.has(`${claim.object} ${subject}`)) continue;
          expect(isFulfilled(after, owned), `gone: ${ownedClaimKey(owned)}`).toBe(false);
        }
        expect(foreignIn(after, one.claims)).toEqual(foreignIn(one.observed, one.claims));
      }),
      RUNS,
    );
  });

  it('meets no guard that looks for faults of Gatehouse', () => {
    fc.assert(
      fc.property(clusterCase, (one) => expectNoFault(CLUSTER_KINDS, clusterGuards(one.policy), one)),
      RUNS,
    );
  });

  it('is made of cases that make, change, remove, hold back and keep', () => {
    const seen = new Set<string>();
    for (const one of fc.sample(clusterCase, { numRuns: 200, seed: 7 })) {
      const plan = planTurn({ kinds: CLUSTER_KINDS, ...one, guards: clusterGuards(one.policy) });
      for (const { pass, change } of plan.changes) seen.add(`${pass} ${change.kind} ${change.action}`);
      for (const { code, severity } of plan.findings) seen.add(`${severity} ${code}`);
      if (plan.held.length > 0) seen.add('held');
      if (plan.changes.length === 0) seen.add('nothing');
    }
    for (const expected of [
      'add namespace create',
      'add namespace update',
      'remove namespace delete',
      'add role create',
      'add role update',
      'remove role delete',
      'add role-binding create',
      'add role-binding update',
      'remove role-binding delete',
      'remove role-binding update',
      'add aws-auth update',
      'remove aws-auth update',
      'blocks foreign-object',
      'blocks foreign-entry',
      'blocks does-not-parse',
      'blocks namespace-absent',
      'notice still-admitted',
      'held',
    ]) {
      expect([...seen]).toContain(expected);
    }
  });
});

// ---------------------------------------------------------------------- IAM

const NAME = 'gatehouse-ops';
const iamArn = (type: 'role' | 'user', path = '/gatehouse/') => `arn:aws:iam::${ACCOUNT}:${type}${path}${NAME}`;
const clusters = { 'gatehouse-clusters': { Version: '2012-10-17', Statement: [] } };
const trusts = fc
  .subarray([1, 2, 3], { minLength: 1 })
  .map((ids) => memberTrust(ids.map((id) => `arn:aws:iam::${ACCOUNT}:user/u${id}`)));
const shared = { object: NAME, path: '/gatehouse/', policies: clusters, boundary: `arn:aws:iam::${ACCOUNT}:policy/b` };

const roleClaims: fc.Arbitrary<OwnedClaim> = fc
  .record({ trust: trusts, state: fc.constantFrom('open' as const, 'open' as const, 'closed' as const) })
  .map(({ trust, state }) => ({
    subject: grantSubject('ops'),
    grant: 'ops',
    claim: {
      ...shared,
      kind: 'iam-role',
      arn: iamArn('role'),
      state,
      trust,
      tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'ops' },
      maxSessionSeconds: 3600,
    } satisfies IamRoleClaim as IamRoleClaim,
  }));
const userClaims: fc.Arbitrary<OwnedClaim> = fc
  .record({
    subject: fc.constantFrom<Subject>('machine/ops', 'user/okta/ops'),
    state: fc.constantFrom('open' as const, 'closed' as const),
  })
  .map(({ subject, state }) => ({
    subject,
    grant: 'ops',
    claim: {
      ...shared,
      kind: 'iam-user',
      arn: iamArn('user'),
      state,
      tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': 'ops' },
      accessKey: { secret: `gatehouse/keys/${ACCOUNT}/${NAME}` },
      attached: [MANAGED],
    } satisfies IamUserClaim as IamUserClaim,
  }));

const MANAGED = `arn:aws:iam::${ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`;
const FOREIGN = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
const owner = fc.constantFrom('ours', 'untagged', 'theirs', 'elsewhere');
const principal = (type: 'role' | 'user', whose: string) => ({
  present: true as const,
  arn: iamArn(type, whose === 'elsewhere' ? '/' : '/gatehouse/'),
  path: whose === 'elsewhere' ? '/' : '/gatehouse/',
  tags:
    whose === 'untagged'
      ? ({} as Record<string, string>)
      : { 'gatehouse:managed': 'true', 'gatehouse:grant': whose === 'theirs' ? 'others' : 'ops', team: 'x' },
});
const roleStates: fc.Arbitrary<IamRoleState> = fc.oneof(
  fc.constant({ present: false } as const),
  fc.tuple(owner, trusts, fc.boolean()).map(([whose, trust, drifted]) => ({
    ...principal('role', whose),
    roleId: 'AROA1',
    trust,
    policies: drifted ? {} : clusters,
    ...(drifted ? {} : { boundary: shared.boundary }),
    maxSessionSeconds: drifted ? 7200 : 3600,
  })),
);
const looksUp = (cluster: string) => ({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/${cluster}` },
  ],
});
const policyClaims: fc.Arbitrary<OwnedClaim<IamPolicyClaim>> = fc.constantFrom('prod', 'test').map((cluster) => ({
  subject: 'machine/ci',
  claim: {
    kind: 'iam-policy',
    object: NAME,
    arn: MANAGED,
    path: '/gatehouse/',
    name: 'EKS_CICD_User_Policy',
    document: looksUp(cluster),
    tags: { 'gatehouse:managed': 'true' },
  },
}));
const policyStates: fc.Arbitrary<IamPolicyState> = fc.oneof(
  fc.constant({ present: false } as const),
  fc.tuple(owner, fc.constantFrom('prod', 'test', '*')).map(([whose, cluster]) => ({
    ...principal('user', whose),
    arn: whose === 'elsewhere' ? MANAGED.replace('/gatehouse/', '/') : MANAGED,
    policyId: 'ANPA1',
    name: 'EKS_CICD_User_Policy',
    document: looksUp(cluster),
  })),
);
const userStates: fc.Arbitrary<IamUserState> = fc.oneof(
  fc.constant({ present: false } as const),
  fc.tuple(owner, fc.subarray(['AKIA1', 'AKIA2']), fc.boolean()).map(([whose, ids, drifted]) => ({
    ...principal('user', whose),
    userId: 'AIDA1',
    policies: drifted ? {} : clusters,
    attached: drifted ? [FOREIGN] : [MANAGED],
    keys: ids.map((id) => ({ id, active: drifted })),
    ...(ids[0] === undefined ? {} : { secret: { name: `gatehouse/keys/${ACCOUNT}/${NAME}`, keyId: ids[0] } }),
  })),
);
const iamCase = (claim: fc.Arbitrary<OwnedClaim>, state: fc.Arbitrary<unknown>, kind: string): fc.Arbitrary<Case> =>
  fc.tuple(fc.option(claim), fc.option(claim), state).map(([wanted, recorded, there]) => ({
    policy: aPolicy(),
    claims: { wanted: wanted ? [wanted] : [], recorded: recorded ? [recorded] : [] },
    observed: new Map([[`${kind} ${NAME}`, there]]),
  }));

describe('a plan for IAM', () => {
  it.each([
    ['iam-role', iamCase(roleClaims, roleStates, 'iam-role')],
    ['iam-user', iamCase(userClaims, userStates, 'iam-user')],
    ['iam-policy', iamCase(policyClaims, policyStates, 'iam-policy')],
  ])('of an %s leads to what is desired, once, and never touches what is not Gatehouse’s', (_kind, cases) => {
    fc.assert(
      fc.property(cases, (one) => {
        const guards = iamGuards(one.policy);
        const after = expectLaws(IAM_KINDS, guards, one);
        expectNoFault(IAM_KINDS, guards, one);
        for (const [id, state] of after) {
          const was = one.observed.get(id) as IamRoleState | IamUserState | IamPolicyState;
          const is = state as IamRoleState | IamUserState | IamPolicyState;
          if (was.present && !was.path.startsWith('/gatehouse/')) expect(is).toEqual(was);
          const plan = planTurn({ kinds: IAM_KINDS, claims: one.claims, observed: one.observed, guards });
          const isNew = plan.changes.some(({ change }) => change.action === 'delete');
          if (was.present && is.present && !isNew) expect(is.tags.team).toBe(was.tags.team);
          const [open] = openClaims(one.claims, plan).wanted;
          if (!open) continue;
          const claim = open.claim as IamRoleClaim | IamUserClaim | IamPolicyClaim;
          if (claim.kind === 'iam-policy') {
            expect(is).toMatchObject({ present: true, document: claim.document });
            continue;
          }
          if (claim.state === 'open') expect(is.present).toBe(true);
          if (!is.present) continue;
          if ('trust' in is) {
            const trusted = claim.state === 'open' ? trustedPrincipals((claim as IamRoleClaim).trust) : [];
            expect(trustedPrincipals(is.trust)).toEqual(trusted);
          } else if ('keys' in is) {
            expect(is.keys.filter(({ active }) => active)).toHaveLength(claim.state === 'open' ? 1 : 0);
          }
          expect((is as { boundary?: string }).boundary).toBe(shared.boundary);
        }
      }),
      RUNS,
    );
  });
});

it('labels and annotates as the words of the data model say', () => {
  expect([MANAGED_BY, GRANT_ANNOTATION]).toEqual([
    { key: 'app.kubernetes.io/managed-by', value: 'gatehouse' },
    'gatehouse.dev/grant',
  ]);
});
