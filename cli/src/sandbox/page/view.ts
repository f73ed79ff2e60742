import { parseClusterArn } from '@gatehouse/core/access/arn';
import { isFailure } from '@gatehouse/core/access/failure';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import { publicSts } from '@gatehouse/sandbox/kubernetes/token';
import type { Sandbox } from '@gatehouse/sandbox/sandbox';
import { outcomeOf } from '../../aws/run-operation.ts';
import type { StatusOutcome } from '../../aws/status-outcome.ts';
import { accessOn, type ClusterAccess } from './cluster-access.ts';
import type { Happened } from './happened.ts';

/** A cluster of the page: what the policy says of it, and what it says itself. */
export interface ClusterView {
  readonly name: string;
  readonly arn: string;
  readonly mode: string;
  /** Who has access, or why that is not known. */
  readonly access: ClusterAccess | { readonly unread: string };
}

/** All that the page shows. */
export interface View {
  readonly status: Omit<StatusOutcome, 'clusters'>;
  readonly clusters: readonly ClusterView[];
  readonly happened: Pick<Happened, 'deliveries' | 'turns'>;
}

/** Reads it, as its administrator would: what stands from the operation `status`, access from the clusters themselves. */
export async function readView(sandbox: Sandbox, happened: Happened): Promise<View> {
  const { clusters, ...status } = await statusOf(sandbox);
  return {
    status,
    clusters: await Promise.all(
      clusters.map(async (cluster) => ({ ...cluster, access: await accessOrWhyNot(sandbox, cluster.arn) })),
    ),
    happened: { deliveries: happened.deliveries, turns: happened.turns },
  };
}

async function statusOf({ stack, awsEndpointUrl, region, administrator }: Sandbox): Promise<StatusOutcome> {
  const { name } = stack.wiring.functions.find(({ logicalId }) => logicalId === 'RunOperation')!;
  const answer = await invokeFunction({
    functionName: name,
    payload: { operation: 'status' },
    region,
    endpoint: awsEndpointUrl,
    credentials: administrator,
    now: Date.now(),
    timeout: TIMEOUT_MS,
  });
  return outcomeOf<StatusOutcome>(answer);
}

const TIMEOUT_MS = 20_000;

async function accessOrWhyNot(sandbox: Sandbox, arn: string): Promise<ClusterView['access']> {
  try {
    const kubernetes = reach(sandbox, arn);
    return kubernetes ? await accessOn(kubernetes) : { unread: 'there is no such cluster here' };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { unread: error.message };
  }
}

function reach({ elsewhere, endpoint, administratorOf }: Sandbox, arn: string): Kubernetes | undefined {
  const other = elsewhere.get(arn);
  if (other) return other.operator;
  const { account, region, name } = parseClusterArn(arn);
  const record = endpoint.clusters.get(account, region, name);
  if (record?.endpoint === undefined || record.certificateAuthority === undefined) return undefined;
  const credentials = administratorOf(account);
  return kubernetesOver({
    server: record.endpoint,
    certificateAuthority: record.certificateAuthority,
    token: () => clusterToken({ cluster: name, region, endpoint: publicSts(region), credentials, now: Date.now() }),
  });
}
