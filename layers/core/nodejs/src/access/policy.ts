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
  /** Set where the cluster runs elsewhere and is registered through the EKS connector; people come in by `connector` alone. */
  readonly connected?: ConnectedCluster;
}

/** A cluster elsewhere, as RegisterCluster and Gatehouse know it. */
export interface ConnectedCluster {
  /** What runs it (https://docs.aws.amazon.com/eks/latest/APIReference/API_ConnectorConfigRequest.html). */
  readonly provider: ConnectorProvider;
  /** Name of the secret with a kubeconfig by which it can be reached. Without: manifests are written, to be applied by hand. */
  readonly kubeconfigSecret?: string;
}

/** The providers that RegisterCluster takes. */
export const CONNECTOR_PROVIDERS = [
  'EKS_ANYWHERE',
  'ANTHOS',
  'GKE',
  'AKS',
  'OPENSHIFT',
  'TANZU',
  'RANCHER',
  'EC2',
  'OTHER',
] as const;

/** See {@link CONNECTOR_PROVIDERS}. */
export type ConnectorProvider = (typeof CONNECTOR_PROVIDERS)[number];

/** A rule of a Role or ClusterRole (https://kubernetes.io/docs/reference/access-authn-authz/rbac/). */
export interface AccessRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** A named set of permissions: RBAC rules of its own, or a ClusterRole that exists. */
export type AccessLevel = {
  readonly name: string;
  /** Whether it opens the EKS console, too: then the principal may view the cluster there. */
  readonly console?: true;
  /** Rules for the whole cluster, also where the grant is for single namespaces: what one must see to find them. */
  readonly clusterWide?: readonly AccessRule[];
} & ({ readonly rules: readonly AccessRule[] } | { readonly clusterRole: string });

/**
 * Whom a grant is for. Groups and users are named by the source's stable id. A `principal` is an IAM role or user that exists
 * and stays its owner's: Gatehouse maps it, and changes nothing of it. A `claim` is a group as the cluster's own OIDC
 * provider writes it into tokens.
 */
export type Grantee =
  | { readonly group: string; readonly source: string }
  | { readonly user: string; readonly source: string }
  | { readonly machine: string }
  | { readonly principal: string }
  | { readonly claim: string; readonly provider: string };

/**
 * The way in. `role`: an IAM role, made or adopted; `user`: each grantee's own IAM user; `sso`: the role of an Identity Center
 * permission set; `oidc`: a group claim of the cluster's OIDC provider, without IAM; `connector`: an IAM principal that the EKS
 * connector impersonates on a cluster elsewhere.
 */
export type WayIn = 'role' | 'user' | 'sso' | 'oidc' | 'connector';

