import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AuthenticationV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { afterAll, describe, expect, it } from 'vitest';
import { endAll, ROOT, type Spawned, spawnCommand, written } from './spawned.ts';

const sh = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
afterAll(() => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});

interface Addresses {
  readonly webhookUrl: string;
  readonly awsEndpointUrl: string;
  readonly clusters: Readonly<Record<string, { readonly server: string; readonly kubeconfig: string }>>;
}

/** Waits for the line of JSON. */
async function addresses(sandbox: Spawned): Promise<Addresses> {
  await expect.poll(sandbox.out, { timeout: 20_000, interval: 20 }).toContain('\n');
  return JSON.parse(sandbox.out()) as Addresses;
}

/** Sends Ctrl-C; answers the exit code and how long it took, in milliseconds. */
async function interrupt({ child, ended }: Spawned): Promise<{ code: number | null; within: number }> {
  const began = performance.now();
  child.kill('SIGINT');
  return { code: await ended, within: performance.now() - began };
}

/** True where nobody listens on a port of 127.0.0.1. */
function isFree(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(Number(new URL(url).port), '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/** The status of an answer to a request with headers that fetch does not send. */
function statusFor(url: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { headers }, (answer) => resolve(answer.resume().statusCode));
    asking.once('error', reject).end();
  });
}

function clientOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

describe('gatehouse sandbox --output json', () => {
  it('prints one line of addresses, serves the Kubernetes client, and ends with Ctrl-C', async () => {
    const sandbox = spawnCommand(['sandbox', '--port', '0', '--output', 'json']);
    const { webhookUrl, awsEndpointUrl, clusters } = await addresses(sandbox);
    expect(webhookUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/webhooks$/);
    expect(awsEndpointUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(Object.keys(clusters)).toEqual(['prod-eu', 'staging']);
    expect(Object.keys(clusters['prod-eu']!)).toEqual(['server', 'kubeconfig']);

    const config = clientOf(clusters['prod-eu']!.kubeconfig);
    const { items } = await config.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: 'pay' });
    expect(items.map(({ metadata }) => metadata?.name)).toContain('ledger-6d4cf56db6-x7k2p');
    const me = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    expect(me.status?.userInfo?.username).toBe('kubernetes-admin');

    // For browsers there is a page; AWS tools never ask so, and a name that only leads here is none of its own.
    const page = await fetch(awsEndpointUrl, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toMatch(/<h3>prod-eu <span class="mode enforce">/);
    expect((await fetch(awsEndpointUrl)).headers.get('content-type')).toBe('text/xml');
    expect(await statusFor(awsEndpointUrl, { accept: 'text/html', host: 'gatehouse.example' })).toBe(421);

    // The route takes every method, so that the receiver can say which there are.
    const put = async (path: string) => {
      const { status, headers } = await fetch(`${webhookUrl}/${path}`, { method: 'PUT', body: '{}' });
      return { status, allow: headers.get('allow') };
    };
    expect(await put('okta')).toEqual({ status: 405, allow: 'GET, POST' });
    expect(await put('standard')).toEqual({ status: 405, allow: 'POST' });
    expect(await put('nobody')).toEqual({ status: 404, allow: null });

    const { code, within } = await interrupt(sandbox);
    expect({ code, err: sandbox.err() }).toEqual({ code: 0, err: '' });
    expect(within).toBeLessThan(2_000);
    expect(sandbox.out().trimEnd().split('\n')).toHaveLength(1);
    for (const url of [webhookUrl, awsEndpointUrl, clusters['prod-eu']!.server]) expect(await isFree(url)).toBe(true);
    expect(existsSync(clusters['prod-eu']!.kubeconfig)).toBe(false);
  }, 60_000);
});

