import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** EKS under test, with these clusters and no other. */
export interface EksSubject {
  readonly eks: Eks;
  readonly clusters: readonly EksCluster[];
  close?(): Promise<void>;
}

/** What every {@link Eks} promises. `make` is called once. */
export function eksContract(name: string, make: () => Promise<EksSubject>, deviations: Deviations = {}): void {
  describe(`Eks: ${name}`, () => {
    expectDeviations(deviations);
    let subject: EksSubject;
    beforeAll(async () => {
      subject = await make();
    });
    afterAll(() => subject?.close?.());

    it('describes every cluster that there is', async () => {
      expect(subject.clusters.length).toBeGreaterThan(0);
      for (const cluster of subject.clusters) {
        expect(await subject.eks.describeCluster(cluster.name)).toEqual(cluster);
      }
    });

    it('answers undefined for a cluster that is not there', async () => {
      expect(await subject.eks.describeCluster('no-such-cluster')).toBeUndefined();
    });

    it('tells clusters apart by case', async () => {
      const name = subject.clusters[0]!.name.toUpperCase();
      expect(subject.clusters.map((cluster) => cluster.name)).not.toContain(name);
      expect(await subject.eks.describeCluster(name)).toBeUndefined();
    });
  });
}
