import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

const resolve = {
  conditions: ['source', ...defaultServerConditions.filter((condition) => condition !== 'module')],
};

/** What every run of tests has in common: sources instead of builds, and a last line that counts. */
export default defineConfig({
  ssr: { resolve },
  // What a global setup imports.
  environments: { __vitest__: { resolve } },
  test: { reporters: ['default', ['./test/closing-line.ts', { file: process.env.TEST_COUNTS }]] },
});
