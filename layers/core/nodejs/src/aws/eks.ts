import {
  AssociateIdentityProviderConfigCommand,
  type Cluster,
  type ConnectorConfigProvider,
  type ConnectorConfigResponse,
  DeregisterClusterCommand,
  DescribeClusterCommand,
  DescribeIdentityProviderConfigCommand,
  DescribeUpdateCommand,
  DisassociateIdentityProviderConfigCommand,
  type EKSClient,
  ListIdentityProviderConfigsCommand,
  type LogType,
  type OidcIdentityProviderConfig,
  RegisterClusterCommand,
  UpdateClusterConfigCommand,
} from '@aws-sdk/client-eks';
import { Failure, isFailure } from '../access/failure.ts';
import { Secret } from '../access/secret-text.ts';
import type { Activation, AssociatedIdentityProvider, Eks, EksCluster, EksConnector } from '../ports/eks.ts';
import { orFailure } from './failures.ts';

/** The only type that EKS has (https://docs.aws.amazon.com/eks/latest/APIReference/API_IdentityProviderConfig.html). */
const OIDC = 'oidc';

/** The {@link Eks} over the SDK, for the account and Region of `client`. */
export function eksOver(client: EKSClient): Eks {
  return {
    async describeCluster(name) {
      const found = await orUndefined(`describing the EKS cluster ${name}`, () =>
        client.send(new DescribeClusterCommand({ name })),
      );
      return found?.cluster && fromSdk(found.cluster);
    },
    async identityProvider(clusterName) {
      const doing = `reading the identity provider of the EKS cluster ${clusterName}`;
      const { identityProviderConfigs = [] } = await orFailure(doing, () =>
        client.send(new ListIdentityProviderConfigsCommand({ clusterName })),
      );
      const one = identityProviderConfigs.find(({ type }) => type === OIDC);
      if (!one?.name) return undefined;
      const identityProviderConfig = { type: OIDC, name: one.name };
      const found = await orUndefined(doing, () =>
        client.send(new DescribeIdentityProviderConfigCommand({ clusterName, identityProviderConfig })),
      );
      return found?.identityProviderConfig?.oidc && providerFromSdk(found.identityProviderConfig.oidc);
    },
    async associateIdentityProvider(clusterName, { name, issuer, ...oidc }, tags) {
      const { update } = await orFailure(`associating ${issuer} with the EKS cluster ${clusterName}`, () =>
        client.send(
          new AssociateIdentityProviderConfigCommand({
            clusterName,
            oidc: { identityProviderConfigName: name, issuerUrl: issuer, ...oidc },
            tags,
          }),
        ),
      );
      return update?.id ?? '';
    },
    async disassociateIdentityProvider(clusterName, name) {
      const { update } = await orFailure(
        `disassociating the identity provider ${name} from the EKS cluster ${clusterName}`,
        () =>
          client.send(
            new DisassociateIdentityProviderConfigCommand({
              clusterName,
              identityProviderConfig: { type: OIDC, name },
            }),
          ),
      );
      return update?.id ?? '';
    },
    async update(name, updateId) {
      const found = await orUndefined(`reading the update ${updateId} of the EKS cluster ${name}`, () =>
        client.send(new DescribeUpdateCommand({ name, updateId })),
      );
      if (!found?.update) return undefined;
      const { status = 'InProgress', errors = [] } = found.update;
      return {
        status,
        errors: errors.map(({ errorCode, errorMessage }) =>
          [errorCode, errorMessage].filter((part) => part !== undefined && part !== '').join(': '),
        ),
      };
    },
    async switchOnLogs(name, types) {
      const clusterLogging = [{ types: types as LogType[], enabled: true }];
      await orFailure(`switching on logs of the EKS cluster ${name}`, () =>
        client.send(new UpdateClusterConfigCommand({ name, logging: { clusterLogging } })),
      );
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

/** What a call answers; undefined where what it is about does not exist. */
async function orUndefined<T>(doing: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await orFailure(doing, call);
  } catch (error) {
    if (isFailure(error, 'not-found')) return undefined;
    throw error;
  }
}

/** A cluster without `accessConfig` is older than access entries, so it goes by aws-auth alone. */
function fromSdk(cluster: Cluster): EksCluster {
  const { endpoint, version } = cluster;
  const isPublic = cluster.resourcesVpcConfig?.endpointPublicAccess;
  const certificateAuthority = cluster.certificateAuthority?.data;
  const ownIssuer = cluster.identity?.oidc?.issuer;
  const logs = (cluster.logging?.clusterLogging ?? []).flatMap(({ enabled, types = [] }) => (enabled ? types : []));
  return {
    name: cluster.name ?? '',
    arn: cluster.arn ?? '',
    status: cluster.status ?? 'PENDING',
    authenticationMode: cluster.accessConfig?.authenticationMode ?? 'CONFIG_MAP',
    tags: { ...cluster.tags },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(version === undefined ? {} : { version }),
    ...(isPublic === undefined ? {} : { isPublic }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(cluster.connectorConfig === undefined ? {} : { connector: connectorOf(cluster.connectorConfig) }),
    ...(ownIssuer === undefined ? {} : { ownIssuer }),
    ...(logs.length === 0 ? {} : { logs: [...new Set(logs)].sort() }),
  };
}

function providerFromSdk(oidc: OidcIdentityProviderConfig): AssociatedIdentityProvider {
  const { usernameClaim, usernamePrefix, groupsClaim, groupsPrefix } = oidc;
  return {
    name: oidc.identityProviderConfigName ?? '',
    issuer: oidc.issuerUrl ?? '',
    clientId: oidc.clientId ?? '',
    ...(usernameClaim === undefined ? {} : { usernameClaim }),
    ...(usernamePrefix === undefined ? {} : { usernamePrefix }),
    ...(groupsClaim === undefined ? {} : { groupsClaim }),
    ...(groupsPrefix === undefined ? {} : { groupsPrefix }),
    requiredClaims: { ...oidc.requiredClaims },
    status: oidc.status ?? 'CREATING',
    tags: { ...oidc.tags },
  };
}
