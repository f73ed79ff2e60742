import { readFileSync } from 'node:fs';
import { VERSION } from '@gatehouse/core/access/version';
import { expect, it } from 'vitest';

it('is the same everywhere', () => {
  for (const file of ['package.json', 'cli/package.json', 'layers/core/nodejs/package.json']) {
    const { version } = JSON.parse(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'));
    if (version !== undefined) expect(version, file).toBe(VERSION);
  }
});