/** Which clusters: names with `*` as wildcard, labels that must all match; both where both are given. */
export interface ClusterSelector {
  readonly names: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** One line of the policy. */
export interface Grant {
  readonly name: string;
  /** At least one. What they have in common is shared: the role and its line, the Role that bindings refer to. */
  readonly to: readonly Grantee[];
  readonly clusters: ClusterSelector;
  /** Empty means the whole cluster. */
  readonly namespaces: readonly string[];
  /** Whether a namespace that does not exist is made (and, if made by Gatehouse, removed with the grant when `delete`). */
  readonly absentNamespaces: 'refuse' | 'create' | 'create-and-delete';
  readonly level: AccessLevel;
  readonly through: WayIn;
  /** Of `sso`: the permission set's name. */
  readonly permissionSet?: string;
  /** Of `role`: people come by a SAML provider, which names their sessions, instead of by IAM users. */
  readonly saml?: SamlTrust;
  /** Names of its Role and binding, where they are not to be derived from the grant's. */
  readonly names?: { readonly role?: string; readonly binding?: string };
}

/** Trust in a SAML provider of the role's account, for those whom it asserts to be one of these. */
export interface SamlTrust {
  /** Its name in IAM. */
  readonly provider: string;
  /** `saml:sub`, with `*` and `?` as wildcards. Empty: anybody whom the provider lets in. */
  readonly subjects: readonly string[];
  /** `saml:edupersonaffiliation`: one of these. Empty: of any. */
  readonly groups: readonly string[];
}

/** Trust in an OIDC provider of the role's account, for tokens of these audiences and subjects. */
export interface WebIdentityTrust {
  /** Its host and path, like `token.actions.githubusercontent.com`. */
  readonly provider: string;
  readonly audiences: readonly string[];
  /** `sub`, with `*` and `?` as wildcards. At least one. */
  readonly subjects: readonly string[];
}

/** Who may assume a machine's role: all of these. */
export interface MachineTrust {
  /** ARNs of IAM roles and users. */
  readonly principals: readonly string[];
  /** Whole accounts: their own policies decide who. */
  readonly accounts: readonly { readonly id: string; readonly externalId?: string }[];
  readonly webIdentity: readonly WebIdentityTrust[];
}

/** A pipeline or other program of the policy, and the names it goes by where they are not derived. */
export interface Machine {
  readonly name: string;
  /** IAM user name, for `through: user`. */
  readonly user?: string;
  /** Its name in the cluster, for `through: user`. */
  readonly username?: string;
  /** Name of the managed policy attached to its IAM user. */
  readonly policy?: string;
  readonly trust?: MachineTrust;
}

/** An OIDC identity provider of clusters: whom the API server itself believes. A cluster has at most one. */
export interface IdentityProvider {
  readonly name: string;
  readonly clusters: ClusterSelector;
  /** https URL, as the tokens' `iss`. */
  readonly issuer: string;
  /** The tokens' `aud`. */
  readonly clientId: string;
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
  /** Control plane logs that are switched on with it; never off. */
  readonly logs: readonly ('audit' | 'authenticator')[];
}

/**
 * How a user of a source becomes an IAM principal. Tried in the order of the policy; the first that gives an ARN wins.
 * - `map`: by the user's id. - `attribute`: an attribute of the user holds the ARN.
 * - `template`: an ARN with `{id}`, `{login}`, `{email}` or `{localPart}` (of the login).
 *
 * `session` gives no principal, but the name of the user's sessions where an identity provider sets it (Identity Center, SAML):
 * a template of the same placeholders.
 */
export type IdentityRule =
  | { readonly source: string; readonly map: Readonly<Record<string, string>> }
  | { readonly source: string; readonly attribute: string }
  | { readonly source: string; readonly template: string }
  | { readonly source: string; readonly session: string };

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

/** Who may be onboarded by events and commands, and what comes of it. */
export interface Onboarding {
  readonly environments: EnvironmentRules;
  /** Without: applications are refused. */
  readonly applications?: ApplicationRules;
}

/** What is given on everything that is onboarded of a sort. */
export interface OnboardingRules {
  readonly level: AccessLevel;
  /** Who may assume the role that is made where none is named. `{environment}` and `{namespace}` stand for its names. */
  readonly trust?: MachineTrust;
  /** The ARNs of roles that may be named instead, with `*` for any characters. Empty: none. */
  readonly adopt: readonly string[];
  /** Groups and users who have the same level there. */
  readonly people: readonly Grantee[];
}

/** Of environments: clusters that join when somebody says so. */
export interface EnvironmentRules extends OnboardingRules {
  /** The accounts whose clusters may join. */
  readonly accounts: readonly string[];
  readonly mode: ClusterMode;
}

/** Of applications: namespaces on environments. */
export interface ApplicationRules extends OnboardingRules {
  /** Which namespaces may be applications', with `*` for any characters. Never those of the cluster itself (`kube-*`). */
  readonly namespaces: readonly string[];
  readonly absentNamespaces: Grant['absentNamespaces'];
  /** The source whose groups may be named. Without: no application may name a group. */
  readonly groupsOf?: string;
}

/** The access policy in force, or one proposed. */
export interface AccessPolicy {
  readonly clusters: readonly Cluster[];
  readonly discover: readonly Discovery[];
  readonly accounts: readonly Account[];
  readonly grants: readonly Grant[];
  readonly machines: readonly Machine[];
  readonly identityProviders: readonly IdentityProvider[];
  readonly identities: readonly IdentityRule[];
  readonly protected: { readonly principals: readonly string[] };
  /** Without: nobody can be onboarded. */
  readonly onboarding?: Onboarding;
}

/** An access policy with the name that every run refers to. */
export interface PolicyVersion {
  /** 1, 2, 3, ... */
  readonly version: number;
  /** SHA-256 of the document's text. */
  readonly digest: string;
  readonly policy: AccessPolicy;
}
