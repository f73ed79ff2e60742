import { inspect } from 'node:util';
import { Failure } from '@gatehouse/core/access/failure';
import { clusterTarget, connectionTarget } from '@gatehouse/core/access/target';
import { readChain } from '@gatehouse/core/ledger/ledger';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { readRegistration } from '@gatehouse/core/work/connection-stage';
import { readMark } from '@gatehouse/core/work/marks';
import { sweep } from '@gatehouse/core/work/sweep';
import { planTarget } from '@gatehouse/core/work/take-turns';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { describe, expect, it } from 'vitest';
import { aPipeline, described } from '../../builders/pipeline.ts';
import { ACCOUNT, policyOf } from '../../builders/policy.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/edge`;
const CONNECTION = connectionTarget(ARN);
const CLUSTER = clusterTarget(ARN);
const ROLE = 'gatehouse-connector-eu-west-1-edge';
const KUBECONFIG = 'gatehouse/kubeconfigs/edge';
const DAY = 24 * 3600 * 1000;
const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;
const BEN = `arn:aws:iam::${ACCOUNT}:user/ben`;
const IMPERSONATION = { kind: 'ClusterRole', name: 'eks-connector-service' } as const;

interface Wish {
  readonly connected?: boolean;
  readonly reached?: boolean;
  readonly mode?: string;
  readonly provider?: string;
  readonly grants?: readonly string[];
}

const viewer = (name: string, users: readonly string[], namespaces = '') =>
  `{ name: ${name}, to: [${users.map((arn) => `{ principal: "${arn}" }`).join(', ')}], on: { clusters: edge${namespaces} }, level: console-viewer, through: connector }`;

function policy({
  connected = true,
  reached = true,
  mode = 'enforce',
  provider = 'EKS_ANYWHERE',
  grants = [],
}: Wish = {}) {
  const kubeconfig = reached ? `, kubeconfigSecret: ${KUBECONFIG}` : '';
  const edge = `edge: { account: "${ACCOUNT}", region: eu-west-1, kind: connected, provider: ${provider}, mode: ${mode}${kubeconfig} }`;
  return `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
${connected ? `  ${edge}` : ''}
grants:${grants.length === 0 ? ' []' : ''}
${grants.map((grant) => `  - ${grant}`).join('\n')}
`;
}

async function aWorld(wish: Wish = {}) {
  const world = await aPipeline({ policy: policy(wish), users: ['ana', 'ben'] });
  if (!world.clusters.has(ARN)) world.addCluster(ARN, policyOf(policy()));
  return world;
}
type World = Awaited<ReturnType<typeof aWorld>>;

const role = (world: World) => world.iam.get(ACCOUNT)!.state.accounts.get(ACCOUNT)!.roles.get(ROLE);
const markOn = async (world: World, target: string) => {
  const { items } = await world.table.query(`target#${target}`, { prefix: 'mark#' });
  return items.map(readMark);
};
/** Everything in the cluster but what every cluster has, by name. */
async function inCluster(world: World): Promise<string[]> {
  const kubernetes = world.clusters.get(ARN)!;
  const names: string[] = [];
  for (const kind of [
    'Namespace',
    'Secret',
    'ServiceAccount',
    'ConfigMap',
    'StatefulSet',
    'Role',
    'RoleBinding',
    'ClusterRole',
    'ClusterRoleBinding',
  ] as const) {
    const { items } = await kubernetes.list(kind, {});
    for (const { metadata } of items) names.push(`${kind}/${metadata.namespace ?? ''}/${metadata.name}`);
  }
  return names.sort();
}
/** What the agent in the cluster would send. */
function activation(world: World) {
  const secret = world.clusters
    .get(ARN)!
    .peek({ kind: 'Secret', namespace: 'eks-connector', name: 'eks-connector-activation-config' });
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  return { id: text('id'), code: text('code') };
}
const impersonated = (world: World) =>
  world.clusters
    .get(ARN)!
    .peek(IMPERSONATION)
    ?.rules?.flatMap(({ resourceNames }) => resourceNames ?? []);

