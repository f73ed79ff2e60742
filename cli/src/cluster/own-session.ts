import { Failure } from '@gatehouse/core/access/failure';
import type { AccessRule } from '@gatehouse/core/access/policy';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { stsEndpoint } from '@gatehouse/core/aws/sts-endpoint';
import { failureOf } from '@gatehouse/core/kubernetes/status';
import { transportTo } from '@gatehouse/core/kubernetes/transport';
import type { Asked } from '@gatehouse/core/operations/denial';
import { assumedSession } from '../aws/assumed-session.ts';
import { callerOf, whoAmI } from '../aws/caller.ts';
import { describedCluster } from '../aws/described-cluster.ts';
import type { AwsOptions } from '../aws/options.ts';

/** Who is to be asked for, and as whom to come. */
export interface SessionOptions extends AwsOptions {
  readonly roleArn?: string;
  readonly sessionName?: string;
  /** Whom to act as once there. */
  readonly impersonated?: { readonly user: string; readonly groups: readonly string[] };
}

/** What an API server lets whoever asks find out about themselves. */
export interface OwnSession {
  /** As AWS knows the caller, before any role is assumed. */
  readonly arn: string;
  whoAmI(): Promise<{ readonly username: string; readonly groups: readonly string[] }>;
  mayI(asked: Asked): Promise<{ readonly allowed: boolean; readonly reason?: string }>;
  /** All rules that hold in a namespace, as `kubectl auth can-i --list` has them. */
  rulesIn(namespace: string): Promise<{ readonly rules: readonly AccessRule[]; readonly incomplete: boolean }>;
}

/**
 * A session of the caller's own at a cluster, as kubectl would have it.
 * @throws Failure of AWS; the calls `unauthorized` where the cluster does not let them in.
 */
export async function ownSession(cluster: string, options: SessionOptions): Promise<OwnSession> {
  const { region, credentials, sts } = await callerOf(options);
  const { roleArn, sessionName, impersonated } = options;
  const arn = await whoAmI(options);
  const session = roleArn === undefined ? undefined : await assumedSession(sts, roleArn, sessionName);
  const used = session?.credentials ?? (await credentials());
  const { server, certificateAuthority } = await describedCluster(cluster, region, async () => used);
  const endpoint = await stsEndpoint(sts);
  const exchange = transportTo({
    server,
    certificateAuthority,
    token: () => clusterToken({ cluster, region, endpoint, credentials: used, now: Date.now() }),
    timeoutMs: 10_000,
    ...(impersonated === undefined ? {} : { impersonated }),
  });
  const review = async (group: string, kind: string, spec: object): Promise<Record<string, unknown>> => {
    const path = `/apis/${group}/v1/${kind.toLowerCase()}s`;
    const answer = await exchange({ method: 'POST', path, body: { apiVersion: `${group}/v1`, kind, spec } });
    if (answer.status === 401) {
      throw new Failure('unauthorized', `the cluster ${cluster} does not let ${roleArn ?? arn} in`, {
        remedy: 'ask for a grant of the access policy; with one, come by its role: --role-arn',
        retryable: false,
      });
    }
    if (answer.status >= 300) throw failureOf(answer, 'other', `asking for a ${kind}`);
    return (JSON.parse(answer.body) as { status?: Record<string, unknown> }).status ?? {};
  };
  return {
    arn,
    whoAmI: async () => {
      const { userInfo } = await review('authentication.k8s.io', 'SelfSubjectReview', {});
      const { username = '', groups = [] } = (userInfo ?? {}) as { username?: string; groups?: string[] };
      return { username, groups };
    },
    mayI: async (asked) => {
      const { allowed, reason } = await review('authorization.k8s.io', 'SelfSubjectAccessReview', {
        resourceAttributes: asked,
      });
      return { allowed: allowed === true, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) };
    },
    rulesIn: async (namespace) => {
      const { resourceRules = [], incomplete } = await review('authorization.k8s.io', 'SelfSubjectRulesReview', {
        namespace,
      });
      return { rules: resourceRules as AccessRule[], incomplete: incomplete === true };
    },
  };
}
