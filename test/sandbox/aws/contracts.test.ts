import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EKSClient } from '@aws-sdk/client-eks';
import { IAMClient } from '@aws-sdk/client-iam';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { clusterArn } from '@gatehouse/core/access/arn';
import { s3Documents } from '@gatehouse/core/aws/documents';
import { eksOver } from '@gatehouse/core/aws/eks';
import { iamOver } from '@gatehouse/core/aws/iam';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { DUE_INDEX, dynamoTable } from '@gatehouse/core/aws/table';
import type { QueueName } from '@gatehouse/core/ports/queues';
import { afterAll } from 'vitest';
import { addToGroup, attachPolicy, createGroup, createLoginProfile } from '../../../sandbox/src/aws/iam/operations.ts';
import { documentsContract } from '../../contracts/documents.ts';
import { eksContract } from '../../contracts/eks.ts';
import { iamContract } from '../../contracts/iam.ts';
import { queuesContract } from '../../contracts/queues.ts';
import { secretsContract } from '../../contracts/secrets.ts';
import { tableContract } from '../../contracts/table.ts';
import { administrator, HOME, startEndpoint } from './own-endpoint.ts';

const NAME = 'the sandbox’s AWS endpoint';
const running: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of running) await stop();
});

async function start() {
  const endpoint = await startEndpoint();
  running.push(() => endpoint.stop());
  return { endpoint, config: administrator(endpoint) };
}

tableContract(NAME, async () => {
  const { config } = await start();
  const client = new DynamoDBClient(config);
  const text = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' as const });
  await client.send(
    new CreateTableCommand({
      TableName: 'state',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [text('pk'), text('sk'), text('dueShard'), { AttributeName: 'dueAt', AttributeType: 'N' }],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: DUE_INDEX,
          KeySchema: [
            { AttributeName: 'dueShard', KeyType: 'HASH' },
            { AttributeName: 'dueAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    }),
  );
  return { table: dynamoTable({ tableName: 'state', client }) };
});

queuesContract(NAME, async () => {
  const { config } = await start();
  const client = new SQSClient(config);
  const create = async (name: QueueName, fifo: boolean) => {
    const attributes = fifo ? { Attributes: { FifoQueue: 'true' } } : {};
    const answer = await client.send(
      new CreateQueueCommand({ QueueName: `${name}${fifo ? '.fifo' : ''}`, ...attributes }),
    );
    return answer.QueueUrl!;
  };
  const urls = {
    intake: await create('intake', false),
    later: await create('later', false),
    iam: await create('iam', true),
    clusters: await create('clusters', true),
  };
  return {
    queues: sqsQueues(urls, client),
    drain: async (queue) => {
      const bodies: string[] = [];
      for (;;) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl: urls[queue], MaxNumberOfMessages: 10 }),
        );
        if (Messages.length === 0) return bodies;
        for (const { Body, ReceiptHandle } of Messages) {
          bodies.push(Body!);
          await client.send(new DeleteMessageCommand({ QueueUrl: urls[queue], ReceiptHandle: ReceiptHandle! }));
        }
      }
    },
  };
});

secretsContract(NAME, async () => {
  const { config } = await start();
  const client = new SecretsManagerClient(config);
  return {
    secrets: secretsManager(client),
    tags: async (name) => {
      const { Tags = [] } = await client.send(new DescribeSecretCommand({ SecretId: name }));
      return Object.fromEntries(Tags.map(({ Key, Value }) => [Key!, Value!]));
    },
  };
});

documentsContract(NAME, async () => {
  const { endpoint, config } = await start();
  endpoint.objects.createBucket(HOME.account, HOME.region, {
    logicalId: 'B',
    name: 'policies',
    eventBridge: false,
    versioned: true,
  });
  const client = new S3Client({ ...config, forcePathStyle: true });
  return {
    documents: s3Documents({ client }),
    bucket: 'policies',
    upload: async (Bucket, Key, Body) => (await client.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId,
  };
});

eksContract(NAME, async () => {
  const { endpoint, config } = await start();
  await endpoint.clusters.create({ ...HOME, name: 'prod-eu', tags: { env: 'prod' } });
  return {
    eks: eksOver(new EKSClient(config)),
    clusters: [
      {
        name: 'prod-eu',
        arn: clusterArn(HOME.account, HOME.region, 'prod-eu'),
        status: 'ACTIVE',
        endpoint: 'https://127.0.0.1:1/prod-eu',
        certificateAuthority: 'Q0E=',
        version: '1.34',
        authenticationMode: 'CONFIG_MAP',
        tags: { env: 'prod' },
      },
    ],
  };
});

iamContract(NAME, async () => {
  const { endpoint, config } = await start();
  const { iam } = endpoint;
  return {
    iam: iamOver(new IAMClient(config)),
    account: HOME.account,
    attach: async (kind, name, arn) => attachPolicy(iam, HOME.account, kind, name, arn),
    addToGroup: async (user, group) => {
      createGroup(iam, HOME.account, group);
      addToGroup(iam, HOME.account, user, group);
    },
    createLoginProfile: async (user) => createLoginProfile(iam, HOME.account, user),
  };
});
