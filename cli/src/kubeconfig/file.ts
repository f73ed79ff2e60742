import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';
import { replaceFile } from '../files/replace-file.ts';

/**
 * The kubeconfig to write, as `aws eks update-kubeconfig` chooses it: the one named; of those of KUBECONFIG the first that has
 * the context or the cluster already, else the first; else `~/.kube/config`.
 * @param has Whether a kubeconfig of this text has it.
 */
export function kubeconfigPath(
  named: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  has: (text: string) => boolean,
): string {
  if (named !== undefined) return named;
  const listed = (env.KUBECONFIG ?? '').split(':').filter((path) => path !== '');
  const [first = join(env.HOME ?? '', '.kube', 'config')] = listed;
  return listed.find((path) => has(readKubeconfig(path))) ?? first;
}

/** The text of a kubeconfig; empty where there is none. @throws what the operating system refuses. */
export function readKubeconfig(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Changes a kubeconfig: whole or not at all, for its owner alone to read, under the lock that kubectl takes. A link stays a link.
 * @param change From the text as it stands to the new one.
 * @throws Failure `conflict` where somebody else is writing; what `change` throws: then nothing is written.
 */
export async function changeKubeconfig(path: string, change: (before: string) => Promise<string>): Promise<void> {
  const file = target(path);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const lock = `${file}.lock`;
  try {
    closeSync(openSync(lock, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Failure('conflict', `${path} is being written by somebody else: ${lock} is there`, {
      remedy: 'try again; where no kubectl is running, delete that file',
    });
  }
  try {
    const before = readKubeconfig(file);
    const after = await change(before);
    if (after !== before) replaceFile(file, after);
  } finally {
    rmSync(lock, { force: true });
  }
}

function target(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}
