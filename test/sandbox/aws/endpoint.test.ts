import { Sha256 } from '@aws-crypto/sha256-js';
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  CreateClusterCommand,
  DeleteClusterCommand,
  DescribeClusterCommand,
  EKSClient,
  ListClustersCommand,
} from '@aws-sdk/client-eks';
import {
  EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutEventsCommand,
} from '@aws-sdk/client-eventbridge';
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  IAMClient,
  ListPoliciesCommand,
  ListPolicyVersionsCommand,
} from '@aws-sdk/client-iam';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { clusterToken } from '@gatehouse/core/aws/cluster-token';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AwsEndpoint } from '../../../sandbox/src/aws/endpoint.ts';
import type { BusEvent } from '../../../sandbox/src/aws/event-bus.ts';
import {
  administrator,
  type ClientConfig,
  HOME,
  OTHER_ACCOUNT,
  roleThatTrusts,
  startEndpoint,
  userWho,
} from './own-endpoint.ts';

let endpoint: AwsEndpoint;
let now = Date.now();
const heard: BusEvent[] = [];

beforeAll(async () => {
  endpoint = await startEndpoint({ buses: ['own'], now: () => now });
  endpoint.events.listen((_bus, event) => heard.push(event));
});
beforeEach(() => {
  now = Date.now();
  heard.length = 0;
});
afterAll(() => endpoint.stop());

const failure = (name: string, message = '') =>
  expect.objectContaining({ name, ...(message ? { message: expect.stringContaining(message) } : {}) });

describe('signatures', () => {
  const wrongSecret = () => {
    const config = administrator(endpoint);
    return { ...config, credentials: { ...config.credentials, secretAccessKey: 'not-the-secret' } };
  };

  it.each([
    [
      'sts',
      (config: ClientConfig) => new STSClient(config).send(new GetCallerIdentityCommand({})),
      'SignatureDoesNotMatch',
    ],
    [
      'iam',
      (config: ClientConfig) => new IAMClient(config).send(new GetRoleCommand({ RoleName: 'x' })),
      'SignatureDoesNotMatch',
    ],
    [
      'eks',
      (config: ClientConfig) => new EKSClient(config).send(new ListClustersCommand({})),
      'InvalidSignatureException',
    ],
    [
      'dynamodb',
      (config: ClientConfig) => new DynamoDBClient(config).send(new GetItemCommand({ TableName: 'xxx', Key: {} })),
      'InvalidSignatureException',
    ],
    [
      's3',
      (config: ClientConfig) => new S3Client(config).send(new GetObjectCommand({ Bucket: 'b', Key: 'k' })),
      'SignatureDoesNotMatch',
    ],
  ])('%s refuses a signature made with another secret', async (_service, call, code) => {
    await expect(call(wrongSecret())).rejects.toEqual(failure(code));
  });

  it('refuses a key that nobody has', async () => {
    const config = { ...administrator(endpoint), credentials: { accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' } };
    await expect(new STSClient(config).send(new GetCallerIdentityCommand({}))).rejects.toEqual(
      failure('InvalidClientTokenId'),
    );
  });

  it('refuses what was signed a quarter of an hour ago', async () => {
    now += 15 * 60_000 + 2000;
    await expect(new STSClient(administrator(endpoint)).send(new GetCallerIdentityCommand({}))).rejects.toEqual(
      failure('SignatureDoesNotMatch', 'expired'),
    );
  });

  it('refuses a body that was changed after it was signed', async () => {
    const client = new SQSClient(administrator(endpoint));
    client.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body: string };
        request.body = request.body.replace('signed', 'forged');
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low', name: 'forge' },
    );
    await expect(client.send(new CreateQueueCommand({ QueueName: 'signed' }))).rejects.toBeInstanceOf(Error);
    expect(endpoint.queues.names()).not.toContain('forged');
  });
});

it('refuses a presigned URL with a parameter that is there twice', async () => {
  const { region, credentials } = administrator(endpoint);
  const token = await clusterToken({
    cluster: 'prod-eu',
    region,
    endpoint: endpoint.url,
    credentials,
    now: Date.now(),
  });
  const url = new URL(Buffer.from(token.slice('k8s-aws-v1.'.length), 'base64url').toString());
  const get = () => fetch(url, { headers: { 'x-k8s-aws-id': 'prod-eu' } });
  expect((await get()).status).toBe(200);
  url.searchParams.append('Action', 'GetCallerIdentity');
  expect((await get()).status).toBe(400);
});

