import { statSync, writeFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import { replaceInPlace } from '../files/replace-file.ts';

/**
 * Writes a document where there is none yet.
 * @param force Also over one, which stays whole where writing fails, and whose permissions the new one has.
 * @throws Failure `already-exists`.
 */
export function writeDocument(file: string, text: string, force: boolean): void {
  // What is no file, such as a pipe, cannot be replaced.
  if (force && statSync(file, { throwIfNoEntry: false })?.isFile()) {
    replaceInPlace(file, text);
    return;
  }
  try {
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Failure('already-exists', `${file} is there already, and stays as it is`, {
      remedy: 'name another file, or use --force to replace it',
    });
  }
}
