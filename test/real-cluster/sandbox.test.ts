import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { SCENARIOS } from '../../cli/src/demo/scenarios.ts';
import { endAll, ROOT, type Spawned, spawnCommand, written } from '../cli/spawned.ts';
import { kubectl } from './kubectl.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-real-sandbox-'));
afterAll(() => {
  endAll();
  rmSync(folder, { recursive: true, force: true });
});

interface Addresses {
  readonly webhookUrl: string;
  readonly clusters: Readonly<Record<string, { readonly server: string; readonly kubeconfig: string }>>;
}

/** The programs are where this process has them, also where their cache is not the user's. */
const env = () => ({ GATEHOUSE_CACHE: dirname(dirname(dirname(inject('components').kubectl))), NO_COLOR: '1' });

const start = (...more: string[]) => spawnCommand(['sandbox', '--cluster', 'real', '--port', '0', ...more], env());

async function addresses(sandbox: Spawned): Promise<Addresses> {
  await expect.poll(sandbox.out, { timeout: 60_000, interval: 50 }).toContain('\n');
  return JSON.parse(sandbox.out()) as Addresses;
}

async function interrupt({ child, ended }: Spawned): Promise<number | null> {
  child.kill('SIGINT');
  return ended;
}

describe('gatehouse sandbox --cluster real', () => {
  it('prints the same line as ever; kubectl comes in with the printed kubeconfig, and with a token of the command', async () => {
    const sandbox = start();
    await written(sandbox, 'What happens', 60_000);
    expect(sandbox.out()).toContain('ready  Gatehouse on this machine');
    await written(sandbox, 'verified   prod-eu', 60_000);
    const environment = /^ {2}\. (\S+\/env)$/m.exec(sandbox.out())?.[1] ?? '';
    const shell = async (command: string) =>
      (
        await promisify(execFile)('sh', ['-c', `. ${environment} && ${command}`], {
          cwd: ROOT,
          // Without a home kubectl keeps its cache where it stands.
          env: { PATH: process.env.PATH ?? '', HOME: folder },
        })
      ).stdout.trim();

    const program = inject('components').kubectl;
    expect(await shell(`${program} auth whoami -o jsonpath={.status.userInfo.username}`)).toBe('kubernetes-admin');
    expect(await shell(`${program} get --raw /version`)).toContain('v1.34');
    const gatehouse = `'${process.execPath}' -C source cli/src/main.ts`;
    const token = `$(${gatehouse} token prod-eu | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`;
    const asBearer = `${program} --kubeconfig /dev/null --server $(${program} config view -o jsonpath='{.clusters[0].cluster.server}')`;
    expect(
      await shell(
        `${asBearer} --insecure-skip-tls-verify --token "${token}" auth whoami -o jsonpath={.status.userInfo.username}`,
      ),
    ).toBe('kubernetes-admin');
    expect(await shell(`${program} get role -n pay -o name`)).toContain(
      'role.rbac.authorization.k8s.io/gatehouse:payments-ci',
    );
    expect(await shell(`${gatehouse} status`)).toContain('clusters  prod-eu (enforce), staging (enforce)');
    expect(await interrupt(sandbox)).toBe(0);
    expect(sandbox.err()).toBe('');
  }, 120_000);

  it('is the same after a restart with --state', async () => {
    const state = join(folder, 'state');
    const first = start('--state', state, '--output', 'json');
    const before = await addresses(first);
    const kubeconfig = before.clusters.staging!.kubeconfig;
    expect(await kubectl(kubeconfig, 'create', 'namespace', 'kept')).toBe('namespace/kept created');
    expect(await interrupt(first)).toBe(0);

    const second = start('--state', state, '--output', 'json');
    const after = await addresses(second);
    expect({ ...after, webhookUrl: '' }).toEqual({ ...before, webhookUrl: '' });
    expect(await kubectl(kubeconfig, 'get', 'namespace', 'kept', '-o', 'name')).toBe('namespace/kept');
    expect(await interrupt(second)).toBe(0);
    expect(second.err()).toBe('');
  }, 120_000);
});

describe('gatehouse demo --cluster real', () => {
  it('holds on real clusters what it holds on played ones', async () => {
    const demo = spawnCommand(['demo', '--cluster', 'real'], env());
    expect(await demo.ended).toBe(0);
    expect(demo.out()).toContain('the clusters are real ones');
    expect(demo.out()).toMatch(/^All 31 expectations held/m);
  }, 120_000);

  it.each(Object.keys(SCENARIOS).filter((scenario) => scenario !== 'main'))(
    'tells of %s there, too, and leaves nothing behind',
    async (scenario) => {
      const demo = spawnCommand(['demo', '--scenario', scenario, '--cluster', 'real'], env());
      expect(await demo.ended, demo.out() + demo.err()).toBe(0);
      expect(demo.out()).toMatch(/^All \d+ expectations held/m);
    },
    180_000,
  );
});
