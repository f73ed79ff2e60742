import { awsAuthArn, formatPrincipalArn, parsePrincipalArn } from '@gatehouse/core/access/arn';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { type Caller, identify, type MappedIdentity, readAwsAuth } from '@gatehouse/core/effective-access/aws-auth';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { Random } from '@gatehouse/core/ports/random';
import { PRIVILEGED_GROUP, type UserInfo } from './authorizer.ts';
import { CLUSTER_ID_HEADER, checkToken } from './token.ts';

/** What STS answers to GetCallerIdentity. */
export interface StsIdentity {
  readonly Account: string;
  readonly Arn: string;
  readonly UserId: string;
}

/** Sends the GET of a presigned URL with exactly these headers; follows no redirects. */
export type FetchIdentity = (
  url: string,
  headers: Readonly<Record<string, string>>,
) => Promise<StsIdentity | { readonly refusal: string }>;

/** What the authenticator of one cluster knows and asks. */
export interface AuthenticatorOptions {
  /** The cluster's name in EKS: what a token must be signed for. */
  readonly clusterName: string;
  /** The sandbox's own STS, like `http://127.0.0.1:8787`: what tokens may be signed for beside AWS's own. */
  readonly stsEndpoint: string;
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  readonly fetchIdentity: FetchIdentity;
  /** `data` of kube-system/aws-auth as it is now; undefined where there is no such ConfigMap. */
  readonly awsAuth: () => Readonly<Record<string, string>> | undefined;
  /** ARN of the user or role that made the cluster: an administrator, whatever aws-auth says. */
  readonly bootstrapAdmin?: string;
  /** Private DNS name of an EC2 instance, by its id: what nodes are called. Without it no node gets in. */
  readonly privateDnsName?: (instanceId: string) => string | undefined;
}

/** Verifies tokens of one cluster. */
export interface Authenticator {
  /** Who holds the token. @throws Failure `unauthorized` with the reason. */
  identify(token: string): Promise<UserInfo>;
  /** The same for a server: undefined where the token is refused. */
  authenticate(token: string): Promise<UserInfo | undefined>;
}

const AUTHENTICATED = 'system:authenticated';

/**
 * The authenticator of a cluster: a token is a presigned question to STS, the answer is looked up in aws-auth as it is at
 * this moment (kube-apiserver would remember the result for some minutes; rights are decided anew at every request anyway).
 * Follows aws-iam-authenticator v0.7.10: `pkg/token/token.go` and `pkg/server/server.go`.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { clusterName, fetchIdentity, bootstrapAdmin } = options;
  const admin = bootstrapAdmin === undefined ? undefined : awsAuthArn(bootstrapAdmin).toLowerCase();

  async function identifyToken(token: string): Promise<UserInfo> {
    const { url, accessKeyId } = checkToken(token, options);
    const answer = await fetchIdentity(url, { [CLUSTER_ID_HEADER]: clusterName, accept: 'application/json' });
    if ('refusal' in answer) throw denied(`sts getCallerIdentity failed: ${answer.refusal}`);
    const caller = { arn: answer.Arn, accountId: answer.Account, userId: answer.UserId, accessKeyId };
    const canonical = canonicalArn(caller);
    if (canonical.toLowerCase() === admin) {
      const mapped = { username: 'kubernetes-admin', groups: [PRIVILEGED_GROUP] };
      return userInfo(caller, canonical, mapped);
    }
    return userInfo(caller, canonical, mapping(caller, options));
  }

  return {
    identify: identifyToken,
    authenticate: (token) =>
      identifyToken(token).catch((error: unknown) => {
        if (isFailure(error, 'unauthorized')) return undefined;
        throw error;
      }),
  };
}

const denied = (why: string) => new Failure('unauthorized', why, { retryable: false });

function canonicalArn({ arn, userId }: Caller): string {
  const parsed = readArn(arn);
  if (parsed.type !== 'assumed-role') return arn;
  if (userId.split(':').length !== 2) throw denied(`sts getCallerIdentity failed: malformed UserID "${userId}"`);
  const { session: _session, ...role } = parsed;
  return formatPrincipalArn({ ...role, type: 'role' });
}

function readArn(arn: string) {
  try {
    return parsePrincipalArn(arn);
  } catch {
    throw denied(`sts getCallerIdentity failed: arn '${arn}' is invalid`);
  }
}

/** What aws-auth makes of a caller; where two entries differ only in case, one of them, as the authenticator does it. */
function mapping(caller: Caller, { awsAuth, random, privateDnsName }: AuthenticatorOptions): MappedIdentity {
  const found = identify(readAwsAuth(awsAuth()), caller, privateDnsName);
  const choices = 'ambiguous' in found ? found.ambiguous : [found];
  const chosen = choices[Math.floor(random.fraction() * choices.length)] ?? { denied: 'ARN is not mapped' };
  if ('denied' in chosen) throw denied(chosen.denied);
  return chosen;
}

function userInfo(
  caller: Caller,
  canonical: string,
  { username, groups }: { readonly username: string; readonly groups: readonly string[] },
): UserInfo {
  const [userId = '', sessionName = ''] = canonical === caller.arn ? [caller.userId] : caller.userId.split(':');
  return {
    username,
    uid: `aws-iam-authenticator:${caller.accountId}:${userId}`,
    groups: groups.includes(AUTHENTICATED) ? groups : [...groups, AUTHENTICATED],
    extra: {
      accessKeyId: [caller.accessKeyId ?? ''],
      arn: [caller.arn],
      canonicalArn: [canonical],
      principalId: [userId],
      sessionName: [sessionName],
      'sigs.k8s.io/aws-iam-authenticator/principalId': [userId],
    },
  };
}
