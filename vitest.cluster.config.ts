import { mergeConfig } from 'vitest/config';
import shared from './vitest.shared.ts';

/** The real components: `npm run test:cluster`. One file at a time, because each starts some servers. */
export default mergeConfig(shared, {
  test: {
    include: ['test/real-cluster/**/*.test.ts'],
    globalSetup: ['test/real-cluster/setup.ts'],
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
