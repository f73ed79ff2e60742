import { readChain, verifyChain } from '@gatehouse/core/ledger/ledger';
import type { ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { readMark } from '@gatehouse/core/work/marks';
import { listSnapshots, readSnapshot } from '@gatehouse/core/work/snapshots';
import { sweep } from '@gatehouse/core/work/sweep';
import { describe, expect, it } from 'vitest';
import { aPipeline, described } from '../../builders/pipeline.ts';
import { ACCOUNT } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/prod-eu`;
const AWS_AUTH: ObjectRef = { kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' };
const BINDING: ObjectRef = { kind: 'RoleBinding', namespace: 'pay', name: 'gatehouse:operators:role:0' };
const NODES = `# nodes, do not touch
- rolearn: arn:aws:iam::${ACCOUNT}:role/nodes
  username: system:node:{{EC2PrivateDNSName}}
  groups: [ system:bootstrappers, system:nodes ]
- rolearn: arn:aws:iam::${ACCOUNT}:role/break-glass
  username: break-glass
  groups: [system:masters]   # last resort
`;

const OPERATORS =
  '- { name: operators, to: { group: 00g1, source: okta }, on: { clusters: "*", namespaces: [pay], absentNamespaces: create }, level: operator, through: role }';
const READERS =
  '- { name: readers, to: { group: 00g2, source: okta }, on: { clusters: "*" }, level: operator, through: user }';
const PAY_CI =
  '- { name: pay-ci, to: { machine: pay-ci }, on: { clusters: prod-eu, namespaces: [pay], absentNamespaces: create }, level: deployer, through: user }';
const ADMINS =
  '- { name: admins, to: { group: 00g3, source: okta }, on: { clusters: "*" }, level: admin, through: role }';

/** A policy of these grants on these clusters. */
function policy(
  grants: readonly string[],
  over: { clusters?: string; extra?: string; identities?: string; operatorVerbs?: string } = {},
): string {
  const {
    clusters = `prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }`,
    identities = `- { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}" }`,
    operatorVerbs = 'get, list, watch',
    extra = '',
  } = over;
  return `
apiVersion: gatehouse/v1
clusters:
  ${clusters}
identities:
  ${identities}
levels:
  operator: { rules: [ { apiGroups: [""], resources: [pods, pods/log], verbs: [${operatorVerbs}] } ] }
  deployer: { rules: [ { apiGroups: [apps], resources: [deployments], verbs: [get, list, create, update, delete] } ] }
  admin: { clusterRole: cluster-admin }
grants:
  ${grants.join('\n  ')}
${extra}`;
}

/** A pipeline whose one cluster has node roles and a break-glass administrator, settled. */
async function aRunningPipeline(text: string, users: readonly string[] = ['alice', 'bob', 'carol']) {
  const world = await aPipeline({ policy: text, users });
  const kubernetes = world.clusters.get(ARN)!;
  kubernetes.seed({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'aws-auth' },
    data: { mapRoles: NODES },
  });
  await world.settle();
  expect(world.failures).toEqual([]);
  world.forgetCalls();
  const may = async (user: string, verb: string, resource: string, namespace?: string): Promise<boolean> => {
    const question = { user, groups: ['system:authenticated'], verb, group: '', resource };
    return (await kubernetes.review(namespace === undefined ? question : { ...question, namespace })).allowed;
  };
  const mapRoles = () => kubernetes.peek(AWS_AUTH)?.data?.mapRoles ?? '';
  const mapUsers = () => kubernetes.peek(AWS_AUTH)?.data?.mapUsers ?? '';
  const marks = () =>
    world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map(readMark);
  const reads = () => kubernetes.calls.filter(({ method }) => method === 'read').map(({ object }) => object);
  const iam = () => world.iam.get(ACCOUNT)!;
  return { ...world, kubernetes, may, mapRoles, mapUsers, marks, reads, ofIam: iam };
}

