import { describe, expect, it, onTestFinished } from 'vitest';
import { Api, type ApiUnderTest } from './api.ts';
import { DEVIATIONS, type Side } from './deviations.ts';
import { suites } from './suites.ts';

/** States one rule: its title, unique within its subject, and a check of a new cluster. */
export type StateRule = (title: string, check: (api: Api) => Promise<void>) => void;
/** All rules of one subject. */
export type Suite = (it: StateRule) => void;

/**
 * The contract of an API server of Kubernetes 1.34, as far as Gatehouse and kubectl need it. It says what the real one does; what
 * {@link DEVIATIONS} names is expected to fail on that side, so that a deviation that is gone is noticed.
 *
 * @param make gives a cluster in the state of a new one.
 */
export function kubernetesApiContract(
  name: string,
  side: Side,
  make: () => ApiUnderTest | Promise<ApiUnderTest>,
): void {
  const expected = new Set(Object.keys(DEVIATIONS[side]));
  const stated = new Set<string>();

  describe(`Kubernetes API: ${name}`, () => {
    for (const [subject, suite] of Object.entries(suites)) {
      describe(subject, () =>
        suite((title, check) => {
          const full = `${subject}: ${title}`;
          if (stated.has(full)) throw new Error(`there are two rules "${full}"`);
          stated.add(full);
          const test = expected.has(full) ? it.fails : it;
          test(title, async () => {
            const under = await make();
            onTestFinished(async () => under.close?.());
            await check(new Api(under));
          });
        }),
      );
    }

    it('names as deviations nothing but rules', () => {
      expect([...expected].filter((title) => !stated.has(title))).toEqual([]);
    });
  });
}
