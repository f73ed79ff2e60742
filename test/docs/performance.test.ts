import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callsPerEvent } from '../bench/calls.ts';
import { pageWith, plotFiles, type Run } from '../bench/page.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const run = JSON.parse(readFileSync(join(DOCS, 'performance/figures.json'), 'utf8')) as Run;

describe('docs/performance.md', () => {
  it('has the tables of its figures', () => {
    const page = readFileSync(join(DOCS, 'performance.md'), 'utf8');
    expect(page).toBe(pageWith(page, run));
  });

  it.each([...plotFiles(run)])('has the plot %s of its figures', (file, svg) => {
    const path = join(DOCS, 'performance', file);
    expect(existsSync(path) && readFileSync(path, 'utf8')).toBe(svg);
  });

  it('says what each kind of event costs today', async () => {
    const { columns, rows } = run.figures.find(({ name }) => name === 'calls')!;
    const said = rows.map(([kind, ...counts]) => [
      kind,
      Object.fromEntries(counts.map((count, at) => [columns[at + 1], count])),
    ]);
    // Where this fails because an event costs something else now, and should: npm run bench.
    expect(Object.fromEntries(said)).toEqual(Object.fromEntries(await callsPerEvent()));
  });
});
