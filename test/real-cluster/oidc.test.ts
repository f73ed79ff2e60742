import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isFailure } from '@gatehouse/core/access/failure';
import { GRANT_ANNOTATION } from '@gatehouse/core/access/names';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Issuer, startIssuer } from '../../sandbox/src/internet/issuer.ts';
import { publicSts } from '../../sandbox/src/kubernetes/token.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';

/*
 * A policy with an identity provider, the whole pipeline, EKS played, and behind it a real kube-apiserver that is given the
 * provider as EKS gives it: structured authentication configuration, loaded while it runs, beside the real authenticator.
 * The issuer is a real OpenID provider, on the played internet.
 */

const HOST = 'id.acme.com';
const POLICY = join(import.meta.dirname, '..', '..', 'docs', 'examples', 'oidc.yaml');
const SOON = { timeout: 60_000, interval: 100 };

let issuer: Issuer;
let sandbox: Sandbox;
const logged: string[] = [];

beforeAll(async () => {
  issuer = await startIssuer({
    host: HOST,
    accounts: {
      mia: { email: 'mia@acme.com', groups: ['payments'] },
      joe: { email: 'joe@acme.com', groups: ['gardening'] },
      eve: { email: 'system:admin', groups: ['system:masters', 'gatehouse:ops'] },
      late: { email: 'late@acme.com', groups: ['payments'] },
    },
    clients: ['kubernetes', 'wiki'],
    tokenSeconds: (account) => (account === 'late' ? 2 : 900),
  });
  sandbox = await startSandbox({
    port: 0,
    policyFile: POLICY,
    components: inject('components'),
    internet: { [HOST]: issuer.played },
    clusterObjects: {
      'prod-eu': [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } },
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'limits', namespace: 'pay' }, data: { a: 'b' } },
      ],
    },
    log: (line) => logged.push(line),
  });
}, 120_000);
afterAll(async () => {
  await sandbox?.stop();
  await issuer?.stop();
});

const cluster = () => sandbox.endpoint.clusters.get('111122223333', 'eu-west-1', 'prod-eu')!;
const provider = () => sandbox.endpoint.clusters.settings(cluster()).provider;

/** The cluster, with somebody's token. */
function as(token: string): Kubernetes {
  const { endpoint: server = '', certificateAuthority = '' } = cluster();
  return kubernetesOver({ server, certificateAuthority, token: async () => token, timeoutMs: 30_000 });
}

/** What the cluster says to listing config maps of a namespace. */
const answer = (kubernetes: Kubernetes, namespace = 'pay') =>
  kubernetes.list('ConfigMap', { namespace }).then(
    () => 'allowed',
    (error: unknown) => (isFailure(error) ? error.code : String(error)),
  );

async function upload(text: string): Promise<void> {
  const { awsEndpointUrl: endpoint, region, administrator: credentials, stack } = sandbox;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const Bucket = stack.wiring.buckets.find(({ eventBridge }) => eventBridge)!.name;
  await client
    .send(new PutObjectCommand({ Bucket, Key: 'access-policy.yaml', Body: text }))
    .finally(() => client.destroy());
}

/** What Gatehouse made in the cluster for grants, by its label and annotation. */
async function madeForGrants(): Promise<readonly string[]> {
  const { administrator: credentials, region } = sandbox;
  const endpoint = publicSts(region);
  const token = await clusterToken({ cluster: 'prod-eu', region, endpoint, credentials, now: Date.now() });
  const made: string[] = [];
  for (const kind of ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'] as const) {
    for (const { metadata } of (await as(token).list(kind, {})).items) {
      if (metadata.annotations?.[GRANT_ANNOTATION] !== undefined) made.push(`${kind} ${metadata.name}`);
    }
  }
  return made;
}

describe('an OIDC provider of a real cluster', () => {
  it('is associated by the policy, and believed without a restart', async () => {
    await expect.poll(() => provider()?.status, SOON).toBe('ACTIVE');
    expect(sandbox.endpoint.clusters.settings(cluster()).logs).toEqual(['audit', 'authenticator']);
    const mia = as(await issuer.signIn('mia', 'kubernetes'));
    await expect.poll(() => answer(mia), SOON).toBe('allowed');
    const { username, groups } = await mia.whoAmI();
    expect({ username, groups }).toEqual({
      username: 'acme:mia@acme.com',
      groups: ['acme:payments', 'system:authenticated'],
    });
  });

  it('lets the group do what the grant says, and no more', async () => {
    const mia = as(await issuer.signIn('mia', 'kubernetes'));
    expect(await answer(mia)).toBe('allowed');
    expect(await answer(mia, 'shop')).toBe('forbidden');
    const config = { apiVersion: 'v1', kind: 'ConfigMap' as const, metadata: { namespace: 'pay', name: 'x' } };
    await expect(mia.create(config)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('lets nobody do anything without the group', async () => {
    const joe = as(await issuer.signIn('joe', 'kubernetes'));
    expect((await joe.whoAmI()).groups).toEqual(['acme:gardening', 'system:authenticated']);
    expect(await answer(joe)).toBe('forbidden');
  });

  it('makes nobody an administrator who calls themselves one', async () => {
    const eve = as(await issuer.signIn('eve', 'kubernetes'));
    const { username, groups } = await eve.whoAmI();
    expect(username).toBe('acme:system:admin');
    expect(groups).toEqual(['acme:system:masters', 'acme:gatehouse:ops', 'system:authenticated']);
    expect(await answer(eve)).toBe('forbidden');
  });

  it('lets no token of another audience in', async () => {
    expect(await answer(as(await issuer.signIn('mia', 'wiki')))).toBe('unauthorized');
  });

  it('lets no token in that has expired', async () => {
    const token = await issuer.signIn('late', 'kubernetes');
    const { exp = 0 } = decodeJwt(token);
    await expect.poll(() => Date.now() / 1000 > exp + 1, SOON).toBe(true);
    expect(await answer(as(token))).toBe('unauthorized');
  });

  it('lets no token in that somebody changed', async () => {
    const [head, claims, signature] = (await issuer.signIn('joe', 'kubernetes')).split('.');
    const changed = { ...(JSON.parse(Buffer.from(claims!, 'base64url').toString()) as object), groups: ['payments'] };
    const forged = [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
    expect(await answer(as(forged))).toBe('unauthorized');
  });

  it('stands beside IAM: Gatehouse itself still comes in by a token of the authenticator', () => {
    expect(logged.filter((line) => line.includes('"level":"ERROR"'))).toEqual([]);
    expect(logged.some((line) => line.includes('"message":"verified"'))).toBe(true);
  });

  it('goes with its stanza: nobody comes in by it, nothing of it is left', async () => {
    const mia = as(await issuer.signIn('mia', 'kubernetes'));
    expect(await answer(mia)).toBe('allowed');
    expect(await madeForGrants()).toEqual([
      'Role gatehouse:payments-viewers',
      'RoleBinding gatehouse:payments-viewers:role:0',
    ]);
    const rest = readFileSync(POLICY, 'utf8')
      .replace(/^identityProviders:[\s\S]*?(?=^levels:)/m, '')
      .replace(/^grants:[\s\S]*/m, '');
    await upload(`${rest}grants: []\n`);
    await expect.poll(() => provider(), SOON).toBeUndefined();
    await expect.poll(() => answer(mia), SOON).toBe('unauthorized');
    await expect.poll(madeForGrants, SOON).toEqual([]);
  });
});
