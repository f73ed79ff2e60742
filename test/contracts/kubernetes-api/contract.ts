import { describe, it, onTestFinished } from 'vitest';
import { type Deviations, expectDeviations } from '../deviations.ts';
import { Api, type ApiUnderTest } from './api.ts';
import { suites } from './suites.ts';

/** States one rule: its title, unique within its subject, and a check of a new cluster. */
export type StateRule = (title: string, check: (api: Api) => Promise<void>) => void;
/** All rules of one subject. */
export type Suite = (it: StateRule) => void;

/**
 * The contract of an API server of Kubernetes 1.34, as far as Gatehouse and kubectl need it. It says what the real one does.
 *
 * @param make gives a cluster in the state of a new one.
 */
export function kubernetesApiContract(
  name: string,
  make: () => ApiUnderTest | Promise<ApiUnderTest>,
  deviations: Deviations = {},
): void {
  describe(`Kubernetes API: ${name}`, () => {
    expectDeviations(deviations);

    for (const [subject, suite] of Object.entries(suites)) {
      describe(subject, () =>
        suite((title, check) =>
          it(title, async () => {
            const under = await make();
            onTestFinished(async () => under.close?.());
            await check(new Api(under));
          }),
        ),
      );
    }
  });
}
