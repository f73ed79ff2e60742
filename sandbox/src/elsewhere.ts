import { request } from 'node:https';
import type { Cluster } from '@gatehouse/core/access/policy';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { ACTIVATION_SECRET, CONNECTOR_NAMESPACE } from '@gatehouse/core/plan/connector-manifests';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import type { ClusterRecord } from './aws/eks.ts';
import type { AwsEndpoint } from './aws/endpoint.ts';
import type { SandboxClusters } from './clusters.ts';
import { kubeconfig } from './kubernetes/kubeconfig.ts';

/** How often an agent that is not connected yet looks for what it was given. */
const LOOK_EVERY_MS = 250;

/** What is needed to run clusters elsewhere. */
export interface ElsewhereOptions {
  readonly planes: SandboxClusters;
  readonly endpoint: AwsEndpoint;
  /** Gatehouse's own account and Region, where its secrets are. */
  readonly home: { readonly account: string; readonly region: string };
}

/** A cluster elsewhere that runs. */
interface Running {
  readonly record: ClusterRecord;
  readonly server: string;
  /** PEM, base64. */
  readonly certificateAuthority: string;
  readonly operator: Kubernetes;
  readonly kubeconfig: string;
}

/**
 * Clusters that are not in EKS: EKS knows of them only what was registered. Where the connector was applied to one, its agent
 * connects with the activation that stands in the cluster, and EKS lets it in only if that is the right one, in time.
 */
export class ClustersElsewhere {
  readonly #options: ElsewhereOptions;
  readonly #running = new Map<string, Running>();
  #looking: NodeJS.Timeout | undefined;

  constructor(options: ElsewhereOptions) {
    this.#options = options;
  }

  /** Starts a cluster, and keeps its kubeconfig where the policy says that Gatehouse finds it. */
  async start({ name, account, region, arn, connected }: Cluster): Promise<void> {
    const { planes, endpoint, home } = this.#options;
    const record: ClusterRecord = {
      name,
      account,
      region,
      arn,
      version: '1.34',
      roleArn: '',
      authenticationMode: 'CONFIG_MAP',
      createdAt: 0,
      tags: {},
      status: 'CREATING',
    };
    const { endpoint: server, certificateAuthority } = await planes.start(record);
    const token = planes.operatorToken(record);
    const operator = kubernetesOver({ server, certificateAuthority, token: async () => token });
    const ca = Buffer.from(certificateAuthority, 'base64').toString();
    const text = kubeconfig({ name, server, ca }, { token });
    this.#running.set(arn, { record, server, certificateAuthority, operator, kubeconfig: text });
    const secret = connected?.kubeconfigSecret;
    if (secret !== undefined) {
      const secretArn = `arn:aws:secretsmanager:${home.region}:${home.account}:secret:${secret}-000000`;
      endpoint.secrets.seed(home.account, home.region, { name: secret, arn: secretArn, value: text });
    }
    this.#looking ??= setInterval(() => void this.#connect(), LOOK_EVERY_MS);
  }

  /** By ARN: the API server, and the text of a kubeconfig of its administrator. */
  get(arn: string): Pick<Running, 'server' | 'certificateAuthority' | 'kubeconfig' | 'operator'> | undefined {
    return this.#running.get(arn);
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    clearInterval(this.#looking);
    await Promise.all([...this.#running.values()].map(({ record }) => this.#options.planes.stop(record)));
  }

  /** Those that run, for whoever writes their state. */
  list(): readonly ClusterRecord[] {
    return [...this.#running.values()].map(({ record }) => record);
  }

  /** Agents that are PENDING and have all they need connect. */
  async #connect(): Promise<void> {
    for (const { record, operator } of this.#running.values()) {
      const { account, region, name } = record;
      const { clusters } = this.#options.endpoint;
      if (clusters.get(account, region, name)?.status !== 'PENDING') continue;
      // A cluster that is just being made or ended does not answer; the agent tries again.
      const activation = await activationIn(operator).catch(() => undefined);
      if (activation) clusters.activate(account, region, name, activation);
    }
  }

  /**
   * What a console user sees: EKS hands the request to the agent, which asks the API server with its service account and the
   * user's ARN as `Impersonate-User`, without anything else that the user sent. Answers the status and the body.
   */
  async lookFromConsole(arn: string, user: string, path: string): Promise<{ status: number; body: string }> {
    const { record, server, certificateAuthority } = this.#running.get(arn)!;
    const token = await this.#options.planes.connectorToken(record);
    const headers = { authorization: `Bearer ${token}`, 'impersonate-user': user, accept: 'application/json' };
    const ca = Buffer.from(certificateAuthority, 'base64').toString();
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, server), { headers, ca, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end();
    });
  }
}

/** What an agent of a cluster would send; undefined while its pods could not start. */
async function activationIn(kubernetes: Kubernetes): Promise<{ id: string; code: string } | undefined> {
  const own = { namespace: CONNECTOR_NAMESPACE } as const;
  const workload = await kubernetes.read({ kind: 'StatefulSet', ...own, name: 'eks-connector' });
  const secret = workload && (await kubernetes.read({ kind: 'Secret', ...own, name: ACTIVATION_SECRET }));
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString();
  const activation = { id: text('id'), code: text('code') };
  return activation.id === '' || activation.code === '' ? undefined : activation;
}
