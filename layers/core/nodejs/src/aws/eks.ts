import {
  type Cluster,
  type ConnectorConfigProvider,
  type ConnectorConfigResponse,
  DeregisterClusterCommand,
  DescribeClusterCommand,
  type EKSClient,
  RegisterClusterCommand,
} from '@aws-sdk/client-eks';
import { Failure, isFailure } from '../access/failure.ts';
import { Secret } from '../access/secret-text.ts';
import type { Activation, Eks, EksCluster, EksConnector } from '../ports/eks.ts';
import { orFailure } from './failures.ts';

/** The {@link Eks} over the SDK, for the account and Region of `client`. */
export function eksOver(client: EKSClient): Eks {
  return {
    async describeCluster(name) {
      try {
        const { cluster } = await orFailure(`describing the EKS cluster ${name}`, () =>
          client.send(new DescribeClusterCommand({ name })),
        );
        return cluster && fromSdk(cluster);
      } catch (error) {
        if (isFailure(error, 'not-found')) return undefined;
        throw error;
      }
    },
    async registerCluster({ name, provider, roleArn, tags }) {
      const connectorConfig = { roleArn, provider: provider as ConnectorConfigProvider };
      try {
        const { cluster } = await orFailure(`registering the cluster ${name}`, () =>
          client.send(new RegisterClusterCommand({ name, connectorConfig, tags: { ...tags } })),
        );
        return activationOf(name, cluster?.connectorConfig);
      } catch (error) {
        throw registrationFailure(name, error);
      }
    },
    async deregisterCluster(name) {
      try {
        await orFailure(`deregistering the cluster ${name}`, () => client.send(new DeregisterClusterCommand({ name })));
      } catch (error) {
        if (!isFailure(error, 'not-found')) throw error;
      }
    },
  };
}

/** What IAM tells EKS late. The SDK gives the second a name of its own, EKS the first only words. */
const NOT_PROPAGATED = /not existing role|ResourcePropagationDelay|cannot be assumed/i;

function registrationFailure(name: string, error: unknown): unknown {
  if (!isFailure(error)) return error;
  if (NOT_PROPAGATED.test(error.message)) {
    return new Failure('unreachable', `registering the cluster ${name}: EKS does not see its role yet`, {
      cause: error,
    });
  }
  // ResourceInUse, which elsewhere is worth another try.
  if (error.code !== 'conflict') return error;
  return new Failure('already-exists', `the name ${name} is taken in this Region: ${error.message}`, { cause: error });
}

function activationOf(name: string, config: ConnectorConfigResponse | undefined): Activation {
  const { activationId, activationCode, activationExpiry } = config ?? {};
  if (!activationId || !activationCode || !activationExpiry) {
    throw new Failure('ambiguous', `registering the cluster ${name} brought no activation`);
  }
  return { id: new Secret(activationId), code: new Secret(activationCode), expiry: activationExpiry.getTime() };
}

function connectorOf({ provider, roleArn, activationExpiry }: ConnectorConfigResponse): EksConnector {
  return {
    provider: provider ?? '',
    roleArn: roleArn ?? '',
    ...(activationExpiry === undefined ? {} : { activationExpiry: activationExpiry.getTime() }),
  };
}

/** A cluster without `accessConfig` is older than access entries, so it goes by aws-auth alone. */
function fromSdk(cluster: Cluster): EksCluster {
  const { endpoint, version } = cluster;
  const certificateAuthority = cluster.certificateAuthority?.data;
  return {
    name: cluster.name ?? '',
    arn: cluster.arn ?? '',
    status: cluster.status ?? 'PENDING',
    authenticationMode: cluster.accessConfig?.authenticationMode ?? 'CONFIG_MAP',
    tags: { ...cluster.tags },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(version === undefined ? {} : { version }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(cluster.connectorConfig === undefined ? {} : { connector: connectorOf(cluster.connectorConfig) }),
  };
}
