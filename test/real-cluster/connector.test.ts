import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { apiServerOf } from '@gatehouse/core/kubernetes/kubeconfig';
import { manifestText } from '@gatehouse/core/kubernetes/manifest-text';
import { connectorManifests } from '@gatehouse/core/operations/connections';
import type { Kubernetes, ObjectKind } from '@gatehouse/core/ports/kubernetes';
import { withActivation } from '@gatehouse/core/resources/connector-object/apply';
import { putMark } from '@gatehouse/core/work/marks';
import { TURN_LIMITS } from '@gatehouse/core/work/turn-ports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPipeline } from '../builders/pipeline.ts';
import { ACCOUNT } from '../builders/policy.ts';
import type { MemoryKubernetes } from '../fakes/kubernetes.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';
import { kubectl } from './kubectl.ts';

const ARN = `arn:aws:eks:eu-west-1:${ACCOUNT}:cluster/edge`;
const KUBECONFIG = 'gatehouse/kubeconfigs/edge';
const user = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const [ANA, BEN, EVE] = [user('ana'), user('ben'), user('eve')];
const KINDS: readonly ObjectKind[] = [
  'Namespace',
  'Secret',
  'ServiceAccount',
  'ConfigMap',
  'StatefulSet',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
];

const policy = (connected: boolean, users: readonly string[] = [ANA]) => `
apiVersion: gatehouse/v1
clusters:
  prod-eu: { account: "${ACCOUNT}", region: eu-west-1, mode: enforce }
${connected ? `  edge: { account: "${ACCOUNT}", region: eu-west-1, kind: connected, provider: EKS_ANYWHERE, kubeconfigSecret: ${KUBECONFIG}, mode: enforce }` : ''}
grants:${connected ? '' : ' []'}
${
  connected
    ? `  - { name: viewers, to: [${users.map((arn) => `{ principal: "${arn}" }`).join(', ')}], on: { clusters: edge }, level: console-viewer, through: connector }
  - { name: payments, to: { principal: "${BEN}" }, on: { clusters: edge, namespaces: [pay] }, level: console-viewer, through: connector }`
    : ''
}
`;

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
let cluster: CleanCluster;
beforeAll(async () => {
  cluster = await startCleanCluster({ name: 'edge' });
  await cluster.operator.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await cluster?.stop();
});

/** The cluster by the kubeconfig that would be in the secret. */
function byKubeconfig(): Kubernetes {
  const api = apiServerOf(readFileSync(cluster.operatorKubeconfig, 'utf8'), 'the secret');
  return kubernetesOver({ ...api, timeoutMs: 30_000 });
}

/** The whole pipeline, whose one cluster elsewhere is the real one. `after` runs behind every write there, and may throw. */
async function aWorld(after: () => void = () => undefined) {
  const world = await aPipeline({ policy: policy(false), users: ['ana', 'ben'] });
  const real = byKubeconfig();
  const writing =
    <A extends unknown[], R>(call: (...parameters: A) => Promise<R>) =>
    async (...parameters: A) => {
      const answer = await call(...parameters);
      after();
      return answer;
    };
  const kubernetes: Kubernetes = {
    ...real,
    create: writing((object) => real.create(object)),
    replace: writing((object) => real.replace(object)),
    remove: writing((ref, precondition) => real.remove(ref, precondition)),
  };
  world.clusters.set(ARN, kubernetes as MemoryKubernetes);
  await world.secrets.write(KUBECONFIG, readFileSync(cluster.operatorKubeconfig, 'utf8'), {});
  await world.settle();
  return world;
}
type World = Awaited<ReturnType<typeof aWorld>>;

/** Everything of the cluster that could be left over, by name. */
async function everything(): Promise<readonly string[]> {
  const names: string[] = [];
  for (const kind of KINDS) {
    const { items } = await cluster.operator.list(kind, {});
    for (const { metadata } of items) names.push(`${kind}/${metadata.namespace ?? '-'}/${metadata.name}`);
  }
  return names.sort();
}

/** What a console user is answered: the agent asks with its own service account, and sets whom it asks for. */
async function look(who: string, path: string): Promise<{ status: number; message?: string }> {
  const minted = await cluster.send({
    token: cluster.identity.operatorToken,
    method: 'POST',
    url: '/api/v1/namespaces/eks-connector/serviceaccounts/eks-connector/token',
    headers: { 'content-type': 'application/json' },
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } },
  });
  const { token } = minted.body.status;
  const { status, body } = await cluster.send({
    token,
    method: 'GET',
    url: path,
    headers: { 'impersonate-user': who },
  });
  return { status, message: body.message };
}

async function register(world: World, users?: readonly string[]): Promise<void> {
  await world.upload(policy(true, users));
  await world.settle(300_000);
}
async function deregister(world: World): Promise<void> {
  await world.upload(policy(false));
  await world.settle(300_000);
}

