import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';

/** EKS of one account and Region, in memory. */
export function memoryEks(clusters: readonly EksCluster[] = []): Eks & {
  set(cluster: EksCluster): void;
  remove(name: string): void;
  readonly calls: { describeCluster: number };
} {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const calls = { describeCluster: 0 };
  return {
    calls,
    set(cluster) {
      byName.set(cluster.name, cluster);
    },
    remove(name) {
      byName.delete(name);
    },
    async describeCluster(name) {
      calls.describeCluster += 1;
      const cluster = byName.get(name);
      return cluster && structuredClone(cluster);
    },
  };
}
