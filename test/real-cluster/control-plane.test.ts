import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { realComponents } from '../../sandbox/src/real-cluster/components.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';
import { pythonPrograms } from './python-packages.ts';

let folder: string;
let cluster: RealCluster;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-control-plane-'));
  cluster = await startRealCluster();
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Numbers of the processes that descend from one, it included. */
function family(pid: number): readonly number[] {
  const parents = processes().map((each) => [each, Number(/\) \S (\d+)/.exec(statOf(each))?.[1])] as const);
  const children = parents.filter(([, parent]) => parent === pid).map(([child]) => child);
  return [pid, ...children.flatMap(family)];
}

const processes = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

/** What the processes listen on, as `/proc/net` writes it: `0100007F:1F90` is 127.0.0.1:8080. */
function listening(pids: readonly number[]): readonly string[] {
  const inodes = new Set(
    pids.flatMap((pid) => {
      const descriptors = `/proc/${pid}/fd`;
      return readdirSync(descriptors).flatMap((name) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(join(descriptors, name)))?.slice(1) ?? [];
        } catch {
          return [];
        }
      });
    }),
  );
  const LISTEN = '0A';
  return ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(`/proc/net/${file}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTEN && inodes.has(inode ?? ''))
      .map(([, local = '']) => local),
  );
}

describe('a real cluster', () => {
  it('is of the version that the module pins, and knows its operator', async () => {
    const pinned = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(import.meta.dirname, 'go.mod'), 'utf8'))?.[1];
    const version = JSON.parse(await kubectl(cluster.operatorKubeconfig, 'version', '-o', 'json')) as object;
    expect(version).toMatchObject({ clientVersion: { gitVersion: pinned }, serverVersion: { gitVersion: pinned } });
    expect(await cluster.operator.whoAmI()).toMatchObject({ username: 'sandbox-operator' });
  });

  it.runIf(process.platform === 'linux')('listens on 127.0.0.1 and on nothing else', () => {
    const sockets = listening(family(process.pid));
    expect(sockets.length).toBeGreaterThanOrEqual(4);
    expect(sockets.filter((address) => !address.startsWith('0100007F:'))).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('ends with the process that started it, however that ends', async () => {
    const program = join(import.meta.dirname, 'fixtures/start-cluster.ts');
    const env = { ...process.env, COMPONENTS: JSON.stringify(inject('components')) };
    const child = spawn(process.execPath, ['-C', 'source', program], { env });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const started = JSON.parse(line) as { folder: string };
    const pids = family(child.pid!).filter((pid) => pid !== child.pid);
    expect(pids.length).toBeGreaterThanOrEqual(8);
    child.kill('SIGKILL');
    await expect
      .poll(() => pids.filter((pid) => statOf(pid) !== '' && !/\) Z /.test(statOf(pid))), { timeout: 10_000 })
      .toEqual([]);
    rmSync(started.folder, { recursive: true, force: true });
  });
});

describe('the programs', () => {
  /** A PATH with nothing on it. */
  const bare = () => ({ PATH: folder, GATEHOUSE_CACHE: join(folder, 'cache') });

  it('are built with Go, and without it one sentence says so', async () => {
    await expect(realComponents(() => {}, bare())).rejects.toMatchObject({
      code: 'unsupported',
      message: 'a real cluster is built with Go, which is not installed',
      remedy: expect.stringContaining('install Go'),
    });
  });

  it('are taken from KUBEBUILDER_ASSETS as far as they are there', async () => {
    const assets = join(folder, 'assets');
    mkdirSync(assets);
    const built = inject('components');
    symlinkSync(built.etcd, join(assets, 'etcd'));
    symlinkSync(built.kubeApiserver, join(assets, 'kube-apiserver'));
    const cache = dirname(dirname(dirname(built.kubectl)));
    const told: string[] = [];
    const env = { PATH: folder, GATEHOUSE_CACHE: cache, KUBEBUILDER_ASSETS: assets };
    expect(await realComponents((line) => told.push(line), env)).toEqual({
      ...built,
      etcd: join(assets, 'etcd'),
      kubeApiserver: join(assets, 'kube-apiserver'),
    });
    expect(told).toEqual([]);
  });

  it('of Python want Python, and without it one sentence says so', async () => {
    await expect(pythonPrograms('emulator', () => {}, bare())).rejects.toMatchObject({
      code: 'unsupported',
      message: 'the emulator of AWS, SAM and checkov are Python programs, and Python is not installed',
      remedy: expect.stringContaining('install Python'),
    });
  });
});