describe('a member of a shared role', () => {
  it('gets in, and out again while the session lives', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(true);
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'default')).toBe(false);
    expect(world.mapRoles()).toContain('gatehouse:operators:{{SessionNameRaw}}');
    const trust = JSON.stringify((await world.ofIam().getRole('gatehouse-operators'))?.trust);
    expect(trust).toContain(`arn:aws:iam::${ACCOUNT}:user/alice`);
    expect(trust).toContain('${aws:username}');

    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
    expect(JSON.stringify((await world.ofIam().getRole('gatehouse-operators'))?.trust)).not.toContain('user/alice');
    expect(world.mapRoles().startsWith(NODES)).toBe(true);
    expect(world.failures).toEqual([]);
  });

  it('costs at most one read and one write of each object it touches', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    for (const change of [
      () => world.join('00g1', 'alice'),
      () => world.leave('00g1', 'alice', world.clock.now() + 1),
    ]) {
      world.forgetCalls();
      await change();
      await world.settle();
      const counted = (objects: readonly string[]) =>
        Math.max(
          0,
          ...Map.groupBy(objects, (one) => one)
            .values()
            .map(({ length }) => length),
        );
      expect(counted(world.reads())).toBe(1);
      expect(counted(world.kubernetes.writes().map(({ object }) => object))).toBe(1);
      expect(world.kubernetes.writes().map(({ object }) => object)).toEqual([
        'RoleBinding/pay/gatehouse:operators:role:0',
      ]);
      const iam = world.ofIam().calls;
      expect(iam.filter((call) => !/^(get|list)/.test(call))).toEqual(['updateTrust gatehouse-operators']);
      // The second read of each is the confirmation of the write.
      expect(iam.filter((call) => call === 'getRole gatehouse-operators').length).toBeLessThanOrEqual(2);
    }
  });

  it('said once more, costs no write and no ledger entry', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    const entries = world.ledger.items().length;
    world.forgetCalls();
    await world.join('00g1', 'alice', world.clock.now());
    await world.settle();
    expect(world.writes()).toEqual([]);
    expect(world.ledger.items().length).toBe(entries);
  });

  it('is not let in by an addition that is older than the removal', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    const at = world.clock.now();
    await world.leave('00g1', 'alice', at);
    await world.join('00g1', 'alice', at - 1000);
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
  });

  it.each([
    ['is disabled', { type: 'user', source: 'okta', user: 'alice', active: false }],
    ['loses the group', { type: 'group', source: 'okta', group: '00g1', state: 'deleted' }],
  ] as const)('is out when the member %s', async (_what, fact) => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    await world.say({ ...fact, at: world.clock.now() + 1 });
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
    expect(JSON.stringify((await world.ofIam().getRole('gatehouse-operators'))?.trust)).not.toContain('user/alice');
  });

  it('is a finding where their IAM user does not exist, and the others get in all the same', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.join('00g1', 'nobody');
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(true);
    expect(world.marks().map(({ finding }) => finding?.code)).toEqual(['no-such-user']);
  });

  it('stays when another member is deleted in IAM, whom the trust document still names', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.join('00g1', 'bob');
    await world.settle();
    await world.ofIam().deleteUser('bob');
    world.clock.advance(600_000);
    await world.join('00g1', 'carol');
    await world.settle(600_000);
    const trust = JSON.stringify((await world.ofIam().getRole('gatehouse-operators'))?.trust);
    expect(trust).toContain('user/alice');
    expect(trust).toContain('user/carol');
    expect(trust).not.toContain('bob');
    expect(await world.may('gatehouse:operators:carol', 'list', 'pods', 'pay')).toBe(true);
  });
});

describe('a shared role with more members than a trust document holds', () => {
  const people = Array.from({ length: 70 }, (_, index) => `person-${index}`);

  it('opens to the account, and names its members by their unique ids', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]), people);
    for (const person of people) await world.join('00g1', person);
    await world.settle(900_000);
    const role = await world.ofIam().getRole('gatehouse-operators');
    expect(JSON.stringify(role?.trust)).toContain(`arn:aws:iam::${ACCOUNT}:root`);
    expect(JSON.stringify(role?.trust)).toContain('${aws:userid}');
    const ids = await Promise.all(people.map(async (person) => (await world.ofIam().getUser(person))!.id));
    const bound = world.kubernetes
      .peek(BINDING)
      ?.subjects?.map(({ name }) => name)
      .sort();
    expect(bound).toEqual(ids.map((id) => `gatehouse:operators:${id}`).sort());
    await world.leave('00g1', 'person-3', world.clock.now() + 1);
    await world.settle();
    expect(await world.may(`gatehouse:operators:${ids[3]}`, 'list', 'pods', 'pay')).toBe(false);
    expect(await world.may(`gatehouse:operators:${ids[4]}`, 'list', 'pods', 'pay')).toBe(true);
    expect(world.failures).toEqual([]);
    expect(world.marks()).toEqual([]);
  });
});

