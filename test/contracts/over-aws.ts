import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  AddUserToGroupCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreateLoginProfileCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DeleteSecretCommand, DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { s3Documents } from '@gatehouse/core/aws/documents';
import { gatheringTable } from '@gatehouse/core/aws/gathering-table';
import { iamOver } from '@gatehouse/core/aws/iam';
import { sqsQueues } from '@gatehouse/core/aws/queues';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import type { QueueName } from '@gatehouse/core/ports/queues';
import { readTemplate } from '../../sandbox/src/template/read.ts';
import type { DocumentsSubject } from './documents.ts';
import type { IamUnderTest } from './iam.ts';
import type { QueuesSubject, Received } from './queues.ts';
import type { SecretsSubject } from './secrets.ts';
import type { TableSubject } from './table.ts';

/** Something that speaks AWS's protocols, and how an SDK client reaches it as the administrator of an account. */
export interface Aws {
  readonly account: string;
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
    };
  };
  /** Sets its clock forward. */
  advance(seconds: number): void;
}

const TEMPLATE = readFileSync(join(import.meta.dirname, '..', '..', 'template.yaml'), 'utf8');
let stacks = 0;

/** What template.yaml describes, with names of its own for each call. */
function newStack({ account, client }: Aws) {
  stacks += 1;
  const { region, endpoint } = client;
  return readTemplate(TEMPLATE, { stack: `stack-${stacks}`, account, region, endpoint });
}

/** The table of template.yaml, made anew. */
export async function tableOver(aws: Aws, make = gatheringTable): Promise<TableSubject> {
  const client = new DynamoDBClient(aws.client);
  const { name, input } = newStack(aws).tables.find(({ logicalId }) => logicalId === 'StateTable')!;
  await client.send(new CreateTableCommand(input as unknown as CreateTableCommand['input']));
  return { table: make({ tableName: name, client }), close: async () => client.destroy() };
}

const LOGICAL_IDS: Readonly<Record<QueueName, string>> = {
  intake: 'IntakeQueue',
  iam: 'IamQueue',
  clusters: 'ClustersQueue',
  later: 'LaterQueue',
};

/** The queues of template.yaml, made anew. */
export async function queuesOver(aws: Aws): Promise<QueuesSubject> {
  const client = new SQSClient(aws.client);
  const { queues } = newStack(aws);
  // SQS takes no dead-letter queue that is not there yet.
  const later = ({ attributes }: (typeof queues)[number]) => Number(attributes.RedrivePolicy !== undefined);
  for (const { name, attributes } of queues.toSorted((one, other) => later(one) - later(other))) {
    await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  }
  const wired = (queue: QueueName) => queues.find(({ logicalId }) => logicalId === LOGICAL_IDS[queue])!;
  const urls = Object.fromEntries(
    (Object.keys(LOGICAL_IDS) as QueueName[]).map((queue) => [queue, wired(queue).url]),
  ) as Record<QueueName, string>;

  const receive = async (QueueUrl: string, max: number): Promise<Received[]> => {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: 0,
        MessageSystemAttributeNames: ['All'],
      }),
    );
    return Messages.map(({ Body = '', ReceiptHandle = '', Attributes = {} }) => ({
      body: Body,
      handle: ReceiptHandle,
      receiveCount: Number(Attributes.ApproximateReceiveCount),
      ...(Attributes.MessageGroupId === undefined ? {} : { groupId: Attributes.MessageGroupId }),
    }));
  };
  return {
    queues: sqsQueues(urls, client),
    receive: (queue, max = 10) => receive(urls[queue], max),
    async delete(queue, handles) {
      const Entries = handles.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: urls[queue], Entries }));
      return Failed.map(({ Id }) => handles[Number(Id)]!);
    },
    async setVisibility(queue, ReceiptHandle, VisibilityTimeout) {
      await client.send(
        new ChangeMessageVisibilityCommand({ QueueUrl: urls[queue], ReceiptHandle, VisibilityTimeout }),
      );
    },
    async dead(queue) {
      const { deadLetterTargetArn } = JSON.parse(wired(queue).attributes.RedrivePolicy!) as Record<string, string>;
      const { url } = queues.find(({ arn }) => arn === deadLetterTargetArn)!;
      return (await receive(url, 10)).map(({ body }) => body);
    },
    advance: (seconds) => aws.advance(seconds),
    close: async () => client.destroy(),
  };
}

/** Secrets Manager as it is. */
export async function secretsOver(aws: Aws): Promise<SecretsSubject> {
  const client = new SecretsManagerClient(aws.client);
  return {
    secrets: secretsManager(client),
    tags: async (name) => {
      const { Tags = [] } = await client.send(new DescribeSecretCommand({ SecretId: name }));
      return Object.fromEntries(Tags.map(({ Key, Value }) => [Key!, Value!]));
    },
    async markForDeletion(name) {
      await client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
    },
    close: async () => client.destroy(),
  };
}

/** A bucket that there is. */
export async function documentsOver(aws: Aws, bucket: string): Promise<DocumentsSubject> {
  const client = new S3Client({ ...aws.client, forcePathStyle: true });
  return {
    documents: s3Documents({ client }),
    bucket,
    upload: async (Bucket, Key, text) =>
      (await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.from(text) }))).VersionId,
    close: async () => client.destroy(),
  };
}

/** IAM of an account in which nothing is but this boundary. */
export function iamUnderTest(aws: Aws, boundary: string): IamUnderTest {
  const client = new IAMClient({ ...aws.client, maxAttempts: 1 });
  return {
    iam: iamOver(client),
    account: aws.account,
    boundary,
    async attach(kind, name, PolicyArn) {
      if (kind === 'role') await client.send(new AttachRolePolicyCommand({ RoleName: name, PolicyArn }));
      else await client.send(new AttachUserPolicyCommand({ UserName: name, PolicyArn }));
    },
    async addToGroup(UserName, GroupName) {
      await client.send(new CreateGroupCommand({ GroupName }));
      await client.send(new AddUserToGroupCommand({ UserName, GroupName }));
    },
    async createLoginProfile(UserName) {
      await client.send(new CreateLoginProfileCommand({ UserName, Password: 'correct horse battery' }));
    },
  };
}
