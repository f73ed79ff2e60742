import { Failure } from '@gatehouse/core/access/failure';
import { bootstrapRules, CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import { readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import { type Check, failed, runProbes } from '@gatehouse/core/operations/doctor/check';
import { type ClusterFacts, judgeCluster } from '@gatehouse/core/operations/doctor/cluster';
import type { DoctorOutcome } from '@gatehouse/core/operations/doctor/doctor';
import { judgeBeat, judgeQueue, judgeSource } from '@gatehouse/core/operations/doctor/event-path';
import { judgePolicy } from '@gatehouse/core/operations/doctor/policy';
import { judgeSchema } from '@gatehouse/core/operations/doctor/schema';
import type { Operation } from '@gatehouse/core/operations/operation';
import { runOperation } from '@gatehouse/core/operations/run';
import type { EksCluster } from '@gatehouse/core/ports/eks';
import type { StateSchema } from '@gatehouse/core/schema/version';
import { takeIn } from '@gatehouse/core/sources/intake';
import { beat } from '@gatehouse/core/work/heartbeat';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { aPipeline, bootstrapObjects } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';

/* Each check by what is wrong. */

const ROLE = `arn:aws:iam::${ACCOUNT}:role/gatehouse-system/gatehouse-cluster-access`;
const POLICY = `apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }
grants:
  - { name: shared, to: { group: g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: pod-lister, through: role }
protected: { principals: ["arn:aws:iam::${ACCOUNT}:role/break-glass"] }
`;
const policy = policyOf(POLICY);
const cluster = policy.clusters[0]!;
const EKS: EksCluster = {
  name: 'prod-eu',
  arn: cluster.arn,
  status: 'ACTIVE',
  version: '1.34',
  authenticationMode: 'CONFIG_MAP',
  tags: {},
};
const objects = bootstrapObjects(policy, cluster);
const of = (kind: string) => objects.filter((object) => object.kind === kind);
const RBAC = {
  roles: of('Role'),
  clusterRoles: of('ClusterRole'),
  roleBindings: of('RoleBinding'),
  clusterRoleBindings: of('ClusterRoleBinding'),
};
const mapped = (username: string) =>
  readAwsAuth({
    mapRoles: `- { rolearn: "arn:aws:iam::${ACCOUNT}:role/gatehouse-cluster-access", username: "${username}" }`,
  });
const well: ClusterFacts = {
  cluster,
  roleArn: ROLE,
  eks: EKS,
  me: { username: CONTROLLER_USERNAME, groups: ['system:authenticated'] },
  awsAuth: mapped(CONTROLLER_USERNAME),
  rbac: RBAC,
  needed: { everywhere: bootstrapRules(policy, cluster).rules, inKubeSystem: [] },
  hasSessions: true,
};
const notOk = (checks: readonly Check[]) =>
  checks.filter(({ verdict }) => verdict !== 'ok').map(({ check, verdict }) => `${check} ${verdict}`);

describe('the state', () => {
  it.each<[string, StateSchema, string, RegExp | undefined]>([
    ['of this release', { version: 3 }, 'ok', undefined],
    ['of the release before', { version: 2 }, 'warn', /^gatehouse upgrade$/],
    ['of the release after', { version: 4 }, 'warn', /with it: gatehouse upgrade --state-back$/],
    ['that is being migrated', { version: 2, migrating: { to: 3 } }, 'warn', /^gatehouse upgrade$/],
    ['that is being migrated back', { version: 3, migrating: { to: 2 } }, 'warn', /^gatehouse upgrade --state-back$/],
  ])('%s', (_what, schema, verdict, fix) => {
    const check = judgeSchema(schema, 3);
    expect(check).toMatchObject({ check: 'schema', verdict });
    if (fix) expect(check.fix).toMatch(fix);
    else expect(check.fix).toBeUndefined();
  });
});

describe('a cluster that is well', () => {
  it('passes all checks but the one that takes a login', () => {
    const checks = judgeCluster(well);
    expect(notOk(checks)).toEqual(['session-names not-checked']);
    expect(checks.map(({ check }) => check)).toEqual([
      'reachable',
      'authentication',
      'mode',
      'own-entry',
      'rights',
      'session-names',
    ]);
  });
});

describe('a cluster', () => {
  const unreachable = new Failure('unreachable', 'no answer');
  const gone = { me: unreachable, awsAuth: unreachable, rbac: unreachable };
  it.each<[string, Partial<ClusterFacts>, readonly string[], RegExp]>([
    [
      'that EKS does not know',
      { eks: undefined, ...gone },
      ['reachable fail', 'authentication not-checked'],
      /aws eks list-clusters --region eu-west-1/,
    ],
    [
      'in an account that cannot be asked',
      { eks: new Failure('forbidden', 'no'), ...gone },
      ['reachable not-checked', 'authentication not-checked'],
      /log/,
    ],
    [
      'that is being made',
      { eks: { ...EKS, status: 'CREATING' }, ...gone },
      ['reachable warn'],
      /aws eks wait cluster-active --name prod-eu/,
    ],
    ['behind a private endpoint', { eks: { ...EKS, isPublic: false }, ...gone }, ['reachable fail'], /SubnetIds/],
    ['that does not answer', { eks: { ...EKS, isPublic: true }, ...gone }, ['reachable fail'], /log/],
    [
      'in mode API',
      { eks: { ...EKS, authenticationMode: 'API' } },
      ['authentication fail', 'session-names not-checked'],
      /EKS never goes back from API/,
    ],
    [
      'that does not let Gatehouse in',
      { me: new Failure('unauthorized', '401'), rbac: new Failure('unauthorized', '401') },
      ['own-entry fail', 'session-names not-checked'],
      /eksctl create iamidentitymapping .*--arn arn:aws:iam::\d+:role\/gatehouse-cluster-access --username gatehouse-controller/,
    ],
    [
      'that takes it for somebody else',
      { me: { username: 'other', groups: [] }, awsAuth: mapped('other') },
      ['own-entry fail', 'rights fail', 'session-names not-checked'],
      /eksctl/,
    ],
    [
      'that lets it do everything',
      { me: { username: CONTROLLER_USERNAME, groups: ['system:masters'] } },
      ['own-entry warn', 'session-names not-checked'],
      /take the group out/,
    ],
    [
      'without the bootstrap`s ClusterRole',
      { rbac: { ...RBAC, clusterRoles: [] } },
      ['rights fail', 'session-names not-checked'],
      /^gatehouse bootstrap prod-eu \| kubectl apply -f -$/,
    ],
    [
      'whose bootstrap is older than its levels',
      {
        needed: {
          everywhere: [...well.needed.everywhere, { apiGroups: ['x'], resources: ['y'], verbs: ['get'] }],
          inKubeSystem: [],
        },
      },
      ['rights fail', 'session-names not-checked'],
      /bootstrap/,
    ],
    [
      'whose RBAC it may not read',
      { rbac: new Failure('forbidden', 'no') },
      ['rights fail', 'session-names not-checked'],
      /bootstrap/,
    ],
    [
      'that is paused',
      { cluster: { ...cluster, mode: 'paused' } },
      ['mode warn', 'session-names not-checked'],
      /^gatehouse mode prod-eu enforce$/,
    ],
    ['where nobody comes by a session', { hasSessions: false }, [], /./],
  ])('%s', (_title, wrong, expected, fix) => {
    const checks = judgeCluster({ ...well, ...wrong });
    expect(notOk(checks)).toEqual(expected);
    const first = checks.find(({ verdict }) => verdict !== 'ok');
    if (first) expect(first.fix).toMatch(fix);
  });
});

describe('the policy', () => {
  const fine = { inForce: { version: 3, partial: false }, waiting: [], findings: 0 };
  it.each<[string, Parameters<typeof judgePolicy>[0], readonly string[]]>([
    ['in force', fine, []],
    ['of nobody', { waiting: [], findings: 0 }, ['policy fail']],
    ['that waits for a person', { ...fine, proposed: 4 }, ['policy warn']],
    ['that is in force in part', { ...fine, inForce: { version: 3, partial: true } }, ['policy warn']],
    [
      'that was refused',
      { ...fine, refused: [{ line: 2, column: 1, field: '', message: 'm', remedy: 'r' }] },
      ['policy fail'],
    ],
    ['that could not be read', { ...fine, refused: [{ message: 'it is over 1 MiB' }] }, ['policy fail']],
    ['with findings', { ...fine, findings: 1 }, ['work warn']],
    ['whose work fails', { ...fine, waiting: [{ failure: { message: 'm' } }] }, ['work warn']],
  ])('%s', (_title, facts, expected) => expect(notOk(judgePolicy(facts))).toEqual(expected));

  it.each([
    { error: { line: 2, column: 1, field: '', message: 'no list', remedy: 'r' }, saw: 'line 2: no list' },
    { error: { message: 'it is over 1 MiB' }, saw: 'it is over 1 MiB' },
  ])('that was refused says why: $saw', ({ error, saw }) =>
    expect(judgePolicy({ ...fine, refused: [error] })).toContainEqual(
      expect.objectContaining({ saw: `the last document was refused: ${saw}` }),
    ),
  );
});

describe('the event path', () => {
  const HOUR = 3_600_000;
  it.each<[string, Check, Check['verdict']]>([
    ['a tick of now', judgeBeat('tick', 1000, 0, 2000), 'ok'],
    ['a tick of an hour ago', judgeBeat('tick', 0, 0, HOUR), 'fail'],
    ['no tick yet', judgeBeat('tick', undefined, 0, 1000), 'not-checked'],
    ['no tick for an hour', judgeBeat('tick', undefined, 0, HOUR), 'fail'],
    ['a sweep of an hour ago', judgeBeat('sweep', 0, 0, HOUR), 'ok'],
    ['a sweep of three hours ago', judgeBeat('sweep', 0, 0, 3 * HOUR), 'fail'],
    ['an empty queue', judgeQueue({ name: 'intake', url: 'u', isDead: false, waiting: 0 }), 'ok'],
    ['a long queue', judgeQueue({ name: 'intake', url: 'u', isDead: false, waiting: 5000 }), 'warn'],
    ['an empty dead-letter queue', judgeQueue({ name: 'dead', url: 'u', isDead: true, waiting: 0 }), 'ok'],
    ['a dead letter', judgeQueue({ name: 'dead', url: 'u', isDead: true, waiting: 1 }), 'fail'],
    ['a source that spoke', judgeSource('okta', 0, 1000), 'ok'],
    ['a source that never spoke', judgeSource('okta', undefined, 1000), 'not-checked'],
  ])('%s', (_title, check, verdict) => {
    expect(check.verdict).toBe(verdict);
    if (verdict !== 'ok') expect(check.fix).toBeTruthy();
  });
});

describe('a check that throws', () => {
  it('hides no other, and is told with its remedy', async () => {
    const checks = await runProbes([
      { check: 'a', run: async () => [{ check: 'a', verdict: 'ok', saw: 's' }] },
      { check: 'b', of: 'x', run: () => Promise.reject(new Failure('unreachable', 'm', { remedy: 'r' })) },
      { check: 'c', run: () => Promise.reject(new TypeError('oops')) },
    ]);
    expect(checks.map(({ check, verdict }) => [check, verdict])).toEqual([
      ['a', 'ok'],
      ['b', 'fail'],
      ['c', 'fail'],
    ]);
    expect(checks[1]).toMatchObject({ of: 'x', saw: 'unreachable: m', fix: 'r' });
    expect(failed('x', undefined, new Failure('forbidden', 'm')).verdict).toBe('not-checked');
  });
});

describe('doctor, over the pipeline', () => {
  async function aWorld() {
    const world = await aPipeline({ policy: POLICY, users: ['alice'] });
    await world.settle();
    await world.join('g1', 'alice');
    await world.settle(600_000);
    world.eks.set(EKS);
    await beat(world.ports, 'tick');
    await beat(world.ports, 'sweep');
    let dead = 0;
    const queueDepths = { read: async () => [{ name: 'dead', url: 'u', isDead: true, waiting: dead }] };
    const settings = { limits: TURN_LIMITS, clusterAccessRole: ROLE, queueDepths };
    const run = async <T>(operation: Operation) => (await runOperation(world.ports, settings, operation)) as T;
    const iam = world.iam.get(ACCOUNT)!;
    return {
      ...world,
      doctor: () => run<DoctorOutcome>({ operation: 'doctor' }),
      on: () => run<{ checks: readonly Check[] }>({ operation: 'doctor', cluster: 'prod-eu' }),
      letDie: () => {
        dead++;
      },
      breakGlass: () =>
        iam.createRole({
          name: 'break-glass',
          path: '/',
          trust: { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 'sts:AssumeRole' }] },
          tags: {},
          maxSessionSeconds: 3600,
        }),
    };
  }

  it('finds a whole installation well, and writes nothing', async () => {
    const { doctor, on, breakGlass, table, writes } = await aWorld();
    await breakGlass();
    const before = { table: structuredClone(table.items()), writes: structuredClone(writes()) };
    const outcome = await doctor();
    expect(notOk(outcome.checks)).toEqual([]);
    expect(outcome).toMatchObject({ account: ACCOUNT, sources: ['okta'], clusters: [{ name: 'prod-eu' }] });
    expect(outcome.checks.map(({ check }) => check)).toEqual([
      'schema',
      'policy',
      'work',
      'tick',
      'sweep',
      'queue',
      'source',
      'account',
      'protected',
    ]);
    expect(notOk((await on()).checks)).toEqual(['session-names not-checked']);
    expect({ table: table.items(), writes: writes() }).toEqual(before);
  });

  it('knows from the log of events that a source was heard, also of what changed nothing', async () => {
    const { doctor, ports, clock } = await aWorld();
    const sawOfSource = async () => (await doctor()).checks.find(({ check }) => check === 'source')?.saw;
    clock.advance(3_600_000);
    expect(await sawOfSource()).toMatch(/^heard \d{4,} s ago$/);
    const fact = { type: 'group', source: 'okta', group: 'of-no-grant', state: 'present', at: 1 } as const;
    await takeIn(ports, {
      delivery: 'd',
      events: [{ cause: { source: 'okta', event: 'e', type: 't' }, facts: [fact] }],
    });
    clock.advance(5_000);
    expect(await sawOfSource()).toBe('heard 5 s ago');
  });

  it('finds each of several faults at once', async () => {
    const { doctor, on, letDie, clusters, clock } = await aWorld();
    letDie();
    clock.advance(4 * 3_600_000);
    const admin = [...clusters.values()][0]!.as({ username: 'admin', groups: ['system:masters'] });
    await admin.remove({ kind: 'ClusterRole', name: 'gatehouse' });
    expect(notOk((await doctor()).checks)).toEqual(['tick fail', 'sweep fail', 'queue fail', 'protected warn']);
    expect(notOk((await on()).checks)).toEqual(['rights fail', 'session-names not-checked']);
  });
});