describe('a person with an IAM user of their own', () => {
  it('is mapped and bound, and both go', async () => {
    const world = await aRunningPipeline(policy([READERS]));
    await world.join('00g2', 'bob');
    await world.settle();
    expect(world.mapUsers()).toContain(`arn:aws:iam::${ACCOUNT}:user/bob`);
    expect(await world.may(`gatehouse:iam-user:${ACCOUNT}:bob`, 'list', 'pods')).toBe(true);
    await world.leave('00g2', 'bob', world.clock.now() + 1);
    await world.settle();
    expect(world.mapUsers()).not.toContain('bob');
    expect(await world.may(`gatehouse:iam-user:${ACCOUNT}:bob`, 'list', 'pods')).toBe(false);
    expect(await world.ofIam().getUser('bob')).toBeDefined();
  });

  it('keeps what a stranger mapped them to, and gets nothing', async () => {
    const world = await aRunningPipeline(policy([READERS]));
    const foreign = `- userarn: arn:aws:iam::${ACCOUNT}:user/bob\n  username: bob\n  groups: [system:masters]\n`;
    const there = world.kubernetes.peek(AWS_AUTH)!;
    world.kubernetes.seed({ ...there, data: { ...there.data, mapUsers: foreign } });
    await world.join('00g2', 'bob');
    await world.settle();
    expect(world.mapUsers()).toBe(foreign);
    expect(await world.may(`gatehouse:iam-user:${ACCOUNT}:bob`, 'list', 'pods')).toBe(false);
    expect(world.marks().map(({ finding }) => finding?.code)).toEqual(['foreign-entry']);
  });
});

describe('a machine', () => {
  it('has a user and a key in Secrets Manager, and leaves nothing behind', async () => {
    const world = await aRunningPipeline(policy([PAY_CI, OPERATORS]));
    expect((await world.ofIam().listAccessKeys('gatehouse-pay-ci')).length).toBe(1);
    expect(await world.secrets.read(`gatehouse/keys/${ACCOUNT}/gatehouse-pay-ci`)).toContain('secretAccessKey');
    expect(world.mapUsers()).toContain('user/gatehouse/gatehouse-pay-ci');
    await world.upload(policy([OPERATORS]));
    await world.settle(600_000);
    expect(await world.ofIam().getUser('gatehouse-pay-ci')).toBeUndefined();
    expect(await world.secrets.read(`gatehouse/keys/${ACCOUNT}/gatehouse-pay-ci`)).toBeUndefined();
    expect(world.mapUsers()).not.toContain('pay-ci');
    expect(world.kubernetes.peek({ kind: 'Role', namespace: 'pay', name: 'gatehouse:pay-ci' })).toBeUndefined();
    expect(world.failures).toEqual([]);
    expect(world.marks()).toEqual([]);
  });
});

describe('a policy', () => {
  it('that drops a grant removes role, binding, line and record', async () => {
    const world = await aRunningPipeline(policy([OPERATORS, READERS]));
    await world.join('00g1', 'alice');
    await world.settle();
    await world.upload(policy([READERS]));
    await world.settle(600_000);
    expect(world.mapRoles()).toBe(NODES);
    expect(world.kubernetes.peek(BINDING)).toBeUndefined();
    expect(await world.ofIam().getRole('gatehouse-operators')).toBeUndefined();
    expect(world.table.items().filter(({ sk }) => sk.startsWith('record#') && !sk.endsWith('grant/readers'))).toEqual(
      [],
    );
    expect(world.marks()).toEqual([]);
  });

  it('that changes a level changes the Role and nothing else', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    world.forgetCalls();
    await world.upload(policy([OPERATORS], { operatorVerbs: 'get' }));
    await world.settle();
    expect(world.writes()).toEqual(['replace Role/pay/gatehouse:operators']);
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
    expect(await world.may('gatehouse:operators:alice', 'get', 'pods', 'pay')).toBe(true);
  });

  it('that maps people to other IAM users moves them', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]), ['alice', 'alice.new']);
    await world.join('00g1', 'alice');
    await world.settle();
    await world.upload(
      policy([OPERATORS], { identities: `- { source: okta, template: "arn:aws:iam::${ACCOUNT}:user/{login}.new" }` }),
    );
    await world.settle(600_000);
    expect(world.kubernetes.peek(BINDING)?.subjects?.map(({ name }) => name)).toEqual([
      'gatehouse:operators:alice.new',
    ]);
  });

  it('in observe mode writes nothing to the cluster, and says what it would do', async () => {
    const world = await aRunningPipeline(
      policy([READERS], { clusters: `prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: observe }` }),
    );
    await world.join('00g2', 'bob');
    await world.settle();
    expect(world.kubernetes.writes()).toEqual([]);
    const plan = world.table.items().find(({ sk }) => sk === 'observed-plan');
    expect(JSON.stringify(plan?.changes)).toContain('gatehouse:iam-user');
  });

  it('in paused mode still revokes', async () => {
    const world = await aRunningPipeline(policy([READERS]));
    await world.join('00g2', 'bob');
    await world.settle();
    await world.upload(
      policy([READERS], { clusters: `prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: paused }` }),
    );
    await world.join('00g2', 'carol');
    await world.leave('00g2', 'bob', world.clock.now() + 1);
    await world.settle();
    expect(world.mapUsers()).not.toContain('user/bob');
    expect(world.mapUsers()).not.toContain('user/carol');
  });
});

