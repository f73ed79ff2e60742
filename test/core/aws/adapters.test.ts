import { inspect } from 'node:util';
import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { Failure } from '@gatehouse/core/access/failure';
import { eksOver } from '@gatehouse/core/aws/eks';
import { gatheringTable } from '@gatehouse/core/aws/gathering-table';
import { eventBridgeNotices } from '@gatehouse/core/aws/notices';
import { secretsManager } from '@gatehouse/core/aws/secrets';
import { dynamoTable } from '@gatehouse/core/aws/table';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { ANY_CREDENTIALS } from '../../contracts/loopback.ts';

const error = (name: string, $metadata: object = {}) => Object.assign(new Error(name), { name, $metadata });

describe('dynamoTable, where the answer to a first attempt was lost', () => {
  const dynamo = mockClient(DynamoDBClient);
  const table = dynamoTable({ tableName: 'state', client: new DynamoDBClient(ANY_CREDENTIALS) });
  const key = { pk: 'a', sk: 'b' };
  const conditionFailed = (attempts: number) =>
    error('ConditionalCheckFailedException', { attempts, httpStatusCode: 400 });
  beforeEach(() => dynamo.reset());

  it.each<[string, 'own' | "somebody else's" | 'none', number, boolean]>([
    ['a put meets its own item at the second attempt', 'own', 2, true],
    ["a put meets somebody else's item at the second attempt", "somebody else's", 2, false],
    ['a put meets no item at the second attempt', 'none', 2, false],
    ['a put fails at the first attempt', 'own', 1, false],
  ])('%s', async (_what, standing, attempts, held) => {
    dynamo.on(PutItemCommand).rejects(conditionFailed(attempts));
    dynamo.on(GetItemCommand).callsFake(() => {
      const written = dynamo.commandCalls(PutItemCommand)[0]?.args[0].input.Item;
      if (standing === 'own') return { Item: written };
      return standing === 'none' ? {} : { Item: { ...written, writeId: { S: 'another' } } };
    });
    const put = table.put({ ...key, epoch: 7 }, { absent: true });
    if (held) await put;
    else await expect(put).rejects.toMatchObject({ code: 'conflict' });
    expect(dynamo.commandCalls(GetItemCommand)).toHaveLength(attempts > 1 ? 1 : 0);
  });

  it.each([
    [2, undefined, true],
    [2, { ...key }, false],
    [1, undefined, false],
  ])('a delete at attempt %i, with %j still there, has held: %s', async (attempts, standing, held) => {
    dynamo.on(DeleteItemCommand).rejects(conditionFailed(attempts));
    dynamo.on(GetItemCommand).resolves(standing ? { Item: { pk: { S: 'a' }, sk: { S: 'b' } } } : {});
    const deletion = table.delete(key, { equals: { token: 't' } });
    if (held) await deletion;
    else await expect(deletion).rejects.toMatchObject({ code: 'conflict' });
  });

  it('never shows the id of a write', async () => {
    dynamo.on(PutItemCommand).resolves({});
    await table.put({ ...key, epoch: 7 }, { absent: true });
    const Item = dynamo.commandCalls(PutItemCommand)[0]!.args[0].input.Item!;
    expect(Item.writeId?.S).toMatch(/^[0-9a-f-]{36}$/);
    dynamo.on(GetItemCommand).resolves({ Item });
    dynamo.on(QueryCommand).resolves({ Items: [Item] });
    expect(await table.get(key)).toEqual({ ...key, epoch: 7 });
    expect(await table.query('a')).toEqual({ items: [{ ...key, epoch: 7 }] });
  });

  it('reads consistently, but the index', async () => {
    dynamo.onAnyCommand().resolves({});
    await table.get(key);
    await table.query('a', { prefix: 'b', limit: 3 });
    await table.due('shard', 5, 10);
    const [get, query, due] = dynamo.calls().map((call) => call.args[0].input as Record<string, unknown>);
    expect(get).toMatchObject({ ConsistentRead: true, TableName: 'state' });
    expect(query).toMatchObject({ ConsistentRead: true, Limit: 3 });
    expect(due).toMatchObject({ IndexName: 'due', Limit: 10 });
    expect(due).not.toHaveProperty('ConsistentRead');
  });

  it('says which item of which table', async () => {
    dynamo.on(GetItemCommand).rejects(error('AccessDeniedException', { httpStatusCode: 400 }));
    await expect(table.get(key)).rejects.toMatchObject({
      code: 'forbidden',
      message: 'reading a / b of the table state failed: AccessDeniedException',
    });
  });
});

