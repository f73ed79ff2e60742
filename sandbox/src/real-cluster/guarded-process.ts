import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Failure } from '@gatehouse/core/access/failure';

/** A program to run for as long as this process lives. */
export interface GuardedOptions {
  /** What it is called in messages. */
  readonly name: string;
  readonly program: string;
  readonly arguments: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Told of every line that it writes to its error output. */
  readonly onErrorLine?: (line: string) => void;
  /** Told of every line that it writes to its output. */
  readonly onLine?: (line: string) => void;
}

/**
 * Ends the program when its own input ends, which is when the process that holds the other side is gone, killed too: nobody
 * could have told it to stop. Its own end is passed on. POSIX sh, so that it costs a megabyte and not a Node.
 */
const GUARD = `exec 3<&0
"$@" 3<&- </dev/null &
child=$!
( cat <&3 >/dev/null; kill -9 "$child" 2>/dev/null ) &
exec 3<&- 2>/dev/null
wait "$child"`;

const LINES_KEPT = 30;

/** A program that ends with this process, however this process ends. */
export class GuardedProcess {
  /** Resolves once the program has ended, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #over = false;

  constructor({ name, program, arguments: arguments_, env, onLine, onErrorLine }: GuardedOptions) {
    this.#name = name;
    this.#child = spawn('/bin/sh', ['-c', GUARD, 'guard', program, ...arguments_], {
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C is for this process, which ends the program in its turn.
      detached: true,
    });
    // Whoever reads a pipe of a process that has ended is told by its end.
    this.#child.stdin!.on('error', () => {});
    createInterface({ input: this.#child.stdout! }).on('line', (line) => onLine?.(line));
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      this.#lines.push(line);
      if (this.#lines.length > LINES_KEPT) this.#lines.shift();
      onErrorLine?.(line);
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.#over = true;
        this.#child.stdin?.destroy();
        resolve();
      };
      this.#child.once('error', end);
      this.#child.once('exit', end);
    });
  }

  /**
   * Waits until `ready` answers true; it is asked again and again.
   * @throws Failure `unreachable` with the program's last lines, where it ends before, or `seconds` are over.
   */
  async until(ready: () => Promise<boolean>, seconds: number): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (!(await ready().catch(() => false))) {
      const why = this.#over ? 'has ended' : Date.now() > end ? `was not ready within ${seconds} s` : undefined;
      if (why !== undefined) {
        throw new Failure('unreachable', `${this.#name} ${why}:\n${this.#lines.slice(-8).join('\n')}`);
      }
      await new Promise((later) => setTimeout(later, 25));
    }
  }

  /** Ends the program at once; answers when it has ended. What it wrote to a file is in the file. */
  async stop(): Promise<void> {
    this.#child.stdin?.destroy();
    await this.ended;
  }
}

/** A port of 127.0.0.1 that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as { port: number };
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}
