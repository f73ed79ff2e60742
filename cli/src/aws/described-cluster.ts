import { EKSClient } from '@aws-sdk/client-eks';
import { Failure } from '@gatehouse/core/access/failure';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { eksOver } from '@gatehouse/core/aws/eks';

/** Where a cluster's API server is. */
export interface DescribedCluster {
  readonly arn: string;
  readonly server: string;
  /** PEM, base64. */
  readonly certificateAuthority: string;
}

/**
 * Asks EKS for a cluster.
 * @throws Failure `not-found`; `unreachable` while it has no endpoint yet; `forbidden` without eks:DescribeCluster.
 */
export async function describedCluster(
  name: string,
  region: string,
  credentials: () => Promise<AwsCredentials>,
): Promise<DescribedCluster> {
  const client = new EKSClient({ ...CLIENT_DEFAULTS, region, credentials });
  try {
    const found = await eksOver(client).describeCluster(name);
    if (!found) {
      throw new Failure('not-found', `there is no cluster "${name}" in this account and in ${region}`, {
        remedy: 'check --profile and --region: aws eks list-clusters',
      });
    }
    const { arn, status, endpoint: server, certificateAuthority } = found;
    if (server === undefined || certificateAuthority === undefined) {
      throw new Failure('unreachable', `the cluster ${name} has no endpoint: its status is ${status}`, {
        remedy: status === 'CREATING' ? 'wait until it is made: aws eks wait cluster-active' : 'look at it in EKS',
      });
    }
    return { arn, server, certificateAuthority };
  } finally {
    client.destroy();
  }
}
