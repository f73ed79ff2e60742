import { EKSClient } from '@aws-sdk/client-eks';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { parseClusterArn } from '../access/arn.ts';
import { Failure } from '../access/failure.ts';
import type { Account, Cluster } from '../access/policy.ts';
import type { Clock } from '../ports/clock.ts';
import type { Eks, EksCluster } from '../ports/eks.ts';
import type { Kubernetes } from '../ports/kubernetes.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { AccountPorts, World } from '../ports/world.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { type AwsCredentials, CLUSTER_TOKEN_LIFETIME_MS, clusterToken } from './cluster-token.ts';
import { eksOver } from './eks.ts';
import { orFailure } from './failures.ts';
import { remembered } from './remembered.ts';
import { stsEndpoint } from './sts-endpoint.ts';

/** Credentials are fetched anew this long before they end: longer than any function runs on them. */
const RENEW_BEFORE_MS = 6 * 60 * 1000;
/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const SHORTEST_SESSION_MS = 15 * 60 * 1000;
/** How long a description of a cluster is believed. */
const DESCRIPTION_MS = 60 * 1000;
/** How long one token is used: short of its lifetime, and of what is left of credentials that are about to be renewed. */
const TOKEN_MS = Math.min(CLUSTER_TOKEN_LIFETIME_MS, RENEW_BEFORE_MS) - 60 * 1000;

/** What {@link awsWorld} needs. */
export interface AwsWorldOptions {
  /** Where Gatehouse itself runs. */
  readonly region: string;
  readonly clock: Clock;
  /** Gatehouse's own, in its own account. */
  readonly secrets: Secrets;
  /** The session that the other accounts' CloudTrail shows, 2 to 64 of `[\w+=,.@-]`; the function's name, say. */
  readonly sessionName: string;
  /** Own credentials; those of the environment unless told. */
  readonly credentials?: () => Promise<AwsCredentials>;
}

/** Credentials, and the account that STS says they are of. */
interface Identity {
  readonly credentials: () => Promise<AwsCredentials>;
  readonly account: string;
}

/**
 * Ways into accounts and clusters over the SDKs. An account without `roleArn` is entered with Gatehouse's own credentials,
 * any other through AssumeRole with its external id; either way GetCallerIdentity must name the account before anything
 * else is called. Credentials, descriptions and tokens are remembered for as long as they are good.
 */
