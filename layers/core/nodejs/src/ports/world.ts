import type { Account, Cluster } from '../access/policy.ts';
import type { Eks } from './eks.ts';
import type { Iam } from './iam.ts';
import type { Kubernetes } from './kubernetes.ts';
import type { Secrets } from './secrets.ts';

/** What the IAM kinds work on: one account. */
export interface AccountPorts {
  readonly iam: Iam;
  /** Of Gatehouse's own account, wherever the IAM user lives. */
  readonly secrets: Secrets;
}

/** What the cluster kinds work on: one cluster. */
export interface ClusterPorts {
  readonly kubernetes: Kubernetes;
}

/** Ways into accounts and clusters, each checked to be the one asked for. */
export interface World {
  /** Those of Gatehouse's own account. */
  readonly secrets: Secrets;
  /** @throws Failure `forbidden` where the account cannot be entered or turns out to be another one. */
  account(account: Account): Promise<AccountPorts>;
  /** The EKS calls of one account and Region. */
  eks(account: Account, region: string): Promise<Eks>;
  /**
   * The API server of a cluster, as DescribeCluster names it, with a token of Gatehouse's own.
   * One that runs elsewhere is reached by the kubeconfig in its secret.
   * @throws Failure `not-found` where the cluster does not exist; `unreachable` (retryable) while it is being created;
   * for one elsewhere `unsupported` where it has no secret, `invalid` where the secret is missing or holds no usable kubeconfig.
   */
  cluster(account: Account, cluster: Cluster): Promise<ClusterPorts>;
}
