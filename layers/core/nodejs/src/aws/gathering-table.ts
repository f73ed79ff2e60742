import { BatchGetItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Failure, isFailure } from '../access/failure.ts';
import { type Key, keyId, type Table } from '../ports/table.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';
import { gatheredGets } from './gathered-gets.ts';
import { dynamoTable, itemOf, keyOf } from './table.ts';

/**
 * {@link dynamoTable}, for functions that look at many subjects: gets that are asked for at the same time are one
 * BatchGetItem. A get by itself stays a GetItem.
 */
export function gatheringTable(options: { tableName: string; client?: DynamoDBClient }): Table {
  const { tableName, client = new DynamoDBClient(CLIENT_DEFAULTS) } = options;
  const table = dynamoTable({ tableName, client });

  const readBatch = (keys: readonly Key[]) =>
    orFailure(`reading ${keys.length} items of the table ${tableName}`, async () => {
      const { Responses = {}, UnprocessedKeys = {} } = await client.send(
        new BatchGetItemCommand({ RequestItems: { [tableName]: { Keys: keys.map(keyOf), ConsistentRead: true } } }),
      );
      const items = new Map((Responses[tableName] ?? []).map(itemOf).map((item) => [keyId(item), item]));
      return { items, isWhole: Object.keys(UnprocessedKeys).length === 0 };
    });
  const readEach = (keys: readonly Key[]) =>
    Promise.all(keys.map((key) => table.get(key).catch((error: unknown) => error as Failure)));
  return {
    ...table,
    get: gatheredGets(async (keys) => {
      if (keys.length === 1) return readEach(keys);
      try {
        const { items, isWhole } = await readBatch(keys);
        // What DynamoDB left out, for its limits, is read one by one: the SDK waits and tries again for a GetItem.
        const left = isWhole ? [] : keys.filter((key) => !items.has(keyId(key)));
        const others = new Map((await readEach(left)).map((item, index) => [keyId(left[index]!), item]));
        return keys.map((key) => items.get(keyId(key)) ?? others.get(keyId(key)));
      } catch (error) {
        // One key that DynamoDB does not take, too long for it say, makes it refuse all.
        if (isFailure(error, 'invalid')) return readEach(keys);
        throw error;
      }
    }),
  };
}
