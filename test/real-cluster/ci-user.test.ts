import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { isFailure } from '@gatehouse/core/access/failure';
import type { Json } from '@gatehouse/core/access/json';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { RotatedKey } from '@gatehouse/core/operations/rotate-key';
import type { Kubernetes, ObjectKind } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ACCOUNT, PROD, REGION } from '../../cli/src/demo/cast.ts';
import { CLUSTER_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { examplePolicy } from '../../cli/src/demo/scenario.ts';
import { bootstrapCluster } from '../../sandbox/src/bootstrap-cluster.ts';
import { kubeconfig } from '../../sandbox/src/kubernetes/kubeconfig.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { policyOf } from '../builders/policy.ts';
import { kubectl } from './kubectl.ts';

/*
 * The CI user of docs/examples/ci.yaml on a real API server with a real authenticator: what it can do there with kubectl and its
 * access key alone, what it cannot, and that the world is what it was when it is gone. AWS is played by the sandbox.
 */

const KINDS: readonly ObjectKind[] = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'Namespace'];
const SOON = { timeout: 60_000, interval: 50 };
const SECRET = `gatehouse/keys/${ACCOUNT}/eks-cicd-user`;
const EXAMPLE = readFileSync(examplePolicy('ci'), 'utf8');
/** The clusters of the example, and nobody on them. */
const NOBODY = EXAMPLE.replace(/\nmachines:[\s\S]*?(?=\nprotected:)/, '');

let folder: string;
let sandbox: Sandbox;
let operator: Kubernetes;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-ci-'));
  const policyFile = join(folder, 'policy.yaml');
  writeFileSync(policyFile, NOBODY);
  sandbox = await startSandbox({
    port: 0,
    policyFile,
    clusterObjects: CLUSTER_OBJECTS,
    components: inject('components'),
  });
  operator = apiWith(sandbox.administrator);
  // What an administrator applies before a policy with new levels: Gatehouse may give only what it has.
  const policy = policyOf(EXAMPLE);
  await bootstrapCluster({
    policy,
    cluster: policy.clusters.find(({ name }) => name === 'prod-eu')!,
    record: sandbox.endpoint.clusters.get(ACCOUNT, REGION, 'prod-eu')!,
    administrator: sandbox.administrator,
    role: sandbox.stack.wiring.outputs.ClusterAccessRole!,
  });
}, 120_000);
afterAll(async () => {
  await sandbox?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function operate<T>(payload: Json): Promise<T> {
  const answer = (await invokeFunction({
    functionName: 'gatehouse-run-operation',
    payload,
    region: REGION,
    endpoint: sandbox.awsEndpointUrl,
    credentials: sandbox.administrator,
    now: Date.now(),
    timeout: 20_000,
  })) as unknown as { ok: boolean; outcome: T };
  expect(answer).toMatchObject({ ok: true });
  return answer.outcome;
}

async function putInForce(document: string): Promise<void> {
  const { version } = await operate<{ version: number }>({ operation: 'upload-policy', document, by: 'a test' });
  await operate({ operation: 'activate-policy', version, by: 'a test' });
}

/** prod-eu as whoever holds these keys sees it. */
function apiWith(credentials: AwsCredentials): Kubernetes {
  const { endpoint: server = '', certificateAuthority = '' } = sandbox.endpoint.clusters.get(
    ACCOUNT,
    REGION,
    'prod-eu',
  )!;
  const token = () =>
    clusterToken({ cluster: 'prod-eu', region: REGION, endpoint: publicSts(REGION), credentials, now: Date.now() });
  return kubernetesOver({ server, certificateAuthority, token, timeoutMs: 30_000 });
}

/** The pipeline's access key, as it reads it from the secret; undefined while there is none. */
function keyInSecret(): AwsCredentials | undefined {
  const value = sandbox.endpoint.secrets.valueOf(ACCOUNT, REGION, SECRET);
  return value === undefined ? undefined : (JSON.parse(value) as AwsCredentials);
}

/** A kubeconfig as the pipeline has it: `gatehouse token` is the credential plugin, the key stands in the environment. */
function kubeconfigWith({ accessKeyId, secretAccessKey }: AwsCredentials): string {
  const { endpoint: server = '', certificateAuthority = '' } = sandbox.endpoint.clusters.get(
    ACCOUNT,
    REGION,
    'prod-eu',
  )!;
  const exec = {
    command: process.execPath,
    args: ['-C', 'source', fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url)), 'token', 'prod-eu'],
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: REGION },
  };
  const file = join(folder, `${accessKeyId}.kubeconfig`);
  const ca = Buffer.from(certificateAuthority, 'base64').toString();
  writeFileSync(file, kubeconfig({ name: 'prod-eu', server, ca }, { exec }), { mode: 0o600 });
  return file;
}