it('refuses a session policy, which STS would heed and which is not played', async () => {
  const client = new STSClient(userWho(endpoint, 'sts-ada', []));
  const RoleArn = roleThatTrusts(endpoint, HOME.account, 'sts-own', 'arn:aws:iam::111122223333:user/sts-ada');
  const assume = (more: object) => client.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'ada', ...more }));
  await expect(assume({})).resolves.toBeDefined();
  await expect(assume({ Policy: '{}' })).rejects.toThrow('AssumeRole with Policy');
});

describe('permissions', () => {
  it('are asked of every call, with the usual message', async () => {
    const nobody = new SQSClient(userWho(endpoint, 'may-nothing', []));
    await expect(nobody.send(new CreateQueueCommand({ QueueName: 'q' }))).rejects.toEqual(
      failure(
        'AccessDeniedException',
        'User: arn:aws:iam::111122223333:user/may-nothing is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:eu-west-1:111122223333:q',
      ),
    );
  });

  it('hold for the resource that is named, and no other', async () => {
    const client = new EKSClient(
      userWho(endpoint, 'reads-one', [
        { Effect: 'Allow', Action: 'eks:Describe*', Resource: 'arn:aws:eks:eu-west-1:111122223333:cluster/one' },
      ]),
    );
    await expect(client.send(new DescribeClusterCommand({ name: 'one' }))).rejects.toEqual(
      failure('ResourceNotFoundException'),
    );
    await expect(client.send(new DescribeClusterCommand({ name: 'two' }))).rejects.toEqual(
      failure('AccessDeniedException'),
    );
  });

  it('see the permissions boundary that IAM is asked to put', async () => {
    const boundary = 'arn:aws:iam::111122223333:policy/boundary';
    endpoint.iam.managedPolicies.set(boundary, {});
    const client = new IAMClient(
      userWho(endpoint, 'makes-bounded', [
        {
          Effect: 'Allow',
          Action: ['iam:CreateRole', 'iam:DeleteRole'],
          Resource: 'arn:aws:iam::111122223333:role/gatehouse/*',
          Condition: { StringEquals: { 'iam:PermissionsBoundary': boundary } },
        },
      ]),
    );
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: '*' } }],
    };
    const create = (RoleName: string, more: object) =>
      client.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: JSON.stringify(trust), ...more }));
    await expect(create('unbounded', { Path: '/gatehouse/' })).rejects.toEqual(failure('AccessDenied'));
    await expect(create('elsewhere', { Path: '/', PermissionsBoundary: boundary })).rejects.toEqual(
      failure('AccessDenied'),
    );
    await create('bounded', { Path: '/gatehouse/', PermissionsBoundary: boundary });
    expect(heard.map(({ source, detail }) => [source, detail.eventName])).toEqual([['aws.iam', 'CreateRole']]);
    await client.send(new DeleteRoleCommand({ RoleName: 'bounded' }));
    expect(heard.at(-1)?.detail).toMatchObject({ eventName: 'DeleteRole', requestParameters: { roleName: 'bounded' } });
  });

  it('do not reach further than the boundary of the principal', async () => {
    const config = userWho(endpoint, 'bounded-user', [{ Effect: 'Allow', Action: '*', Resource: '*' }]);
    const user = endpoint.iam.accounts.get(HOME.account)!.users.get('bounded-user')!;
    user.boundary = 'arn:aws:iam::111122223333:policy/only-eks';
    await expect(new EKSClient(config).send(new ListClustersCommand({}))).rejects.toEqual(
      failure('AccessDeniedException'),
    );
    endpoint.iam.managedPolicies.set(user.boundary, {
      Statement: [{ Effect: 'Allow', Action: 'eks:*', Resource: '*' }],
    });
    await expect(new EKSClient(config).send(new ListClustersCommand({}))).resolves.toBeDefined();
    await expect(new IAMClient(config).send(new GetRoleCommand({ RoleName: 'x' }))).rejects.toEqual(
      failure('AccessDenied'),
    );
  });
});

