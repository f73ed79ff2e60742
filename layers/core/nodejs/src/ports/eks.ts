import type { Secret } from '../access/secret-text.ts';

/** What EKS says of a cluster (https://docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html). */
export interface EksCluster {
  readonly name: string;
  readonly arn: string;
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING' | 'FAILED' | 'UPDATING' | 'PENDING';
  readonly endpoint?: string;
  /** PEM, base64. */
  readonly certificateAuthority?: string;
  readonly version?: string;
  readonly authenticationMode: 'CONFIG_MAP' | 'API_AND_CONFIG_MAP' | 'API';
  readonly tags: Readonly<Record<string, string>>;
  /** Set where it runs elsewhere and is only registered: then it has no endpoint. */
  readonly connector?: EksConnector;
}

/** The registration of a cluster elsewhere (https://docs.aws.amazon.com/eks/latest/APIReference/API_ConnectorConfigResponse.html). */
export interface EksConnector {
  readonly provider: string;
  /** The role of its agent. */
  readonly roleArn: string;
  /** When the activation ends, milliseconds UTC; what is PENDING then never becomes ACTIVE. */
  readonly activationExpiry?: number;
}

/** A cluster elsewhere, to be registered. */
export interface NewRegistration {
  readonly name: string;
  readonly provider: string;
  readonly roleArn: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** By what the agent of a registered cluster proves itself, once. */
export interface Activation {
  readonly id: Secret;
  readonly code: Secret;
  /** Milliseconds UTC; three days after the registration. */
  readonly expiry: number;
}

/** The EKS calls of one account and Region. */
export interface Eks {
  /** Answers undefined where there is no such cluster. */
  describeCluster(name: string): Promise<EksCluster | undefined>;
  /**
   * RegisterCluster. @throws Failure `already-exists` where the name is taken in this Region, by whatever cluster;
   * `unreachable` (retryable) while IAM has not told EKS of the role yet; `invalid` without the service-linked role;
   * `too-large` beyond the Region's quota.
   */
  registerCluster(registration: NewRegistration): Promise<Activation>;
  /** DeregisterCluster; not found is success. @throws Failure `invalid` for a cluster that is not a registered one. */
  deregisterCluster(name: string): Promise<void>;
}
