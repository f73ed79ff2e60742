import { CLUSTER_TOKEN_LIFETIME_MS, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { stsEndpoint } from '@gatehouse/core/aws/sts-endpoint';
import { assumedSession } from './assumed-session.ts';
import { callerOf } from './caller.ts';
import type { AwsOptions } from './options.ts';

/** Asked for again before the cluster refuses it. */
const EARLY_MS = 60_000;
const API_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'];

/**
 * A token for a cluster, in the form that kubectl and the client libraries read.
 * @param env of this process; kubectl says in KUBERNETES_EXEC_INFO which version it wants.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export async function credentialFor(
  cluster: string,
  options: AwsOptions & { readonly roleArn?: string; readonly sessionName?: string },
  env: Readonly<Record<string, string | undefined>>,
): Promise<object> {
  const { region, credentials, sts } = await callerOf(options);
  const own = await credentials();
  const { roleArn, sessionName } = options;
  const used = roleArn === undefined ? own : (await assumedSession(sts, roleArn, sessionName)).credentials;
  const now = Date.now();
  const token = await clusterToken({ cluster, region, endpoint: await stsEndpoint(sts), credentials: used, now });
  const ends = Math.min(now + CLUSTER_TOKEN_LIFETIME_MS, used.expiration?.getTime() ?? Number.POSITIVE_INFINITY);
  return {
    apiVersion: versionAsked(env.KUBERNETES_EXEC_INFO),
    kind: 'ExecCredential',
    spec: {},
    status: { token, expirationTimestamp: new Date(ends - EARLY_MS).toISOString() },
  };
}

function versionAsked(info: string | undefined): string {
  try {
    const { apiVersion } = JSON.parse(info ?? '{}') as { apiVersion?: string };
    return API_VERSIONS.find((version) => version === apiVersion) ?? API_VERSIONS[0]!;
  } catch {
    return API_VERSIONS[0]!;
  }
}
