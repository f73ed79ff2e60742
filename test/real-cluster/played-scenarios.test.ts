import { afterAll, describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../cli/src/demo/scenarios.ts';
import { endAll, spawnCommand } from '../cli/spawned.ts';

afterAll(endAll);

describe('npm run demo -- --scenario, on played clusters', () => {
  it.each(Object.keys(SCENARIOS).filter((name) => name !== 'main'))(
    '%s holds what it promises, in plain lines',
    async (scenario) => {
      const demo = spawnCommand(['demo', '--scenario', scenario]);
      const code = await demo.ended;
      expect(code, demo.out() + demo.err()).toBe(0);
      expect(demo.out()).toMatch(/^All \d+ expectations held, \d+\.\d s$/m);
      expect(demo.out()).not.toMatch(/\u001b|✗/);
      expect(demo.out()).not.toMatch(/ error +gatehouse-/);
      expect(demo.err()).toBe('');
    },
    90_000,
  );
});
