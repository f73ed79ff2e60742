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

/**
 * A folder for what survives a restart. Files hold secrets of the sandbox, so only their owner can read them; each is written
 * beside and renamed, so that a crash leaves the old one or the new one.
 */
export class StateFolder {
  readonly path: string;
  /** Whether the folder is removed in the end. */
  readonly temporary: boolean;

  /** @param path Made where it does not exist; without it a temporary folder is. */
  constructor(path: string | undefined) {
    this.temporary = path === undefined;
    this.path = path ?? mkdtempSync(join(tmpdir(), 'gatehouse-sandbox-'));
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
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

  /** Removes the folder where it is temporary. */
  dispose(): void {
    if (this.temporary) rmSync(this.path, { recursive: true, force: true });
  }
}
