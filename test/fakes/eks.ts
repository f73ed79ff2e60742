import { Failure } from '@gatehouse/core/access/failure';
import { awsFailure } from '@gatehouse/core/aws/failures';
import type { Eks, EksCluster } from '@gatehouse/core/ports/eks';
import { ClusterSettings, type UpdateRecord } from '../../sandbox/src/aws/eks-settings.ts';

/** How long updates take, and how they end. */
export interface MemoryEksOptions {
  /** Milliseconds UTC; without it updates are over at once. */
  readonly now?: () => number;
  /** Milliseconds that an update takes. */
  readonly takes?: number;
  /** Why an update fails; undefined: it does not. */
  readonly failure?: (update: UpdateRecord) => string | undefined;
}

/** EKS of one account and Region, in memory, by the rules of the sandbox's. */
export function memoryEks(
  clusters: readonly EksCluster[] = [],
  { now = () => 0, takes = 0, failure = () => undefined }: MemoryEksOptions = {},
): Eks & {
  set(cluster: EksCluster): void;
  remove(name: string): void;
  /** What of a cluster updates change: for whoever changes it by hand. */
  settings(name: string): ClusterSettings;
  readonly calls: { describeCluster: number };
  /** Calls that write, with the cluster's name. */
  readonly writes: string[];
} {
  const byName = new Map(clusters.map((cluster) => [cluster.name, cluster]));
  const settings = new Map<string, ClusterSettings>();
  const due = new Map<UpdateRecord, { readonly of: ClusterSettings; readonly at: number }>();
  const calls = { describeCluster: 0 };
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
    async describeCluster(name) {
      calls.describeCluster += 1;
      endWhatIsDue();
      const cluster = byName.get(name);
      const { logs } = settingsOf(name);
      return cluster && structuredClone({ ...cluster, ...(logs.length === 0 ? {} : { logs }) });
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
