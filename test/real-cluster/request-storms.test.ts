import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api, type ApiUnderTest } from '../contracts/kubernetes-api/api.ts';
import { newState, send } from '../sandbox/kubernetes/cluster.ts';
import { apiUnderTest, USERS } from './api-under-test.ts';
import { type CleanCluster, startCleanCluster } from './clean-cluster.ts';
import { type Answered, answersTo, type Step, storms, WRITER_RULES } from './request-storms.ts';

/** To be searched further: `STORMS=1000 STORM_SEED=2`. */
const RUNS = Number(process.env.STORMS ?? 150);
const SEED = Number(process.env.STORM_SEED ?? 1);

let cluster: CleanCluster;
beforeAll(async () => {
  cluster = await startCleanCluster({ users: USERS });
});
afterAll(() => cluster?.stop());

/** How often a real cluster answered with which status. */
const statuses = new Map<number, number>();

it(
  'any requests one after the other are answered alike by a simulated cluster and by a real one',
  async () => {
    await fc.assert(
      fc.asyncProperty(storms, async (storm) => {
        const state = newState();
        const simulated = await answered({ request: async (...one) => send(state, ...one) }, storm);
        const real = await answered(apiUnderTest(cluster), storm);
        for (const { status } of real) statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(simulated).toEqual(real);
      }),
      // Whoever has found one can let it shrink for as long as that takes.
      { numRuns: RUNS, seed: SEED, interruptAfterTimeLimit: RUNS * 1_000, markInterruptAsFailure: true },
    );
    const rows = [...statuses].sort().map(([status, count]) => `${count} times ${status}`);
    console.log(`${RUNS} storms, answered ${rows.join(', ')}`);
  },
  RUNS * 2_000,
);

it('they met everything that an API server may answer to them', () => {
  expect([...statuses.keys()].sort()).toEqual([200, 201, 400, 403, 404, 409, 422, 500]);
});

async function answered(under: ApiUnderTest, storm: readonly Step[]): Promise<readonly Answered[]> {
  try {
    await new Api(under).grant('writer', WRITER_RULES);
    return await answersTo(under, storm);
  } finally {
    await under.close?.();
  }
}
