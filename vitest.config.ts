import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: {
    resolve: { conditions: ['source', ...defaultServerConditions.filter((condition) => condition !== 'module')] },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/real-cluster/**', 'test/bench/**', '**/node_modules/**'],
    testTimeout: 20_000,
    maxWorkers: 2,
    reporters: ['default', ['./test/closing-line.ts', { file: process.env.TEST_COUNTS }]],
  },
});