/** Whether whoever holds the key may list deployments of the namespace; `stranger` where the cluster does not know them. */
async function mayDeploy(credentials: AwsCredentials): Promise<'yes' | 'no' | 'stranger'> {
  try {
    // The port knows no deployments: what is asked is the review of their own rights.
    await apiWith(credentials).whoAmI();
  } catch (error) {
    if (isFailure(error, 'unauthorized')) return 'stranger';
    throw error;
  }
  const said = await kubectl(kubeconfigWith(credentials), 'auth', 'can-i', 'list', 'deployments.apps', '-n', 'pay');
  return said.startsWith('yes') ? 'yes' : 'no';
}

/** Everything that could be left behind: IAM, secrets, aws-auth, and the RBAC objects and namespaces of the cluster. */
async function theWorld(): Promise<unknown> {
  const { users, roles, policies } = sandbox.endpoint.iam.accounts.get(ACCOUNT)!;
  const names = async (kind: ObjectKind) =>
    (await operator.list(kind, {})).items.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).sort();
  const { data } = (await operator.read(AWS_AUTH_REF))!;
  return {
    users: [...users.keys()].sort(),
    roles: [...roles.keys()].sort(),
    policies: [...policies.keys()].sort(),
    secret: sandbox.endpoint.secrets.valueOf(ACCOUNT, REGION, SECRET) !== undefined,
    awsAuth: data,
    rbac: await Promise.all(KINDS.map(names)),
  };
}

