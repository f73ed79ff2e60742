import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  ListChangeSetsCommand,
  ListStackResourcesCommand,
  waitUntilStackCreateComplete,
} from '@aws-sdk/client-cloudformation';
import { DescribeTableCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { IAMClient, ListRolesCommand, ListUsersCommand } from '@aws-sdk/client-iam';
import { GetPublicAccessBlockCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { invokeFunction } from '@gatehouse/core/aws/invoke-function';
import { readChain } from '@gatehouse/core/ledger/ledger';
import { AWS_AUTH_REF } from '@gatehouse/core/resources/aws-auth/model';
import { SCHEMA_KEY, SCHEMA_VERSION } from '@gatehouse/core/schema/version';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnCommand, written } from '../cli/spawned.ts';
import { type Meddling, startBetween } from './between.ts';
import { type DeployedStack, deployStack } from './deployed-stack.ts';
import { ACCOUNT, type Emulator, REGION, startEmulator } from './emulator.ts';

/*
 * `gatehouse deploy`, `upgrade` and `uninstall` from what `npm run build` makes: the same code as for AWS, into the emulator. It
 * does otherwise than CloudFormation, each seen below or in test/cli/deployment/stack.test.ts:
 *
 * - a change set is whole at once; it names resources whose condition does not hold, too, and, where a parameter changes, as
 *   "may be made anew" what CloudFormation updates in place;
 * - of a bucket's encryption, a secret's key, a function's VPC and an API's rate nothing can be read back;
 * - a managed policy that is somebody's permissions boundary can be deleted.
 */

const ROOT = join(import.meta.dirname, '../..');
const BUCKET = `gatehouse-deploy-${ACCOUNT}-${REGION}`;
const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/11111111-2222-3333-4444-555555555555`;
const SOON = { timeout: 60_000, interval: 250 };

/** An environment in which AWS is the emulator, as the root of its account. */
function environmentOf({ config }: Emulator): Readonly<Record<string, string>> {
  const { endpoint, region, credentials } = config();
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}

/** Runs the command to its end. */
async function gatehouse(emulator: Emulator, ...arguments_: string[]) {
  const { ended, out, err } = spawnCommand(arguments_, environmentOf(emulator));
  return { code: await ended, out: out(), err: err() };
}

/** Runs the command, which must succeed; answers its JSON. */
// biome-ignore lint/suspicious/noExplicitAny: an answer of the command, whose shape each test knows.
async function answerOf(emulator: Emulator, ...arguments_: string[]): Promise<any> {
  const { code, out, err } = await gatehouse(emulator, ...arguments_, '-o', 'json');
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
}

const build = () => promisify(execFile)(process.execPath, ['-C', 'source', 'build.ts'], { cwd: ROOT });

beforeAll(async () => void (await build()), 60_000);

describe('a stack of the command', { timeout: 120_000 }, () => {
  let emulator: Emulator;
  let cloud: CloudFormationClient;
  beforeAll(async () => {
    emulator = await startEmulator({ corrected: true });
    cloud = new CloudFormationClient(emulator.config());
  });
  afterAll(() => emulator?.stop());
  const stacks = async () =>
    (await cloud.send(new DescribeStacksCommand({}))).Stacks!.map(({ StackName, StackStatus }) => [
      StackName,
      StackStatus,
    ]);

  it('is shown by a dry run, which leaves neither stack nor bucket', async () => {
    const { code, out } = await gatehouse(emulator, 'deploy', '--dry-run', '--detailed-exitcode');
    expect(code).toBe(2);
    expect(out).toMatch(/\+ {2}StateTable +DynamoDB::Table/);
    expect(out).toMatch(/What its roles may do\n.*ReceiveWebhookRole {2}secretsmanager:GetSecretValue/s);
    expect(out).toMatch(/\d+ resources: \d+ to make, 0 to change, 0 to remove\./);
    expect(await stacks()).toEqual([]);
    await expect(
      new S3Client({ ...emulator.config(), forcePathStyle: true }).send(new ListObjectsV2Command({ Bucket: BUCKET })),
    ).rejects.toThrow();
  });

  it('is not made where nobody is there to agree; the bucket for the code stays, closed', async () => {
    const { code, err } = await gatehouse(emulator, 'deploy');
    expect(code).toBe(1);
    expect(err).toContain('nobody is there to agree, so nothing was deployed');
    expect(err).toContain(`made the bucket ${BUCKET} for the code: encrypted, closed to the public`);
    expect(await stacks()).toEqual([]);
    const s3 = new S3Client({ ...emulator.config(), forcePathStyle: true });
    const { PublicAccessBlockConfiguration } = await s3.send(new GetPublicAccessBlockCommand({ Bucket: BUCKET }));
    expect(Object.values(PublicAccessBlockConfiguration!)).toEqual([true, true, true, true]);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET }));
    expect(Contents).toHaveLength(12);
  });

  /** The command, with somebody between it and the emulator's CloudFormation. */
  const meddled = async (meddle: Meddling, use: (env: Readonly<Record<string, string>>) => Promise<void>) => {
    const between = await startBetween(emulator.url, meddle);
    await use({ ...environmentOf(emulator), AWS_ENDPOINT_URL_CLOUDFORMATION: between.url }).finally(between.stop);
  };

  it('is not made where the template cannot be read back, and nothing of the change set stays', async () => {
    const refusal =
      '<ErrorResponse><Error><Code>ValidationError</Code><Message>no GetTemplate</Message></Error></ErrorResponse>';
    const meddle: Meddling = (action, answer) =>
      action === 'GetTemplate' ? Promise.resolve({ status: 400, body: refusal }) : answer();
    await meddled(meddle, async (env) => {
      const { ended, err } = spawnCommand(['deploy', '--yes'], env);
      expect(await ended).toBe(1);
      expect(err()).toContain('no GetTemplate');
    });
    expect(await stacks()).toEqual([]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'is not made where it is broken off while CloudFormation works the change set out (%s): nothing stays',
    async (signal) => {
      let described = 0;
      const meddle: Meddling = async (action, answer) => {
        const { status, body } = await answer();
        if (action !== 'DescribeChangeSet') return { status, body };
        described += 1;
        return { status, body: body.replace('<Status>CREATE_COMPLETE<', '<Status>CREATE_IN_PROGRESS<') };
      };
      await meddled(meddle, async (env) => {
        const run = spawnCommand(['deploy', '--yes'], env);
        await expect.poll(() => described, SOON).toBeGreaterThan(0);
        run.child.kill(signal);
        await written(run, 'broken off');
        expect(await run.ended).toBe(1);
      });
      expect(await stacks()).toEqual([]);
    },
  );

  it('is made with a yes: whole, working, and of this release’s schema version', async () => {
    const deployed = await answerOf(emulator, 'deploy', '--yes');
    expect(deployed).toMatchObject({ state: 'deployed', created: true, schema: SCHEMA_VERSION });
    expect(deployed.outputs.PolicyBucket).toMatch(/^gatehouse-/);
    expect(await stacks()).toEqual([['gatehouse', 'CREATE_COMPLETE']]);
    expect(await answerOf(emulator, 'status')).toMatchObject({ policy: null });
    const table = await physicalId('StateTable');
    const { Items } = await scan(table);
    expect(Items).toEqual([
      { pk: { S: SCHEMA_KEY.pk }, sk: { S: SCHEMA_KEY.sk }, version: { N: String(SCHEMA_VERSION) } },
    ]);
  });

  const physicalId = async (logicalId: string): Promise<string> => {
    const { StackResourceSummaries = [] } = await cloud.send(new ListStackResourcesCommand({ StackName: 'gatehouse' }));
    return StackResourceSummaries.find((one) => one.LogicalResourceId === logicalId)!.PhysicalResourceId!;
  };
  const scan = async (TableName: string) => {
    return new DynamoDBClient(emulator.config()).send(new ScanCommand({ TableName }));
  };

  it('that is what was built is left alone, without being asked, and nothing is sent again', async () => {
    const { code, out, err } = await gatehouse(emulator, 'deploy');
    expect(code).toBe(0);
    expect(out).toContain('is what was built: nothing to do');
    expect(err).toContain('uploaded 0 of 11');
    expect((await gatehouse(emulator, 'deploy', '--dry-run', '--detailed-exitcode')).code).toBe(0);
    const { Summaries } = await cloud.send(new ListChangeSetsCommand({ StackName: 'gatehouse' }));
    expect(Summaries?.filter(({ ExecutionStatus }) => ExecutionStatus === 'AVAILABLE') ?? []).toEqual([]);
  });

  it('shows what may do more by a change, and keeps the parameters that are not named', async () => {
    const other = 'MemberRoleName=gatehouse-system/other';
    const planned = await gatehouse(emulator, 'deploy', '--dry-run', '--detailed-exitcode', '--parameter', other);
    expect(planned.code).toBe(2);
    expect(planned.out).toContain('May do more than before\n');
    expect(planned.out).toContain(
      `PlanAccessRole  sts:AssumeRole\n       on arn:aws:iam::*:role/gatehouse-system/other\n`,
    );
    const changed = await answerOf(emulator, 'deploy', '--yes', '--parameter', other);
    expect(changed).toMatchObject({ state: 'deployed', created: false });
    expect(changed.broadens.map(({ of }: { of: string }) => of).sort()).toEqual([
      'ClusterAccessRole',
      'PlanAccessRole',
      'ReconcileIamRole',
    ]);
    await answerOf(emulator, 'deploy', '--yes', '--parameter', 'LogLevel=WARN');
    const [stack] = (await cloud.send(new DescribeStacksCommand({ StackName: 'gatehouse' }))).Stacks!;
    const parameters = new Map(stack!.Parameters!.map((one) => [one.ParameterKey, one.ParameterValue]));
    expect(parameters.get('MemberRoleName')).toBe('gatehouse-system/other');
    expect(parameters.get('LogLevel')).toBe('WARN');
  });

  it.each([
    ['a key', [`KmsKeyArn=${KEY}`]],
    ['private endpoints', ['SubnetIds=subnet-01234567,subnet-89abcdef', 'SecurityGroupIds=sg-01234567']],
    ['alarms and a watched source', [`AlarmTopicArn=arn:aws:sns:${REGION}:${ACCOUNT}:on-call`, 'WatchedSource=okta']],
    ['other accounts', ['EventAccounts=222233334444,333344445555']],
    ['another rate', ['WebhookRate=50', 'WebhookBurst=100']],
  ])('takes %s', async (_what, parameters) => {
    const given = parameters.flatMap((one) => ['--parameter', one]);
    expect(await answerOf(emulator, 'deploy', '--yes', ...given)).toMatchObject({ state: 'deployed' });
    expect(await answerOf(emulator, 'status')).toMatchObject({ findings: [] });
  });

  it('has its queues and tables encrypted by the key that was given', async () => {
    const sqs = new SQSClient(emulator.config());
    for (const id of [
      'IntakeQueue',
      'IamQueue',
      'ClustersQueue',
      'LaterQueue',
      'DeadQueue',
      'DeadTurnsQueue',
      'DeadEventsQueue',
    ]) {
      const QueueUrl = await physicalId(id);
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['KmsMasterKeyId'] }),
      );
      expect(Attributes?.KmsMasterKeyId, id).toBe(KEY);
    }
    const tables = new DynamoDBClient(emulator.config());
    const { Table } = await tables.send(new DescribeTableCommand({ TableName: await physicalId('StateTable') }));
    expect(Table?.SSEDescription?.KMSMasterKeyArn).toBe(KEY);
  });

  it('is refused what its template does not know or take, before anything is changed', async () => {
    const unknown = await gatehouse(emulator, 'deploy', '--yes', '--parameter', 'Nope=1');
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('no parameter "Nope"') });
    const wrong = await gatehouse(emulator, 'deploy', '--yes', '--parameter', 'LogLevel=LOUD');
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('LogLevel') });
    expect(await stacks()).toEqual([['gatehouse', 'UPDATE_COMPLETE']]);
  });

  it('beside another fails for the first name that is taken, says so, and once more when it is tried again', async () => {
    const failed = await gatehouse(emulator, 'deploy', '--stack', 'second', '--yes');
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(
      /second was not deployed, and the stack is ROLLBACK_COMPLETE\. The first that failed was \w+ \(AWS::/,
    );
    expect(failed.err).toContain('already exists');
    const again = await gatehouse(emulator, 'deploy', '--stack', 'second', '--yes');
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('delete-stack --stack-name second') });
  });

  it('is upgraded like it is deployed; of the first schema version there is none before', async () => {
    const upgraded = await answerOf(emulator, 'upgrade', '--yes');
    expect(upgraded).toMatchObject({ state: 'unchanged', migrated: { from: 1, to: SCHEMA_VERSION, changed: 0 } });
    const { code, err } = await gatehouse(emulator, 'upgrade', '--state-back', '--yes');
    expect(code).toBe(1);
    expect(err).toContain('the first: there is none before');
  });

  it('of a schema that it does not know is kept off, by its functions and by the command', async () => {
    const TableName = await physicalId('StateTable');
    const client = new DynamoDBClient(emulator.config());
    const write = (version: number) =>
      client.send(
        new PutItemCommand({
          TableName,
          Item: { pk: { S: 'schema' }, sk: { S: 'version' }, version: { N: String(version) } },
        }),
      );
    await write(SCHEMA_VERSION + 2);
    // An instance that has looked before does not look again; this function was never called.
    const { endpoint, region, credentials } = emulator.config();
    const answer = await invokeFunction({
      ...{ functionName: 'gatehouse-connect-cluster', payload: { operation: 'connection', name: 'edge', region } },
      ...{ region, endpoint, credentials, now: Date.now(), timeout: 60_000 },
    });
    expect(answer).toMatchObject({
      ok: false,
      error: { code: 'unsupported', remedy: expect.stringContaining('--state-back') },
    });
    const { code, err } = await gatehouse(emulator, 'deploy', '--yes', '--parameter', 'LogLevel=INFO');
    expect(code).toBe(1);
    expect(err).toContain(
      `the state is of schema version ${SCHEMA_VERSION + 2}, and this release knows version ${SCHEMA_VERSION}`,
    );
    await write(SCHEMA_VERSION);
  });

  it('takes in its accounts by the template for members', async () => {
    const TemplateBody = readFileSync(join(ROOT, 'templates/member-account.yaml'), 'utf8');
    const member = new CloudFormationClient(emulator.config('222233334444'));
    const parameters = {
      GatehouseAccount: ACCOUNT,
      GatehouseRegion: REGION,
      RoleRegion: REGION,
      ExternalId: '6f1c0f6e-6c0e-4b0e-9d51',
    };
    await member.send(
      new CreateStackCommand({
        StackName: 'gatehouse-member',
        TemplateBody,
        Capabilities: ['CAPABILITY_NAMED_IAM'],
        Parameters: Object.entries(parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
      }),
    );
    await waitUntilStackCreateComplete(
      { client: member, maxWaitTime: 20, minDelay: 1 },
      { StackName: 'gatehouse-member' },
    );
    const [stack] = (await member.send(new DescribeStacksCommand({ StackName: 'gatehouse-member' }))).Stacks!;
    expect(stack!.Outputs!.map(({ OutputValue }) => OutputValue).sort()).toEqual([
      'arn:aws:iam::222233334444:policy/gatehouse-system/gatehouse-boundary',
      'arn:aws:iam::222233334444:role/gatehouse-system/gatehouse-member',
    ]);
  });

  it('goes as a whole but for its tables and its bucket', async () => {
    const kept = await Promise.all(['StateTable', 'LedgerTable', 'PolicyBucket'].map(physicalId));
    const { code, out } = await gatehouse(emulator, 'uninstall', '--keep-access', '--yes');
    expect(code).toBe(0);
    for (const name of kept) expect(out).toContain(name);
    expect((await stacks()).filter(([name, state]) => name === 'gatehouse' && state !== 'DELETE_COMPLETE')).toEqual([]);
    const again = await gatehouse(emulator, 'uninstall', '--revoke', '--yes');
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('there is no stack gatehouse') });
  });
});

describe('what a stack of the command gave', { timeout: 180_000 }, () => {
  let stack: DeployedStack;
  let foreign: string;
  const awsAuth = async () => JSON.stringify((await stack.cluster.operator.read(AWS_AUTH_REF))?.data ?? {});
  const made = async () => {
    const iam = new IAMClient(stack.emulator.config());
    const [{ Roles = [] }, { Users = [] }] = await Promise.all([
      iam.send(new ListRolesCommand({ PathPrefix: '/gatehouse/' })),
      iam.send(new ListUsersCommand({ PathPrefix: '/gatehouse/' })),
    ]);
    return [...Roles.map(({ RoleName }) => RoleName), ...Users.map(({ UserName }) => UserName)].sort();
  };
  beforeAll(async () => {
    stack = await deployStack(undefined, undefined, async (emulator) => {
      const deployed = await answerOf(emulator, 'deploy', '--yes', '--parameter', 'TrustUploadedPolicy=true');
      const cloud = new CloudFormationClient(emulator.config());
      const { StackResourceSummaries = [] } = await cloud.send(
        new ListStackResourcesCommand({ StackName: 'gatehouse' }),
      );
      const ids = StackResourceSummaries.map((one) => [one.LogicalResourceId!, one.PhysicalResourceId!]);
      return { outputs: deployed.outputs, physicalIds: Object.fromEntries(ids) };
    });
    foreign = await awsAuth();
  }, 180_000);
  afterAll(() => stack?.stop());

  it('is made by its functions as by those that SAM CLI deploys', async () => {
    await stack.uploadPolicy();
    await expect.poll(made, SOON).toEqual(['gatehouse-ci', 'gatehouse-operators']);
    await expect.poll(awsAuth, SOON).toContain('user/gatehouse/gatehouse-ci');
    await expect.poll(awsAuth, SOON).toContain('role/gatehouse-operators');
  });

  it('is listed, with the line that removes it by hand, and stays as it is by a dry run', async () => {
    const before = [await made(), await awsAuth()];
    const { code, out } = await gatehouse(stack.emulator, 'uninstall', '--keep-access', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('aws-auth');
    expect(out).toContain('gatehouse-operators');
    expect(out).toMatch(/in the secret gatehouse\/keys\//);
    expect(out).toContain('aws iam delete-role --role-name gatehouse-operators');
    expect(out).toContain('Nothing was changed: this was a dry run.');
    const revoke = await answerOf(stack.emulator, 'uninstall', '--revoke', '--dry-run');
    expect(revoke).toMatchObject({ state: 'planned', access: 'revoked' });
    expect(revoke.owned.length).toBeGreaterThan(4);
    expect([await made(), await awsAuth()]).toEqual(before);
  });

  it('is taken back before the stack goes: IAM and the cluster are as they were, and the ledger tells', async () => {
    const { code, out, err } = await gatehouse(stack.emulator, 'uninstall', '--revoke', '--yes', '--timeout', '150');
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('all access is taken back');
    expect(await made()).toEqual([]);
    expect(await awsAuth()).toBe(foreign);
    const chain = `cluster/arn:aws:eks:${REGION}:${ACCOUNT}:cluster/prod-eu`;
    expect((await readChain(stack.ledger, chain)).length).toBeGreaterThan(0);
  });
});