describe('DynamoDB', () => {
  it('keeps items, and its conditions hold', async () => {
    const client = new DynamoDBClient(administrator(endpoint));
    await client.send(
      new CreateTableCommand({
        TableName: 'items',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    );
    const put = new PutItemCommand({
      TableName: 'items',
      Item: { pk: { S: 'a' } },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    await client.send(put);
    await expect(client.send(put)).rejects.toEqual(failure('ConditionalCheckFailedException'));
    const reader = new DynamoDBClient(
      userWho(endpoint, 'reads-items', [
        {
          Effect: 'Allow',
          Action: 'dynamodb:GetItem',
          Resource: 'arn:aws:dynamodb:eu-west-1:111122223333:table/items',
        },
      ]),
    );
    expect((await reader.send(new GetItemCommand({ TableName: 'items', Key: { pk: { S: 'a' } } }))).Item).toEqual({
      pk: { S: 'a' },
    });
    await expect(reader.send(put)).rejects.toEqual(failure('AccessDeniedException', 'dynamodb:PutItem'));
    const foreign = new DynamoDBClient(administrator(endpoint, OTHER_ACCOUNT));
    await expect(foreign.send(put)).rejects.toEqual(failure('ResourceNotFoundException'));
  });
});

describe('SQS', () => {
  it('has URLs that resolve and ARNs of this account', async () => {
    const client = new SQSClient(administrator(endpoint));
    const { QueueUrl } = await client.send(
      new CreateQueueCommand({ QueueName: 'one.fifo', Attributes: { FifoQueue: 'true' } }),
    );
    expect(QueueUrl).toBe(`${endpoint.url}/111122223333/one.fifo`);
    expect((await client.send(new GetQueueUrlCommand({ QueueName: 'one.fifo' }))).QueueUrl).toBe(QueueUrl);
    const attributes = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    expect(attributes.Attributes?.QueueArn).toBe('arn:aws:sqs:eu-west-1:111122223333:one.fifo');
    await client.send(
      new SendMessageCommand({ QueueUrl, MessageBody: 'hello', MessageGroupId: 'g', MessageDeduplicationId: '1' }),
    );
    const received = await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    expect(received.Messages?.[0]?.Body).toBe('hello');
    await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: received.Messages![0]!.ReceiptHandle! }));
  });

  it('says so where there is no such queue, or it is another account’s', async () => {
    const client = new SQSClient(administrator(endpoint));
    for (const path of ['111122223333/none', '444455556666/one.fifo']) {
      await expect(client.send(new ReceiveMessageCommand({ QueueUrl: `${endpoint.url}/${path}` }))).rejects.toEqual(
        failure('QueueDoesNotExist'),
      );
    }
  });
});

describe('Secrets Manager', () => {
  it('keeps versions, and removes at once where it is told', async () => {
    const client = new SecretsManagerClient(administrator(endpoint));
    const created = await client.send(new CreateSecretCommand({ Name: 'gatehouse/x', SecretString: 'one' }));
    await expect(client.send(new CreateSecretCommand({ Name: 'gatehouse/x', SecretString: 'two' }))).rejects.toEqual(
      failure('ResourceExistsException'),
    );
    await client.send(new PutSecretValueCommand({ SecretId: 'gatehouse/x', SecretString: 'two' }));
    expect((await client.send(new GetSecretValueCommand({ SecretId: created.ARN! }))).SecretString).toBe('two');
    const previous = await client.send(
      new GetSecretValueCommand({ SecretId: 'gatehouse/x', VersionStage: 'AWSPREVIOUS' }),
    );
    expect(previous.SecretString).toBe('one');
    await client.send(new DeleteSecretCommand({ SecretId: 'gatehouse/x' }));
    await expect(client.send(new GetSecretValueCommand({ SecretId: 'gatehouse/x' }))).rejects.toEqual(
      failure('InvalidRequestException'),
    );
    await expect(client.send(new CreateSecretCommand({ Name: 'gatehouse/x', SecretString: 'x' }))).rejects.toEqual(
      failure('InvalidRequestException'),
    );
    await client.send(new DeleteSecretCommand({ SecretId: 'gatehouse/x', ForceDeleteWithoutRecovery: true }));
    await expect(client.send(new GetSecretValueCommand({ SecretId: 'gatehouse/x' }))).rejects.toEqual(
      failure('ResourceNotFoundException'),
    );
    await client.send(new CreateSecretCommand({ Name: 'gatehouse/x', SecretString: 'new' }));
  });
});

describe('EventBridge', () => {
  it('delivers to the bus that is named, and drops what names none', async () => {
    const client = new EventBridgeClient(administrator(endpoint));
    const entry = { Source: 'gatehouse', DetailType: 'granted', Detail: '{"a":1}' };
    const answer = await client.send(
      new PutEventsCommand({
        Entries: [
          { ...entry, EventBusName: 'own' },
          { ...entry, EventBusName: 'no-such-bus' },
          { ...entry, Source: 'aws.eks' },
          { ...entry, Detail: 'not JSON' },
        ],
      }),
    );
    expect(answer.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
      undefined,
      undefined,
      'NotAuthorizedForSourceException',
      'MalformedDetail',
    ]);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatchObject({
      source: 'gatehouse',
      'detail-type': 'granted',
      detail: { a: 1 },
      account: HOME.account,
    });
  });
});