describe('when something is wrong on a cluster', () => {
  it('an unreachable one fails its own turns only, and catches up', async () => {
    const other = ARN.replace('prod-eu', 'staging');
    const world = await aRunningPipeline(
      policy([OPERATORS], {
        clusters: `prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }\n  staging: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }`,
      }),
    );
    world.unreachable.add(other);
    await world.join('00g1', 'alice');
    await world.settle(10_000);
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(true);
    expect(world.marks().map(({ target }) => target)).toContain(`cluster/${other}`);
    world.unreachable.clear();
    await world.settle(900_000);
    expect(world.clusters.get(other)!.peek(BINDING)?.subjects?.length).toBe(1);
    expect(world.failures).toEqual([]);
  });

  it('an aws-auth that does not parse stays as it is, with a finding, and rights still go', async () => {
    const world = await aRunningPipeline(policy([OPERATORS, READERS]));
    await world.join('00g1', 'alice');
    await world.settle();
    const there = world.kubernetes.peek(AWS_AUTH)!;
    const broken = { mapRoles: `${there.data!.mapRoles}- rolearn: x\n\tusername: y\n`, mapUsers: '\t- userarn: {{' };
    world.kubernetes.seed({ ...there, data: broken });
    await world.join('00g2', 'bob');
    await world.leave('00g1', 'alice', world.clock.now() + 1);
    await world.settle();
    expect(world.kubernetes.peek(AWS_AUTH)?.data).toEqual(broken);
    expect(world.marks().map(({ finding }) => finding?.code)).toEqual(['does-not-parse']);
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
  });

  it('a door that cannot be opened keeps the members waiting, and they get in when it is mended', async () => {
    const world = await aPipeline({ policy: policy([OPERATORS]), users: ['alice'] });
    const kubernetes = world.clusters.get(ARN)!;
    const broken = { mapRoles: '- rolearn: {{' };
    kubernetes.seed({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'aws-auth' },
      data: broken,
    });
    await world.settle();
    await world.join('00g1', 'alice');
    await world.settle();
    const marks = world.table.items().filter(({ pk, sk }) => pk === `target#cluster/${ARN}` && sk.startsWith('mark#'));
    expect(marks.map((item) => [readMark(item).subject, readMark(item).finding?.code])).toEqual([
      ['grant/operators', 'does-not-parse'],
      ['user/okta/alice', 'does-not-parse'],
    ]);
    expect(kubernetes.peek(BINDING)).toBeUndefined();
    kubernetes.seed({ ...kubernetes.peek(AWS_AUTH)!, data: { mapRoles: NODES } });
    await sweep(world.ports, world.clock.now());
    await world.settle();
    expect(kubernetes.peek(BINDING)?.subjects?.length).toBe(1);
    expect(kubernetes.peek(AWS_AUTH)?.data?.mapRoles).toContain('gatehouse:operators');
  });

  it('every write of aws-auth is preceded by a snapshot that can be read back', async () => {
    const world = await aRunningPipeline(policy([READERS]));
    await world.join('00g2', 'bob');
    await world.settle();
    const [newest] = await listSnapshots(world.table, `cluster/${ARN}`, 5);
    expect(await readSnapshot(world.table, `cluster/${ARN}`, newest!.id)).toMatchObject({
      present: true,
      configMap: { data: { mapRoles: NODES } },
    });
  });

  it('an escalation that Kubernetes refuses says to apply the bootstrap again', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.upload(policy([OPERATORS], { operatorVerbs: 'get, list, watch, delete' }));
    await world.settle();
    const [finding] = world.marks().map((mark) => mark.finding);
    expect(finding?.code).toBe('escalation');
    expect(finding?.remedy).toContain('gatehouse bootstrap prod-eu');
  });

  it('one that is deleted lets go of everything, roles of removed grants included', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    world.clusters.delete(ARN);
    await world.say({ type: 'cluster', arn: ARN, state: 'deleted', at: world.clock.now() + 1 });
    await world.settle();
    expect(
      world.table.items().filter(({ pk, sk }) => pk === `target#cluster/${ARN}` && sk.startsWith('record#')),
    ).toEqual([]);
    expect(world.table.items().filter(({ pk }) => pk.startsWith('named#'))).toEqual([]);
  });

  it('one that comes back gets everything again', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    world.clusters.delete(ARN);
    await world.say({ type: 'cluster', arn: ARN, state: 'deleted', at: world.clock.now() + 1 });
    await world.settle();
    const again = world.addCluster(ARN);
    await world.say({ type: 'cluster', arn: ARN, state: 'present', at: world.clock.now() + 2 });
    await world.settle(600_000);
    expect(again.peek(BINDING)?.subjects?.map(({ name }) => name)).toEqual(['gatehouse:operators:alice']);
  });

  it('a role that somebody deletes is made again', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    world.clock.advance(600_000);
    const iam = world.ofIam();
    await iam.deleteRolePolicy('gatehouse-operators', 'gatehouse-clusters');
    await iam.deleteRole('gatehouse-operators');
    await world.say({
      type: 'principal',
      account: ACCOUNT,
      principal: 'role',
      name: 'gatehouse-operators',
      change: 'deleted',
      at: world.clock.now(),
    });
    await world.settle();
    expect(JSON.stringify((await iam.getRole('gatehouse-operators'))?.trust)).toContain('user/alice');
  });

  it('the last administrator that can be seen is not removed', async () => {
    const world = await aPipeline({ policy: policy([ADMINS]), users: ['alice'] });
    await world.settle();
    await world.join('00g3', 'alice');
    await world.settle();
    await world.leave('00g3', 'alice', world.clock.now() + 1);
    await world.settle();
    const findings = world.table
      .items()
      .filter(({ sk }) => sk.startsWith('mark#'))
      .map((item) => readMark(item).finding?.code);
    expect(findings).toEqual(['lockout']);
  });

  it('a new cluster that a discover rule lets in joins by itself', async () => {
    const joined = ARN.replace('prod-eu', 'fresh');
    const text = policy([OPERATORS], {
      extra: `discover: [ { account: "${ACCOUNT}", region: eu-west-1, tag: { gatehouse: managed }, mode: enforce } ]`,
    });
    const world = await aRunningPipeline(text);
    await world.join('00g1', 'alice');
    await world.settle();
    world.eks.set(described(joined, { tags: { gatehouse: 'managed' } }));
    const fresh = world.addCluster(joined);
    await world.say({ type: 'cluster', arn: joined, state: 'present', at: world.clock.now() });
    await world.settle();
    expect(fresh.peek(BINDING)?.subjects?.length).toBe(1);
    const allowed = JSON.stringify(await world.ofIam().getRolePolicy('gatehouse-operators', 'gatehouse-clusters'));
    expect(allowed).toContain(joined);
  });
});

