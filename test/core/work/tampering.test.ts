import type { KubernetesObject, ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const ROLE: ObjectRef = { kind: 'ClusterRole', name: 'gatehouse:operators' };
const BINDING: ObjectRef = { kind: 'ClusterRoleBinding', name: 'gatehouse:operators:role:0' };
const MALLORY = { kind: 'User', name: 'mallory', apiGroup: 'rbac.authorization.k8s.io' } as const;
const policy = (mode = 'enforce') => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: ${mode} }
identities:
  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{localPart}" }
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list] } ] }
grants:
  - { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: operator, through: role }
`;

/** Alice and Bob are in; everything is settled. */
async function inService(text = policy()) {
  const world = await aPipeline({ policy: text, users: ['alice', 'bob'] });
  await world.settle();
  for (const user of ['alice', 'bob']) await world.join('00g1', user);
  await world.settle();
  const kubernetes = world.clusters.get(ARN)!;
  const tamper = (ref: ObjectRef, change: (object: KubernetesObject) => KubernetesObject) =>
    kubernetes.seed(change(kubernetes.peek(ref)!));
  const hour = async () => {
    world.clock.advance(3_600_000);
    await sweep(world.ports, world.clock.now());
    await world.settle();
  };
  const may = async (user: string) => {
    const question = { user, groups: ['system:authenticated'], verb: 'list', group: '', resource: 'pods' };
    return (await kubernetes.review(question)).allowed;
  };
  const findings = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => [readMark(item).subject, readMark(item).finding?.code]);
  const told = () =>
    world.ledger.items().flatMap(({ finding }) => (finding as { code?: string } | undefined)?.code ?? []);
  return { ...world, kubernetes, tamper, hour, may, findings, told };
}

describe('what somebody does to what is Gatehouse’s', () => {
  it.each<[string, ObjectRef, (object: KubernetesObject) => KubernetesObject]>([
    [
      'groups in its entry of aws-auth',
      AWS_AUTH,
      (there) => ({
        ...there,
        data: {
          ...there.data,
          mapRoles: there.data!.mapRoles!.replace(
            /( +)username: .*gatehouse:operators.*/,
            (line, indent: string) => `${line}\n${indent}groups: [system:masters]`,
          ),
        },
      }),
    ],
    [
      'a second entry for its role',
      AWS_AUTH,
      (there) => ({
        ...there,
        data: {
          ...there.data,
          mapRoles: `${there.data!.mapRoles!}- rolearn: arn:aws:iam::${ACCOUNT}:role/gatehouse-operators\n  username: gatehouse:operators:alice\n`,
        },
      }),
    ],
    [
      'more rules in its ClusterRole',
      ROLE,
      (there) => ({
        ...there,
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      }),
    ],
    [
      'an aggregation',
      ROLE,
      (there) => ({
        ...there,
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
      }),
    ],
    ['a member taken out of the binding', BINDING, (there) => ({ ...there, subjects: there.subjects!.slice(1) })],
  ])('is put right by the sweep: %s', async (_what, ref, change) => {
    const world = await inService();
    const before = world.kubernetes.peek(ref)!;
    world.tamper(ref, change);
    expect(world.kubernetes.peek(ref)).not.toEqual(before);
    await world.hour();
    const { metadata: _meta, subjects = [], ...after } = world.kubernetes.peek(ref)!;
    const { metadata: _was, subjects: were = [], ...rest } = before;
    expect(after).toEqual(rest);
    expect(new Set(subjects.map(({ name }) => name))).toEqual(new Set(were.map(({ name }) => name)));
    expect(world.findings()).toEqual([]);
  });

  it.each<[string, ObjectRef]>([
    ['ClusterRole', ROLE],
    ['binding', BINDING],
  ])('is put right by the sweep: a deleted %s', async (_what, ref) => {
    const world = await inService();
    await world.kubernetes.remove(ref);
    await world.hour();
    expect(await world.may('gatehouse:operators:alice')).toBe(true);
    expect(await world.may('gatehouse:operators:bob')).toBe(true);
  });

  it('a stranger in its binding is told of, stays out of its hands, and keeps nobody from coming and going', async () => {
    const world = await inService();
    world.tamper(BINDING, (there) => ({ ...there, subjects: [...there.subjects!, MALLORY] }));
    await world.hour();
    await world.hour();
    expect(world.told()).toEqual(['foreign-subject']);
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle();
    expect(await world.may('gatehouse:operators:alice')).toBe(false);
    expect(await world.may('gatehouse:operators:bob')).toBe(true);
  });

  it('a binding without its label is not touched: whoever should be out by it is a finding until somebody mends it', async () => {
    const world = await inService();
    const labels = world.kubernetes.peek(BINDING)!.metadata.labels!;
    world.tamper(BINDING, (there) => ({ ...there, metadata: { ...there.metadata, labels: {} } }));
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle();
    expect(world.findings()).toEqual([['user/okta/alice', 'foreign-object']]);
    expect(await world.may('gatehouse:operators:alice')).toBe(true);
    world.tamper(BINDING, (there) => ({ ...there, metadata: { ...there.metadata, labels } }));
    await world.hour();
    expect(await world.may('gatehouse:operators:alice')).toBe(false);
    expect(await world.may('gatehouse:operators:bob')).toBe(true);
    expect(world.findings()).toEqual([]);
  });

  it('who is out by us and still admitted by somebody else’s entry is told of', async () => {
    const world = await inService();
    world.tamper(AWS_AUTH, (there) => ({
      ...there,
      data: {
        ...there.data,
        mapRoles: `${there.data!.mapRoles!}- rolearn: arn:aws:iam::${ACCOUNT}:role/gatehouse-operators\n  username: somebody\n`,
      },
    }));
    await world.upload(
      policy()
        .replace(/ {2}- \{ name: operators.*/, '')
        .replace('grants:', ''),
    );
    await world.settle(600_000);
    expect(world.told()).toContain('still-admitted');
  });
});

describe('people who are one IAM user', () => {
  it('the second is a finding, is not put out by the first’s leaving, and comes in by the next sweep', async () => {
    const world = await inService();
    const at = world.clock.now();
    await world.say(
      { type: 'user', source: 'okta', user: 'other', at, login: 'alice@elsewhere.example' },
      { type: 'membership', source: 'okta', group: '00g1', user: 'other', state: 'present', at },
    );
    await world.settle();
    expect(world.findings().length).toBeGreaterThan(0);
    expect(new Set(world.findings().map(([subject]) => subject))).toEqual(new Set(['user/okta/other']));
    expect(await world.may('gatehouse:operators:alice')).toBe(true);
    await world.leave('00g1', 'alice', at + 1);
    await world.settle();
    await world.hour();
    expect(await world.may('gatehouse:operators:alice')).toBe(true);
    expect(world.findings()).toEqual([]);
  });
});

describe('logins that are no names', () => {
  it.each(['a:b', 'system:masters', 'x{{SessionName}}', '../root', 'a/b', '*', 'a b', 'ä', 'a,arn:aws:iam::1:root'])(
    '%s lets nobody in, and is a finding',
    async (login) => {
      const world = await inService();
      const at = world.clock.now();
      const before = world.kubernetes.peek(BINDING);
      await world.say(
        { type: 'user', source: 'okta', user: 'mallory', at, login },
        { type: 'membership', source: 'okta', group: '00g1', user: 'mallory', state: 'present', at },
      );
      await world.settle();
      expect(world.findings().map(([subject]) => subject)).toContain('user/okta/mallory');
      expect(world.kubernetes.peek(BINDING)).toEqual(before);
    },
  );
});
