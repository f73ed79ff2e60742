import { clusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import { Secret } from '@gatehouse/core/access/secret-text';
import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';

/** An Eks in memory that counts. */
export type MemoryEks = Eks & {
  set(cluster: EksCluster): void;
  remove(name: string): void;
  /** An agent connects with what it was given; answers whether it was let in. */
  activate(name: string, activation: { readonly id: string; readonly code: string }): boolean;
  readonly calls: { describeCluster: number; registerCluster: number; deregisterCluster: number };
};

/** What a {@link memoryEks} needs to know to register clusters. */
export interface MemoryEksOptions {
  readonly account?: string;
  readonly region?: string;
  /** Milliseconds UTC. */
  readonly now?: () => number;
  /** Whether EKS sees a role yet; the service-linked one by its name. */
  readonly seesRole?: (arnOrName: string) => boolean;
}

const LINKED_ROLE = 'AWSServiceRoleForAmazonEKSConnector';
const ACTIVATION_MS = 3 * 24 * 3600 * 1000;

/** EKS of one account and Region, in memory. */
export function memoryEks(clusters: readonly EksCluster[] = [], options: MemoryEksOptions = {}): MemoryEks {
  const { account = '111122223333', region = 'eu-west-1', now = () => 0, seesRole = () => true } = options;
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const activations = new Map<string, { id: string; code: string }>();
  const calls = { describeCluster: 0, registerCluster: 0, deregisterCluster: 0 };
  return {
    calls,
    set(cluster) {
      byName.set(cluster.name, cluster);
    },
    remove(name) {
      byName.delete(name);
    },
    activate(name, { id, code }) {
      const cluster = byName.get(name);
      const known = activations.get(name);
      if (!cluster?.connector || known?.id !== id || known.code !== code) return false;
      if (cluster.status === 'PENDING' && now() >= cluster.connector.activationExpiry!) return false;
      byName.set(name, { ...cluster, status: 'ACTIVE' });
      return true;
    },
    async describeCluster(name) {
      calls.describeCluster += 1;
      const cluster = byName.get(name);
      return cluster && structuredClone(cluster);
    },
    async registerCluster({ name, provider, roleArn, tags }) {
      calls.registerCluster += 1;
      if (byName.has(name)) throw new Failure('already-exists', `the name ${name} is taken in this Region`);
      if (!seesRole(LINKED_ROLE)) throw new Failure('invalid', `the role ${LINKED_ROLE} does not exist`);
      if (!seesRole(roleArn)) throw new Failure('unreachable', `EKS does not see the role ${roleArn} yet`);
      const activationExpiry = now() + ACTIVATION_MS;
      const activation = { id: `id-${calls.registerCluster}`, code: `code-${calls.registerCluster}` };
      activations.set(name, activation);
      byName.set(name, {
        name,
        arn: clusterArn(account, region, name),
        status: 'PENDING',
        authenticationMode: 'CONFIG_MAP',
        tags: { ...tags },
        connector: { provider, roleArn, activationExpiry },
      });
      return { id: new Secret(activation.id), code: new Secret(activation.code), expiry: activationExpiry };
    },
    async deregisterCluster(name) {
      calls.deregisterCluster += 1;
      const cluster = byName.get(name);
      if (cluster && !cluster.connector) throw new Failure('invalid', `the cluster ${name} is not a connected one`);
      byName.delete(name);
    },
  };
}
