import { EKSClient, paginateListClusters } from '@aws-sdk/client-eks';
import { IAMClient } from '@aws-sdk/client-iam';
import { isFailure } from '@gatehouse/core/access/failure';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import { eksOver } from '@gatehouse/core/aws/eks';
import { orFailure } from '@gatehouse/core/aws/failures';
import { iamOver } from '@gatehouse/core/aws/iam';
import { eachAtOnce } from '@gatehouse/core/ports/at-once';
import type { EksCluster } from '@gatehouse/core/ports/eks';
import { type Caller, identityOf } from './caller.ts';

/** What there is in an account that a first policy would speak of. */
export interface Found {
  readonly account: string;
  readonly clusters: readonly (EksCluster & { readonly region: string })[];
  /** Names of the permission sets of Identity Center that have a role in the account. */
  readonly permissionSets: readonly string[];
  /** What could not be asked, and why. */
  readonly unasked: readonly string[];
}

/** Where Identity Center keeps the roles of its permission sets. */
const IDENTITY_CENTER_PATH = '/aws-reserved/sso.amazonaws.com/';
const PERMISSION_SET = /^AWSReservedSSO_(.+)_[0-9a-f]{16}$/;

/**
 * Looks through some Regions of the caller's account. A Region, or IAM, that may not be asked is told and left out.
 * @param told Called with what is being looked at.
 * @throws Failure where the caller is nobody, or nothing answers.
 */
export async function findClusters(
  { credentials, sts }: Caller,
  regions: readonly string[],
  told: (text: string) => void,
): Promise<Found> {
  const { account } = await identityOf(sts);
  const clusters: (EksCluster & { region: string })[] = [];
  const unasked: string[] = [];
  for (const region of regions) {
    told(`clusters in ${region}`);
    try {
      for (const cluster of await clustersIn(region, credentials)) clusters.push({ ...cluster, region });
    } catch (error) {
      if (!isFailure(error, 'forbidden')) throw error;
      unasked.push(`EKS in ${region}: ${error.message}`);
    }
  }
  told('permission sets');
  const permissionSets = await permissionSetsOf(credentials, regions[0]!).catch((error: unknown) => {
    if (!isFailure(error, 'forbidden')) throw error;
    unasked.push(`IAM: ${error.message}`);
    return [];
  });
  return { account, clusters, permissionSets, unasked };
}

async function clustersIn(region: string, credentials: Caller['credentials']): Promise<EksCluster[]> {
  const client = new EKSClient({ ...CLIENT_DEFAULTS, region, credentials });
  try {
    const names: string[] = [];
    await orFailure(`listing the EKS clusters in ${region}`, async () => {
      // Registered clusters are listed only where that is asked for.
      for await (const page of paginateListClusters({ client }, { include: ['all'] }))
        names.push(...(page.clusters ?? []));
    });
    const clusters = await eachAtOnce(names, (name) => eksOver(client).describeCluster(name));
    return clusters.filter((cluster) => cluster !== undefined);
  } finally {
    client.destroy();
  }
}

async function permissionSetsOf(credentials: Caller['credentials'], region: string): Promise<string[]> {
  const client = new IAMClient({ ...CLIENT_DEFAULTS, region, credentials });
  try {
    const roles = await iamOver(client).listRoles(IDENTITY_CENTER_PATH);
    return [...new Set(roles.flatMap(({ name }) => PERMISSION_SET.exec(name)?.[1] ?? []))].sort();
  } finally {
    client.destroy();
  }
}