describe('a cluster elsewhere', () => {
  it('is registered: service-linked role, agent role, registration, activation, manifests; and becomes ACTIVE', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    expect(world.failures).toEqual([]);
    expect(role(world)).toMatchObject({ path: '/gatehouse/connector/' });
    expect(JSON.stringify(role(world)!.trust)).toContain('"ssm.amazonaws.com"');
    expect(world.iam.get(ACCOUNT)!.calls).toContain('createServiceLinkedRole eks-connector.amazonaws.com');
    const edge = await world.eks.describeCluster('edge');
    expect(edge).toMatchObject({ status: 'PENDING', tags: { 'gatehouse:managed': 'true' } });
    expect(await inCluster(world)).toEqual(
      expect.arrayContaining(['StatefulSet/eks-connector/eks-connector', 'ServiceAccount/eks-connector/eks-connector']),
    );
    expect(world.eks.activate('edge', activation(world))).toBe(true);
    await world.settle(600_000);
    expect(await readRegistration(world.table, CONNECTION)).toMatchObject({ status: 'ACTIVE' });
    expect(await markOn(world, CONNECTION)).toEqual([]);
    expect(await markOn(world, CLUSTER)).toEqual([]);
  });

  it('is looked at again without a single write', async () => {
    const world = await aWorld({ grants: [viewer('viewers', [ANA])] });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    world.eks.activate('edge', activation(world));
    await world.settle(600_000);
    world.forgetCalls();
    const registered = world.eks.calls.registerCluster;
    await sweep(world.ports, world.clock.now());
    await world.settle();
    expect(world.writes()).toEqual([]);
    expect(world.eks.calls.registerCluster).toBe(registered);
  });

  it('waits for a role that EKS does not see yet, and tries again by itself', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    const { registerCluster } = world.eks;
    let early = 3;
    world.eks.registerCluster = async (registration) => {
      if (early-- > 0) throw new Failure('unreachable', 'Not existing role');
      return registerCluster(registration);
    };
    await world.settle();
    expect(early).toBe(-1);
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
  });

  it('shows its activation in no log, ledger, notice, table or plan', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const { id, code } = activation(world);
    expect(code).toMatch(/^code-\d+$/);
    const plans = [
      await planTarget(world.ports, TURN_LIMITS, CONNECTION, ['connection/edge']),
      await planTarget(world.ports, TURN_LIMITS, CLUSTER, ['connection/edge']),
    ];
    const said = [
      plans,
      world.reports,
      world.failures,
      await readChain(world.ledger, `iam/${ACCOUNT}`),
      await readChain(world.ledger, CLUSTER),
      (await world.table.query(`target#${CONNECTION}`)).items,
      (await world.table.query(`target#${CLUSTER}`)).items,
    ];
    const encoded = [code, id, ...[code, id].map((text) => Buffer.from(text).toString('base64'))];
    for (const secret of encoded) expect(inspect(said, { depth: 20 })).not.toContain(secret);
  });

  it('is removed with all that was made for it: the world after is the world before', async () => {
    const world = await aWorld({ connected: false });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const before = { cluster: await inCluster(world), secrets: world.secrets.names(), eks: world.eks };
    await world.upload(policy({ grants: [viewer('viewers', [ANA, BEN])] }));
    await world.settle();
    world.eks.activate('edge', activation(world));
    await world.settle(600_000);
    expect(impersonated(world)).toEqual([ANA, BEN]);
    await world.upload(policy({ connected: false }));
    await world.settle();
    expect(world.failures).toEqual([]);
    expect(await inCluster(world)).toEqual(before.cluster);
    expect(world.secrets.names()).toEqual(before.secrets);
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    expect(role(world)).toBeUndefined();
    // The role of the account stays: other registrations may need it.
    expect(await world.iam.get(ACCOUNT)!.getRole('AWSServiceRoleForAmazonEKSConnector')).toBeDefined();
    for (const target of [CONNECTION, CLUSTER]) {
      expect((await world.table.query(`target#${target}`, { prefix: 'record#' })).items).toEqual([]);
      expect(await markOn(world, target)).toEqual([]);
    }
  });

  it('is swept where nobody activates it within three days, and begun anew only when somebody asks', async () => {
    const world = await aWorld({ reached: false });
    await world.settle(3 * DAY + 3_600_000);
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    expect(role(world)).toBeUndefined();
    expect(world.secrets.names()).toEqual([]);
    expect(await markOn(world, CONNECTION)).toMatchObject([{ finding: { code: 'activation-expired' } }]);
    await sweep(world.ports, world.clock.now());
    await world.settle();
    expect(world.eks.calls.registerCluster).toBe(1);
    expect(await markOn(world, CONNECTION)).toMatchObject([{ finding: { code: 'activation-expired' } }]);
  });

  it('that is not reached is registered all the same, and says what to apply by hand', async () => {
    const world = await aWorld({ reached: false, grants: [viewer('viewers', [ANA])] });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
    const marks = await markOn(world, CLUSTER);
    expect(marks.length).toBeGreaterThan(0);
    for (const { finding } of marks) expect(finding).toMatchObject({ code: 'unsupported' });
    await world.upload(policy({ connected: false }));
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    await sweep(world.ports, world.clock.now());
    await world.settle();
    expect([await markOn(world, CONNECTION), await markOn(world, CLUSTER)]).toEqual([[], []]);
  });

  it.each([
    ['observe', 0],
    ['paused', 0],
  ])('in mode %s is not registered', async (mode, calls) => {
    const world = await aWorld({ mode });
    await world.settle();
    expect(world.eks.calls.registerCluster).toBe(calls);
    expect(role(world)).toBeUndefined();
  });

  it('whose name is taken, by EKS or by somebody else, is a finding, and nothing of theirs is touched', async () => {
    for (const [taken, code] of [
      [described(ARN), 'name-taken'],
      [described(ARN, { connector: { provider: 'GKE', roleArn: 'arn:x' } }), 'foreign-registration'],
    ] as const) {
      const world = await aWorld();
      world.eks.set(taken);
      await world.settle();
      expect(await markOn(world, CONNECTION)).toMatchObject([{ finding: { code } }]);
      await world.upload(policy({ connected: false }));
      await world.settle();
      expect(await world.eks.describeCluster('edge')).toEqual(taken);
    }
  });

  it('that does not answer is registered, tried again, and let go of when it answers', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    world.unreachable.add(ARN);
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
    expect(await markOn(world, CLUSTER)).toMatchObject([{ failure: { code: 'unreachable' } }]);
    world.unreachable.delete(ARN);
    await world.settle(600_000);
    expect(await inCluster(world)).toContain('StatefulSet/eks-connector/eks-connector');
  });

  it('registered by hand is not taken over, and deregistered by hand is registered again', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const first = activation(world);
    world.eks.remove('edge');
    await world.say({ type: 'cluster', arn: ARN, state: 'deleted', at: world.clock.now() });
    await world.settle();
    expect(await world.eks.describeCluster('edge')).toMatchObject({ status: 'PENDING' });
    // The cluster has the new activation, too.
    expect(activation(world)).not.toEqual(first);
    expect(world.eks.activate('edge', activation(world))).toBe(true);
  });
});

