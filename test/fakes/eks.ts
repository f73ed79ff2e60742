import { clusterArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import { Secret } from '@gatehouse/core/access/secret-text';
import { awsFailure } from '@gatehouse/core/aws/failures';
import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';
import { ClusterSettings, type UpdateRecord } from '../../sandbox/src/aws/eks-settings.ts';

/** What a {@link memoryEks} needs to know to register clusters; how long updates take, and how they end. */
export interface MemoryEksOptions {
  readonly account?: string;
  readonly region?: string;
  /** Milliseconds UTC; without it updates are over at once. */
  readonly now?: () => number;
  /** Milliseconds that an update takes. */
  readonly takes?: number;
  /** Why an update fails; undefined: it does not. */
  readonly failure?: (update: UpdateRecord) => string | undefined;
  /** Whether EKS sees a role yet; the service-linked one by its name. */
  readonly seesRole?: (arnOrName: string) => boolean;
}

/** An Eks in memory that counts. */
export type MemoryEks = Eks & {
  set(cluster: EksCluster): void;
  remove(name: string): void;
  /** An agent connects with what it was given; answers whether it was let in. */
  activate(name: string, activation: { readonly id: string; readonly code: string }): boolean;
  /** What of a cluster updates change: for whoever changes it by hand. */
  settings(name: string): ClusterSettings;
  readonly calls: { describeCluster: number; registerCluster: number; deregisterCluster: number };
  /** Calls that change how a cluster is set up, with its name. */
  readonly writes: string[];
};

const LINKED_ROLE = 'AWSServiceRoleForAmazonEKSConnector';
const ACTIVATION_MS = 3 * 24 * 3600 * 1000;

/** EKS of one account and Region, in memory, by the rules of the sandbox's. */
export function memoryEks(clusters: readonly EksCluster[] = [], options: MemoryEksOptions = {}): MemoryEks {
  const { account = '111122223333', region = 'eu-west-1', now = () => 0, seesRole = () => true } = options;
  const { takes = 0, failure = () => undefined } = options;
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const activations = new Map<string, { id: string; code: string }>();
  const calls = { describeCluster: 0, registerCluster: 0, deregisterCluster: 0 };
  const settings = new Map<string, ClusterSettings>();
  const due = new Map<UpdateRecord, { readonly of: ClusterSettings; readonly at: number }>();
  const writes: string[] = [];
  const settingsOf = (name: string): ClusterSettings => {
    const known = settings.get(name) ?? new ClusterSettings();
    settings.set(name, known);
    return known;
  };
  const endWhatIsDue = () => {
    for (const [update, { of, at }] of due) {
      if (now() < at) continue;
      due.delete(update);
      const error = failure(update);
      if (error === undefined) of.complete(update);
      else of.fail(update, error);
    }
  };
  /** A call about a cluster, its errors as the SDK would bring them. */
  const on = async <T>(name: string, call: (of: ClusterSettings, cluster: EksCluster) => T): Promise<T> => {
    endWhatIsDue();
    const cluster = byName.get(name);
    if (!cluster) throw new Failure('not-found', `No cluster found for name: ${name}.`);
    try {
      return call(settingsOf(name), cluster);
    } catch (error) {
      throw awsFailure(error, `a call about ${name}`);
    }
  };
  const begin = (of: ClusterSettings, update: UpdateRecord): string => {
    due.set(update, { of, at: now() + takes });
    if (takes === 0) endWhatIsDue();
    return update.id;
  };
  const about = ({ name, version = '1.34', status, ownIssuer = '' }: EksCluster) => ({
    name,
    version,
    status,
    ownIssuer,
  });
  return {
    calls,
    writes,
    settings: settingsOf,
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
      endWhatIsDue();
      const cluster = byName.get(name);
      const { logs } = settingsOf(name);
      return cluster && structuredClone({ ...cluster, ...(logs.length === 0 ? {} : { logs }) });
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
    identityProvider: (name) => on(name, (of) => structuredClone(of.provider)),
    associateIdentityProvider: (name, config, tags) =>
      on(name, (of, cluster) => {
        writes.push(`associate ${config.name} ${name}`);
        return begin(of, of.associate(about(cluster), config, tags));
      }),
    disassociateIdentityProvider: (name, provider) =>
      on(name, (of, cluster) => {
        writes.push(`disassociate ${provider} ${name}`);
        return begin(of, of.disassociate(about(cluster), provider));
      }),
    update: (name, id) =>
      on(name, (of, cluster) => {
        const { status, errors } = of.update(about(cluster), id);
        return { status, errors };
      }).catch((error: unknown) => {
        if (error instanceof Failure && error.code === 'not-found') return undefined;
        throw error;
      }),
    switchOnLogs: (name, logs) =>
      on(name, (of, cluster) => {
        writes.push(`switch on ${logs.join(', ')} ${name}`);
        begin(of, of.switchLogs(about(cluster), logs, true));
      }),
  };
}
