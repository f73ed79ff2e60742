import { describe, expect, it } from 'vitest';
import { storm } from '../bench/storm.ts';

describe('a storm whose calls take as long as they do', () => {
  it('is over in a minute: no turn outlasts its function, however many subjects it has', {
    timeout: 60_000,
  }, async () => {
    const { acknowledged, lost, differences, timeouts, seconds } = await storm({
      events: 400,
      revocationEvery: 20,
      rate: 500,
      idle: 1,
    });
    expect({ acknowledged, lost, differences, timeouts }).toEqual({
      acknowledged: 400,
      lost: 0,
      differences: [],
      timeouts: 0,
    });
    expect(seconds).toBeLessThan(60);
  });
});
