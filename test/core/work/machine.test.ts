import { Failure } from '@gatehouse/core/access/failure';
import { sweep, targetsOfPolicy } from '@gatehouse/core/work/sweep';
import { planTarget } from '@gatehouse/core/work/take-turn';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { aPipeline, described } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const FRESH = ARN.replace('prod-eu', 'fresh');
const TARGET = `iam/${ACCOUNT}/user/gatehouse-ci` as const;
const POLICY = `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
discover:
  - { account: "${ACCOUNT}", region: eu-west-1, tag: { gatehouse: managed }, mode: enforce }
levels:
  deployer: { rules: [ { apiGroups: [apps], resources: [deployments], verbs: [get] } ] }
grants:
  - { name: ci, to: { machine: ci }, on: { clusters: "*" }, level: deployer, through: user }
`;

describe('a machine with an IAM user of its own', () => {
  it('may describe a cluster that joins later, and gets in there', async () => {
    const world = await aPipeline({ policy: POLICY });
    await world.settle();
    world.eks.set(described(FRESH, { tags: { gatehouse: 'managed' } }));
    const fresh = world.addCluster(FRESH);
    await world.say({ type: 'cluster', arn: FRESH, state: 'present', at: world.clock.now() });
    await world.settle();
    const allowed = JSON.stringify(await world.iam.get(ACCOUNT)!.getUserPolicy('gatehouse-ci', 'gatehouse-clusters'));
    expect(allowed).toContain(FRESH);
    const awsAuth = fresh.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' });
    expect(awsAuth?.data?.mapUsers).toContain('user/gatehouse/gatehouse-ci');
  });

  it('is planned without a right to its secret: nothing is to do, or all that is', async () => {
    const world = await aPipeline({ policy: POLICY });
    await world.settle();
    const refused = () => Promise.reject(new Failure('forbidden', 'no right to the secret'));
    const account: typeof world.ports.world.account = async (one) => ({
      ...(await world.ports.world.account(one)),
      secrets: { read: refused, write: refused, remove: refused },
    });
    const ports = { ...world.ports, world: { ...world.ports.world, account } };
    const plan = () => planTarget(ports, TURN_LIMITS, TARGET, ['machine/ci']);
    expect(await plan()).toMatchObject({ changes: [], findings: [] });
    const iam = world.iam.get(ACCOUNT)!;
    const [key] = await iam.listAccessKeys('gatehouse-ci');
    world.clock.advance(600_000);
    await iam.deleteAccessKey('gatehouse-ci', key!.id);
    expect((await plan()).changes.map(({ change }) => change.action)).toEqual(['update']);
  });
});

describe('a person with an IAM user of our making', () => {
  const people = POLICY.replace(
    '- { name: ci, to: { machine: ci }',
    '- { name: people, to: { group: 00g1, source: okta }',
  ).replace(
    'levels:',
    `identities:\n  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/gatehouse/{login}" }\nlevels:`,
  );

  it('is looked at by the sweep like everybody: the key that somebody adds goes, the one that is gone is made anew', async () => {
    const world = await aPipeline({ policy: people });
    await world.settle();
    await world.join('00g1', 'alice');
    await world.settle(600_000);
    const iam = world.iam.get(ACCOUNT)!;
    const [own] = await iam.listAccessKeys('alice');
    const foreign = await iam.createAccessKey('alice');
    world.clock.advance(3_600_000);
    await sweep(world.ports, world.clock.now());
    await world.settle(600_000);
    expect(await iam.listAccessKeys('alice')).toEqual([own]);
    expect(foreign.id).not.toBe(own!.id);
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle(600_000);
    expect(await iam.getUser('alice')).toBeUndefined();
    expect(await targetsOfPolicy(world.table, world.policy)).not.toContain(`iam/${ACCOUNT}/user/alice`);
  });
});

describe("a person whom identities map to a machine's IAM user", () => {
  it.each(['role', 'user'])('gets nothing through: %s, and the machine keeps what it has', async (through) => {
    const shared = POLICY.replace(
      'levels:',
      `identities:\n  - { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/gatehouse/{login}" }\nlevels:`,
    ).replace(
      'grants:',
      `grants:\n  - { name: people, to: { group: 00g1, source: okta }, on: { clusters: "*" }, level: deployer, through: ${through} }`,
    );
    const world = await aPipeline({ policy: shared });
    await world.settle();
    await world.join('00g1', 'gatehouse-ci');
    await world.settle(600_000);
    const kubernetes = world.clusters.get(ARN)!;
    const awsAuth = kubernetes.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' })?.data;
    expect(awsAuth?.mapUsers?.match(/user\/gatehouse\/gatehouse-ci/g)).toHaveLength(1);
    expect(kubernetes.peek({ kind: 'ClusterRoleBinding', name: 'gatehouse:people:role:0' })).toBeUndefined();
    const role = await world.iam.get(ACCOUNT)!.getRole('gatehouse-people');
    expect(JSON.stringify(role?.trust ?? {})).not.toContain('user/gatehouse/gatehouse-ci');
    const findings = world.table.items().flatMap(({ finding }) => (finding ? [JSON.stringify(finding)] : []));
    expect(findings.join()).toContain('is the IAM user of the machine ci');
  });
});
