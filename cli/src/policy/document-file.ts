import { writeFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';

/** Writes a document where there is none yet. @param force Also over one. @throws Failure `already-exists`. */
export function writeDocument(file: string, text: string, force: boolean): void {
  try {
    writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new Failure('already-exists', `${file} is there already, and stays as it is`, {
      remedy: 'name another file, or use --force to replace it',
    });
  }
}
