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
  /** The issuer of the tokens of its own service accounts. */
  readonly ownIssuer?: string;
  /** The control plane logs that are on, sorted. Left out: none. */
  readonly logs?: readonly string[];
  /** Whether its API server has an address on the internet; left out where EKS does not say. */
  readonly isPublic?: boolean;
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
  /**
   * RegisterCluster. @throws Failure `already-exists` where the name is taken in this Region, by whatever cluster;
   * `unreachable` (retryable) while IAM has not told EKS of the role yet; `invalid` without the service-linked role;
   * `too-large` beyond the Region's quota.
   */
  registerCluster(registration: NewRegistration): Promise<Activation>;
  /** DeregisterCluster; not found is success. @throws Failure `invalid` for a cluster that is not a registered one. */
  deregisterCluster(name: string): Promise<void>;
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
