import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDocument } from '../../cli/src/policy/document-file.ts';

describe('a document that is written', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gatehouse-document-'));
    file = join(directory, 'policy.yaml');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each([true, false])('is made where there is none (force: %s)', (force) => {
    writeDocument(file, 'new', force);
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  it('does not replace one unasked', () => {
    writeFileSync(file, 'old');
    expect(() => writeDocument(file, 'new', false)).toThrowError(/is there already, and stays as it is/);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });

  it('replaces one behind a link, with its permissions, by another file', () => {
    writeFileSync(file, 'old');
    chmodSync(file, 0o640);
    const before = statSync(file).ino;
    const link = join(directory, 'link.yaml');
    symlinkSync(file, link);
    writeDocument(link, 'new', true);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(statSync(file).ino).not.toBe(before);
    expect(readdirSync(directory).sort()).toEqual(['link.yaml', 'policy.yaml']);
  });

  it('goes into what is no file', () => {
    expect(() => writeDocument('/dev/null', 'new', true)).not.toThrow();
  });
});
