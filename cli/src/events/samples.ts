import { globSync, readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';

const FOLDER = new URL('../../../events/', import.meta.url);

/** The names of the sample events: `okta/member-added`. */
export function sampleNames(): readonly string[] {
  return globSync('*/*.json', { cwd: FOLDER })
    .map((file) => file.replaceAll('\\', '/').replace(/\.json$/, ''))
    .sort();
}

/** The text of a sample. @throws Failure `not-found`. */
export function readSample(name: string): string {
  if (sampleNames().includes(name)) return readFileSync(new URL(`${name}.json`, FOLDER), 'utf8');
  throw new Failure('not-found', `there is no sample "${name}"`, { remedy: 'list them: gatehouse invoke --list' });
}
