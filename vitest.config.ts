import { mergeConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';
import shared from './vitest.shared.ts';

const NEVER = ['test/real-cluster/**', 'test/bench/**', '**/node_modules/**'];
/** Whole sandboxes and commands, which measure latencies: they run one at a time, after everything else. */
const WHOLE = [
  'test/cli/{demo,sandbox}.test.ts',
  'test/sandbox/{sandbox,two-accounts,world,bad-input,associate-idp}.test.ts',
  'test/artifacts/**/*.test.ts',
];

export default mergeConfig(shared, {
  test: {
    testTimeout: 20_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [...NEVER, ...WHOLE],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'whole', include: WHOLE, exclude: NEVER, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