describe('gatehouse sandbox', () => {
  it('prints a curl that works when pasted, an environment for the next command, and what happens', async () => {
    const sandbox = spawnCommand(['sandbox', '--port', '0']);
    await written(sandbox, 'What happens');
    const curl = /^curl -i [\s\S]*?--data-raw '.*'$/m.exec(sandbox.out())?.[0] ?? '';
    expect((await sh('sh', ['-c', curl])).stdout).toMatch(/^HTTP\/1\.1 204 /);
    await written(sandbox, 'received   standard  1 event, 2 new facts');
    // The machine of the policy and mia; one verification may be of both.
    const verified = () =>
      [...sandbox.out().matchAll(/verified {3}prod-eu {2}(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    await expect.poll(verified, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);

    const environment = /^ {2}\. (\S+\/env)$/m.exec(sandbox.out())?.[1] ?? '';
    const gatehouse = `. ${environment} && exec '${process.execPath}' -C source cli/src/main.ts`;
    const env = { PATH: process.env.PATH ?? '', AWS_PROFILE: 'somebody', AWS_SESSION_TOKEN: 'of-another-account' };
    const run = async (command: string) =>
      (await sh('sh', ['-c', `${gatehouse} ${command}`], { cwd: ROOT, env })).stdout;
    expect(await run('status')).toContain('clusters  prod-eu (enforce), staging (enforce)');
    expect(await run('ledger prod-eu')).toMatch(/^unbroken {2}prod-eu: /m);
    expect(JSON.parse(await run('token prod-eu'))).toMatchObject({ kind: 'ExecCredential' });

    // What is suggested works as it stands there: mia comes in by her own profile.
    const suggested = [...sandbox.out().matchAll(/^ {2}# .*\n {2}npx gatehouse (.*)$/gm)].map(([, line]) => line!);
    expect(suggested.map((line) => line.split(' ')[0])).toEqual([
      'status',
      'ledger',
      'verify',
      'can-i',
      'kubeconfig',
      'rotate-key',
    ]);
    const config = join(folder, 'mia.kubeconfig');
    const way = suggested.find((line) => line.startsWith('kubeconfig '))!.replace('mia.kubeconfig', config);
    expect(await run(way)).toBe(`written  ${config}: context prod-eu-payments-operators\n`);
    const inShell = (line: string) => sh('sh', ['-c', `. ${environment} && ${line}`], { cwd: folder, env });
    const token = await inShell('AWS_PROFILE=mia gatehouse token prod-eu');
    expect(token.stderr).toBe('');
    expect(JSON.parse(token.stdout)).toMatchObject({ kind: 'ExecCredential' });
    expect(await run('can-i list pods --cluster prod-eu -n pay --as mia')).toMatch(/^yes /);

    // The curl's minutes are over: the event is signed anew.
    const event = join(folder, 'event.json');
    writeFileSync(event, /--data-raw '(.*)'$/.exec(curl)?.[1] ?? '');
    writeFileSync(join(folder, 'headers'), await run(`sign-webhook ${event}`));
    const send = `curl -i $1 -H @headers -H 'content-type: application/json' --data-binary @event.json`;
    const url = /^curl -i (\S+)/.exec(curl)?.[1] ?? '';
    expect((await sh('sh', ['-c', send, 'sh', url], { cwd: folder })).stdout).toMatch(/^HTTP\/1\.1 204 /);
    await written(sandbox, 'received   standard  1 event, 0 new facts');
    expect((await interrupt(sandbox)).code).toBe(0);
    expect(sandbox.err()).toBe('');
  }, 120_000);

  it('says who is in the way where its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as { port: number };
    const sandbox = spawnCommand(['sandbox', '--port', String(port)]);
    expect(await sandbox.ended).toBe(1);
    other.close();
    expect(sandbox.out()).toBe('');
    expect(sandbox.err()).toBe(
      `error [port-in-use] port ${port} on 127.0.0.1 is in use\n` +
        '  try   stop what listens there, or choose another with --port (0 takes any free one)\n',
    );
  }, 20_000);

  it('refuses a policy that is wrong, by file, line and column', async () => {
    const policy = join(folder, 'policy.yaml');
    writeFileSync(policy, 'apiVersion: gatehouse/v2\n');
    const sandbox = spawnCommand(['sandbox', '--port', '0', '--policy', policy]);
    expect(await sandbox.ended).toBe(1);
    expect(sandbox.err()).toContain(`${policy}:1:13`);
  }, 20_000);

  it('is the same after a restart with --state', async () => {
    const state = join(folder, 'state');
    const start = () => spawnCommand(['sandbox', '--port', '0', '--state', state, '--output', 'json']);
    const first = start();
    const before = await addresses(first);
    const api = clientOf(before.clusters.staging!.kubeconfig).makeApiClient(CoreV1Api);
    await api.createNamespace({ body: { metadata: { name: 'kept' } } });
    const intruder = start();
    expect(await intruder.ended).toBe(1);
    expect(JSON.parse(intruder.err())).toMatchObject({
      error: { code: 'conflict', message: `another sandbox (process ${first.child.pid}) keeps its state in ${state}` },
    });
    expect((await interrupt(first)).code).toBe(0);

    const second = start();
    const after = await addresses(second);
    expect({ ...after, webhookUrl: '' }).toEqual({ ...before, webhookUrl: '' });
    const { items } = await clientOf(after.clusters.staging!.kubeconfig).makeApiClient(CoreV1Api).listNamespace();
    expect(items.map(({ metadata }) => metadata?.name)).toContain('kept');
    expect((await interrupt(second)).code).toBe(0);
  }, 60_000);
});
