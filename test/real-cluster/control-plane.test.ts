import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RealCluster, startRealCluster } from './cluster.ts';

let cluster: RealCluster;
beforeAll(async () => {
  cluster = await startRealCluster();
});
afterAll(() => cluster?.stop());

describe('a real cluster', () => {
  it('knows its operator', async () => {
    expect(await cluster.operator.whoAmI()).toMatchObject({ username: 'sandbox-operator' });
  });
});
