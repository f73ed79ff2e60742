import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@gatehouse/core/access/failure';
import { systemClock } from '@gatehouse/core/aws/clock';
import { transportTo } from '@gatehouse/core/kubernetes/transport';
import { CONNECTOR_ACCOUNT, CONNECTOR_NAMESPACE } from '@gatehouse/core/plan/connector-manifests';
import type { AssociatedIdentityProvider } from '@gatehouse/core/ports/eks';
import { discoveryUrl, readDiscovery } from '@gatehouse/core/resources/identity-provider/discovery';
import type { ClusterRecord } from '../aws/eks.ts';
import { clusterFile, privateDnsName, type SandboxClusters, type SandboxClustersOptions } from '../clusters.ts';
import { readPage } from '../internet/played-internet.ts';
import { type EgressProxy, startEgressProxy } from '../internet/proxy.ts';
import { stsAt } from '../kubernetes/sts-caller.ts';
import { type AwsFront, startAwsFront } from './aws-front.ts';
import type { Components } from './components.ts';
import { type ClusterIdentity, type ControlPlane, startControlPlane } from './control-plane.ts';

/** What is kept of a cluster beside etcd's data. */
interface SavedCluster {
  readonly identity: ClusterIdentity;
  readonly port: number;
}

interface RunningCluster {
  readonly plane: ControlPlane;
  readonly front: AwsFront;
  readonly proxy: EgressProxy;
}

/** Beside the files of simulated clusters, which are other clusters. */
const PREFIX = 'real-cluster';

/** The clusters of a sandbox, each a real control plane: etcd, kube-apiserver, kube-controller-manager, aws-iam-authenticator. */
export class RealClusters implements SandboxClusters {
  readonly #options: SandboxClustersOptions;
  readonly #components: Components;
  readonly #running = new Map<string, RunningCluster>();

  constructor(options: SandboxClustersOptions, components: Components) {
    this.#options = options;
    this.#components = components;
  }

  async start(cluster: ClusterRecord) {
    const { folder, seed, onRequest, administrator, stsEndpoint, internet } = this.#options;
    const name = clusterFile(PREFIX, cluster);
    const saved = folder.read<SavedCluster>(name);
    const own = join(folder.path, name);
    // What is there without its keys was cut off while it was made.
    if (saved === undefined) rmSync(own, { recursive: true, force: true });
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const front = await startAwsFront({
      identity: stsAt(stsEndpoint()),
      privateDnsName: privateDnsName(cluster.region),
      clock: systemClock,
    });
    const proxy = await startEgressProxy(internet);
    try {
      const plane = await startControlPlane({
        components: this.#components,
        folder: own,
        name: cluster.name,
        region: cluster.region,
        front,
        egress: proxy.url,
        administrator: administrator(cluster.account),
        ...(saved ?? {}),
        ...(onRequest ? { onRequest: (seen) => onRequest(cluster, seen) } : {}),
      });
      if (saved === undefined) await plane.create(seed(cluster));
      const { identity, port, url } = plane;
      folder.write(name, { identity, port } satisfies SavedCluster);
      this.#running.set(cluster.arn, { plane, front, proxy });
      return { endpoint: url, certificateAuthority: Buffer.from(identity.apiServer.ca).toString('base64') };
    } catch (error) {
      await front.stop();
      await proxy.stop();
      throw error;
    }
  }

  operatorToken({ arn }: ClusterRecord): string {
    return this.#running.get(arn)!.plane.identity.operatorToken;
  }

  /** TokenRequest, as the kubelet asks for the token of a pod. */
  async connectorToken({ arn }: ClusterRecord): Promise<string> {
    const { url, identity } = this.#running.get(arn)!.plane;
    const path = `/api/v1/namespaces/${CONNECTOR_NAMESPACE}/serviceaccounts/${CONNECTOR_ACCOUNT}/token`;
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } };
    const send = transportTo({
      server: url,
      certificateAuthority: Buffer.from(identity.apiServer.ca).toString('base64'),
      token: async () => identity.operatorToken,
    });
    const answer = await send({ method: 'POST', path, body });
    if (answer.status >= 300) throw new Failure('not-found', `the connector has no service account: ${answer.body}`);
    return (JSON.parse(answer.body) as { status: { token: string } }).status.token;
  }

  async stop(cluster: ClusterRecord): Promise<void> {
    const running = this.#running.get(cluster.arn);
    if (!running) return;
    this.#running.delete(cluster.arn);
    await running.plane.stop();
    await running.front.stop();
    await running.proxy.stop();
    if (cluster.status !== 'DELETING') return;
    const { folder } = this.#options;
    folder.remove(clusterFile(PREFIX, cluster));
    rmSync(join(folder.path, clusterFile(PREFIX, cluster)), { recursive: true, force: true });
  }

  async believe(cluster: ClusterRecord, provider: AssociatedIdentityProvider | undefined): Promise<void> {
    const { internet } = this.#options;
    const plane = this.#running.get(cluster.arn)?.plane;
    if (provider === undefined) return await plane?.believe(undefined);
    // EKS looks at the issuer before it takes it; what it does not find, an API server would ask for again and again.
    const document = readDiscovery(provider.issuer, await readPage(internet, discoveryUrl(provider.issuer)));
    if ('fault' in document) throw new Error(document.fault);
    const { ca } = internet[new URL(provider.issuer).hostname]!;
    await plane?.believe({ ...provider, ca });
  }

  /** Nothing: etcd writes what it holds. */
  save(): void {}
}
