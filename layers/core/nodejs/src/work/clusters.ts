import { parseClusterArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { type Json, sameJson } from '../access/json.ts';
import type { AccessPolicy, Account, Cluster } from '../access/policy.ts';
import { allClusters } from '../policy/selection.ts';
import { allItems } from '../ports/all-items.ts';
import type { Table, TableReader } from '../ports/table.ts';
import type { World } from '../ports/world.ts';
import { connectedKey } from './keys.ts';

const DISCOVERED = 'discovered';

/** The clusters that joined by themselves: found by a `discover` rule when they were created. */
export async function discoveredClusters(reader: TableReader): Promise<Cluster[]> {
  const items = await allItems(reader, DISCOVERED);
  return items.map((item) => item.cluster as unknown as Cluster);
}

/** Keeps a discovered cluster. */
export async function keepDiscovered(table: Table, cluster: Cluster): Promise<void> {
  await table.put({ pk: DISCOVERED, sk: cluster.arn, cluster: cluster as unknown as Json });
}

/** Forgets a discovered cluster. */
export async function forgetDiscovered(table: Table, arn: string): Promise<void> {
  await table.delete({ pk: DISCOVERED, sk: arn });
}

/**
 * The cluster of an ARN. One that the policy no longer names is still known by what was made there: it takes revocations
 * and nothing else.
 */
export function clusterByArn(policy: AccessPolicy, discovered: readonly Cluster[], arn: string): Cluster {
  const known = allClusters(policy, discovered).find((cluster) => cluster.arn === arn);
  return known ?? { ...parseClusterArn(arn), arn, labels: {}, mode: 'paused' };
}

/**
 * As {@link clusterByArn}; a cluster elsewhere that the policy names no more is known by how it was reached before. It takes
 * revocations and nothing else.
 */
export async function clusterOf(reader: TableReader, policy: AccessPolicy, arn: string): Promise<Cluster> {
  const cluster = clusterByArn(policy, await discoveredClusters(reader), arn);
  if (cluster.connected || allClusters(policy, []).some((one) => one.arn === arn)) return cluster;
  const item = await reader.get(connectedKey(arn));
  return item ? { ...(item.cluster as unknown as Cluster), mode: 'paused' } : cluster;
}

/**
 * Whether a cluster does not exist (any more). What went wrong elsewhere may say "not found" of a table or a queue, so EKS is
 * asked; where it cannot be, the cluster is not known to be gone.
 */
export async function isGone(
  world: Pick<World, 'cluster'>,
  reader: TableReader,
  policy: AccessPolicy,
  arn: string,
): Promise<boolean> {
  const cluster = await clusterOf(reader, policy, arn);
  try {
    await world.cluster(await accountById(reader, policy, cluster.account), cluster);
    return false;
  } catch (error) {
    if (!isFailure(error)) throw error;
    return error.code === 'not-found';
  }
}

/** How to get into an account: as the policy says; else as the last policy that spoke of it said; else with own credentials. */
export async function accountById(reader: TableReader, policy: AccessPolicy, id: string): Promise<Account> {
  const named = policy.accounts.find((account) => account.id === id);
  if (named) return named;
  const item = await reader.get({ pk: ACCOUNTS, sk: id });
  return item ? (item.account as unknown as Account) : { id };
}

/** Remembers the clusters elsewhere of a policy, so that they can be reached when it names them no more. */
export async function rememberConnected(table: Table, policy: AccessPolicy): Promise<void> {
  for (const cluster of policy.clusters) {
    if (!cluster.connected) continue;
    const key = connectedKey(cluster.arn);
    const known = await table.get(key);
    if (!sameJson(known?.cluster, cluster)) await table.put({ ...key, cluster: cluster as unknown as Json });
  }
}

const ACCOUNTS = 'accounts';

/** Remembers how to get into the accounts of a policy, so that what was made there can be taken back when it names them no more. */
export async function rememberAccounts(table: Table, policy: AccessPolicy): Promise<void> {
  for (const account of policy.accounts) {
    const key = { pk: ACCOUNTS, sk: account.id };
    const known = await table.get(key);
    if (!sameJson(known?.account, account)) await table.put({ ...key, account: account as unknown as Json });
  }
}
