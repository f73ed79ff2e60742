import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Failure } from '@gatehouse/core/access/failure';

/** Paths of the programs that a real cluster is made of. */
export interface Components {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly authenticator: string;
  readonly kubectl: string;
}

/** Pins the versions: its `tool` lines are what is built. */
const MODULE = fileURLToPath(new URL('../../../test/real-cluster', import.meta.url));

interface Component {
  /** The package in {@link MODULE}. */
  readonly package: string;
  /** What the program is called in the folder that KUBEBUILDER_ASSETS names; absent: it is never there. */
  readonly asset?: string;
}

const COMPONENTS: Readonly<Record<keyof Components, Component>> = {
  etcd: { package: 'go.etcd.io/etcd/server/v3', asset: 'etcd' },
  kubeApiserver: { package: 'k8s.io/kubernetes/cmd/kube-apiserver', asset: 'kube-apiserver' },
  kubectl: { package: 'k8s.io/kubernetes/cmd/kubectl', asset: 'kubectl' },
  kubeControllerManager: { package: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  authenticator: { package: 'sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator' },
};

/** Oldest Go that the module takes. */
const GO = { major: 1, minor: 25 } as const;

/**
 * The programs, built where they are not built yet: some four minutes on two cores, once for each change of versions. They are
 * kept in the user's cache folder (`GATEHOUSE_CACHE`, else `XDG_CACHE_HOME`, else `~/.cache`), under a name that follows from
 * the versions. Where KUBEBUILDER_ASSETS names a folder, etcd, kube-apiserver and kubectl are taken from there, as envtest does
 * (https://book.kubebuilder.io/reference/envtest.html).
 *
 * @param tell is told of each step that takes long.
 * @throws Failure `unsupported` where there is no Go, `invalid` where the build fails.
 */
export async function realComponents(
  tell: (line: string) => void,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Components> {
  const names = Object.keys(COMPONENTS) as (keyof Components)[];
  const found = Object.fromEntries(
    names.flatMap((name) => {
      const asset = assetOf(COMPONENTS[name], env.KUBEBUILDER_ASSETS);
      return asset === undefined ? [] : [[name, asset]];
    }),
  ) as Partial<Components>;
  const wanted = names.filter((name) => found[name] === undefined);
  const folder = join(cacheFolder(env), 'real-cluster', keyOf());
  const paths = Object.fromEntries(wanted.map((name) => [name, join(folder, programName(COMPONENTS[name]))]));
  const missing = wanted.filter((name) => !existsSync(paths[name]!));
  if (missing.length > 0) await requireGo(env);
  for (const [index, name] of missing.entries()) {
    const { package: path } = COMPONENTS[name];
    const began = performance.now();
    const note = index === 0 ? ' (all take some four minutes on two cores, once)' : '';
    tell(`building ${programName(COMPONENTS[name])}, ${index + 1} of ${missing.length}${note}`);
    await build(path, paths[name]!, env, tell);
    tell(`built ${programName(COMPONENTS[name])} in ${Math.round((performance.now() - began) / 1000)} s`);
  }
  return { ...found, ...paths } as Components;
}

/** Where programs and packages are kept that are too large, or too slow to make, for every run. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.GATEHOUSE_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse');
}

function assetOf({ asset }: Component, folder: string | undefined): string | undefined {
  if (asset === undefined || !folder) return undefined;
  const path = join(folder, asset);
  return existsSync(path) ? path : undefined;
}

/** The last part of a package's path that is no version. */
function programName({ package: path }: Component): string {
  return path === 'go.etcd.io/etcd/server/v3' ? 'etcd' : path.slice(path.lastIndexOf('/') + 1);
}

function kubernetesVersion(): string {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined)
    throw new Failure('invalid', `${MODULE}/go.mod does not name a version of k8s.io/kubernetes`);
  return version;
}

/** Without it the API server calls itself v0.0.0-master, and clients judge its age by that. */
function linkerFlags(): string {
  const version = kubernetesVersion();
  const [major, minor] = version.slice(1).split('.');
  const at = 'k8s.io/component-base/version';
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return ['-s', '-w', ...Object.entries(values).map(([name, value]) => `-X ${at}.${name}=${value}`)].join(' ');
}

function keyOf(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE, file)));
  hash.update(linkerFlags()).update(`${process.platform} ${process.arch}`);
  return `${kubernetesVersion()}-${hash.digest('hex').slice(0, 16)}`;
}

async function requireGo(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const remedy = `install Go ${GO.major}.${GO.minor} or newer (https://go.dev/dl/) and see that "go version" answers`;
  const printed = await promisify(execFile)('go', ['version'], { cwd: MODULE, env: env as NodeJS.ProcessEnv }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
  if (printed === undefined)
    throw new Failure('unsupported', 'a real cluster is built with Go, which is not installed', { remedy });
  const [, major = 0, minor = 0] = (/go(\d+)\.(\d+)/.exec(printed) ?? []).map(Number);
  if (major > GO.major || (major === GO.major && minor >= GO.minor)) return;
  throw new Failure(
    'unsupported',
    `a real cluster is built with Go ${GO.major}.${GO.minor} or newer, not with ${printed.trim()}`,
    {
      remedy,
    },
  );
}

/** Builds beside and renames, so that a build that is cut off leaves nothing, and two at once do no harm. */
async function build(
  path: string,
  program: string,
  env: Readonly<Record<string, string | undefined>>,
  tell: (line: string) => void,
): Promise<void> {
  mkdirSync(dirname(program), { recursive: true });
  const beside = mkdtempSync(`${program}.new-`);
  try {
    const arguments_ = [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags',
      linkerFlags(),
      '-o',
      join(beside, 'program'),
      path,
    ];
    const child = spawn('go', arguments_, {
      cwd: MODULE,
      env: { ...env, GOWORK: 'off', CGO_ENABLED: '0' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const written: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      // Go says which modules it downloads, a line each: hundreds.
      if (!line.startsWith('go: downloading ')) written.push(line);
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) {
      for (const line of written.slice(-20)) tell(line);
      throw new Failure('invalid', `go build ${path} failed: ${written.at(-1) ?? `exit code ${code}`}`, {
        remedy: 'the lines above are from Go; a first build needs the Go module proxy',
      });
    }
    renameSync(join(beside, 'program'), program);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}
