import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

/**
 * Writes a file at once, over one that may be there: nobody reads half of it, and where writing fails, the old one stays.
 * @param mode Permissions of the new one, by default those for its owner alone, whatever the process' umask.
 */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const descriptor = openSync(beside, 'wx', 0o600);
    try {
      writeFileSync(descriptor, text);
      fchmodSync(descriptor, mode);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** Replaces a file that is there: behind a link the one that it leads to, with the same permissions. */
export function replaceInPlace(file: string, text: string): void {
  const target = realpathSync(file);
  replaceFile(target, text, statSync(target).mode);
}