export function awsWorld(options: AwsWorldOptions): World {
  const { region: home, clock, secrets, sessionName } = options;
  const own = options.credentials === undefined ? {} : { credentials: options.credentials };
  const ownSts = new STSClient({ ...CLIENT_DEFAULTS, region: home, ...own });

  const identify = async (sts: STSClient): Promise<string> => {
    const { Account: account = '' } = await orFailure('asking STS for the caller identity', () =>
      sts.send(new GetCallerIdentityCommand({})),
    );
    return account;
  };

  const assume = async (account: Account, roleArn: string): Promise<{ value: Identity; until: number }> => {
    const { Credentials: given } = await orFailure(`assuming ${roleArn}`, () =>
      ownSts.send(
        new AssumeRoleCommand({
          RoleArn: roleArn,
          RoleSessionName: sessionName,
          ...(account.externalId === undefined ? {} : { ExternalId: account.externalId }),
        }),
      ),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken) {
      throw new Failure('unreachable', `assuming ${roleArn} brought no credentials`);
    }
    const expiration = Expiration ?? new Date(clock.now() + SHORTEST_SESSION_MS);
    // With their expiration, or the SDK's clients would keep them for ever.
    const fixed = {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration,
    };
    const sts = new STSClient({ ...CLIENT_DEFAULTS, region: home, credentials: fixed });
    const value = { credentials: async () => fixed, account: await identify(sts) };
    return { value, until: expiration.getTime() - RENEW_BEFORE_MS };
  };

  const enter = remembered(clock, accountKey, async (account) => {
    const { value, until } =
      account.roleArn === undefined
        ? {
            value: { credentials: () => ownSts.config.credentials(), account: await identify(ownSts) },
            until: Number.POSITIVE_INFINITY,
          }
        : await assume(account, account.roleArn);
    if (value.account !== account.id) throw wrongAccount(account, value.account);
    return { value, until };
  });

  const accountPorts = remembered(clock, accountKey, async (account) => {
    const [{ IAMClient }, { iamOver }] = await Promise.all([import('@aws-sdk/client-iam'), import('./iam.ts')]);
    const credentials = async () => (await enter(account)).credentials();
    const client = new IAMClient({ ...CLIENT_DEFAULTS, region: home, credentials });
    return { value: { iam: iamOver(client), secrets } satisfies AccountPorts, until: Number.POSITIVE_INFINITY };
  });

  const eksPort = remembered(
    clock,
    ({ account, region }: { account: Account; region: string }) => `${accountKey(account)} ${region}`,
    async ({ account, region }) => {
      const credentials = async () => (await enter(account)).credentials();
      const client = new EKSClient({ ...CLIENT_DEFAULTS, region, credentials });
      return { value: eksOver(client), until: Number.POSITIVE_INFINITY };
    },
  );

  const eks = async (account: Account, region: string): Promise<Eks> => {
    await enter(account);
    return eksPort({ account, region });
  };

  const describe = remembered(
    clock,
    ({ account, cluster }: { account: Account; cluster: Cluster }) => `${accountKey(account)} ${cluster.arn}`,
    async ({ account, cluster }) => {
      const { region, name } = parseClusterArn(cluster.arn);
      const found = await (await eks(account, region)).describeCluster(name);
      return { value: connection(cluster, found), until: clock.now() + DESCRIPTION_MS };
    },
  );

  const token = remembered(
    clock,
    ({ account, cluster }: { account: Account; cluster: Cluster }) => `${accountKey(account)} ${cluster.arn}`,
    async ({ account, cluster }) => {
      const { region, name } = parseClusterArn(cluster.arn);
      const credentials = await (await enter(account)).credentials();
      const sts = new STSClient({ ...CLIENT_DEFAULTS, region, credentials });
      const endpoint = await stsEndpoint(sts);
      const now = clock.now();
      return {
        value: await clusterToken({ cluster: name, region, endpoint, credentials, now }),
        until: now + TOKEN_MS,
      };
    },
  );

  const kubernetes = remembered(
    clock,
    ({ account, cluster, server, certificateAuthority }: Connection & { account: Account; cluster: Cluster }) =>
      [accountKey(account), cluster.arn, server, certificateAuthority].join(' '),
    async ({ account, cluster, server, certificateAuthority }): Promise<{ value: Kubernetes; until: number }> => {
      const { kubernetesOver } = await import('../kubernetes/client.ts');
      const value = kubernetesOver({ server, certificateAuthority, token: () => token({ account, cluster }) });
      return { value, until: Number.POSITIVE_INFINITY };
    },
  );

  const elsewhere = remembered(clock, kubeconfigSecretOf, async (cluster: Cluster) => {
    const secret = kubeconfigSecretOf(cluster);
    const text = await secrets.read(secret);
    if (text === undefined) {
      throw new Failure('invalid', `the secret ${secret}, by which ${cluster.arn} is reached, does not exist`, {
        remedy: `keep a kubeconfig in it: aws secretsmanager create-secret --name ${secret} --secret-string file://kubeconfig`,
      });
    }
    const [{ apiServerOf }, { kubernetesOver }] = await Promise.all([
      import('../kubernetes/kubeconfig.ts'),
      import('../kubernetes/client.ts'),
    ]);
    return { value: kubernetesOver(apiServerOf(text, `the secret ${secret}`)), until: clock.now() + DESCRIPTION_MS };
  });

  return {
    secrets,
    async account(account) {
      await enter(account);
      return accountPorts(account);
    },
    eks,
    async cluster(account, cluster) {
      if (parseClusterArn(cluster.arn).account !== account.id) {
        throw new Failure('forbidden', `the cluster ${cluster.arn} is not in the account ${account.id}`);
      }
      if (cluster.connected) return { kubernetes: await elsewhere(cluster) };
      // Also where the description is remembered: an account that may no longer be entered stays closed.
      await enter(account);
      const found = await describe({ account, cluster });
      return { kubernetes: await kubernetes({ account, cluster, ...found }) };
    },
  };
}

/** @throws Failure `unsupported` for a cluster that nobody but its administrators reaches. */
function kubeconfigSecretOf({ name, arn, connected }: Cluster): string {
  const secret = connected?.kubeconfigSecret;
  if (secret !== undefined) return secret;
  throw new Failure('unsupported', `${arn} is not reached by Gatehouse: it has no kubeconfigSecret`, {
    remedy: `write its manifests and apply them: gatehouse register-cluster ${name} --manifests DIR`,
  });
}

interface Connection {
  readonly server: string;
  readonly certificateAuthority: string;
}

/** How to reach a cluster that EKS describes so. */
function connection(cluster: Cluster, found: EksCluster | undefined): Connection {
  const what = `the cluster ${cluster.arn}`;
  if (found === undefined) throw new Failure('not-found', `${what} does not exist`);
  if (found.arn !== cluster.arn) {
    throw new Failure('forbidden', `${what} was asked for, but EKS answered with ${found.arn}`);
  }
  if (found.status === 'CREATING' || found.status === 'PENDING') {
    throw new Failure('unreachable', `${what} is still being created`);
  }
  if (found.status === 'DELETING') throw new Failure('not-found', `${what} is being deleted`);
  if (found.authenticationMode === 'API') {
    throw new Failure('unsupported', `${what} does not read aws-auth: its authentication mode is API`, {
      remedy: 'take the cluster out of the access policy; access entries are not written yet',
    });
  }
  const { endpoint: server, certificateAuthority } = found;
  if (server === undefined || certificateAuthority === undefined) {
    throw new Failure('unreachable', `${what} has no endpoint (its status is ${found.status})`);
  }
  return { server, certificateAuthority };
}

function accountKey({ id, roleArn, externalId }: Account): string {
  return [id, roleArn, externalId].join(' ');
}

function wrongAccount(account: Account, actual: string): Failure {
  const how = account.roleArn === undefined ? "Gatehouse's own credentials are" : `${account.roleArn} turned out to be`;
  return new Failure('forbidden', `the account ${account.id} was asked for, but ${how} of the account ${actual}`, {
    remedy: 'set the roleArn of this account in the access policy to a role of that account',
  });
}
