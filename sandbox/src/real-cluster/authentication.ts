import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '@gatehouse/core/access/failure';
import type { OidcConfig } from '@gatehouse/core/ports/eks';

/** An identity provider, and who signed the certificate of its host, PEM. */
export interface BelievedProvider extends OidcConfig {
  readonly ca: string;
}

/**
 * The API server's structured authentication configuration: EKS's identity provider is one `jwt` in it, beside the token
 * webhook, which has a flag of its own. Who has no token may ask whether the server lives, and nothing else, as on EKS since
 * Kubernetes 1.32.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
 */
export function authenticationText(provider: BelievedProvider | undefined): string {
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    anonymous: { enabled: true, conditions: ['/healthz', '/livez', '/readyz'].map((path) => ({ path })) },
    jwt: provider === undefined ? [] : [jwtOf(provider)],
  });
}

function jwtOf({ issuer: url, clientId, ca: certificateAuthority, ...config }: BelievedProvider): object {
  const { usernameClaim = 'sub', usernamePrefix, groupsClaim, groupsPrefix = '', requiredClaims } = config;
  const unprefixed = usernameClaim === 'email' ? '' : `${url}#`;
  const prefix = usernamePrefix === undefined ? unprefixed : usernamePrefix === '-' ? '' : usernamePrefix;
  return {
    issuer: { url, audiences: [clientId], certificateAuthority },
    claimMappings: {
      username: { claim: usernameClaim, prefix },
      ...(groupsClaim === undefined ? {} : { groups: { claim: groupsClaim, prefix: groupsPrefix } }),
    },
    claimValidationRules: Object.entries(requiredClaims).map(([claim, requiredValue]) => ({ claim, requiredValue })),
  };
}

const PATIENCE_MS = 30_000;
const EVERY_MS = 50;

/**
 * Writes the configuration, and waits until the running API server has taken it, as its own metrics tell.
 * @throws Failure `invalid` where it refuses the configuration, `unreachable` where it takes no notice.
 */
export async function reloadAuthentication(
  file: string,
  provider: BelievedProvider | undefined,
  metrics: () => Promise<string>,
): Promise<void> {
  const text = authenticationText(provider);
  if (readFileSync(file, 'utf8') === text) return;
  const before = reloadsIn(await metrics());
  // In one step: half a configuration is refused.
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const now = reloadsIn(await metrics());
    if (now.failure > before.failure) throw new Failure('invalid', 'the API server refuses the identity provider');
    if (now.success > before.success) return;
    await pause(EVERY_MS);
  }
  throw new Failure('unreachable', 'the API server took no notice of its new authentication configuration');
}

function reloadsIn(metrics: string): { success: number; failure: number } {
  const count = (status: string) => {
    const [, value] =
      new RegExp(
        `^apiserver_authentication_config_controller_automatic_reloads_total\\{.*status="${status}".*\\} (\\d+)$`,
        'm',
      ).exec(metrics) ?? [];
    return Number(value ?? 0);
  };
  return { success: count('success'), failure: count('failure') };
}
