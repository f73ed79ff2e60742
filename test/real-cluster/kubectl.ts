import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { inject } from 'vitest';

/** Runs the real kubectl with a kubeconfig and nothing of this process's environment; answers what it prints, or says in its error. */
export async function kubectl(kubeconfigFile: string, ...arguments_: readonly string[]): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', HOME: tmpdir() };
  return promisify(execFile)(inject('components').kubectl, ['--kubeconfig', kubeconfigFile, ...arguments_], {
    env,
  }).then(
    ({ stdout }) => stdout.trim(),
    ({ stderr }: { stderr: string }) => stderr.trim(),
  );
}