describe('lists of EventBridge', () => {
  it('come in pages, and refuse a token that is none', async () => {
    const client = new EventBridgeClient(administrator(endpoint));
    for (const name of ['one', 'two', 'three']) {
      endpoint.events.addRule({
        name,
        bus: 'own',
        pattern: { source: ['x'] },
        targets: ['arn:a', 'arn:b'],
        deliver: () => {},
      });
    }
    const asked = { EventBusName: 'own', Limit: 2 };
    const first = await client.send(new ListRulesCommand(asked));
    const second = await client.send(new ListRulesCommand({ ...asked, NextToken: first.NextToken! }));
    expect([first, second].map(({ Rules }) => Rules?.map(({ Name }) => Name))).toEqual([['one', 'two'], ['three']]);
    expect(second.NextToken).toBeUndefined();
    const targets = await client.send(new ListTargetsByRuleCommand({ Rule: 'one', EventBusName: 'own', Limit: 1 }));
    expect(targets).toMatchObject({ Targets: [{ Arn: 'arn:a' }], NextToken: '1' });
    await expect(client.send(new ListRulesCommand({ ...asked, NextToken: 'x' }))).rejects.toEqual(
      failure('ValidationException'),
    );
  });
});

describe('a policy of the template', () => {
  it('is read like every other, by each call that reads', async () => {
    const client = new IAMClient(administrator(endpoint));
    const document = { Version: '2012-10-17' as const, Statement: [] };
    const PolicyArn = `arn:aws:iam::${HOME.account}:policy/system/boundary`;
    endpoint.iam.managedPolicies.set(PolicyArn, document);
    const { Policy } = await client.send(new GetPolicyCommand({ PolicyArn }));
    expect(Policy).toMatchObject({ PolicyName: 'boundary', Path: '/system/', DefaultVersionId: 'v1' });
    const version = await client.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }));
    expect(JSON.parse(decodeURIComponent(version.PolicyVersion!.Document!))).toEqual(document);
    const { Versions } = await client.send(new ListPolicyVersionsCommand({ PolicyArn }));
    expect(Versions?.map(({ VersionId }) => VersionId)).toEqual(['v1']);
    const { Policies } = await client.send(new ListPoliciesCommand({ Scope: 'Local', PathPrefix: '/system/' }));
    expect(Policies?.map(({ Arn }) => Arn)).toEqual([PolicyArn]);
  });
});

describe('S3', () => {
  it('keeps versions and tells the bus', async () => {
    endpoint.objects.createBucket(HOME.account, HOME.region, {
      logicalId: 'B',
      name: 'uploads',
      eventBridge: true,
      versioned: true,
    });
    const client = new S3Client(administrator(endpoint));
    const put = (Body: string) =>
      client.send(new PutObjectCommand({ Bucket: 'uploads', Key: 'policies/a b.yaml', Body }));
    const first = await put('one');
    await put('two');
    const get = async (VersionId?: string) => {
      const input = { Bucket: 'uploads', Key: 'policies/a b.yaml', ...(VersionId ? { VersionId } : {}) };
      return (await client.send(new GetObjectCommand(input))).Body?.transformToString();
    };
    expect(await get()).toBe('two');
    expect(await get(first.VersionId)).toBe('one');
    await expect(client.send(new GetObjectCommand({ Bucket: 'uploads', Key: 'none' }))).rejects.toEqual(
      failure('NoSuchKey'),
    );
    expect(heard.map((event) => event['detail-type'])).toEqual(['Object Created', 'Object Created']);
    expect(heard[0]?.detail).toMatchObject({
      bucket: { name: 'uploads' },
      object: { key: 'policies/a b.yaml', 'version-id': first.VersionId },
    });
  });
});

