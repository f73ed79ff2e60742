import type { IdentityProvider } from '../../access/policy.ts';
import type { AssociatedIdentityProvider, Eks, OidcConfig } from '../../ports/eks.ts';
import type { PublicWeb, WebProblem } from '../../ports/public-web.ts';
import { MANAGED_TAG } from '../managed-principal.ts';
import type { Claim } from '../resource.ts';

/** The object: a cluster has one place for an OIDC identity provider, and nothing else of this kind. */
export const IDENTITY_PROVIDER_OBJECT = 'identity-provider';

/** The OIDC identity provider that a cluster shall have. */
export interface IdentityProviderClaim extends Claim {
  readonly kind: 'identity-provider';
  readonly object: typeof IDENTITY_PROVIDER_OBJECT;
  readonly config: Required<OidcConfig>;
}

/** What is wrong with an issuer, as far as its own pages tell. */
export interface IssuerFault {
  readonly problem: WebProblem | 'invalid';
  readonly message: string;
}

/** What is known of a cluster's place for an identity provider. */
export interface IdentityProviderState {
  /** Kubernetes, like `1.34`. */
  readonly version?: string;
  /** The issuer of the cluster's own service accounts. */
  readonly ownIssuer?: string;
  /** Null: the place is free. */
  readonly provider: AssociatedIdentityProvider | null;
  /** Of the issuer that is to be associated; left out where nothing is to be, or nothing is wrong. */
  readonly issuerFault?: IssuerFault;
  /** The association that was tried last, where it failed, and what EKS said. */
  readonly failed?: { readonly config: Required<OidcConfig>; readonly reason: string };
}

/** An association that was begun: EKS tells what became of it only to who knows its id. */
export interface Attempt {
  readonly update: string;
  readonly config: Required<OidcConfig>;
  /** Milliseconds UTC. */
  readonly at: number;
}

/** What the kind works on: one cluster. */
export interface IdentityProviderPorts {
  /** The cluster's name in EKS. */
  readonly cluster: string;
  readonly eks: () => Promise<Eks>;
  readonly web: PublicWeb;
  /** What is to be associated: its issuer is looked at before. */
  readonly wanted?: Required<OidcConfig>;
  /** Keeps the attempt that was begun last. */
  readonly attempts: {
    last(): Promise<Attempt | undefined>;
    note(attempt: Pick<Attempt, 'update' | 'config'>): Promise<void>;
  };
}

/** The claim that a provider of the policy is on a cluster. */
export function claimOf(provider: IdentityProvider): IdentityProviderClaim {
  const { name, issuer, clientId, usernameClaim, usernamePrefix, groupsClaim, groupsPrefix } = provider;
  return {
    kind: 'identity-provider',
    object: IDENTITY_PROVIDER_OBJECT,
    config: {
      name: `gatehouse-${name}`,
      issuer,
      clientId,
      usernameClaim,
      usernamePrefix,
      groupsClaim,
      groupsPrefix,
      requiredClaims: provider.requiredClaims,
    },
  };
}

/** The tags of what Gatehouse associates. */
export const PROVIDER_TAGS = { [MANAGED_TAG]: 'true' } as const;

/** Whether what a cluster has was made by Gatehouse: only that is ever disassociated. */
export function isOwnProvider({ tags }: Pick<AssociatedIdentityProvider, 'tags'>): boolean {
  return tags[MANAGED_TAG] === 'true';
}

/** Whether a cluster's provider believes the same tokens, and makes the same names of them. */
export function isAsWanted(provider: AssociatedIdentityProvider, wanted: Required<OidcConfig>): boolean {
  const { status: _status, tags: _tags, ...config } = provider;
  return sameConfig(config, wanted);
}

/** Whether two configurations are one. */
export function sameConfig(a: OidcConfig, b: OidcConfig): boolean {
  return textOf(a) === textOf(b);
}

function textOf({ requiredClaims, ...config }: OidcConfig): string {
  const names = [
    'name',
    'issuer',
    'clientId',
    'usernameClaim',
    'usernamePrefix',
    'groupsClaim',
    'groupsPrefix',
  ] as const;
  const claims = Object.entries(requiredClaims).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify([names.map((name) => config[name] ?? null), claims]);
}
