import {
  AssociateIdentityProviderConfigCommand,
  type Cluster,
  DescribeClusterCommand,
  DescribeIdentityProviderConfigCommand,
  DescribeUpdateCommand,
  DisassociateIdentityProviderConfigCommand,
  type EKSClient,
  ListIdentityProviderConfigsCommand,
  type LogType,
  type OidcIdentityProviderConfig,
  UpdateClusterConfigCommand,
} from '@aws-sdk/client-eks';
import { isFailure } from '../access/failure.ts';
import type { AssociatedIdentityProvider, Eks, EksCluster } from '../ports/eks.ts';
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
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
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
