import { planTurn } from '@gatehouse/core/plan/plan';
import { describe, expect, it } from 'vitest';
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
  const counts = STEPS.map(() => 0);
  const originals = STEPS.map(([of, name], step) => {
    const original: unknown = Reflect.get(of, name);
    Reflect.set(of, name, function (this: unknown, ...given: unknown[]) {
      counts[step]! += 1;
      return Reflect.apply(original as () => unknown, this, given);
    });
    return original;
  });
  try {
    planTurn(input);
    return counts;
  } finally {
    for (const [step, [of, name]] of STEPS.entries()) Reflect.set(of, name, originals[step]);
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
