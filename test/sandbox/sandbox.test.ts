import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAccessKey } from '../../sandbox/src/aws/iam/operations.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
const AWS_AUTH = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'aws-auth', namespace: 'kube-system' },
  data: {
    mapRoles:
      '# nodes\n- rolearn: arn:aws:iam::111122223333:role/nodes\n  username: system:node:{{EC2PrivateDNSName}}\n',
  },
};
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await start();
}, 20_000);
afterAll(async () => {
  await sandbox.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

const policyFile = join(import.meta.dirname, '../fixtures/policies/two-clusters.yaml');
const start = () => startSandbox({ port: 0, stateDir, policyFile, clusterObjects: { 'dev-eu': [AWS_AUTH] } });

let deliveries = 0;
async function tell(type: string): Promise<number> {
  deliveries += 1;
  const now = new Date();
  const user = { id: 'ada', login: 'ada@example.com' };
  const body = JSON.stringify({ type, timestamp: now.toISOString(), data: { group: { id: 'developers' }, user } });
  const id = `msg_${deliveries}`;
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(sandbox.webhookSecret('standard')).sign(id, now, body),
  };
  return (await fetch(`${sandbox.webhookUrl}/standard`, { method: 'POST', body, headers })).status;
}

/** Ada, in a session of the role of her grant. */
async function adaOn(cluster: string) {
  const { endpoint, account, region } = sandbox;
  const user = endpoint.iam.accounts.get(account)!.users.get('ada')!;
  const key = [...user.keys.values()][0] ?? createAccessKey(endpoint.iam, account, 'ada');
  const sts = new STSClient({
    endpoint: endpoint.url,
    region,
    credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
  });
  const RoleArn = `arn:aws:iam::${account}:role/gatehouse/gatehouse-dev-operators`;
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'ada' }));
  const credentials = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  return kubernetesAs(cluster, credentials);
}

const mayAssume = () =>
  adaOn('dev-eu').then(
    () => true,
    () => false,
  );

function kubernetesAs(cluster: string, credentials: Parameters<typeof clusterToken>[0]['credentials']) {
  const { endpoint, account, region } = sandbox;
  const record = endpoint.clusters.get(account, region, cluster)!;
  return kubernetesOver({
    server: record.endpoint!,
    certificateAuthority: record.certificateAuthority!,
    token: () => clusterToken({ cluster, region, endpoint: publicSts(region), credentials, now: Date.now() }),
  });
}

const readsConfigMaps = async (kubernetes: ReturnType<typeof kubernetesAs>) => {
  try {
    await kubernetes.list('ConfigMap', { namespace: 'default' });
    return 'allowed';
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('a sandbox', () => {
  it('brings a signed webhook to the cluster, and takes it back while the session lives', async () => {
    expect(await tell('group.member-added')).toBe(204);
    await expect.poll(() => mayAssume(), { timeout: 15_000, interval: 100 }).toBe(true);
    const kubernetes = await adaOn('dev-eu');
    await expect.poll(() => readsConfigMaps(kubernetes), { timeout: 15_000, interval: 100 }).toBe('allowed');
    expect(await tell('group.member-removed')).toBe(204);
    await expect.poll(() => readsConfigMaps(kubernetes), { timeout: 15_000, interval: 100 }).toBe('forbidden');
  }, 60_000);

  it('leaves what was in aws-auth as it was', async () => {
    const administrator = kubernetesAs('dev-eu', sandbox.administrator);
    const { data } = (await administrator.read({ kind: 'ConfigMap', namespace: 'kube-system', name: 'aws-auth' }))!;
    expect(data?.mapRoles).toContain(AWS_AUTH.data.mapRoles);
    expect(data?.mapRoles).toContain('role/gatehouse-cluster-access\n  username: gatehouse-controller\n');
  });

  it('refuses what is not signed', async () => {
    const answer = await fetch(`${sandbox.webhookUrl}/standard`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(401);
  });

  it('writes kubeconfigs that only their owner can read', () => {
    const { kubeconfig, server } = sandbox.clusters['prod-eu']!;
    expect(server).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(statSync(kubeconfig).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['table cannot be made', / +GlobalSecondaryIndexes:[\s\S]*?KEYS_ONLY \}\n/, 'KeySchema'],
    ['source has no secret', / {2}OktaSecret:\n[\s\S]*?\n\n/, 'nobody can sign'],
  ])('refuses a template whose %s, and leaves nothing behind', async (_what, cut, why) => {
    const root = join(import.meta.dirname, '../..');
    const text = readFileSync(join(root, 'template.yaml'), 'utf8');
    expect(text).toMatch(cut);
    const template = join(stateDir, 'template.yaml');
    writeFileSync(template, text.replace(cut, ''));
    const started = startSandbox({ port: 0, policyFile, root, template: relative(root, template) });
    await expect(started).rejects.toThrow(why);
  });

  it('is the same after a restart', async () => {
    const before = { clusters: sandbox.clusters, aws: sandbox.awsEndpointUrl, secret: sandbox.webhookSecret('okta') };
    const roles = [...sandbox.endpoint.iam.accounts.get(sandbox.account)!.roles.keys()];
    expect(await tell('group.member-added')).toBe(204);
    await expect.poll(() => mayAssume(), { timeout: 15_000, interval: 100 }).toBe(true);
    const kubernetes = await adaOn('dev-eu');
    await expect.poll(() => readsConfigMaps(kubernetes), { timeout: 15_000, interval: 100 }).toBe('allowed');
    await sandbox.stop();
    sandbox = await start();
    expect({ clusters: sandbox.clusters, aws: sandbox.awsEndpointUrl, secret: sandbox.webhookSecret('okta') }).toEqual(
      before,
    );
    expect([...sandbox.endpoint.iam.accounts.get(sandbox.account)!.roles.keys()]).toEqual(
      expect.arrayContaining(roles),
    );
    expect(await readsConfigMaps(kubernetes)).toBe('allowed');
    expect(await tell('group.member-removed')).toBe(204);
    await expect.poll(() => readsConfigMaps(kubernetes), { timeout: 15_000, interval: 100 }).toBe('forbidden');
  }, 30_000);
});