describe('people who come through the connector', () => {
  it('come and go by two writes each: the rule that names them, and their binding', async () => {
    const world = await aWorld({ grants: [viewer('viewers', [ANA], ', namespaces: [pay], absentNamespaces: create')] });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    expect(impersonated(world)).toEqual([ANA]);
    const writes = async (users: readonly string[]) => {
      world.forgetCalls();
      await world.upload(
        policy({ grants: [viewer('viewers', users, ', namespaces: [pay], absentNamespaces: create')] }),
      );
      await world.settle();
      return world.writes().sort();
    };
    const RULE = 'replace ClusterRole/eks-connector-service';
    const BINDINGS = [
      'replace ClusterRoleBinding/gatehouse:viewers:cluster-wide:0',
      'replace RoleBinding/pay/gatehouse:viewers:role:0',
    ];
    expect(await writes([ANA, BEN])).toEqual([RULE, ...BINDINGS]);
    expect(impersonated(world)).toEqual([ANA, BEN]);
    expect(await writes([BEN])).toEqual([RULE, ...BINDINGS]);
    expect(impersonated(world)).toEqual([BEN]);
  });

  it('are all taken out where the last goes: no rule is left that would name everybody', async () => {
    const world = await aWorld({ grants: [viewer('viewers', [ANA])] });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    await world.upload(policy());
    await world.settle();
    expect(world.clusters.get(ARN)!.peek(IMPERSONATION)).toBeUndefined();
    expect(await inCluster(world)).toContain('StatefulSet/eks-connector/eks-connector');
  });

  it('are verified by what the cluster answers to questions about their ARN', async () => {
    const world = await aWorld({ grants: [viewer('viewers', [ANA])] });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const entries = await readChain(world.ledger, CLUSTER);
    const verified = entries.filter(({ kind }) => kind === 'verified');
    expect(verified.length).toBeGreaterThan(0);
    expect(JSON.stringify(verified)).toContain(`"user":"${ANA}"`);
  });
});

