import { IAMClient, ListRolesCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, STSClient, STSServiceException } from '@aws-sdk/client-sts';
import { isFailure } from '@gatehouse/core/access/failure';
import { canonicalJson, type Json } from '@gatehouse/core/access/json';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { withOnboarded } from '@gatehouse/core/policy/onboarding';
import { readPolicy } from '@gatehouse/core/policy/read';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newMessageId } from '../../cli/src/demo/webhooks.ts';
import { webhookHeaders } from '../../cli/src/verbs/sign-webhook.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import { environment, itemsOf } from '../builders/onboarding.ts';
import { type DeployedStack, deployStack } from './deployed-stack.ts';
import { ACCOUNT, REGION } from './emulator.ts';

/*
 * Environments and applications on real components: a signed event of a developer platform, the deployed functions, IAM and STS
 * of the emulator, a real API server with a real authenticator. The policy names no cluster at all: it says what may join.
 */

const SOON = { timeout: 60_000, interval: 50 };
const user = (name: string) => `arn:aws:iam::${ACCOUNT}:user/${name}`;
const roleOf = (grant: string) => `arn:aws:iam::${ACCOUNT}:role/gatehouse/gatehouse-${grant}`;
const POLICY = `
apiVersion: gatehouse/v1
identities:
  - { source: standard, template: "${user('{localPart}')}" }
onboarding:
  environments:
    accounts: ["${ACCOUNT}"]
    mode: enforce
    trust: { principals: [ "${user('provisioner')}" ] }
  applications:
    absentNamespaces: create-and-delete
    trust: { principals: [ "${user('ci-{namespace}')}" ] }
    groupsOf: standard
`;

let stack: DeployedStack;
const keys = new Map<string, AwsCredentials>();

beforeAll(async () => {
  const reading = readPolicy(POLICY);
  if (!reading.ok) throw new Error(reading.errors[0]?.message);
  stack = await deployStack(
    POLICY,
    withOnboarded(reading.policy, itemsOf(environment('prod', { cluster: 'prod-eu' }))).policy,
  );
  for (const name of ['provisioner', 'ci-orders', 'ci-shop', 'ann']) keys.set(name, await stack.createUser(name));
  await stack.uploadPolicy();
}, 180_000);
afterAll(async () => stack?.stop());

/** What a developer platform tells; answers the HTTP status and what was said. */
async function tell(type: string, data: Json): Promise<{ status: number; said: string }> {
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data });
  const headers = webhookHeaders(stack.webhookSecret, Buffer.from(body), { now: Date.now(), id: newMessageId() });
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
  const answer = await fetch(`${stack.webhookUrl}/standard`, init);
  return { status: answer.status, said: await answer.text() };
}

const GOOD = { status: 204, said: '' };
const CLUSTER = { account: ACCOUNT, region: REGION, name: 'prod-eu' };

/** A session of a role; undefined where its trust does not let them in. */
async function session(name: string, grant: string, as: string): Promise<AwsCredentials | undefined> {
  const sts = new STSClient({ ...stack.emulator.config(), credentials: keys.get(name)! });
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: roleOf(grant), RoleSessionName: as }));
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials!;
    return { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! };
  } catch (error) {
    if (error instanceof STSServiceException && ['AccessDenied', 'NoSuchEntity'].includes(error.name)) return undefined;
    throw error;
  } finally {
    sts.destroy();
  }
}

/** The cluster as whoever has such a session sees it, once it lets them in. */
async function comesIn(name: string, grant: string, as: string): Promise<Kubernetes> {
  let credentials: AwsCredentials | undefined;
  const look = async () => {
    credentials ??= await session(name, grant, as);
    return credentials !== undefined;
  };
  await expect.poll(look, SOON).toBe(true);
  const options = { cluster: 'prod-eu', region: REGION, endpoint: publicSts(REGION), now: Date.now() };
  return stack.cluster.as(await clusterToken({ ...options, credentials: credentials! }));
}

/** Whether they may: no, where the cluster knows them and says no, or does not know them. */
async function may(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isFailure(error, 'forbidden', 'unauthorized')) return false;
    throw error;
  }
}

const listConfigMaps = (cluster: Kubernetes, namespace: string) => () => cluster.list('ConfigMap', { namespace });
const listBindings = (cluster: Kubernetes) => () => cluster.list('ClusterRoleBinding', {});

