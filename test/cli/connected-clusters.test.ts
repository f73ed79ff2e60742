import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessPolicy, Cluster } from '@gatehouse/core/access/policy';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { connectorKind } from '@gatehouse/core/resources/connector/kind';
import { connectorObjectKind } from '@gatehouse/core/resources/connector-object/kind';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createUser, putPolicy } from '../../sandbox/src/aws/iam/operations.ts';
import { type Sandbox, startSandbox } from '../../sandbox/src/sandbox.ts';
import { ACCOUNT, aCluster } from '../builders/policy.ts';
import { userConfig } from '../sandbox/aws/own-endpoint.ts';
import { runCommand } from './terminal.ts';

const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;
const TEAM = `arn:aws:iam::${ACCOUNT}:user/team`;
const REGION = 'eu-west-1';
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
const elsewhere = (name: string, connected: NonNullable<Cluster['connected']>): AccessPolicy['clusters'][number] =>
  aCluster({ name, connected });

let sandbox: Sandbox;
/** What the policies of the team were asked, and what they said. */
const asked: { action: string; allowed: boolean }[] = [];
/** What those of Gatehouse's functions were asked that make clusters and roles. */
const own: string[] = [];
beforeAll(async () => {
  sandbox = await startSandbox({
    port: 0,
    policyFile: new URL('../fixtures/policies/nothing.yaml', import.meta.url).pathname,
    users: [ANA],
  });
  await sandbox.elsewhere.start(elsewhere('lab', { provider: 'OTHER', kubeconfigSecret: 'gatehouse/kubeconfigs/lab' }));
  await sandbox.elsewhere.start(elsewhere('floor', { provider: 'OTHER' }));
  sandbox.endpoint.observeVerdicts(({ principal, action, allowed }) => {
    if (principal === TEAM) asked.push({ action, allowed });
    if (/role\/.*(ReconcileIam|cluster-access)/.test(principal))
      own.push(`${action} ${allowed ? 'allowed' : 'denied'}`);
  });
  vi.stubEnv('AWS_ENDPOINT_URL', sandbox.awsEndpointUrl);
  vi.stubEnv('AWS_REGION', REGION);
  signIn(sandbox.administrator);
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await sandbox?.stop();
});

