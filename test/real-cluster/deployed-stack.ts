import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Json } from '@gatehouse/core/access/json';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { readPolicy } from '@gatehouse/core/policy/read';
import type { Table } from '@gatehouse/core/ports/table';
import { inject } from 'vitest';
import { CLUSTER_OBJECTS as DEMO_OBJECTS } from '../../cli/src/demo/clusters.ts';
import { bootstrapCluster } from '../../sandbox/src/bootstrap-cluster.ts';
import { HttpApi } from '../../sandbox/src/lambda/http-api.ts';
import { readTemplate } from '../../sandbox/src/template/read.ts';
import { type RealCluster, startRealCluster } from './cluster.ts';
import { startEksService } from './eks-service.ts';
import { emulatedSts } from './emulated-sts.ts';
import { ACCOUNT, CHECKING, type Emulator, REGION, startEmulator } from './emulator.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLICY_FILE = join(ROOT, 'test/fixtures/policies/real-cluster.yaml');
const STACK = 'gatehouse';
/** What is in the cluster before Gatehouse comes: those of the demo's production cluster. */
const CLUSTER_OBJECTS = DEMO_OBJECTS['prod-eu']!;

/** The template, built by SAM and deployed into the emulator, beside one real cluster that admits Gatehouse. */
export interface DeployedStack {
  readonly emulator: Emulator;
  readonly cluster: RealCluster;
  readonly policy: AccessPolicy;
  /** What the template's outputs came to, by their names. */
  readonly outputs: Readonly<Record<string, string>>;
  /** What a resource is called, by its logical id. */
  physicalId(logicalId: string): string;
  /** `http://127.0.0.1:PORT/webhooks`. The routes are the template's; what answers behind them is the deployed function. */
  readonly webhookUrl: string;
  /** The secret with which Standard Webhooks are signed. */
  readonly webhookSecret: string;
  /** The stack's tables. */
  readonly state: Table;
  readonly ledger: Table;
  /** Invokes a function by its logical id, and waits. @throws Failure where it fails. */
  invoke(logicalId: string, payload: Json): Promise<Json>;
  /** Uploads the access policy, as a person would. */
  uploadPolicy(text?: string): Promise<void>;
  /** Makes an IAM user with a key, who may assume the roles that trust them. */
  createUser(name: string): Promise<AwsCredentials>;
  /** An environment in which the command `gatehouse` and other AWS tools reach the stack as this user. */
  environment(credentials: AwsCredentials): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Everything that runs, in the order in which it was started. */
type Running = { stop(): Promise<void> }[];

/** Deploys into the emulator; `folder` is its own. Answers outputs and names. */
type Deploy = (
  emulator: Emulator,
  folder: string,
) => Promise<{ outputs: Record<string, string>; physicalIds: Record<string, string> }>;

/**
 * Builds, deploys and bootstraps: some twenty seconds.
 * @param text the access policy. @param bootstrapped what Gatehouse gets its rights in the cluster for, where that is more.
 * @param by how it is deployed, where that is not by SAM CLI.
 */
export async function deployStack(
  text = readFileSync(POLICY_FILE, 'utf8'),
  bootstrapped?: AccessPolicy,
  by: Deploy = samDeploy,
): Promise<DeployedStack> {
  const running: Running = [];
  const stop = async () => {
    for (const each of running.reverse()) await each.stop();
  };
  try {
    return { ...(await deploy(running, text, by, bootstrapped)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function deploy(
  running: Running,
  text: string,
  by: Deploy,
  bootstrapped?: AccessPolicy,
): Promise<Omit<DeployedStack, 'stop'>> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-stack-'));
  running.push({ stop: async () => rmSync(folder, { recursive: true, force: true }) });
  const eks = await startEksService({ account: ACCOUNT, region: REGION });
  running.push(eks);
  const emulator = await startEmulator({ corrected: true, env: { ...CHECKING, AWS_ENDPOINT_URL_EKS: eks.url } });
  running.push(emulator);
  const { outputs, physicalIds } = await by(emulator, folder);

  const client = emulator.config();
  const iam = new IAMClient(client);
  const createUser = async (UserName: string, allowed: string): Promise<AwsCredentials> => {
    await iam.send(new CreateUserCommand({ UserName }));
    const Statement = [{ Effect: 'Allow', Action: allowed, Resource: '*' }];
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'allowed', PolicyDocument }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  };
  const administrator = await createUser('administrator', '*');
  const cluster = await startRealCluster({
    name: 'prod-eu',
    region: REGION,
    identity: emulatedSts(emulator.url),
    administrator: `arn:aws:iam::${ACCOUNT}:user/administrator`,
  });
  running.push(cluster);
  await cluster.create(CLUSTER_OBJECTS);
  await eks.add(cluster);
  const reading = readPolicy(text);
  if (!reading.ok) throw new Error(`the policy of the stack: ${reading.errors[0]?.message}`);
  const { policy } = reading;
  const rights = bootstrapped ?? policy;
  await bootstrapCluster({
    policy: rights,
    cluster: rights.clusters.find(({ name }) => name === cluster.name)!,
    record: {
      name: cluster.name,
      region: REGION,
      endpoint: cluster.url,
      certificateAuthority: cluster.certificateAuthority,
    },
    administrator,
    role: outputs.ClusterAccessRole!,
  });

  const physicalId = (logicalId: string) => {
    const found = physicalIds[logicalId];
    if (found === undefined) throw new Error(`the stack has no ${logicalId}`);
    return found;
  };
  const { endpoint, region, credentials } = emulator.config();
  const invoke = (logicalId: string, payload: Json) =>
    invokeFunction({
      ...{ functionName: physicalId(logicalId), payload, region, endpoint, credentials },
      ...{ now: Date.now(), timeout: 60_000 },
    });
  const place = { stack: STACK, account: ACCOUNT, region: REGION, endpoint: emulator.url };
  const wiring = readTemplate(readFileSync(join(ROOT, 'template.yaml'), 'utf8'), place, {});
  const logicalIdOf = (name: string) => wiring.functions.find((each) => each.name === name)!.logicalId;
  const api = await HttpApi.start({
    routes: wiring.routes,
    account: ACCOUNT,
    port: 0,
    invoke: async (name, payload) => ({
      payload: JSON.stringify(await invoke(logicalIdOf(name), JSON.parse(payload) as Json)),
    }),
  });
  running.push(api);
  const current = await setWebhookSecret(client);
  const dynamo = new DynamoDBClient(client);
  const table = (logicalId: string) => dynamoTable({ tableName: physicalId(logicalId), client: dynamo });
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  return {
    emulator,
    cluster,
    policy,
    outputs,
    physicalId,
    state: table('StateTable'),
    ledger: table('LedgerTable'),
    webhookUrl: `${api.url}/webhooks`,
    webhookSecret: current,
    invoke,
    uploadPolicy: async (policyText = text) => {
      const place = { Bucket: outputs.PolicyBucket!, Key: 'access-policy.yaml' };
      await s3.send(new PutObjectCommand({ ...place, Body: policyText, ContentType: 'application/yaml' }));
    },
    // In one account AWS asks for no policy of the user's where a trust names the user; the emulator does.
    createUser: (name) => createUser(name, 'sts:AssumeRole'),
    environment: ({ accessKeyId, secretAccessKey, sessionToken }) => ({
      AWS_ENDPOINT_URL: emulator.url,
      AWS_ENDPOINT_URL_EKS: eks.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    }),
  };
}

/** Sets the signing secret as whoever configures the sender would: what the emulator generates is not base64. */
async function setWebhookSecret(client: ReturnType<Emulator['config']>): Promise<string> {
  const current = randomBytes(32).toString('base64');
  await new SecretsManagerClient(client).send(
    new PutSecretValueCommand({ SecretId: 'gatehouse/webhooks/standard', SecretString: JSON.stringify({ current }) }),
  );
  return current;
}

/** `sam build` and `sam deploy`, as the README says, into folders of the test. */
async function samDeploy(emulator: Emulator, folder: string) {
  const { credentials, region } = emulator.config();
  const env = {
    PATH: [join(ROOT, 'node_modules/.bin'), inject('python').sam, dirname(process.execPath), process.env.PATH].join(
      ':',
    ),
    HOME: folder,
    SAM_CLI_TELEMETRY: '0',
    AWS_ENDPOINT_URL: emulator.url,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const run = (...arguments_: string[]) => promisify(execFile)('sam', arguments_, { cwd: ROOT, env });
  const built = join(folder, 'build');
  await run('build', '--build-dir', built);
  await run(
    'deploy',
    ...['--template-file', join(built, 'template.yaml'), '--stack-name', STACK, '--region', region],
    ...['--resolve-s3', '--capabilities', 'CAPABILITY_NAMED_IAM', '--no-confirm-changeset', '--no-progressbar'],
    ...['--parameter-overrides', 'TrustUploadedPolicy=true LogLevel=DEBUG'],
  );
  const { stdout } = await run('list', 'stack-outputs', '--stack-name', STACK, '--region', region, '--output', 'json');
  const { stdout: resources } = await run(
    ...['list', 'resources', '--stack-name', STACK, '--region', region, '--output', 'json'],
  );
  const outputs = JSON.parse(stdout) as { OutputKey: string; OutputValue: string }[];
  const physical = JSON.parse(resources) as { LogicalResourceId: string; PhysicalResourceId: string }[];
  return {
    outputs: Object.fromEntries(outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
    physicalIds: Object.fromEntries(
      physical.map(({ LogicalResourceId, PhysicalResourceId }) => [LogicalResourceId, PhysicalResourceId]),
    ) as Record<string, string>,
  };
}
