import { awsAuthArn } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy, Cluster } from '@gatehouse/core/access/policy';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { bootstrapManifest, CONTROLLER_USERNAME } from '@gatehouse/core/bootstrap/manifest';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import type { Kubernetes, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { readList } from '@gatehouse/core/resources/aws-auth/list';
import { AWS_AUTH_REF, folded } from '@gatehouse/core/resources/aws-auth/model';
import { loadAll } from 'js-yaml';
import type { ClusterRecord } from './aws/eks.ts';
import type { UserCredentials } from './identities.ts';
import { publicSts } from './kubernetes/token.ts';

/** What an administrator of a cluster does once so that Gatehouse may work there. */
export interface BootstrapOptions {
  readonly policy: AccessPolicy;
  readonly cluster: Cluster;
  readonly record: Pick<ClusterRecord, 'name' | 'region' | 'endpoint' | 'certificateAuthority'>;
  readonly administrator: UserCredentials;
  /** ARN of the role with which Gatehouse comes. */
  readonly role: string;
}

/**
 * Applies the bootstrap manifest and maps Gatehouse's role in aws-auth, over the cluster's API and with the administrator's
 * token. Applied again it changes nothing that is already so.
 */
export async function bootstrapCluster(options: BootstrapOptions): Promise<void> {
  const { policy, cluster, role } = options;
  const kubernetes = administratorOf(options);
  const { yaml } = bootstrapManifest(policy, cluster, { roleArn: role });
  const objects = loadAll(yaml).filter(
    (object): object is KubernetesObject => typeof object === 'object' && object !== null,
  );
  for (const object of objects) await applied(kubernetes, object);
  await mapRole(kubernetes, role);
}

function administratorOf({ record, administrator }: BootstrapOptions): Kubernetes {
  return kubernetesOver({
    server: record.endpoint!,
    certificateAuthority: record.certificateAuthority!,
    token: () =>
      clusterToken({
        cluster: record.name,
        region: record.region,
        endpoint: publicSts(record.region),
        credentials: administrator,
        now: Date.now(),
      }),
  });
}

async function applied(kubernetes: Kubernetes, object: KubernetesObject): Promise<void> {
  const { kind, metadata } = object;
  const { name, namespace } = metadata;
  const existing = await kubernetes.read({ kind, name, ...(namespace === undefined ? {} : { namespace }) });
  if (!existing) {
    await kubernetes.create(object);
    return;
  }
  await kubernetes.replace({ ...object, metadata: { ...existing.metadata, ...metadata } });
}

async function mapRole(kubernetes: Kubernetes, role: string): Promise<void> {
  const existing = await kubernetes.read(AWS_AUTH_REF);
  const before = existing?.data?.mapRoles ?? '';
  const after = withRole(before, role);
  if (after === before) return;
  const { name, namespace } = AWS_AUTH_REF;
  if (existing) await kubernetes.replace({ ...existing, data: { ...existing.data, mapRoles: after } });
  else {
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
    await kubernetes.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mapRoles: after } });
  }
}

/** The list with an entry for the role behind all others, where there is none yet. */
function withRole(text: string, role: string): string {
  const list = readList('mapRoles', text === '' ? undefined : text);
  if ('refused' in list) throw new Failure('invalid', `mapRoles of aws-auth cannot be read: ${list.reason}`);
  const arn = awsAuthArn(role);
  if (list.entries.some(({ arns }) => arns.includes(folded(arn)))) return text;
  if (list.layout.style === 'flow') {
    throw new Failure('unsupported', `mapRoles is written in brackets: add the entry of ${arn} by hand`);
  }
  const indent = list.layout.style === 'block' ? list.layout.indent : '';
  const head = list.layout.style === 'empty' ? '' : text.endsWith('\n') ? text : `${text}\n`;
  return `${head}${indent}- rolearn: ${arn}\n${indent}  username: ${CONTROLLER_USERNAME}\n`;
}
