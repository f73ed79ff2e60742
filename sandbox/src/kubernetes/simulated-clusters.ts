import { randomBytes } from 'node:crypto';
import { systemClock } from '@gatehouse/core/aws/clock';
import { systemRandom } from '@gatehouse/core/aws/random';
import { CONNECTOR_ACCOUNT, CONNECTOR_NAMESPACE } from '@gatehouse/core/plan/connector-manifests';
import type { AssociatedIdentityProvider } from '@gatehouse/core/ports/eks';
import type { ClusterRecord } from '../aws/eks.ts';
import { clusterFile, privateDnsName, type SandboxClusters, type SandboxClustersOptions } from '../clusters.ts';
import { readPage } from '../internet/played-internet.ts';
import { ApiState } from './api-state.ts';
import { createAuthenticator } from './authenticator.ts';
import { PRIVILEGED_GROUP, type UserInfo } from './authorizer.ts';
import { makeCertificates, type ServerCertificates } from './certificates.ts';
import { createOidcAuthenticator, type OidcAuthenticator } from './oidc-authenticator.ts';
import { type KubernetesServer, startKubernetesServer } from './server.ts';
import type { StorageSnapshot } from './storage.ts';
import { stsAt } from './sts-caller.ts';

interface SavedCluster {
  readonly certificates: ServerCertificates;
  readonly port: number;
  readonly objects: StorageSnapshot;
}

interface RunningCluster {
  readonly state: ApiState;
  readonly server: KubernetesServer;
  readonly certificates: ServerCertificates;
  readonly tokens: OwnTokens;
}

/** Bearer tokens that the API server knows by itself. */
interface OwnTokens {
  readonly operator: string;
  readonly connector: string;
}

/** The clusters of a sandbox, played: each an HTTPS server of its own, with its own authority and objects. */
export class SimulatedClusters implements SandboxClusters {
  readonly #options: SandboxClustersOptions;
  readonly #running = new Map<string, RunningCluster>();
  /** By ARN: whom the API server believes beside IAM. */
  readonly #believed = new Map<string, OidcAuthenticator>();
  readonly #changed = new Set<string>();

  constructor(options: SandboxClustersOptions) {
    this.#options = options;
  }

  async start(cluster: ClusterRecord) {
    const { folder, seed, onRequest } = this.#options;
    const saved = folder.read<SavedCluster>(clusterFile('cluster', cluster));
    const certificates = saved?.certificates ?? (await makeCertificates(cluster.name, systemClock));
    const state = new ApiState({ clock: systemClock, random: systemRandom });
    if (saved) state.restore(saved.objects);
    else for (const object of seed(cluster)) state.seed(object);
    const tokens: OwnTokens = { operator: randomBytes(24).toString('hex'), connector: randomBytes(24).toString('hex') };
    const server = await this.#listen(cluster, state, { tls: certificates, tokens }, saved?.port ?? 0, onRequest);
    this.#running.set(cluster.arn, { state, server, certificates, tokens });
    this.#changed.add(cluster.arn);
    return { endpoint: server.url, certificateAuthority: Buffer.from(certificates.ca).toString('base64') };
  }

  operatorToken({ arn }: ClusterRecord): string {
    return this.#running.get(arn)!.tokens.operator;
  }

  async connectorToken({ arn }: ClusterRecord): Promise<string> {
    return this.#running.get(arn)!.tokens.connector;
  }

  async stop(cluster: ClusterRecord): Promise<void> {
    const running = this.#running.get(cluster.arn);
    if (!running) return;
    if (cluster.status === 'DELETING') {
      this.#changed.delete(cluster.arn);
      this.#options.folder.remove(clusterFile('cluster', cluster));
    } else this.save([cluster]);
    this.#running.delete(cluster.arn);
    this.#believed.delete(cluster.arn);
    await running.server.close();
  }

  async believe(cluster: ClusterRecord, provider: AssociatedIdentityProvider | undefined): Promise<void> {
    if (provider === undefined) {
      this.#believed.delete(cluster.arn);
      return;
    }
    const { internet } = this.#options;
    this.#believed.set(cluster.arn, await createOidcAuthenticator(provider, (url) => readPage(internet, url)));
  }

  /** Writes what changed since it was written last. */
  save(clusters: readonly ClusterRecord[]): void {
    if (this.#options.folder.temporary) return;
    for (const cluster of clusters) {
      const running = this.#running.get(cluster.arn);
      if (!running || !this.#changed.delete(cluster.arn)) continue;
      const { certificates, server, state } = running;
      this.#options.folder.write(clusterFile('cluster', cluster), {
        certificates,
        port: server.port,
        objects: state.snapshot(),
      } satisfies SavedCluster);
    }
  }

  async #listen(
    cluster: ClusterRecord,
    state: ApiState,
    { tls, tokens }: { readonly tls: ServerCertificates; readonly tokens: OwnTokens },
    port: number,
    onRequest: SandboxClustersOptions['onRequest'],
  ): Promise<KubernetesServer> {
    const authenticator = createAuthenticator({
      clusterName: cluster.name,
      stsEndpoint: this.#options.stsEndpoint(),
      clock: systemClock,
      random: systemRandom,
      fetchIdentity: stsAt(this.#options.stsEndpoint()),
      awsAuth: () => state.peek('configmaps', 'kube-system', 'aws-auth')?.data as Record<string, string> | undefined,
      bootstrapAdmin: this.#options.administrator(cluster.account),
      privateDnsName: privateDnsName(cluster.region),
    });
    const start = (wanted: number) =>
      startKubernetesServer({
        state,
        authenticate: async (bearer) =>
          ownUser(state, tokens, bearer) ??
          (await this.#believed.get(cluster.arn)?.authenticate(bearer)) ??
          (await authenticator.authenticate(bearer)),
        host: '127.0.0.1',
        port: wanted,
        tls,
        onChange: () => void this.#changed.add(cluster.arn),
        ...(onRequest ? { onRequest: (seen) => onRequest(cluster, seen) } : {}),
      });
    return start(port).catch((error: NodeJS.ErrnoException) => {
      if (port === 0 || error.code !== 'EADDRINUSE') throw error;
      return start(0);
    });
  }
}

/** Who holds a token of the cluster's own. A service account is somebody only while it exists. */
function ownUser(state: ApiState, tokens: OwnTokens, bearer: string): UserInfo | undefined {
  if (bearer === tokens.operator) {
    return { username: 'cluster-operator', groups: [PRIVILEGED_GROUP, 'system:authenticated'] };
  }
  if (bearer !== tokens.connector || !state.peek('serviceaccounts', CONNECTOR_NAMESPACE, CONNECTOR_ACCOUNT))
    return undefined;
  return {
    username: `system:serviceaccount:${CONNECTOR_NAMESPACE}:${CONNECTOR_ACCOUNT}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${CONNECTOR_NAMESPACE}`, 'system:authenticated'],
  };
}
