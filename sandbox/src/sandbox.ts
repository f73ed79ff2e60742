import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Failure } from '@gatehouse/core/access/failure';
import { ENVIRONMENT_LABEL } from '@gatehouse/core/access/names';
import type { AccessPolicy, Cluster } from '@gatehouse/core/access/policy';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { requirePolicy } from '@gatehouse/core/policy/require';
import { UPLOADED_KEY, type UploadedItem } from '@gatehouse/core/policy/uploaded';
import { webhookSources } from '@gatehouse/core/sources/sources';
import { AwsEndpoint, type EndpointSnapshot } from './aws/endpoint.ts';
import type { EventPattern } from './aws/event-pattern.ts';
import { bootstrapCluster } from './bootstrap-cluster.ts';
import type { SandboxClusters, SandboxClustersOptions } from './clusters.ts';
import { ClustersElsewhere } from './elsewhere.ts';
import {
  administratorArn,
  keyOf,
  peopleOf,
  seedAccountRoles,
  seedAdministrator,
  seedProtectedRoles,
  seedUsers,
  type UserCredentials,
} from './identities.ts';
import type { PlayedInternet } from './internet/played-internet.ts';
import type { SeedObject } from './kubernetes/api-state.ts';
import { kubeconfig } from './kubernetes/kubeconfig.ts';
import type { SeenRequest } from './kubernetes/server.ts';
import { SimulatedClusters } from './kubernetes/simulated-clusters.ts';
import type { Components } from './real-cluster/components.ts';
import { RealClusters } from './real-cluster/real-clusters.ts';
import { Stack } from './stack.ts';
import { StateFolder } from './state-folder.ts';
import { readTemplate } from './template/read.ts';

/** How a sandbox is started. */
export interface SandboxOptions {
  /** Port of the webhook API; 0: any free port. */
  readonly port: number;
  /** Access policy to begin with; without it the sandbox's own example. */
  readonly policyFile?: string;
  /** True for whoever wants to see how the policy comes into force: it is uploaded then, and not read yet. */
  readonly atOnce?: boolean;
  /** Folder that survives a restart; without it everything is in memory and gone in the end. */
  readonly stateDir?: string;
  /** Told of what functions log, a line each. */
  readonly log?: (line: string) => void;
  /** Folder of `template.yaml`; the project's own unless told. */
  readonly root?: string;
  /** Name of the template in that folder. */
  readonly template?: string;
  /** Values for parameters of the template; without them an uploaded policy is trusted, and the accounts of the policy are believed. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** ARNs of IAM users to be made beside those whom the policy names. */
  readonly users?: readonly string[];
  /** Objects that are in a cluster before Gatehouse comes, by the cluster's name: an aws-auth, namespaces. */
  readonly clusterObjects?: Readonly<Record<string, readonly SeedObject[]>>;
  /** Hosts of the internet, by name: where issuers are. Without it there is no internet. */
  readonly internet?: PlayedInternet;
  /** Clusters are made of these programs; without them they are played. */
  readonly components?: Components;
  /** Told of every request that an API server answered, with the cluster's name. */
  readonly onKubernetesRequest?: (cluster: string, seen: SeenRequest) => void;
}

/** A running sandbox. */
export interface Sandbox {
  /** Where sources send: `http://127.0.0.1:PORT/webhooks`, to be followed by `/SOURCE`. */
  readonly webhookUrl: string;
  /** For AWS_ENDPOINT_URL. */
  readonly awsEndpointUrl: string;
  /** By the cluster's name: its API server, and the path of a kubeconfig of its administrator. */
  readonly clusters: Readonly<Record<string, { readonly server: string; readonly kubeconfig: string }>>;
  /** Gatehouse's own account and Region. */
  readonly account: string;
  readonly region: string;
  /** Credentials of the administrator of Gatehouse's account. */
  readonly administrator: UserCredentials;
  /** The same for any account of the policy. */
  administratorOf(account: string): UserCredentials;
  /** Credentials of an IAM user of somebody whom the policy names. */
  personOf(arn: string): UserCredentials;
  /** The secret with which a source signs. */
  webhookSecret(source: string): string;
  /** The clusters of the policy that are not in EKS. */
  readonly elsewhere: ClustersElsewhere;
  /** What plays AWS, for whoever wants to watch: `observe`, `events.listen`. */
  readonly endpoint: AwsEndpoint;
  /** The functions, for whoever wants to watch: `observe`. */
  readonly stack: Stack;
  /** Ends everything and writes the state. */
  stop(): Promise<void>;
}