describe('a registration that ends half way', () => {
  it.each([
    ['getRole', 'iam'],
    ['createRole', 'iam'],
    ['putRolePolicy', 'iam'],
    ['createServiceLinkedRole', 'iam'],
    ['registerCluster', 'eks'],
    ['write', 'secrets'],
    ['create', 'cluster'],
  ] as const)('at %s of %s is undone completely, also twice', async (method, port) => {
    const world = await aWorld({ connected: false });
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const before = await inCluster(world);
    const target = {
      iam: world.iam.get(ACCOUNT)!,
      eks: world.eks,
      secrets: world.secrets,
      cluster: world.clusters.get(ARN)!,
    }[port] as unknown as Record<string, (...parameters: unknown[]) => Promise<unknown>>;
    const real = target[method]!.bind(target);
    let broken = true;
    // What was sent takes effect, and its answer is lost.
    target[method] = async (...parameters) => {
      const answer = await real(...parameters);
      if (broken) throw new Failure('ambiguous', 'the answer was lost');
      return answer;
    };
    await world.upload(policy({ grants: [viewer('viewers', [ANA])] }));
    await world.settle(5_000);
    broken = false;
    for (let times = 0; times < 2; times++) {
      await world.upload(policy({ connected: false }));
      await world.settle(900_000);
    }
    expect(await inCluster(world)).toEqual(before);
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
    expect(role(world)).toBeUndefined();
    expect(world.secrets.names()).toEqual([KUBECONFIG]);
    await world.upload(policy({ grants: [viewer('viewers', [ANA])] }));
    await world.settle(900_000);
    expect(world.eks.activate('edge', activation(world))).toBe(true);
    expect(impersonated(world)).toEqual([ANA]);
  });

  it('at any write in the cluster is undone completely', async () => {
    let left = Number.POSITIVE_INFINITY;
    const world = await aPipeline({
      policy: policy({ connected: false }),
      users: ['ana', 'ben'],
      before: (arn, method) => {
        if (arn !== ARN || !['create', 'replace', 'remove'].includes(method)) return;
        left -= 1;
        if (left < 0) throw new Failure('unreachable', 'the cluster went away');
      },
    });
    world.addCluster(ARN, policyOf(policy()));
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    await world.settle();
    const before = await inCluster(world);
    let steps = 0;
    for (; ; steps++) {
      left = steps;
      await world.upload(policy({ grants: [viewer('viewers', [ANA, BEN])] }));
      await world.settle(2_000);
      const isWhole = left >= 0;
      left = Number.POSITIVE_INFINITY;
      await world.upload(policy({ connected: false }));
      await world.settle(900_000);
      expect(await inCluster(world), `after ${steps} writes`).toEqual(before);
      expect(await world.eks.describeCluster('edge')).toBeUndefined();
      if (isWhole) break;
    }
    expect(steps).toBeGreaterThan(15);
  }, 60_000);
});

describe('what is in the cluster already', () => {
  it('of the names of the connector stays, and is a finding', async () => {
    const world = await aWorld();
    await world.secrets.write(KUBECONFIG, 'kubeconfig', {});
    const theirs: KubernetesObject = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'eks-connector-cluster-meta-access' },
      rules: [],
    };
    world.clusters.get(ARN)!.seed(theirs);
    await world.settle();
    expect(await markOn(world, CLUSTER)).toMatchObject([{ finding: { code: 'foreign-object' } }]);
    const { metadata } = world.clusters.get(ARN)!.peek({ kind: 'ClusterRole', name: theirs.metadata.name })!;
    expect(metadata.labels).toBeUndefined();
  });
});
