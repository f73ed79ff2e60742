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
  /** The issuer of the tokens of its own service accounts. */
  readonly ownIssuer?: string;
  /** The control plane logs that are on, sorted. Left out: none. */
  readonly logs?: readonly string[];
}

/**
 * An OIDC identity provider as EKS takes it for a cluster
 * (https://docs.aws.amazon.com/eks/latest/APIReference/API_OidcIdentityProviderConfigRequest.html).
 */
export interface OidcConfig {
  /** Its name in EKS. */
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  /** Left out: `sub`. */
  readonly usernameClaim?: string;
  /** Left out: the issuer and `#`, but for the claim `email`. `-`: none. */
  readonly usernamePrefix?: string;
  readonly groupsClaim?: string;
  readonly groupsPrefix?: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
}

/** An OIDC identity provider that a cluster has, is being given, or is being rid of. */
export interface AssociatedIdentityProvider extends OidcConfig {
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING';
  readonly tags: Readonly<Record<string, string>>;
}

/** How far EKS is with something that it does to a cluster (https://docs.aws.amazon.com/eks/latest/APIReference/API_Update.html). */
export interface EksUpdate {
  readonly status: 'InProgress' | 'Failed' | 'Cancelled' | 'Successful';
  /** What EKS says of its failure, a sentence each. */
  readonly errors: readonly string[];
}

/** The EKS calls of one account and Region. */
export interface Eks {
  /** Answers undefined where there is no such cluster. */
  describeCluster(name: string): Promise<EksCluster | undefined>;
  /** The OIDC identity provider of a cluster; EKS takes one. Undefined: none. @throws Failure `not-found`: no such cluster. */
  identityProvider(cluster: string): Promise<AssociatedIdentityProvider | undefined>;
  /**
   * Begins to associate an identity provider, which takes minutes. Answers the id of the update.
   * @throws Failure `conflict` while the cluster has one, or something else is done to it; `invalid` for what EKS refuses.
   */
  associateIdentityProvider(
    cluster: string,
    config: OidcConfig,
    tags: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Begins to disassociate it. Answers the id of the update. @throws Failure `conflict` as above; `not-found`. */
  disassociateIdentityProvider(cluster: string, name: string): Promise<string>;
  /** What became of an update. Answers undefined where EKS knows it no more. */
  update(cluster: string, id: string): Promise<EksUpdate | undefined>;
  /** Begins to switch control plane logs on; those that are on stay on. @throws Failure `conflict` as above. */
  switchOnLogs(cluster: string, logs: readonly string[]): Promise<void>;
}
