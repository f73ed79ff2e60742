import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';

/**
 * A folder for what survives a restart. Files hold secrets of the sandbox, so only their owner can read them; each is written
 * beside and renamed, so that a crash leaves the old one or the new one.
 */
export class StateFolder {
  readonly path: string;
  /** Whether the folder is removed in the end. */
  readonly temporary: boolean;

  /** So that a process that ends in any other way than by {@link dispose} leaves nothing behind. */
  readonly #atExit = () => this.dispose();

  /**
   * @param path Made where it does not exist; without it a temporary folder is.
   * @throws Failure `conflict` where another sandbox that runs keeps its state there.
   */
  constructor(path: string | undefined) {
    this.temporary = path === undefined;
    this.path = path ?? mkdtempSync(join(tmpdir(), 'gatehouse-sandbox-'));
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
    const owner = this.read<number>(LOCK);
    if (owner !== undefined && holds(owner, this.path)) {
      throw new Failure('conflict', `another sandbox (process ${owner}) keeps its state in ${this.path}`, {
        remedy: 'stop it, or name another folder',
      });
    }
    this.write(LOCK, process.pid);
    held.add(this.path);
    process.once('exit', this.#atExit);
  }

  /** The JSON value of a file; undefined where there is none. */
  read<T>(name: string): T | undefined {
    const file = join(this.path, `${name}.json`);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
  }

  /** Writes a JSON value. */
  write(name: string, value: unknown): void {
    this.writeText(`${name}.json`, JSON.stringify(value));
  }

  /** Writes a file; answers its path. */
  writeText(name: string, text: string): string {
    const file = join(this.path, name);
    const beside = `${file}.new`;
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, file);
    return file;
  }

  /** Removes a file; it need not be there. */
  remove(name: string): void {
    rmSync(join(this.path, `${name}.json`), { force: true });
  }

  /** Lets go of the folder; removes it where it is temporary. */
  dispose(): void {
    process.off('exit', this.#atExit);
    held.delete(this.path);
    if (this.temporary) rmSync(this.path, { recursive: true, force: true });
    else this.remove(LOCK);
  }
}

/** Says which process works with a folder. */
const LOCK = 'process';

/** The folders of this process. */
const held = new Set<string>();

/** Whether a process that is said to hold a folder does. A lock of our own number may be left from before a crash. */
function holds(pid: number, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
