import { planTurn } from '@gatehouse/core/plan/plan';
import { describe, expect, it, vi } from 'vitest';
import { CASES, planning } from '../../bench/plan-time.ts';

/** Of what a plan's work is made: none of these may be called for each pair of principals. */
const STEPS = [
  [String.prototype, 'toLowerCase'],
  [String.prototype, 'lastIndexOf'],
  [Set.prototype, 'add'],
  [Map.prototype, 'get'],
  [JSON, 'stringify'],
] as const;

/** How often each step is called while everybody on a cluster is planned. */
function stepsOf(one: (typeof CASES)[number], principals: number): readonly number[] {
  const input = planning(one, principals);
  const spies = STEPS.map(([of, name]) => vi.spyOn(of as never, name as never));
  try {
    planTurn(input);
    return spies.map((spy) => (spy as { mock: { calls: unknown[] } }).mock.calls.length);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('a plan for twice as many principals', () => {
  it.each(CASES)('takes no more than about twice the steps: %s', (one) => {
    const [small, large] = [stepsOf(one, 400), stepsOf(one, 800)];
    const times = large.map((count, step) => count / Math.max(1, small[step]!));
    expect(Math.max(...small)).toBeGreaterThan(400);
    expect(Math.max(...times)).toBeLessThan(2.3);
  });
});