describe('gatheringTable', () => {
  const dynamo = mockClient(DynamoDBClient);
  const table = gatheringTable({ tableName: 'state', client: new DynamoDBClient(ANY_CREDENTIALS) });
  const key = (sk: string) => ({ pk: 'a', sk });
  const keyIn = (sk: string) => ({ pk: { S: 'a' }, sk: { S: sk } });
  beforeEach(() => dynamo.reset());

  it('reads at once what is asked for at one time, each key once and consistently', async () => {
    dynamo
      .on(BatchGetItemCommand)
      .resolves({ Responses: { state: [{ ...keyIn('y'), writeId: { S: 'w' } }, keyIn('x')] } });
    const read = await Promise.all(['x', 'y', 'z', 'x'].map((sk) => table.get(key(sk))));
    expect(read).toEqual([key('x'), key('y'), undefined, key('x')]);
    expect(dynamo.calls().map((call) => call.args[0].input)).toEqual([
      { RequestItems: { state: { Keys: ['x', 'y', 'z'].map(keyIn), ConsistentRead: true } } },
    ]);
  });

  it('reads a single item by itself', async () => {
    dynamo.on(GetItemCommand).resolves({ Item: keyIn('x') });
    expect(await table.get(key('x'))).toEqual(key('x'));
    expect(dynamo.calls()).toHaveLength(1);
  });

  it('remembers nothing', async () => {
    dynamo
      .on(GetItemCommand)
      .resolvesOnce({ Item: keyIn('x') })
      .resolvesOnce({});
    expect(await table.get(key('x'))).toEqual(key('x'));
    expect(await table.get(key('x'))).toBeUndefined();
  });

  it('reads one by one what DynamoDB left out', async () => {
    dynamo.on(BatchGetItemCommand).resolves({
      Responses: { state: [keyIn('x')] },
      UnprocessedKeys: { state: { Keys: [keyIn('y')] } },
    });
    dynamo.on(GetItemCommand, { Key: keyIn('y') }).resolves({ Item: { ...keyIn('y'), of: { N: '1' } } });
    dynamo.on(GetItemCommand, { Key: keyIn('z') }).resolves({});
    expect(await Promise.all(['x', 'y', 'z'].map((sk) => table.get(key(sk))))).toEqual([
      key('x'),
      { ...key('y'), of: 1 },
      undefined,
    ]);
  });

  it('fails of a batch that is refused because of one key only that one', async () => {
    dynamo.on(BatchGetItemCommand).rejects(error('ValidationException', { httpStatusCode: 400 }));
    dynamo.on(GetItemCommand, { Key: keyIn('x') }).resolves({ Item: keyIn('x') });
    dynamo.on(GetItemCommand, { Key: keyIn('y') }).rejects(error('ValidationException', { httpStatusCode: 400 }));
    const all = await Promise.allSettled(['x', 'y'].map((sk) => table.get(key(sk))));
    expect(all).toMatchObject([
      { value: key('x') },
      { reason: { code: 'invalid', message: expect.stringContaining('reading a / y') } },
    ]);
  });

  it('fails all reads of a batch that fails, and no others', async () => {
    dynamo.on(BatchGetItemCommand).rejects(error('AccessDeniedException', { httpStatusCode: 400 }));
    const all = await Promise.allSettled(['x', 'y'].map((sk) => table.get(key(sk))));
    const failure = { code: 'forbidden', message: 'reading 2 items of the table state failed: AccessDeniedException' };
    expect(all).toMatchObject([{ reason: failure }, { reason: failure }]);
    dynamo.on(GetItemCommand).resolves({});
    expect(await table.get(key('x'))).toBeUndefined();
  });
});