const STACK = 'gatehouse';
const DEFAULT_ACCOUNT = '111122223333';
const DEFAULT_REGION = 'eu-west-1';
const SAVE_EVERY_MS = 500;

/** Starts everything on loopback, wired from the template. @throws Failure that says what the template, policy or port is wrong in. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const root = options.root ?? fileURLToPath(new URL('../..', import.meta.url));
  const policyFile = options.policyFile ?? fileURLToPath(new URL('../policy.yaml', import.meta.url));
  const policyText = readFileSync(policyFile, 'utf8');
  const policy = requirePolicy(policyText, policyFile);
  const templateText = readFileSync(join(root, options.template ?? 'template.yaml'), 'utf8');
  const cleanUp: (() => unknown)[] = [];
  try {
    return await start(options, { root, policyText, policy, templateText }, cleanUp);
  } catch (error) {
    for (const step of cleanUp.reverse()) await step();
    throw error;
  }
}

interface Inputs {
  readonly root: string;
  readonly policyText: string;
  readonly policy: AccessPolicy;
  readonly templateText: string;
}

async function start(
  options: SandboxOptions,
  { root, policyText, policy, templateText }: Inputs,
  cleanUp: (() => unknown)[],
): Promise<Sandbox> {
  const { log = () => {} } = options;
  const folder = new StateFolder(options.stateDir);
  cleanUp.push(() => folder.dispose());
  const home = homeOf(policy);
  const accounts = [...new Set([home.account, ...policy.accounts.map(({ id }) => id)])];
  const parameters = options.parameters ?? {
    // Whoever gives the sandbox a policy has read it, and its own example is read with it.
    TrustUploadedPolicy: 'true',
    EventAccounts: accounts.filter((account) => account !== home.account).join(','),
  };
  const ports = folder.read<{ endpoint: number; api: number }>('ports');
  const { components, clusterObjects = {}, onKubernetesRequest, internet = {} } = options;
  const aboutClusters: SandboxClustersOptions = {
    folder,
    stsEndpoint: () => endpoint.url,
    administrator: administratorArn,
    internet,
    seed: ({ name }) => (Object.hasOwn(clusterObjects, name) ? clusterObjects[name]! : []),
    ...(onKubernetesRequest ? { onRequest: ({ name }, seen) => onKubernetesRequest(name, seen) } : {}),
  };
  const planes = components ? new RealClusters(aboutClusters, components) : new SimulatedClusters(aboutClusters);
  const endpoint = await startEndpoint(
    { home, accounts, planes, folder, buses: busesOf(templateText, home, parameters) },
    ports?.endpoint,
  );
  cleanUp.push(() => endpoint.stop());
  await endpoint.clusters.resume();

  const administrators = new Map(accounts.map((account) => [account, seedAdministrator(endpoint, account)]));
  seedAccountRoles(endpoint, policy);
  seedProtectedRoles(endpoint, policy);
  seedUsers(endpoint, [...peopleOf(policy), ...(options.users ?? [])]);
  const place = { stack: STACK, ...home, endpoint: endpoint.url };
  const wiring = readTemplate(templateText, place, parameters);
  for (const { module, logicalId, layers } of wiring.functions) {
    if (layers.length === 0) {
      throw new Failure(
        'invalid',
        `template.yaml: Resources.${logicalId}: without a layer nothing gives it @gatehouse/core`,
      );
    }
    if (!existsSync(join(root, module))) throw new Failure('invalid', `Resources.${logicalId}: there is no ${module}`);
  }
  const administrator = administrators.get(home.account)!;
  const stack = await Stack.create({ wiring, endpoint, administrator, root, port: options.port, log, internet });
  cleanUp.push(() => stack.stop());
  for (const source of webhookSources.keys()) webhookSecret(endpoint, stack, source);

  const elsewhere = new ClustersElsewhere({ planes, endpoint, home });
  cleanUp.push(() => elsewhere.stop());
  await Promise.all(policy.clusters.filter(({ connected }) => connected).map((cluster) => elsewhere.start(cluster)));
  const inEks = policy.clusters.filter(({ connected }) => !connected);
  const missing = inEks.filter(({ account, region, name }) => !endpoint.clusters.get(account, region, name));
  await Promise.all(
    missing.map(({ account, region, name, labels }) =>
      endpoint.clusters.create({ account, region, name, tags: { ...labels } }),
    ),
  );
  const bootstrapped = inEks.map(async (cluster) => {
    const record = endpoint.clusters.get(cluster.account, cluster.region, cluster.name)!;
    const role = roleInto(stack, policy, cluster.account);
    await bootstrapCluster({
      policy,
      cluster: readyForOnboarding(policy, cluster),
      record,
      administrator: administrators.get(cluster.account)!,
      role,
    });
  });
  await Promise.all(bootstrapped);
  stack.begin();
  void stack.functions.warm();
  await upload(policyText, { endpoint, stack, administrator }, options.atOnce !== true);

  const save = () => {
    if (folder.temporary) return;
    folder.write('endpoint', endpoint.snapshot());
    planes.save([...endpoint.clusters.list(), ...elsewhere.list()]);
  };
  let changed = true;
  endpoint.observe(({ status }) => {
    changed ||= status < 300;
  });
  const saving = setInterval(() => {
    if (changed) save();
    changed = false;
  }, SAVE_EVERY_MS);
  folder.write('ports', { endpoint: Number(new URL(endpoint.url).port), api: Number(new URL(stack.url).port) });

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    clearInterval(saving);
    await stack.stop();
    save();
    await elsewhere.stop();
    await endpoint.stop();
    folder.dispose();
  };
  return {
    webhookUrl: `${stack.url}/webhooks`,
    awsEndpointUrl: endpoint.url,
    clusters: Object.fromEntries(
      policy.clusters.map(({ account, region, name, arn }) => {
        const other = elsewhere.get(arn);
        if (other) {
          return [name, { server: other.server, kubeconfig: folder.writeText(`kubeconfig-${name}`, other.kubeconfig) }];
        }
        const { endpoint: server = '', certificateAuthority = '' } = endpoint.clusters.get(account, region, name)!;
        const exec = tokenCommand(name, region, administrators.get(account)!);
        const ca = Buffer.from(certificateAuthority, 'base64').toString();
        return [
          name,
          { server, kubeconfig: folder.writeText(`kubeconfig-${name}`, kubeconfig({ name, server, ca }, { exec })) },
        ];
      }),
    ),
    ...home,
    administrator,
    administratorOf: (account) => {
      const found = administrators.get(account);
      if (!found) throw new Failure('not-found', `the sandbox has no account ${account}`);
      return found;
    },
    personOf: (arn) => keyOf(endpoint, arn),
    webhookSecret: (source) => webhookSecret(endpoint, stack, source),
    elsewhere,
    endpoint,
    stack,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Gatehouse lives in the account that it needs no role to enter. */
