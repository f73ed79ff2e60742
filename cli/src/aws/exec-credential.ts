import { AssumeRoleCommand, GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';
import { parsePrincipalArn } from '@gatehouse/core/access/arn';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { type AwsCredentials, CLUSTER_TOKEN_LIFETIME_MS, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { orFailure } from '@gatehouse/core/aws/failures';
import { stsEndpoint } from '@gatehouse/core/aws/sts-endpoint';
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
  const used = roleArn === undefined ? own : await assumed(sts, roleArn, sessionName);
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

/**
 * Assumes a shared role. A trust document that lists its members demands the user's name as the session's, one that opens to
 * an account the user's unique id: the second is tried where the first is refused.
 */
async function assumed(sts: STSClient, roleArn: string, sessionName: string | undefined): Promise<AwsCredentials> {
  const { Arn = '', UserId = '' } = await orFailure('asking STS who is calling', () =>
    sts.send(new GetCallerIdentityCommand({})),
  );
  const { type, name, session } = parsePrincipalArn(Arn);
  const names =
    sessionName !== undefined
      ? [sessionName]
      : type === 'user'
        ? [name, UserId]
        : type === 'assumed-role' && session !== undefined
          ? [session]
          : [];
  if (names.length === 0) {
    throw new Failure('invalid', `${Arn} has no name that a session could bear`, {
      remedy: 'give one: --session-name',
    });
  }
  let refusal: unknown;
  for (const each of names) {
    try {
      return await assume(sts, roleArn, each);
    } catch (error) {
      if (!isFailure(error, 'forbidden')) throw error;
      refusal ??= error;
    }
  }
  throw new Failure('forbidden', `${Arn} may not assume ${roleArn}`, {
    cause: refusal,
    remedy: 'ask for membership in the grant; if you are a member, look at "gatehouse status"',
  });
}

async function assume(sts: STSClient, RoleArn: string, RoleSessionName: string): Promise<AwsCredentials> {
  const { Credentials: given } = await orFailure(`assuming ${RoleArn}`, () =>
    sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName })),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {};
  if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
    throw new Failure('unreachable', `assuming ${RoleArn} brought no credentials`);
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    ...(Expiration === undefined ? {} : { expiration: Expiration }),
  };
}
