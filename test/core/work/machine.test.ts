import { Failure } from '@gatehouse/core/access/failure';
import { sweep, targetsOfPolicy } from '@gatehouse/core/work/sweep';
import { planTarget } from '@gatehouse/core/work/take-turns';
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

const POLICY_ARN = `arn:aws:iam::${ACCOUNT}:policy/gatehouse/EKS_CICD_User_Policy`;
type Pipeline = Awaited<ReturnType<typeof aPipeline>>;

/** The document in force of the machines' managed policy. */
async function managed({ iam }: Pipeline, arn = POLICY_ARN) {
  const account = iam.get(ACCOUNT)!;
  const policy = await account.getPolicy(arn);
  return policy && account.getPolicyVersion(arn, policy.version);
}

describe('a machine with an IAM user of its own', () => {
  it('may describe a cluster that joins later, and gets in there', async () => {
    const world = await aPipeline({ policy: POLICY });
    await world.settle();
    world.eks.set(described(FRESH, { tags: { gatehouse: 'managed' } }));
    const fresh = world.addCluster(FRESH);
    await world.say({ type: 'cluster', arn: FRESH, state: 'present', at: world.clock.now() });
    await world.settle();
    const allowed = JSON.stringify(await managed(world));
    expect(allowed).toContain(FRESH);
    const awsAuth = fresh.peek({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' });
    expect(awsAuth?.data?.mapUsers).toContain('user/gatehouse/gatehouse-ci');
  });

  it('has a managed policy for just its clusters before its user, and its user before its key', async () => {
    const world = await aPipeline({ policy: POLICY });
    await world.settle();
    const account = world.iam.get(ACCOUNT)!;
    expect(await managed(world)).toEqual({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'eks:DescribeCluster', Resource: ARN }],
    });
    expect(await account.listAttachedUserPolicies('gatehouse-ci')).toEqual([POLICY_ARN]);
    expect(await account.listUserPolicies('gatehouse-ci')).toEqual([]);
    const order = account.calls.map((call) => call.split(' ')[0]!);
    const made = ['createPolicy', 'createUser', 'attachUserPolicy', 'createAccessKey'];
    expect(made.map((call) => order.indexOf(call))).toEqual(
      made.map((call) => order.indexOf(call)).toSorted((a, b) => a - b),
    );
    expect(made.map((call) => order.filter((one) => one === call).length)).toEqual([1, 1, 1, 1]);
  });

  it('shares its policy, as a list of all their clusters, or has one of its own', async () => {
    const two = POLICY.replace(
      'grants:',
      `grants:\n  - { name: cd, to: { machine: cd }, on: { clusters: test-eu }, level: deployer, through: user }`,
    ).replace('discover:', `  test-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }\ndiscover:`);
    const world = await aPipeline({ policy: two });
    const account = world.iam.get(ACCOUNT)!;
    await world.settle();
    const [test] = [ARN.replace('prod-eu', 'test-eu')];
    expect(JSON.stringify(await managed(world))).toContain(test);
    await world.upload(two.replace('grants:', 'machines: { cd: { policy: cd-clusters } }\ngrants:'));
    await world.settle(600_000);
    const own = POLICY_ARN.replace('EKS_CICD_User_Policy', 'cd-clusters');
    expect(await managed(world, own)).toMatchObject({ Statement: [{ Resource: test }] });
    expect(await account.listAttachedUserPolicies('gatehouse-cd')).toEqual([own]);
    expect(await account.listAttachedUserPolicies('gatehouse-ci')).toEqual([POLICY_ARN]);
  });

  it('leaves nothing behind in IAM: its policy goes when its user has let go, whatever comes first', async () => {
    const world = await aPipeline({ policy: POLICY });
    const account = world.iam.get(ACCOUNT)!;
    const things = () => {
      const { users, policies, roles } = account.state.accounts.get(ACCOUNT)!;
      return { users: [...users], policies: [...policies], roles: [...roles] };
    };
    const before = things();
    await world.settle();
    expect(things()).not.toEqual(before);
    await world.upload(POLICY.replace(/ {2}- \{ name: ci,.*\n/, '').replace('grants:', 'grants: []'));
    await world.settle(600_000);
    expect(things()).toEqual(before);
    expect(await world.secrets.read(`gatehouse/keys/${ACCOUNT}/gatehouse-ci`)).toBeUndefined();
    expect(world.table.items().filter(({ sk, pk }) => sk.startsWith('record#') || pk.startsWith('named#'))).toEqual([]);
  });

  it('is not made where the name of its policy is taken: a finding, and the policy stays', async () => {
    const world = await aPipeline({ policy: POLICY });
    const account = world.iam.get(ACCOUNT)!;
    const foreign = {
      name: 'EKS_CICD_User_Policy',
      path: '/',
      document: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::x/*' }],
      },
      tags: {},
    };
    const { arn } = await account.createPolicy(foreign);
    await world.settle();
    expect(await account.getUser('gatehouse-ci')).toBeUndefined();
    expect(await account.getPolicyVersion(arn, 'v1')).toEqual(foreign.document);
    const findings = world.table.items().flatMap(({ finding }) => (finding ? [JSON.stringify(finding)] : []));
    expect(findings.join()).toContain('that Gatehouse did not make');
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
