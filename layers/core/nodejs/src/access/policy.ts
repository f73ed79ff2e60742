/**
 * The vocabulary of who may do what where: the access policy after it was read, checked and given its defaults.
 * How the document is written stands in `core/policy/`; here is what it means. All values are JSON-able.
 */

/** How much Gatehouse may do on a cluster: only report, everything, or nothing but revocations. */
export type ClusterMode = 'observe' | 'enforce' | 'paused';

/** A cluster that the policy names, or that it discovers. */
export interface Cluster {
  /** The name in the policy and in EKS. */
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly arn: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mode: ClusterMode;
}

/** A rule of a Role or ClusterRole (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). */
export interface AccessRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** A named set of permissions: RBAC rules of its own, or a ClusterRole that exists. */
export type AccessLevel =
  | { readonly name: string; readonly rules: readonly AccessRule[] }
  | { readonly name: string; readonly clusterRole: string };

/** Whom a grant is for. Groups and users are named by the source's stable id. */
export type Grantee =
  | { readonly group: string; readonly source: string }
  | { readonly user: string; readonly source: string }
  | { readonly machine: string };

/** Which clusters: names with `*` as wildcard, labels that must all match; both where both are given. */
export interface ClusterSelector {
  readonly names: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** One line of the policy. */
export interface Grant {
  readonly name: string;
  readonly to: Grantee;
  readonly clusters: ClusterSelector;
  /** Empty means the whole cluster. */
  readonly namespaces: readonly string[];
  /** Whether a namespace that does not exist is made (and, if made by Gatehouse, removed with the grant when `delete`). */
  readonly absentNamespaces: 'refuse' | 'create' | 'create-and-delete';
  readonly level: AccessLevel;
  readonly through: 'role' | 'user';
}

/**
 * How a user of a source becomes an IAM principal. Tried in the order of the policy; the first that gives an ARN wins.
 * - `map`: by the user's id. - `attribute`: an attribute of the user holds the ARN.
 * - `template`: an ARN with `{id}`, `{login}`, `{email}` or `{localPart}` (of the login).
 */
export type IdentityRule =
  | { readonly source: string; readonly map: Readonly<Record<string, string>> }
  | { readonly source: string; readonly attribute: string }
  | { readonly source: string; readonly template: string };

/** Clusters that join by themselves: those of an account and Region that carry the tag. */
export interface Discovery {
  readonly account: string;
  readonly region: string;
  readonly tag: Readonly<Record<string, string>>;
  readonly mode: ClusterMode;
}

/** An AWS account in which Gatehouse works, and how it gets there. Without `roleArn`: with its own credentials. */
export interface Account {
  readonly id: string;
  readonly roleArn?: string;
  readonly externalId?: string;
  /** ARN of the permissions boundary put on every principal made in this account. */
  readonly permissionsBoundary?: string;
}

/** The access policy in force, or one proposed. */
export interface AccessPolicy {
  readonly clusters: readonly Cluster[];
  readonly discover: readonly Discovery[];
  readonly accounts: readonly Account[];
  readonly grants: readonly Grant[];
  readonly identities: readonly IdentityRule[];
  readonly protected: { readonly principals: readonly string[] };
}

/** An access policy with the name that every run refers to. */
export interface PolicyVersion {
  /** 1, 2, 3, ... */
  readonly version: number;
  /** SHA-256 of the document's text. */
  readonly digest: string;
  readonly policy: AccessPolicy;
}