describe('a CI user confined to one namespace', () => {
  let before: unknown;
  let foreign: Readonly<Record<string, string>>;
  let file: string;
  let key: AwsCredentials;
  const run = (...arguments_: readonly string[]) => kubectl(file, ...arguments_);

  it('has its key in the secret and its line in aws-auth, when its rights are there', async () => {
    await expect
      .poll(async () => (await operate<{ policy: unknown }>({ operation: 'status' })).policy, SOON)
      .toBeTruthy();
    before = await theWorld();
    foreign = (await operator.read(AWS_AUTH_REF))!.data!;
    await putInForce(EXAMPLE);
    await expect.poll(async () => (await operator.read(AWS_AUTH_REF))?.data?.mapUsers, SOON).toContain('eks-cicd-user');
    key = keyInSecret()!;
    file = kubeconfigWith(key);
    await expect
      .poll(() => run('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'), SOON)
      .toBe('eks-cicd-user');
    const { data = {} } = (await operator.read(AWS_AUTH_REF))!;
    for (const [list, text] of Object.entries(foreign)) expect(data[list]!.slice(0, text.length)).toBe(text);
  }, 120_000);

  it('creates, updates, rolls back and deletes a deployment', async () => {
    const image = () =>
      run('get', 'deployment', 'web', '-n', 'pay', '-o', 'jsonpath={.spec.template.spec.containers[0].image}');
    expect(await run('create', 'deployment', 'web', '--image=registry.example.com/web:1', '-n', 'pay')).toBe(
      'deployment.apps/web created',
    );
    const revisions = async () =>
      (await run('get', 'replicasets', '-l', 'app=web', '-n', 'pay', '-o', 'name')).split('\n');
    await expect.poll(async () => (await revisions()).filter(Boolean).length, SOON).toBe(1);
    expect(await run('set', 'image', 'deployment/web', 'web=registry.example.com/web:2', '-n', 'pay')).toBe(
      'deployment.apps/web image updated',
    );
    await expect.poll(async () => (await revisions()).filter(Boolean).length, SOON).toBe(2);
    expect(await image()).toBe('registry.example.com/web:2');
    expect(await run('rollout', 'history', 'deployment/web', '-n', 'pay')).toMatch(/^1 .*\n2 /m);
    expect(await run('rollout', 'undo', 'deployment/web', '-n', 'pay')).toBe('deployment.apps/web rolled back');
    expect(await image()).toBe('registry.example.com/web:1');
    expect(await run('delete', 'deployment', 'web', '-n', 'pay')).toContain('deployment.apps "web" deleted');
    // kubectl waited until it was gone.
    expect(await run('get', 'deployment', 'web', '-n', 'pay')).toContain('not found');
  }, 120_000);

  it.each([
    ['read a secret', ['get', 'secret', 'card-processor', '-n', 'pay']],
    ['list secrets', ['get', 'secrets', '-n', 'pay']],
    ['read pods', ['get', 'pods', '-n', 'pay']],
    ['look into another namespace', ['get', 'deployments', '-n', 'shop']],
    ['deploy into another namespace', ['create', 'deployment', 'x', '--image=x', '-n', 'shop']],
    ['deploy into kube-system', ['create', 'deployment', 'x', '--image=x', '-n', 'kube-system']],
    ['read aws-auth', ['get', 'configmap', 'aws-auth', '-n', 'kube-system']],
    ['list namespaces', ['get', 'namespaces']],
    [
      'make itself an administrator',
      ['create', 'clusterrolebinding', 'x', '--clusterrole=cluster-admin', '--user=eks-cicd-user'],
    ],
    [
      'give itself more in its namespace',
      ['create', 'rolebinding', 'x', '--clusterrole=admin', '--user=eks-cicd-user', '-n', 'pay'],
    ],
    ['be somebody else', ['get', 'pods', '-n', 'pay', '--as=kubernetes-admin']],
  ])('cannot %s', async (_what, arguments_) => {
    expect(await run(...arguments_)).toMatch(/forbidden/i);
  });

  it('may look up its cluster, and no other', async () => {
    const eks = new EKSClient({ endpoint: sandbox.awsEndpointUrl, region: REGION, credentials: key, maxAttempts: 1 });
    const { cluster } = await eks.send(new DescribeClusterCommand({ name: 'prod-eu' }));
    expect(cluster?.arn).toBe(PROD.arn);
    await expect(eks.send(new DescribeClusterCommand({ name: 'staging' }))).rejects.toMatchObject({
      name: expect.stringContaining('AccessDenied'),
    });
    eks.destroy();
  });

  it('has another key after a rotation: both work, and then the new one alone', async () => {
    const rotate = async (overlapSeconds: number) =>
      (await operate<{ users: RotatedKey[] }>({ operation: 'rotate-key', machine: 'payments-ci', overlapSeconds }))
        .users[0]!;
    expect(await rotate(3600)).toMatchObject({ state: 'begun', replaces: key.accessKeyId });
    await expect.poll(() => keyInSecret()!.accessKeyId, SOON).not.toBe(key.accessKeyId);
    const next = keyInSecret()!;
    expect([await mayDeploy(key), await mayDeploy(next)]).toEqual(['yes', 'yes']);
    expect(await rotate(0)).toMatchObject({ state: 'shortened', replaces: key.accessKeyId });
    await expect.poll(() => mayDeploy(key), SOON).toBe('stranger');
    expect(await mayDeploy(next)).toBe('yes');
    key = next;
    file = kubeconfigWith(key);
  }, 120_000);

  it('leaves nothing when it goes: its next request is denied, and the world is what it was', async () => {
    await putInForce(NOBODY);
    await expect.poll(() => run('get', 'deployments', '-n', 'pay'), SOON).toMatch(/forbidden|Unauthorized|logged in/i);
    await expect.poll(theWorld, SOON).toEqual(before);
    expect((await operator.read(AWS_AUTH_REF))!.data).toEqual(foreign);
  }, 120_000);
});