describe('another account', () => {
  it('reaches neither buckets nor buses of Gatehouse’s own', async () => {
    const config = administrator(endpoint, OTHER_ACCOUNT);
    const s3 = new S3Client(config);
    await expect(s3.send(new GetObjectCommand({ Bucket: 'uploads', Key: 'policies/a b.yaml' }))).rejects.toEqual(
      failure('AccessDenied'),
    );
    const entry = { Source: 'gatehouse', DetailType: 'granted', Detail: '{}', EventBusName: 'own' };
    await new EventBridgeClient(config).send(new PutEventsCommand({ Entries: [entry] }));
    expect(heard).toEqual([]);
  });
});

describe('EKS', () => {
  it('makes a cluster that becomes active, tells the bus, and removes it', async () => {
    const client = new EKSClient(administrator(endpoint));
    const roleArn = 'arn:aws:iam::111122223333:role/eks';
    const created = await client.send(
      new CreateClusterCommand({ name: 'new-one', roleArn, resourcesVpcConfig: {}, tags: { gatehouse: 'managed' } }),
    );
    expect(created.cluster?.status).toBe('CREATING');
    expect(created.cluster?.endpoint).toBeUndefined();
    const { cluster } = await client.send(new DescribeClusterCommand({ name: 'new-one' }));
    expect(cluster).toMatchObject({
      status: 'ACTIVE',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/new-one',
      endpoint: 'https://127.0.0.1:1/new-one',
      certificateAuthority: { data: 'Q0E=' },
      accessConfig: { authenticationMode: 'CONFIG_MAP' },
      tags: { gatehouse: 'managed' },
    });
    await client.send(new DeleteClusterCommand({ name: 'new-one' }));
    await expect(client.send(new DescribeClusterCommand({ name: 'new-one' }))).rejects.toEqual(
      failure('ResourceNotFoundException'),
    );
    expect(heard.map(({ source, detail }) => [source, detail.eventName])).toEqual([
      ['aws.eks', 'CreateCluster'],
      ['aws.eks', 'DeleteCluster'],
    ]);
  });

  it('pages its list', async () => {
    const client = new EKSClient(administrator(endpoint, OTHER_ACCOUNT));
    for (const name of ['c', 'a', 'b'])
      await endpoint.clusters.create({ account: OTHER_ACCOUNT, region: HOME.region, name });
    const first = await client.send(new ListClustersCommand({ maxResults: 2 }));
    expect(first.clusters).toEqual(['a', 'b']);
    expect((await client.send(new ListClustersCommand({ nextToken: first.nextToken! }))).clusters).toEqual(['c']);
  });
});

describe('what the endpoint does not play', () => {
  it.each([
    ['a service', 'kms', 'POST', '/', 'does not play the service kms'],
    ['an EKS call', 'eks', 'GET', '/addons', 'EKS GET /addons'],
    ['a Lambda call', 'lambda', 'GET', '/2018-10-31/layers', 'Lambda GET /2018-10-31/layers'],
    ['listing a bucket', 's3', 'GET', '/uploads', 'S3 GET on a bucket'],
  ])('is refused by name: %s', async (_name, service, method, path, message) => {
    const { hostname, port } = new URL(endpoint.url);
    const { credentials, region } = administrator(endpoint);
    const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
    const signed = await signer.sign({
      method,
      protocol: 'http:',
      hostname,
      port: Number(port),
      path,
      query: {},
      headers: { host: `${hostname}:${port}` },
    });
    const answer = await fetch(`${endpoint.url}${path}`, { method, headers: signed.headers });
    expect(answer.status).toBe(501);
    expect(await answer.text()).toContain(message);
  });
});

describe('a snapshot', () => {
  it('brings everything back but queues and tables', async () => {
    const { credentials } = administrator(endpoint);
    const again = await startEndpoint({ snapshot: JSON.parse(JSON.stringify(endpoint.snapshot())) });
    try {
      const config = { ...administrator(endpoint), endpoint: again.url, credentials };
      expect((await new STSClient(config).send(new GetCallerIdentityCommand({}))).Arn).toContain('user/administrator');
      expect(
        (await new SecretsManagerClient(config).send(new GetSecretValueCommand({ SecretId: 'gatehouse/x' })))
          .SecretString,
      ).toBe('new');
      const object = await new S3Client(config).send(
        new GetObjectCommand({ Bucket: 'uploads', Key: 'policies/a b.yaml' }),
      );
      expect(await object.Body?.transformToString()).toBe('two');
    } finally {
      await again.stop();
    }
  });
});
