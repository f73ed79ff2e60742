import type { ClusterRecord, ControlPlanes } from './aws/eks.ts';
import type { PlayedInternet } from './internet/played-internet.ts';
import type { SeedObject } from './kubernetes/api-state.ts';
import type { SeenRequest } from './kubernetes/server.ts';
import type { StateFolder } from './state-folder.ts';

/** What the clusters need to know. */
export interface SandboxClustersOptions {
  readonly folder: StateFolder;
  /** Where tokens are verified. */
  readonly stsEndpoint: () => string;
  /** ARN of who made the clusters of an account. */
  readonly administrator: (account: string) => string;
  /** What is in a new cluster beside its defaults. */
  readonly seed: (cluster: ClusterRecord) => readonly SeedObject[];
  /** What the clusters find of the internet. */
  readonly internet: PlayedInternet;
  readonly onRequest?: (cluster: ClusterRecord, seen: SeenRequest) => void;
}

/** What is behind the clusters of a sandbox. */
export interface SandboxClusters extends ControlPlanes {
  /** A bearer token of a running cluster's own operator, who is in `system:masters`: AWS knows nothing of it. */
  operatorToken(cluster: ClusterRecord): string;
  /** A token of the EKS connector's service account in a running cluster. */
  connectorToken(cluster: ClusterRecord): Promise<string>;
  /** Writes what changed since it was written last. */
  save(clusters: readonly ClusterRecord[]): void;
}

/** The name under which a cluster's state is kept. */
export const clusterFile = (prefix: string, { account, region, name }: ClusterRecord): string =>
  `${prefix}-${account}-${region}-${name}`;

/** What EC2 says of instances: by its resource-based naming, so that nobody needs to keep any. */
export const privateDnsName = (region: string) => (instanceId: string) => `${instanceId}.${region}.compute.internal`;
