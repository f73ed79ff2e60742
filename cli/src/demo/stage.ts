import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { clusterArn } from '@gatehouse/core/access/arn';
import type { Json } from '@gatehouse/core/access/json';
import { CLIENT_DEFAULTS } from '@gatehouse/core/aws/client-defaults';
import { type AwsCredentials, clusterToken } from '@gatehouse/core/aws/cluster-token';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { kubernetesOver } from '@gatehouse/core/kubernetes/client';
import { type LedgerEntry, readChain } from '@gatehouse/core/ledger/ledger';
import type { Kubernetes } from '@gatehouse/core/ports/kubernetes';
import type { Table } from '@gatehouse/core/ports/table';
import { createAccessKey, createRole, createUser } from '@gatehouse/sandbox/aws/iam/operations';
import type { SimRole } from '@gatehouse/sandbox/aws/iam/state';
import type { PlayedInternet } from '@gatehouse/sandbox/internet/played-internet';
import { publicSts } from '@gatehouse/sandbox/kubernetes/token';
import type { Components } from '@gatehouse/sandbox/real-cluster/components';
import { type Sandbox, startSandbox } from '@gatehouse/sandbox/sandbox';
import { type LogLine, readLogLine } from '../pipeline/log-line.ts';
import { ACCOUNT, REGION } from './cast.ts';
import { hangUp } from './cluster-session.ts';
import { NODE_ROLE } from './clusters.ts';
import type { Scenario } from './scenario.ts';
import { until } from './until.ts';
import { WriteCounter } from './write-counter.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A wake of a function that was never invoked, on a busy machine. */
const INVOKE_TIMEOUT_MS = 20_000;

/** A sandbox under observation, and hands to act in it as its people would. */
export class Stage {
  readonly sandbox: Sandbox;
  readonly counter: WriteCounter;
  readonly ledger: Table;
  /** How long a step is waited for, in seconds. */
  readonly patience: number;
  /** Every line that the functions logged, as it is. */
  readonly logged: readonly string[];
  readonly #administrators = new Map<string, Kubernetes>();
  readonly #dynamo: DynamoDBClient;
  readonly #listeners: Set<(line: LogLine) => void>;
  readonly #policyFile: string;

  private constructor(
    sandbox: Sandbox,
    counter: WriteCounter,
    watch: { readonly listeners: Set<(line: LogLine) => void>; readonly logged: readonly string[] },
    { patience, policyFile }: { readonly patience: number; readonly policyFile: string },
  ) {
    this.sandbox = sandbox;
    this.counter = counter;
    this.patience = patience;
    this.#policyFile = policyFile;
    this.#listeners = watch.listeners;
    this.logged = watch.logged;
    const { administrator: credentials, awsEndpointUrl: endpoint, region, stack } = sandbox;
    this.#dynamo = new DynamoDBClient({ ...CLIENT_DEFAULTS, endpoint, region, credentials });
    const ledger = stack.wiring.tables.find(({ logicalId }) => logicalId === 'LedgerTable');
    this.ledger = dynamoTable({ tableName: ledger?.name ?? 'LedgerTable', client: this.#dynamo });
  }

  /** Starts the sandbox of the demo: free ports, nothing kept. @throws Failure where the template does not do. */
  static async open(options: {
    template?: string;
    components?: Components;
    internet?: PlayedInternet;
    policyFile: string;
    clusterObjects: Scenario['clusterObjects'];
    patience: number;
    listener: (line: LogLine) => void;
  }): Promise<Stage> {
    const counter = new WriteCounter();
    const listeners = new Set([options.listener]);
    const logged: string[] = [];
    const sandbox = await startSandbox({
      port: 0,
      policyFile: options.policyFile,
      atOnce: true,
      clusterObjects: options.clusterObjects,
      ...(options.template === undefined ? {} : { template: relative(ROOT, options.template) }),
      ...(options.components === undefined ? {} : { components: options.components }),
      ...(options.internet === undefined ? {} : { internet: options.internet }),
      log: (text) => {
        logged.push(text);
        const line = readLogLine(text);
        for (const listener of listeners) listener(line);
      },
      onKubernetesRequest: (cluster, seen) => counter.request(cluster, seen),
    });
    sandbox.endpoint.observe((call) => counter.call(call));
    return new Stage(sandbox, counter, { listeners, logged }, options);
  }

  /** Calls `listener` for every line that a function logs; the answer stops that. */
  listen(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The API of a cluster, as its administrator. */
  administratorOf(cluster: string): Kubernetes {
    const known = this.#administrators.get(cluster);
    if (known) return known;
    const { endpoint, administrator: credentials } = this.sandbox;
    const { endpoint: server = '', certificateAuthority = '' } = endpoint.clusters.get(ACCOUNT, REGION, cluster)!;
    const api = kubernetesOver({
      server,
      certificateAuthority,
      token: () => clusterToken({ cluster, region: REGION, endpoint: publicSts(REGION), credentials, now: Date.now() }),
    });
    this.#administrators.set(cluster, api);
    return api;
  }

  /** `data` of a cluster's aws-auth. */
  async awsAuth(cluster: string): Promise<Readonly<Record<string, string>>> {
    const found = await this.administratorOf(cluster).read({
      kind: 'ConfigMap',
      namespace: 'kube-system',
      name: 'aws-auth',
    });
    return found?.data ?? {};
  }

  /** Keys of an IAM user of a person, as the person would have them. */
  keysOf(name: string): AwsCredentials {
    const { iam } = this.sandbox.endpoint;
    const user = iam.accounts.get(ACCOUNT)!.users.get(name) ?? createUser(iam, ACCOUNT, { name });
    const key = [...user.keys.values()][0] ?? createAccessKey(iam, ACCOUNT, name);
    return { accessKeyId: key.id, secretAccessKey: key.secret };
  }

  /** A session of a role, begun through STS. @throws what STS answers. */
  async assume(credentials: AwsCredentials, RoleArn: string, RoleSessionName: string): Promise<AwsCredentials> {
    const sts = this.sts(credentials);
    try {
      const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName }));
      return {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      };
    } finally {
      sts.destroy();
    }
  }

