import { randomUUID } from 'node:crypto';
import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { isFailure } from '../access/failure.ts';
import type { Condition, Item, Key, Page, Table } from '../ports/table.ts';
import { fromAttributes, toAttributes, toAttributeValue } from './attribute-value.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';
import { orFailure } from './failures.ts';

/** Name of the global secondary index: partition key `dueShard`, sort key `dueAt`, keys only. */
export const DUE_INDEX = 'due';

/** Attribute that names the conditional write an item comes from; never part of what is read. */
const WRITE_ID = 'writeId';

/**
 * The {@link Table} over DynamoDB: keys `pk` and `sk` (both texts), index {@link DUE_INDEX}, consistent reads.
 *
 * The SDK tries again when an answer is lost, and may then meet its own first write: a condition that fails on a later
 * attempt has held after all where the item carries this write's id, or is gone where it was to be deleted.
 */
export function dynamoTable(options: { tableName: string; client?: DynamoDBClient }): Table {
  const { tableName: TableName, client = new DynamoDBClient(CLIENT_DEFAULTS) } = options;
  const where = (key: Key) => `${key.pk} / ${key.sk} of the table ${TableName}`;

  const read = (key: Key): Promise<Record<string, AttributeValue> | undefined> =>
    orFailure(`reading ${where(key)}`, async () => {
      const { Item: found } = await client.send(
        new GetItemCommand({ TableName, Key: keyOf(key), ConsistentRead: true }),
      );
      return found;
    });

  return {
    async get(key) {
      const found = await read(key);
      return found && itemOf(found);
    },
    async put(item, condition) {
      const writeId = condition && randomUUID();
      const attributes = toAttributes(writeId === undefined ? item : { ...item, [WRITE_ID]: writeId });
      try {
        await orFailure(`writing ${where(item)}`, () =>
          client.send(new PutItemCommand({ TableName, Item: attributes, ...conditionOf(condition) })),
        );
      } catch (failure) {
        const heldAtFirst = mayHaveHeld(failure) && (await read(item))?.[WRITE_ID]?.S === writeId;
        if (!heldAtFirst) throw failure;
      }
    },
    async delete(key, condition) {
      try {
        await orFailure(`deleting ${where(key)}`, () =>
          client.send(new DeleteItemCommand({ TableName, Key: keyOf(key), ...conditionOf(condition) })),
        );
      } catch (failure) {
        const heldAtFirst = mayHaveHeld(failure) && (await read(key)) === undefined;
        if (!heldAtFirst) throw failure;
      }
    },
    query(pk, { prefix = '', after, limit, reverse = false } = {}) {
      return orFailure(`querying ${pk} of the table ${TableName}`, async (): Promise<Page> => {
        const start = startKey(pk, prefix, after, reverse);
        if (start === 'nothing left') return { items: [] };
        const { Items = [], LastEvaluatedKey } = await client.send(
          new QueryCommand({
            TableName,
            ConsistentRead: true,
            KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': { S: pk }, ...(prefix === '' ? {} : { ':prefix': { S: prefix } }) },
            ScanIndexForward: !reverse,
            ...(limit === undefined ? {} : { Limit: limit }),
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        const items = Items.map(itemOf);
        const next = LastEvaluatedKey?.sk?.S;
        return next === undefined ? { items } : { items, next };
      });
    },
    due(shard, until, limit) {
      return orFailure(`querying what is due in ${shard} of the table ${TableName}`, async () => {
        const { Items = [] } = await client.send(
          new QueryCommand({
            TableName,
            IndexName: DUE_INDEX,
            KeyConditionExpression: 'dueShard = :shard AND dueAt <= :until',
            ExpressionAttributeValues: { ':shard': { S: shard }, ':until': { N: String(until) } },
            Limit: limit,
          }),
        );
        return Items.map(({ pk, sk }) => ({ pk: pk?.S ?? '', sk: sk?.S ?? '' }));
      });
    },
  };
}

/** A key in DynamoDB's words. */
export function keyOf({ pk, sk }: Key): Record<string, AttributeValue> {
  return { pk: { S: pk }, sk: { S: sk } };
}

/** DynamoDB refuses a start key outside of the range that is queried; to the caller such a start is before or behind it. */
function startKey(pk: string, prefix: string, after: string | undefined, reverse: boolean) {
  if (after === undefined || after.startsWith(prefix))
    return after === undefined ? undefined : keyOf({ pk, sk: after });
  const startsBehindRange = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) > 0;
  return startsBehindRange === reverse ? undefined : ('nothing left' as const);
}

/** What was read, without the id of its write. */
export function itemOf({ [WRITE_ID]: _writeId, ...attributes }: Record<string, AttributeValue>): Item {
  return fromAttributes(attributes) as unknown as Item;
}

/** A condition that failed, but not at the first attempt. */
function mayHaveHeld(failure: unknown): boolean {
  if (!isFailure(failure, 'conflict')) return false;
  const { $metadata } = (failure.cause ?? {}) as { $metadata?: { attempts?: number } };
  return ($metadata?.attempts ?? 1) > 1;
}

interface ConditionInput {
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
}

/** A condition in DynamoDB's words. All names are placeholders, because many common words are reserved. */
function conditionOf(condition: Condition | undefined): ConditionInput {
  if (condition === undefined) return {};
  const names = new Map<string, string>();
  const values = new Map<string, AttributeValue>();
  const name = (attribute: string) => {
    const placeholder = names.get(attribute) ?? `#a${names.size}`;
    names.set(attribute, placeholder);
    return placeholder;
  };
  const value = (of: string | number | boolean) => {
    const placeholder = `:v${values.size}`;
    values.set(placeholder, toAttributeValue(of));
    return placeholder;
  };
  const exists = () => `attribute_exists(${name('pk')})`;
  const write = (one: Condition): string => {
    if ('absent' in one) return `attribute_not_exists(${name('pk')})`;
    if ('anyOf' in one) {
      // DynamoDB has no "false": no alternative at all is what no item can fulfil.
      if (one.anyOf.length === 0) return `(${exists()} AND attribute_not_exists(${name('pk')}))`;
      const alternatives = one.anyOf.map(write);
      // DynamoDB refuses parentheses within parentheses that change nothing.
      return alternatives.length === 1 ? alternatives[0]! : `(${alternatives.join(' OR ')})`;
    }
    const comparisons =
      'equals' in one
        ? Object.entries(one.equals).map(([attribute, wanted]) =>
            wanted === undefined ? `attribute_not_exists(${name(attribute)})` : `${name(attribute)} = ${value(wanted)}`,
          )
        : Object.entries(one.less).map(([attribute, bound]) => `${name(attribute)} < ${value(bound)}`);
    return `(${[exists(), ...comparisons].join(' AND ')})`;
  };
  const ConditionExpression = write(condition);
  return {
    ConditionExpression,
    ExpressionAttributeNames: Object.fromEntries(
      [...names].map(([attribute, placeholder]) => [placeholder, attribute]),
    ),
    ...(values.size === 0 ? {} : { ExpressionAttributeValues: Object.fromEntries(values) }),
  };
}