describe('a cluster elsewhere that is a real one', () => {
  it('lets those look whom the policy names, as its RBAC says, and nobody else', async () => {
    const world = await aWorld();
    const before = await everything();
    await register(world);
    expect(world.failures).toEqual([]);
    const statefulSet = await cluster.operator.read({
      kind: 'StatefulSet',
      namespace: 'eks-connector',
      name: 'eks-connector',
    });
    expect(statefulSet).toMatchObject({ spec: { replicas: 2 } });
    const PODS = '/api/v1/namespaces/pay/pods';
    await expect.poll(async () => (await look(ANA, '/api/v1/pods')).status).toBe(200);
    expect(await look(ANA, '/api/v1/namespaces/pay/secrets')).toMatchObject({ status: 403 });
    expect(await look(BEN, PODS)).toMatchObject({ status: 200 });
    expect(await look(BEN, '/api/v1/namespaces/default/pods')).toMatchObject({ status: 403 });
    for (const nobody of [EVE, 'system:admin', 'kubernetes-admin', `${ANA}/x`]) {
      expect(await look(nobody, PODS), nobody).toMatchObject({
        status: 403,
        message: expect.stringContaining('cannot impersonate'),
      });
    }

    await register(world, [EVE]);
    await expect.poll(async () => (await look(ANA, PODS)).status).toBe(403);

    await deregister(world);
    await expect.poll(everything, { timeout: 30_000 }).toEqual(before);
    expect(await world.eks.describeCluster('edge')).toBeUndefined();
  }, 120_000);

  it('looked at again costs no write', async () => {
    let writes = 0;
    const world = await aWorld(() => {
      writes += 1;
    });
    await register(world);
    const made = writes;
    expect(made).toBeGreaterThan(15);
    await world.upload(policy(true).replace('name: viewers', 'name:  viewers'));
    await world.settle(60_000);
    for (const subject of ['connection/edge', `principal/${ANA}`] as const) {
      const cause = { source: 'test', event: 'again', type: 'again', receivedAt: 0 };
      await putMark(world.ports, { target: `cluster/${ARN}`, subject, urgency: 'grant', cause });
    }
    await world.tick();
    await world.settle(120_000);
    expect(writes).toBe(made);
    await deregister(world);
    await expect
      .poll(async () => (await everything()).some((name) => name.includes('eks-connector')), { timeout: 30_000 })
      .toBe(false);
  }, 120_000);

  it('takes the manifests that are applied by hand, with no field that it does not know', async () => {
    const world = await aWorld();
    await register(world);
    const settings = { limits: TURN_LIMITS, clusterAccessRole: `arn:aws:iam::${ACCOUNT}:role/gatehouse-system/access` };
    const asked = { operation: 'connector-manifests', name: 'edge', region: 'eu-west-1' } as const;
    const { objects, missing } = await connectorManifests(world.ports, settings, asked);
    expect(missing).toEqual([]);
    const filled = await Promise.all(objects.map((object) => withActivation(object, world.secrets)));
    await deregister(world);
    await expect
      .poll(async () => (await everything()).some((name) => name.includes('eks-connector')), { timeout: 30_000 })
      .toBe(false);
    const file = join(folder, 'connector.yaml');
    writeFileSync(file, manifestText(filled), { mode: 0o600 });
    const applied = await kubectl(cluster.operatorKubeconfig, 'apply', '--validate=strict', '-f', file);
    expect(applied.split('\n')).toHaveLength(objects.length);
    expect(applied).not.toMatch(/error|invalid|unknown/i);
    expect((await look(ANA, '/api/v1/pods')).status).toBe(200);
    await kubectl(cluster.operatorKubeconfig, 'delete', '-f', file);
    expect((await everything()).filter((name) => /eks-connector|gatehouse:/.test(name))).toEqual([]);
  }, 120_000);

  it('is as it was before, wherever a registration ended half way, also when it is taken back twice', async () => {
    const before = await everything();
    let left = Number.POSITIVE_INFINITY;
    const world = await aWorld(() => {
      left -= 1;
      // The write took effect, and its answer is lost; so are those of all that follow.
      if (left < 0) throw new Failure('ambiguous', 'the answer was lost');
    });
    let steps = 0;
    // Every step is tried in memory (test/core/work/connected-clusters.test.ts); here some of them, since a namespace goes slowly.
    for (; ; steps += 5) {
      left = steps;
      await world.upload(policy(true));
      await world.settle(2_000);
      const isWhole = left >= 0;
      left = Number.POSITIVE_INFINITY;
      await deregister(world);
      await deregister(world);
      await expect.poll(everything, { timeout: 30_000 }).toEqual(before);
      expect(await world.eks.describeCluster('edge')).toBeUndefined();
      if (isWhole) break;
    }
    expect(steps).toBeGreaterThan(15);
  }, 400_000);
});
