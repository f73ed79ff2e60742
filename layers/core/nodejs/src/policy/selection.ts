import { ENVIRONMENT_LABEL } from '../access/names.ts';
import type { AccessPolicy, Cluster, ClusterSelector, Discovery, Grant, IdentityProvider } from '../access/policy.ts';
import { leadsTo } from '../access/way.ts';

/** Whether a name matches a pattern in which `*` stands for any characters, none included. Linear in the name. */
export function matchesName(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!name.startsWith(first)) return false;
  if (rest.length === 0) return name === first;
  const last = rest.pop()!;
  let from = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}

/** Whether a selector takes in a cluster: one of its names matches, and all of its labels are the cluster's. */
export function selectsCluster(selector: ClusterSelector, cluster: Pick<Cluster, 'name' | 'labels'>): boolean {
  return (
    selector.names.some((pattern) => matchesName(pattern, cluster.name)) &&
    Object.entries(selector.labels).every(
      ([key, value]) => Object.hasOwn(cluster.labels, key) && cluster.labels[key] === value,
    )
  );
}

/** Whether a grant is for a cluster: it is selected, and the way in leads there. The cluster's mode plays no part. */
export function selects(grant: Grant, cluster: Cluster): boolean {
  return selectsCluster(grant.clusters, cluster) && leadsTo(grant, cluster);
}

/** The OIDC identity provider that a cluster shall have. */
export function identityProviderOf(policy: AccessPolicy, cluster: Cluster): IdentityProvider | undefined {
  if (cluster.connected) return undefined;
  return policy.identityProviders.find((provider) => selectsCluster(provider.clusters, cluster));
}

/**
 * The clusters a grant is for: of those the policy names and of those discovered, by ARN once each. What the policy says of
 * a cluster counts more than what was discovered of it.
 */
export function clustersOf(policy: AccessPolicy, grant: Grant, discovered: readonly Cluster[]): Cluster[] {
  return allClusters(policy, discovered).filter((cluster) => selects(grant, cluster));
}

/**
 * Every cluster of a policy, named and discovered, by ARN once each; the named ones first. What an earlier policy discovered
 * counts only while a rule of this one lets it in, and in this one's mode.
 */
export function allClusters(policy: AccessPolicy, discovered: readonly Cluster[]): Cluster[] {
  const byArn = new Map<string, Cluster>();
  const admitted = discovered.flatMap((cluster) => {
    const { account, region, labels: tags } = cluster;
    const rule = policy.discover.find((one) => selectsDiscovery(one, { account, region, tags }));
    // Whoever may tag a cluster must not make it an environment.
    const { [ENVIRONMENT_LABEL]: _, ...labels } = tags;
    return rule ? [{ ...cluster, labels, mode: rule.mode }] : [];
  });
  for (const cluster of [...policy.clusters, ...admitted]) {
    const known = byArn.get(cluster.arn);
    if (!known) byArn.set(cluster.arn, cluster);
    else if (known.labels[ENVIRONMENT_LABEL] !== undefined) {
      // What becomes an environment stays what its tags made it.
      byArn.set(cluster.arn, { ...known, labels: { ...cluster.labels, ...known.labels } });
    }
  }
  return [...byArn.values()];
}

/** Whether a `discover` rule lets a cluster join: its account, its Region, and all of the rule's tags. */
export function selectsDiscovery(
  rule: Discovery,
  cluster: { readonly account: string; readonly region: string; readonly tags: Readonly<Record<string, string>> },
): boolean {
  return (
    rule.account === cluster.account &&
    rule.region === cluster.region &&
    Object.entries(rule.tag).every(([key, value]) => Object.hasOwn(cluster.tags, key) && cluster.tags[key] === value)
  );
}
