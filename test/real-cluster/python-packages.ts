import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '@gatehouse/core/access/failure';
import { cacheFolder } from '../../sandbox/src/real-cluster/components.ts';

/** The sets of packages: each a file `python/NAME.txt` with everything pinned, installed into a folder of its own. */
export type PythonSet = 'emulator' | 'sam' | 'checkov' | 'aws-cli';

/**
 * The folder with the programs of a set, installed where it is not installed yet: half a minute, once for each change of
 * versions. Kept in the same cache folder as the programs of a real cluster.
 *
 * @param tell is told of each step that takes long.
 * @throws Failure `unsupported` where there is no Python, `invalid` where pip fails.
 */
export async function pythonPrograms(
  set: PythonSet,
  tell: (line: string) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const requirements = join(import.meta.dirname, 'python', `${set}.txt`);
  const python = await requirePython(env);
  const key = createHash('sha256').update(readFileSync(requirements)).update(python).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(env), 'python', `${set}-${key}`);
  // Programs of a virtual environment name its folder, so it is marked as whole instead of being renamed.
  const whole = join(folder, 'whole');
  if (existsSync(whole)) return join(folder, 'bin');
  const began = performance.now();
  tell(`installing ${set} from PyPI (some half a minute, once)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  await run('python3', ['-m', 'venv', folder], 'install the venv module of Python (Debian: python3-venv)');
  await run(
    join(folder, 'bin', 'python'),
    ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
    'a first run needs the Python Package Index',
  );
  mkdirSync(`${whole}.new`);
  renameSync(`${whole}.new`, whole);
  tell(`installed ${set} in ${Math.round((performance.now() - began) / 1000)} s`);
  return join(folder, 'bin');
}

/** Its version. */
async function requirePython(env: NodeJS.ProcessEnv): Promise<string> {
  const remedy =
    'install Python 3.10 or newer (https://www.python.org/downloads/) and see that "python3 --version" answers';
  const printed = await promisify(execFile)('python3', ['--version'], { env }).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (printed === undefined) {
    throw new Failure(
      'unsupported',
      'the emulator of AWS, SAM and checkov are Python programs, and Python is not installed',
      {
        remedy,
      },
    );
  }
  const minor = Number(/^Python 3\.(\d+)/.exec(printed)?.[1] ?? 0);
  if (minor < 10)
    throw new Failure('unsupported', `the emulator of AWS, SAM and checkov need Python 3.10 or newer, not ${printed}`, {
      remedy,
    });
  return printed;
}

async function run(program: string, arguments_: readonly string[], remedy: string): Promise<void> {
  const child = spawn(program, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
  const written: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => written.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const last = Buffer.concat(written).toString().trim().split('\n').slice(-5).join('\n');
  throw new Failure('invalid', `${program} ${arguments_.slice(0, 3).join(' ')} failed: ${last}`, { remedy });
}
