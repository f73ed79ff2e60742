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
}

/** The EKS calls of one account and Region. */
export interface Eks {
  /** Answers undefined where there is no such cluster. */
  describeCluster(name: string): Promise<EksCluster | undefined>;
}