describe('the ledger', () => {
  it('holds intent before outcome, the policy version, the event and what verification saw, unbroken', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.settle();
    const entries = await readChain(world.ledger, `cluster/${ARN}`);
    expect(verifyChain(entries)).toEqual({ ok: true });
    expect(entries.slice(-3).map(({ kind }) => kind)).toEqual(['intent', 'outcome', 'verified']);
    expect(entries.at(-3)?.policyVersion.version).toBe(1);
    expect(entries.at(-3)?.causes[0]?.event).toMatch(/^event-/);
    expect(JSON.stringify(entries.at(-1)?.evidence)).toContain('access-review');
  });
});

describe('the tick', () => {
  it('finds a fact whose message was lost', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    for (const { handle } of world.queues.receive('intake', 10)) world.queues.delete(handle);
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(false);
    world.clock.advance(60_000);
    await world.tick();
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(true);
  });

  it('wakes a target whose wake-up was lost within the five minutes of deduplication', async () => {
    const world = await aRunningPipeline(policy([OPERATORS]));
    await world.join('00g1', 'alice');
    await world.deliver('intake');
    for (const { handle } of world.queues.receive('iam', 10)) world.queues.delete(handle);
    world.clock.advance(60_000);
    await world.tick();
    await world.settle();
    expect(await world.may('gatehouse:operators:alice', 'list', 'pods', 'pay')).toBe(true);
  });
});
