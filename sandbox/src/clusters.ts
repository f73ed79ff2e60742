import { systemClock } from '@gatehouse/core/aws/clock';
import { systemRandom } from '@gatehouse/core/aws/random';
import type { ClusterRecord, ControlPlanes } from './aws/eks.ts';
import { ApiState, type SeedObject } from './kubernetes/api-state.ts';
import { createAuthenticator } from './kubernetes/authenticator.ts';
import { makeCertificates, type ServerCertificates } from './kubernetes/certificates.ts';
import { type KubernetesServer, type SeenRequest, startKubernetesServer } from './kubernetes/server.ts';
import type { StorageSnapshot } from './kubernetes/storage.ts';
import { stsAt } from './kubernetes/sts-caller.ts';
import type { StateFolder } from './state-folder.ts';

interface SavedCluster {
  readonly certificates: ServerCertificates;
  readonly port: number;
  readonly objects: StorageSnapshot;
}

interface RunningCluster {
  readonly state: ApiState;
  readonly server: KubernetesServer;
  readonly certificates: ServerCertificates;
}

/** What the clusters need to know. */
export interface SandboxClustersOptions {
  readonly folder: StateFolder;
  /** Where tokens are verified. */
  readonly stsEndpoint: () => string;
  /** ARN of who made the clusters of an account. */
  readonly administrator: (account: string) => string;
  /** What is in a new cluster beside its defaults. */
  readonly seed: (cluster: ClusterRecord) => readonly SeedObject[];
  readonly onRequest?: (cluster: ClusterRecord, seen: SeenRequest) => void;
}

/** The API servers of the sandbox's clusters: each an HTTPS server of its own, with its own authority and objects. */
export class SandboxClusters implements ControlPlanes {
  readonly #options: SandboxClustersOptions;
  readonly #running = new Map<string, RunningCluster>();
  readonly #changed = new Set<string>();

  constructor(options: SandboxClustersOptions) {
    this.#options = options;
  }

  async start(cluster: ClusterRecord) {
    const { folder, seed, onRequest } = this.#options;
    const saved = folder.read<SavedCluster>(fileOf(cluster));
    const certificates = saved?.certificates ?? (await makeCertificates(cluster.name, systemClock));
    const state = new ApiState({ clock: systemClock, random: systemRandom });
    if (saved) state.restore(saved.objects);
    else for (const object of seed(cluster)) state.seed(object);
    const server = await this.#listen(cluster, state, certificates, saved?.port ?? 0, onRequest);
    this.#running.set(cluster.arn, { state, server, certificates });
    this.#changed.add(cluster.arn);
    return { endpoint: server.url, certificateAuthority: Buffer.from(certificates.ca).toString('base64') };
  }

  async stop(cluster: ClusterRecord): Promise<void> {
    const running = this.#running.get(cluster.arn);
    if (!running) return;
    if (cluster.status === 'DELETING') {
      this.#changed.delete(cluster.arn);
      this.#options.folder.remove(fileOf(cluster));
    } else this.save([cluster]);
    this.#running.delete(cluster.arn);
    await running.server.close();
  }

  /** Writes what changed since it was written last. */
  save(clusters: readonly ClusterRecord[]): void {
    if (this.#options.folder.temporary) return;
    for (const cluster of clusters) {
      const running = this.#running.get(cluster.arn);
      if (!running || !this.#changed.delete(cluster.arn)) continue;
      const { certificates, server, state } = running;
      this.#options.folder.write(fileOf(cluster), {
        certificates,
        port: server.port,
        objects: state.snapshot(),
      } satisfies SavedCluster);
    }
  }

  async #listen(
    cluster: ClusterRecord,
    state: ApiState,
    tls: ServerCertificates,
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
      // By EC2's resource-based naming, so that nobody needs to keep instances.
      privateDnsName: (instance) => `${instance}.${cluster.region}.compute.internal`,
    });
    const start = (wanted: number) =>
      startKubernetesServer({
        state,
        authenticate: (bearer) => authenticator.authenticate(bearer),
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

const fileOf = ({ account, region, name }: ClusterRecord): string => `cluster-${account}-${region}-${name}`;