/** What of the cluster Gatehouse could have touched, and its roles in the account. */
async function everything(): Promise<object> {
  const { operator } = stack.cluster;
  const kinds = ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'] as const;
  const objects = [];
  for (const kind of kinds) objects.push(...(await operator.list(kind, {})).items);
  const named = objects.map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace}/${name}`);
  const ours = await operator.read({ kind: 'Namespace', name: 'orders' });
  const iam = new IAMClient(stack.emulator.config());
  const { Roles = [] } = await iam.send(new ListRolesCommand({})).finally(() => iam.destroy());
  const roles = Roles.map(({ Arn }) => Arn).filter((arn) => arn?.includes('role/gatehouse/'));
  return {
    roles,
    objects: named.toSorted(),
    awsAuth: (await operator.read(AWS_AUTH_REF))?.data,
    orders: ours !== undefined,
  };
}

describe('a developer platform', () => {
  let before: object;
  let provisioner: Kubernetes;
  let pipeline: Kubernetes;
  let person: Kubernetes;

  it('onboards a cluster: its provisioner administers it', async () => {
    await expect.poll(async () => (await stack.state.get({ pk: 'policy', sk: 'active' }))?.version, SOON).toBe(1);
    before = await everything();
    expect(await tell('environment.created', { environment: { name: 'prod', cluster: CLUSTER } })).toEqual(GOOD);
    provisioner = await comesIn('provisioner', 'env-prod', 'any-name-of-a-run');
    await expect.poll(() => may(listBindings(provisioner)), SOON).toBe(true);
    expect(await session('ci-orders', 'env-prod', 'x')).toBeUndefined();
  });

  it('onboards an application: its pipeline has its namespace, which was made, and nothing else', async () => {
    const application = { environment: 'prod', namespace: 'orders', group: 'orders-team' };
    expect(await tell('application.onboarded', { application })).toEqual(GOOD);
    pipeline = await comesIn('ci-orders', 'app-prod--orders', 'app-prod--orders');
    await expect.poll(() => may(listConfigMaps(pipeline, 'orders')), SOON).toBe(true);
    expect(await may(listConfigMaps(pipeline, 'pay'))).toBe(false);
    expect(await may(listBindings(pipeline))).toBe(false);
    expect(await session('ci-shop', 'app-prod--orders', 'app-prod--orders')).toBeUndefined();
  });

  it('tells who is in its group: they have the same', async () => {
    const data = { group: { id: 'orders-team' }, user: { id: 'ann', login: 'ann@example.com' } };
    expect(await tell('group.member-added', data)).toEqual(GOOD);
    person = await comesIn('ann', 'app-prod--orders', 'ann');
    await expect.poll(() => may(listConfigMaps(person, 'orders')), SOON).toBe(true);
    expect(await may(listConfigMaps(person, 'pay'))).toBe(false);
  });

  it('is told at once what cannot be, and by the status what the policy refuses', async () => {
    const wild = { name: 'x', cluster: CLUSTER, role: `arn:aws:iam::${ACCOUNT}:role/*` };
    expect(await tell('environment.created', { environment: wild })).toMatchObject({
      status: 400,
      said: expect.stringContaining('data.environment.role'),
    });
    const elsewhere = { name: 'x', cluster: { ...CLUSTER, account: '444455556666' } };
    expect(await tell('environment.created', { environment: elsewhere })).toEqual(GOOD);
    const status = async () => (await stack.invoke('RunOperation', { operation: 'status' })) as { outcome: unknown };
    await expect
      .poll(async () => (await status()).outcome, SOON)
      .toMatchObject({
        onboarding: { environments: 2, applications: 1, findings: [{ environment: 'x', code: 'onboarding-refused' }] },
      });
    expect(await tell('environment.removed', { environment: { name: 'x' } })).toEqual(GOOD);
  });

  it('removes the application: all who had it are denied, their sessions alive; the environment stays', async () => {
    expect(await tell('application.removed', { application: { environment: 'prod', namespace: 'orders' } })).toEqual(
      GOOD,
    );
    await expect.poll(() => may(listConfigMaps(pipeline, 'orders')), SOON).toBe(false);
    await expect.poll(() => may(listConfigMaps(person, 'orders')), SOON).toBe(false);
    await expect.poll(() => session('ann', 'app-prod--orders', 'ann'), SOON).toBeUndefined();
    expect(await may(listBindings(provisioner))).toBe(true);
  });

  it('removes the environment by the operation: nothing of it is left', async () => {
    const removal = { operation: 'offboard-environment', environment: { name: 'prod' } };
    expect(await stack.invoke('RunOperation', removal)).toMatchObject({ ok: true, outcome: { state: 'recorded' } });
    await expect.poll(() => may(listBindings(provisioner)), SOON).toBe(false);
    await expect.poll(async () => canonicalJson(await everything()), SOON).toBe(canonicalJson(before));
    await expect.poll(() => session('provisioner', 'env-prod', 'x'), SOON).toBeUndefined();
  });
});