describe('secretsManager', () => {
  const manager = mockClient(SecretsManagerClient);
  const secrets = secretsManager(new SecretsManagerClient(ANY_CREDENTIALS));
  beforeEach(() => manager.reset());

  it('creates with tags, and writes a new value where the secret exists', async () => {
    manager.on(CreateSecretCommand).rejects(error('ResourceExistsException', { httpStatusCode: 400 }));
    manager.on(PutSecretValueCommand).resolves({});
    await secrets.write('gatehouse/key', 'value', { 'gatehouse:managed': 'true' });
    expect(manager.calls().map((call) => call.args[0].input)).toEqual([
      { Name: 'gatehouse/key', SecretString: 'value', Tags: [{ Key: 'gatehouse:managed', Value: 'true' }] },
      { SecretId: 'gatehouse/key', SecretString: 'value' },
    ]);
  });

  it('does not write over what it may not create', async () => {
    manager.on(CreateSecretCommand).rejects(error('AccessDeniedException', { httpStatusCode: 400 }));
    await expect(secrets.write('gatehouse/key', 'value', {})).rejects.toMatchObject({ code: 'forbidden' });
    expect(manager.commandCalls(PutSecretValueCommand)).toEqual([]);
  });

  it('never tells the value, also where the service quotes it', async () => {
    const quoting = Object.assign(new Error("Value 'top-secret' at 'secretString' is wrong"), {
      name: 'ValidationException',
    });
    manager.on(CreateSecretCommand).rejects(quoting);
    const failure = await secrets
      .write('gatehouse/key', 'top-secret', {})
      .catch((thrown: unknown) => thrown as Failure);
    expect(failure).toMatchObject({ code: 'invalid', retryable: false, message: expect.stringContaining('***') });
    expect(inspect(failure)).not.toContain('top-secret');
  });

  it('refuses to read bytes', async () => {
    manager.on(GetSecretValueCommand).resolves({ SecretBinary: new Uint8Array([1]) });
    await expect(secrets.read('gatehouse/key')).rejects.toMatchObject({ code: 'invalid' });
  });

  it('takes "not found" for no value and for removed, and nothing else', async () => {
    manager.onAnyCommand().rejects(error('ResourceNotFoundException', { httpStatusCode: 400 }));
    expect(await secrets.read('gatehouse/key')).toBeUndefined();
    await secrets.remove('gatehouse/key');
    expect(manager.commandCalls(DeleteSecretCommand)[0]!.args[0].input).toEqual({
      SecretId: 'gatehouse/key',
      ForceDeleteWithoutRecovery: true,
    });
    manager.on(GetSecretValueCommand).rejects(error('DecryptionFailure', { httpStatusCode: 400 }));
    await expect(secrets.read('gatehouse/key')).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('eventBridgeNotices', () => {
  const bridge = mockClient(EventBridgeClient);
  beforeEach(() => bridge.reset());
  const notices = (failures: Failure[]) =>
    eventBridgeNotices({
      busName: 'gatehouse',
      client: new EventBridgeClient(ANY_CREDENTIALS),
      onFailure: (failure) => failures.push(failure),
    });
  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ type: 'turn', detail: { index } }));

  it('publishes ten a call', async () => {
    bridge.on(PutEventsCommand).resolves({ Entries: [] });
    const failures: Failure[] = [];
    await notices(failures).publish(many(12));
    const entries = bridge.commandCalls(PutEventsCommand).map((call) => call.args[0].input.Entries);
    expect(entries.map((batch) => batch?.length)).toEqual([10, 2]);
    expect(entries[1]?.[1]).toEqual({
      EventBusName: 'gatehouse',
      Source: 'gatehouse',
      DetailType: 'turn',
      Detail: '{"index":11}',
    });
    expect(failures).toEqual([]);
  });

  it('never fails what it tells of, but says that it could not', async () => {
    bridge
      .on(PutEventsCommand)
      .rejectsOnce(error('ThrottlingException', { httpStatusCode: 400 }))
      .resolves({ Entries: [{ EventId: '1' }, { ErrorCode: 'InternalFailure', ErrorMessage: 'no' }] });
    const failures: Failure[] = [];
    await notices(failures).publish(many(12));
    expect(failures.map(({ code }) => code)).toEqual(['throttled', 'unreachable']);
  });
});

describe('eksOver', () => {
  const mock = mockClient(EKSClient);
  const eks = eksOver(new EKSClient(ANY_CREDENTIALS));
  beforeEach(() => mock.reset());

  it('takes what EKS says of a cluster, with CONFIG_MAP where it says nothing of access entries', async () => {
    mock.on(DescribeClusterCommand).resolves({ cluster: { name: 'a', arn: 'arn', status: 'ACTIVE' } });
    expect(await eks.describeCluster('a')).toEqual({
      name: 'a',
      arn: 'arn',
      status: 'ACTIVE',
      authenticationMode: 'CONFIG_MAP',
      tags: {},
    });
    mock.on(DescribeClusterCommand).resolves({
      cluster: {
        name: 'a',
        arn: 'arn',
        status: 'UPDATING',
        endpoint: 'https://a',
        version: '1.34',
        certificateAuthority: { data: 'cGVt' },
        accessConfig: { authenticationMode: 'API' },
        tags: { team: 'pay' },
      },
    });
    expect(await eks.describeCluster('a')).toEqual({
      name: 'a',
      arn: 'arn',
      status: 'UPDATING',
      endpoint: 'https://a',
      version: '1.34',
      certificateAuthority: 'cGVt',
      authenticationMode: 'API',
      tags: { team: 'pay' },
    });
  });

  it('answers undefined for no cluster, and fails for everything else', async () => {
    mock.on(DescribeClusterCommand).rejects(error('ResourceNotFoundException', { httpStatusCode: 404 }));
    expect(await eks.describeCluster('a')).toBeUndefined();
    mock.on(DescribeClusterCommand).rejects(error('ServerException', { httpStatusCode: 500 }));
    await expect(eks.describeCluster('a')).rejects.toMatchObject({ retryable: true });
  });
});
