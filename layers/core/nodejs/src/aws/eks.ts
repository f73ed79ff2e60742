import { type Cluster, DescribeClusterCommand, type EKSClient } from '@aws-sdk/client-eks';
import { isFailure } from '../access/failure.ts';
import type { Eks, EksCluster } from '../ports/eks.ts';
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
  };
}