function signIn({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
}
const gatehouse = (...typed: string[]) => runCommand(typed, { env: { AWS_ENDPOINT_URL: sandbox.awsEndpointUrl } });
const registered = (name: string) => sandbox.endpoint.clusters.get(ACCOUNT, REGION, name);
const activationOf = (name: string) => {
  const { activationCode, activationId } = registered(name)!.connector!;
  return new RegExp([activationCode, activationId].flatMap((text) => [text, btoa(text)]).join('|'));
};

describe('a team with the policy that is printed, and nothing else', () => {
  it('gets it from the command', async () => {
    const { code, out } = await gatehouse('register-cluster', 'any', '--print-admin-policy');
    expect(code).toBe(0);
    createUser(sandbox.endpoint.iam, ACCOUNT, { name: 'team' });
    putPolicy(sandbox.endpoint.iam, ACCOUNT, 'user', 'team', 'connect-clusters', out);
    signIn(userConfig(sandbox.endpoint, ACCOUNT, 'team').credentials);
  });

  it('sees what would be made, and makes nothing', async () => {
    const { code, out } = await gatehouse('register-cluster', 'lab', '--provider', 'OTHER', '--dry-run');
    expect([code, out]).toEqual([0, expect.stringContaining('Plan: 2 to make, 0 to change, 0 to remove on 1 in IAM.')]);
    expect(registered('lab')).toBeUndefined();
  });

  it('registers a cluster that Gatehouse reaches, and follows until it is ACTIVE', async () => {
    const options = ['--provider', 'OTHER', '--kubeconfig-secret', 'gatehouse/kubeconfigs/lab', '--console-user', ANA];
    const { code, out, err, said } = await gatehouse(
      'register-cluster',
      'lab',
      ...options,
      '--wait',
      '--timeout',
      '25',
    );
    expect(code, err).toBe(0);
    expect(out).toMatch(/^status +ACTIVE/m);
    expect(said.join('\n')).toMatch(/lab: (not registered yet|PENDING)/);
    expect(out + err + said.join('\n')).not.toMatch(activationOf('lab'));
    const arn = registered('lab')!.arn;
    await expect
      .poll(async () => (await sandbox.elsewhere.lookFromConsole(arn, ANA, '/api/v1/pods')).status, { timeout: 15_000 })
      .toBe(200);
    expect((await sandbox.elsewhere.lookFromConsole(arn, TEAM, '/api/v1/pods')).status).toBe(403);
  }, 60_000);

  it('registers one that it does not reach, and applies the files by hand', async () => {
    const manifests = join(folder, 'floor');
    const options = ['--provider', 'OTHER', '--console-user', ANA, '--manifests', manifests, '-o', 'json'];
    const { code, out, err } = await gatehouse('register-cluster', 'floor', ...options);
    expect(code, err).toBe(0);
    const { status, manifests: files } = JSON.parse(out);
    expect(status).toBe('PENDING');
    expect(statSync(files.activation).mode & 0o777).toBe(0o600);
    expect(readFileSync(files.activation, 'utf8')).toMatch(activationOf('floor'));
    expect(readFileSync(files.objects, 'utf8') + out + err).not.toMatch(activationOf('floor'));
    expect((await gatehouse('register-cluster', 'floor', '--status')).code).toBe(3);
    const { operator } = sandbox.elsewhere.get(registered('floor')!.arn)!;
    for (const file of [files.objects, files.activation]) {
      for (const object of loadAll(readFileSync(file, 'utf8'))) await operator.create(object as KubernetesObject);
    }
    await expect.poll(() => registered('floor')?.status, { timeout: 10_000 }).toBe('ACTIVE');
    const { status: seen } = await sandbox.elsewhere.lookFromConsole(registered('floor')!.arn, ANA, '/api/v1/pods');
    expect(seen).toBe(200);
  }, 60_000);

  it('is told what is wrong with what it asks', async () => {
    for (const [options, message, remedy] of [
      [['gone', '--namespace', 'pay'], 'nothing says what runs "gone"', '--provider'],
      [['gone', '--provider', 'GKE', '--console-user', 'ana'], 'cannot be a console user', 'by its ARN'],
      [
        ['gone', '--provider', 'GKE', '--kubeconfig-secret', 'mine'],
        'may not read the secret',
        'gatehouse/kubeconfigs/',
      ],
    ] as const) {
      const { code, err } = await gatehouse('register-cluster', ...options);
      expect([code, err]).toEqual([1, expect.stringContaining(message)]);
      expect(err).toContain(remedy);
    }
  });

  it('is told why a cluster is not reached', async () => {
    const options = ['--provider', 'GKE', '--kubeconfig-secret', 'gatehouse/kubeconfigs/absent', '--timeout', '6'];
    const { code, out, err } = await gatehouse('register-cluster', 'absent', ...options);
    expect(out + err).toMatch(/the secret gatehouse\/kubeconfigs\/absent, by which .* is reached, does not exist/);
    expect([0, 1]).toContain(code);
    expect((await gatehouse('deregister-cluster', 'absent')).code).toBe(0);
    expect(registered('absent')).toBeUndefined();
  }, 60_000);

  it('may change no policy', async () => {
    const { code, err } = await gatehouse('status');
    expect([code, err]).toEqual([1, expect.stringContaining('lambda:InvokeFunction')]);
    const last = asked.pop();
    expect(last).toEqual({ action: 'lambda:InvokeFunction', allowed: false });
  });

  it('takes both back, also twice', async () => {
    for (const name of ['lab', 'floor', 'lab', 'floor']) {
      const { code, out, err } = await gatehouse('deregister-cluster', name);
      expect(code, err).toBe(0);
      expect(out).toMatch(/^done {2}(lab|floor) (is deregistered|was not registered)/);
      expect(registered(name)).toBeUndefined();
    }
    const { operator } = sandbox.elsewhere.get(`arn:aws:eks:${REGION}:${ACCOUNT}:cluster/lab`)!;
    await expect
      .poll(() => operator.read({ kind: 'Namespace', name: 'eks-connector' }), { timeout: 15_000 })
      .toBeUndefined();
  }, 60_000);

  it('was allowed everything that this took, and asked for nothing else', () => {
    expect(asked.filter(({ allowed }) => !allowed)).toEqual([]);
    expect([...new Set(asked.map(({ action }) => action))].sort()).toEqual([
      'lambda:InvokeFunction',
      'secretsmanager:GetSecretValue',
    ]);
  });

  it('had Gatehouse do the rest, with every right that its template has for it and no other', () => {
    expect(own.filter((answer) => answer.endsWith('denied'))).toEqual([]);
    for (const action of [...connectorKind.iamActions, ...connectorObjectKind.iamActions]) {
      // A secret that is made anew is created, and never given another value.
      if (action !== 'secretsmanager:PutSecretValue') expect(own).toContain(`${action} allowed`);
    }
  });
});
