import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A run of the command in a process of its own, as `npm start` and `npm run demo` run it. */
export interface Spawned {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly out: () => string;
  readonly err: () => string;
  /** Waits for its end; answers the exit code. */
  readonly ended: Promise<number | null>;
}

const running = new Set<ChildProcess>();

/** Starts the command. What is left over at the end of a test is ended by {@link endAll}. */
export function spawnCommand(arguments_: readonly string[], env: Readonly<Record<string, string>> = {}): Spawned {
  const child = spawn(process.execPath, ['-C', 'source', 'cli/src/main.ts', ...arguments_], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const written = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    written.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    written.err += chunk.toString();
  });
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  return { child, out: () => written.out, err: () => written.err, ended };
}

/** Waits until a process has written a text. */
export async function written({ out, err }: Spawned, text: string, timeout = 20_000): Promise<void> {
  await expect.poll(() => out() + err(), { timeout, interval: 20 }).toContain(text);
}

/** Ends what this file started. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