function homeOf(policy: AccessPolicy): { account: string; region: string } {
  const own = policy.accounts.filter(({ roleArn }) => roleArn === undefined).map(({ id }) => id);
  if (own.length > 1) {
    throw new Failure('invalid', `accounts ${own.join(' and ')} of the policy have no roleArn`, {
      remedy: 'Gatehouse lives in one account; say under accounts with which role it enters the others',
    });
  }
  const account = own[0] ?? DEFAULT_ACCOUNT;
  return { account, region: policy.clusters.find((cluster) => cluster.account === account)?.region ?? DEFAULT_REGION };
}

/** The names of the buses do not depend on the endpoint's address, which is not known yet. */
function busesOf(
  templateText: string,
  home: { account: string; region: string },
  parameters: Readonly<Record<string, string>>,
): readonly string[] {
  return readTemplate(templateText, { stack: STACK, ...home, endpoint: 'http://127.0.0.1' }, parameters).buses;
}

interface EndpointInputs {
  readonly home: { account: string; region: string };
  readonly accounts: readonly string[];
  readonly planes: SandboxClusters;
  readonly folder: StateFolder;
  readonly buses: readonly string[];
}

/** On the port of the last time where it is still free: queue URLs and kubeconfigs name it. */
async function startEndpoint({ folder, ...options }: EndpointInputs, port = 0): Promise<AwsEndpoint> {
  const snapshot = folder.read<EndpointSnapshot>('endpoint');
  const kept = {
    ...(folder.temporary ? {} : { tables: join(folder.path, 'tables') }),
    ...(snapshot ? { snapshot } : {}),
  };
  try {
    return await AwsEndpoint.start({ ...options, ...kept, port });
  } catch (error) {
    if (port === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return await AwsEndpoint.start({ ...options, ...kept, port: 0 });
  }
}

/** The role with which Gatehouse comes to the clusters of an account: that of the account, or the one that the template names. */
function roleInto({ wiring }: Stack, policy: AccessPolicy, account: string): string {
  const { roleArn } = policy.accounts.find(({ id }) => id === account) ?? {};
  const own = wiring.outputs.ClusterAccessRole;
  if (roleArn === undefined && own === undefined) {
    throw new Failure('invalid', 'template.yaml: Outputs has no ClusterAccessRole: clusters cannot know whom to admit');
  }
  return roleArn ?? own!;
}

/** The secret that the template makes for a source that signs. @throws Failure where it makes none. */
function webhookSecret({ secrets }: AwsEndpoint, { wiring }: Stack, source: string): string {
  const { account, region, functions } = wiring;
  const prefix =
    functions.map(({ environment }) => environment.WEBHOOK_SECRETS).find((each) => each !== undefined) ?? '';
  const value = secrets.valueOf(account, region, `${prefix}${source}`);
  if (value === undefined) {
    throw new Failure('invalid', `template.yaml: no resource is the secret ${prefix}${source}: nobody can sign`);
  }
  return (JSON.parse(value) as { current: string }).current;
}

interface Upload {
  readonly endpoint: AwsEndpoint;
  readonly stack: Stack;
  readonly administrator: UserCredentials;
}

/** How long the start waits until Gatehouse has read the policy, and how often it looks. Milliseconds. */
const READ_WITHIN = 20_000;
const LOOK_EVERY = 20;

/**
 * Puts the policy where its upload is noticed, as a person would: a rule of the template says under which key.
 * @param waits Until Gatehouse has read it, so that whoever is told that the sandbox runs finds it in force.
 */
async function upload(text: string, { endpoint, stack, administrator }: Upload, waits: boolean): Promise<void> {
  const { buckets, rules, tables, region } = stack.wiring;
  const bucket = buckets.find(({ eventBridge }) => eventBridge);
  const key = rules.map(({ pattern }) => uploadKey(pattern)).find((each) => each !== undefined);
  const state = tables.find(({ logicalId }) => logicalId === 'StateTable');
  if (!bucket || key === undefined || !state) {
    throw new Failure(
      'invalid',
      'template.yaml: no bucket and rule tell of an uploaded policy, or no StateTable holds it: it cannot be brought in',
    );
  }
  const asAdministrator = { endpoint: endpoint.url, region, credentials: administrator };
  const client = new S3Client({ ...asAdministrator, forcePathStyle: true });
  const dynamo = new DynamoDBClient(asAdministrator);
  const table = dynamoTable({ tableName: state.name, client: dynamo });
  const noted = async () => (await table.get(UPLOADED_KEY)) as UploadedItem | undefined;
  try {
    const before = (await noted())?.rev;
    await client.send(
      new PutObjectCommand({ Bucket: bucket.name, Key: key, Body: text, ContentType: 'application/yaml' }),
    );
    for (let waited = 0; waits && waited < READ_WITHIN; waited += LOOK_EVERY) {
      const upload = await noted();
      if (upload && upload.rev !== before && upload.dirty === undefined) return;
      await setTimeout(LOOK_EVERY);
    }
  } finally {
    client.destroy();
    dynamo.destroy();
  }
}

/** The first key that a rule names for new objects of S3. */
function uploadKey({ source, detail }: EventPattern): string | undefined {
  const said = { source, detail } as {
    source?: readonly unknown[];
    detail?: { object?: { key?: readonly unknown[] } };
  };
  const [key] = said.source?.includes('aws.s3') ? (said.detail?.object?.key ?? []) : [];
  return typeof key === 'string' ? key : undefined;
}

function tokenCommand(cluster: string, region: string, { accessKeyId, secretAccessKey }: UserCredentials) {
  return {
    command: process.execPath,
    args: ['-C', 'source', fileURLToPath(new URL('./token-plugin.ts', import.meta.url)), cluster, region],
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
  };
}

/** A cluster that may become an environment admits Gatehouse as one, as its administrator would have it. */
function readyForOnboarding({ onboarding }: AccessPolicy, cluster: Cluster): Cluster {
  if (!onboarding?.environments.accounts.includes(cluster.account)) return cluster;
  return { ...cluster, labels: { ...cluster.labels, [ENVIRONMENT_LABEL]: cluster.name } };
}