  /** STS with these credentials. */
  sts(credentials: AwsCredentials): STSClient {
    return new STSClient({ ...CLIENT_DEFAULTS, endpoint: this.sandbox.awsEndpointUrl, region: REGION, credentials });
  }

  /** What EC2 gives an instance of prod-eu's node group. */
  nodeSession(): AwsCredentials {
    const { iam, sessions } = this.sandbox.endpoint;
    const trust =
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}';
    const role: SimRole =
      iam.accounts.get(ACCOUNT)!.roles.get(NODE_ROLE.name) ?? createRole(iam, ACCOUNT, { name: NODE_ROLE.name, trust });
    return sessions.issue(ACCOUNT, role, NODE_ROLE.instance, 3600);
  }

  /** A secret's value, as its owner reads it. */
  secret(name: string): string | undefined {
    return this.sandbox.endpoint.secrets.valueOf(ACCOUNT, REGION, name);
  }

  /** A chain of the ledger from its beginning. */
  chain(name: string): Promise<readonly LedgerEntry[]> {
    return readChain(this.ledger, name);
  }

  /** The ledger's chains: of the account, and of each cluster. */
  get chains(): readonly string[] {
    const clusters = Object.keys(this.sandbox.clusters).map((name) => `cluster/${clusterArn(ACCOUNT, REGION, name)}`);
    return [`iam/${ACCOUNT}`, ...clusters];
  }

  /** Every entry of every chain, in the order of time. */
  async entries(): Promise<readonly LedgerEntry[]> {
    const chains = await Promise.all(this.chains.map((name) => this.chain(name)));
    return chains.flat().sort((a, b) => a.at - b.at);
  }

  /** Runs an operation as a person of the operations team. @throws Failure what Lambda answers. */
  async operate(payload: Json): Promise<Json> {
    const { awsEndpointUrl: endpoint, administrator: credentials } = this.sandbox;
    return await invokeFunction({
      functionName: 'gatehouse-run-operation',
      payload,
      region: REGION,
      endpoint,
      credentials,
      now: Date.now(),
      timeout: INVOKE_TIMEOUT_MS,
    });
  }

  /** Waits until no queue holds a message that could be worked on now, and none is being worked on. */
  async rest(): Promise<void> {
    let waiting = 0;
    await until(
      'the pipeline comes to rest',
      this.patience,
      async () => {
        waiting = await this.#messages();
        return waiting === 0 ? true : undefined;
      },
      () => `${waiting} messages`,
    );
  }

  async #messages(): Promise<number> {
    const { mappings, queues } = this.sandbox.stack.wiring;
    const fed = queues.filter(({ arn }) => mappings.some(({ queueArn }) => queueArn === arn));
    const counts = fed.map(async ({ url }) => {
      const { Attributes } = (await this.sandbox.endpoint.queues.call('GetQueueAttributes', {
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      })) as { Attributes?: Record<string, string> };
      return Object.values(Attributes ?? {}).reduce((sum, count) => sum + Number(count), 0);
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /** The text of the policy that the scenario begins with. */
  policyText(): string {
    return readFileSync(this.#policyFile, 'utf8');
  }

  /** Ends everything. */
  async close(): Promise<void> {
    hangUp();
    this.#dynamo.destroy();
    await this.sandbox.stop();
  }
}
