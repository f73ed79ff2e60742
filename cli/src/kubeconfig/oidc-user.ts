import type { IdentityProvider } from '@gatehouse/core/access/policy';
import type { ExecCommand } from './entry.ts';

/** What a login plugin must know of a provider. */
export type LoginProvider = Pick<IdentityProvider, 'issuer' | 'clientId' | 'usernameClaim' | 'groupsClaim'>;

/**
 * The user who signs in to a cluster's OIDC provider with kubelogin (`kubectl oidc-login`): in the browser, by the code flow
 * with PKCE, so that no secret lies in the kubeconfig.
 * @param scopes beside `openid`; those by which the provider is known to put the claims into the ID token unless told.
 * @see https://github.com/int128/kubelogin
 */
export function oidcUser(provider: LoginProvider, scopes: readonly string[] = scopesOf(provider)): ExecCommand {
  return {
    command: 'kubectl',
    args: [
      'oidc-login',
      'get-token',
      `--oidc-issuer-url=${provider.issuer}`,
      `--oidc-client-id=${provider.clientId}`,
      ...scopes.map((scope) => `--oidc-extra-scope=${scope}`),
    ],
  };
}

/** What people need beside the kubeconfig. */
export const PLUGIN_NOTE =
  'People sign in with the plugin kubelogin: kubectl krew install oidc-login, or brew install kubelogin';

/** Scopes that bring a claim into the ID token (https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims). */
const SCOPES: Readonly<Record<string, string>> = {
  email: 'email',
  name: 'profile',
  nickname: 'profile',
  preferred_username: 'profile',
};

/**
 * The scopes that a provider's claims need. A scope for groups is no standard: Okta has one and wants it; of others, asking for
 * a scope that they do not know is an error.
 */
export function scopesOf({ issuer, usernameClaim, groupsClaim }: LoginProvider): readonly string[] {
  const host = URL.parse(issuer)?.hostname ?? '';
  const forGroups = groupsClaim === 'groups' && /\.okta(preview|-emea)?\.com$/.test(host) ? ['groups'] : [];
  return [...(Object.hasOwn(SCOPES, usernameClaim) ? [SCOPES[usernameClaim]!] : []), ...forGroups];
}
