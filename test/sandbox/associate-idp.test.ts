import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Issuer, startIssuer } from '../../sandbox/src/internet/issuer.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { runCommand } from '../cli/terminal.ts';

const HOST = 'id.acme.com';
const POLICY = join(import.meta.dirname, '..', '..', 'docs', 'examples', 'oidc.yaml');
const text = readFileSync(POLICY, 'utf8');
const NONE = text.replace(/^identityProviders:[\s\S]*?(?=^levels:)/m, '').replace(/^grants:[\s\S]*/m, 'grants: []\n');

let issuer: Issuer;
let sandbox: Sandbox;
beforeAll(async () => {
  issuer = await startIssuer({ host: HOST, accounts: {}, clients: ['kubernetes'] });
  sandbox = await startSandbox({
    port: 0,
    policyFile: POLICY,
    internet: { [HOST]: issuer.played },
    clusterObjects: { 'prod-eu': [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'pay' } }] },
  });
  const { accessKeyId, secretAccessKey } = sandbox.administrator;
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  vi.stubEnv('AWS_REGION', sandbox.region);
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.awsEndpointUrl);
  const inForce = async () => (await operate({ operation: 'status' })).outcome.policy;
  await vi.waitFor(async () => expect(await inForce()).not.toBeNull(), { timeout: 60_000, interval: 100 });
}, 180_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await sandbox?.stop();
  await issuer?.stop();
});

const gatehouse = (...typed: string[]) =>
  runCommand([...typed, '--every', '0.1', '--timeout', '3m'], { env: { AWS_ENDPOINT_URL: sandbox.awsEndpointUrl } });

async function operate(payload: Record<string, string | number>) {
  const { awsEndpointUrl: endpoint, administrator: credentials, region } = sandbox;
  const call = {
    functionName: 'gatehouse-run-operation',
    region,
    endpoint,
    credentials,
    now: Date.now(),
    timeout: 60_000,
  };
  return (await invokeFunction({ ...call, payload })) as {
    outcome: { version: number; state: string; policy?: object | null };
  };
}

/** Puts a policy in force, also where it widens. */
async function upload(document: string): Promise<void> {
  const { version, state } = (await operate({ operation: 'upload-policy', document, by: 'test' })).outcome;
  if (state === 'proposed') await operate({ operation: 'activate-policy', version, by: 'test' });
}

describe('the command against a sandbox', () => {
  it('follows an association until the cluster believes the issuer', async () => {
    const { code, out, err } = await gatehouse('associate-idp', 'prod-eu');
    expect(code, err).toBe(0);
    expect(out).toContain(`✓ prod-eu believes https://${HOST}`);
    expect((await gatehouse('associate-idp', 'prod-eu')).code).toBe(0);
  }, 180_000);

  it('writes a kubeconfig whose user signs in there', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-test-')), 'config');
    const { code, err } = await runCommand(
      ['kubeconfig', 'prod-eu', '--grant', 'payments-viewers', '--kubeconfig', file],
      { env: { AWS_ENDPOINT_URL: sandbox.awsEndpointUrl } },
    );
    expect(code).toBe(0);
    expect(err).toContain('kubectl krew install oidc-login');
    const config = new KubeConfig();
    config.loadFromFile(file);
    expect(config.getCurrentContext()).toBe('prod-eu-payments-viewers');
    expect(config.getContextObject(config.getCurrentContext())?.namespace).toBe('pay');
    expect(config.getCurrentUser()?.exec).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: 'kubectl',
      args: [
        'oidc-login',
        'get-token',
        `--oidc-issuer-url=https://${HOST}`,
        '--oidc-client-id=kubernetes',
        '--oidc-extra-scope=email',
      ],
      interactiveMode: 'IfAvailable',
    });
    rmSync(dirname(file), { recursive: true });
  });

  it('takes nothing away that the policy still gives', async () => {
    const { code, out } = await gatehouse('disassociate-idp', 'prod-eu');
    expect(code).toBe(3);
    expect(out).toContain('no still-wanted');
  }, 180_000);

  it('says no to an issuer that nobody can reach, and begins nothing', async () => {
    await upload(text.replace(`https://${HOST}`, 'https://id.elsewhere.com'));
    for (const more of [[], ['--dry-run']]) {
      const { code, out } = await gatehouse('associate-idp', 'prod-eu', ...more);
      expect(code).toBe(3);
      expect(out).toContain('issuer-unreachable');
      expect(out).toContain('id.elsewhere.com cannot be read');
    }
    const [cluster] = sandbox.endpoint.clusters.list();
    expect(sandbox.endpoint.clusters.settings(cluster!).provider).toMatchObject({
      issuer: `https://${HOST}`,
      status: 'ACTIVE',
    });
  }, 180_000);

  it('follows a disassociation until nothing is left, and does so twice', async () => {
    await upload(NONE);
    expect(await gatehouse('disassociate-idp', 'prod-eu')).toMatchObject({
      code: 0,
      out: "✓ prod-eu has no identity provider of Gatehouse's\n",
    });
    const [cluster] = sandbox.endpoint.clusters.list();
    expect(sandbox.endpoint.clusters.settings(cluster!).provider).toBeUndefined();
    expect((await gatehouse('disassociate-idp', 'prod-eu')).code).toBe(0);
    const { code, out } = await gatehouse('associate-idp', 'prod-eu');
    expect({ code, out: out.split('\n')[0] }).toEqual({ code: 3, out: 'no no-identity-provider' });
  }, 180_000);
});
