import {
  type AttributeValue,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { sameJson } from '../access/json.ts';
import type { Item, Key } from '../ports/table.ts';
import type { StateItems } from '../schema/migrate.ts';
import { fromAttributes, toAttributes } from './attribute-value.ts';
import { orFailure } from './failures.ts';

/** The {@link StateItems} over DynamoDB, for whoever migrates. Functions may not scan. */
export function dynamoStateItems(client: DynamoDBClient, TableName: string): StateItems {
  const keyOf = ({ pk, sk }: Key) => ({ pk: { S: pk }, sk: { S: sk } });
  return {
    async get(key) {
      const { Item: found } = await orFailure(`reading ${key.pk} / ${key.sk} of the table ${TableName}`, () =>
        client.send(new GetItemCommand({ TableName, Key: keyOf(key), ConsistentRead: true })),
      );
      return found && (fromAttributes(found) as unknown as Item);
    },
    async scan(after) {
      const { Items = [], LastEvaluatedKey } = await orFailure(`scanning the table ${TableName}`, () =>
        client.send(
          new ScanCommand({
            TableName,
            ConsistentRead: true,
            ...(after === undefined ? {} : { ExclusiveStartKey: keyOf(after) }),
          }),
        ),
      );
      const items = Items.map((item) => fromAttributes(item) as unknown as Item);
      const { pk, sk } = LastEvaluatedKey ?? {};
      return pk?.S === undefined || sk?.S === undefined ? { items } : { items, next: { pk: pk.S, sk: sk.S } };
    },
    async put(item) {
      await orFailure(`writing ${item.pk} / ${item.sk} of the table ${TableName}`, () =>
        client.send(new PutItemCommand({ TableName, Item: toAttributes(item) })),
      );
    },
    async change(before, after) {
      await orFailure(`changing ${before.pk} / ${before.sk} of the table ${TableName}`, () =>
        client.send(new UpdateItemCommand({ TableName, Key: keyOf(before), ...updateOf(before, after) })),
      );
    },
  };
}

/** Only what differs is written, and only where it is as it was: what others write beside it stays. */
function updateOf(before: Item, after: Item) {
  const [was, is] = [toAttributes(before), toAttributes(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (name) => !(name in was && name in is && sameJson(before[name] ?? null, after[name] ?? null)),
  );
  const values: Record<string, AttributeValue> = {};
  const value = (placeholder: string, of: AttributeValue) => {
    values[placeholder] = of;
    return placeholder;
  };
  const numbered = names.map((name, index) => ({ name, at: `#a${index}`, index }));
  const set = numbered.flatMap(({ name, at, index }) =>
    is[name] ? [`${at} = ${value(`:is${index}`, is[name])}`] : [],
  );
  const remove = numbered.flatMap(({ name, at }) => (is[name] ? [] : [at]));
  const held = numbered.map(({ name, at, index }) =>
    was[name] ? `${at} = ${value(`:was${index}`, was[name])}` : `attribute_not_exists(${at})`,
  );
  return {
    UpdateExpression: [
      ...(set.length === 0 ? [] : [`SET ${set.join(', ')}`]),
      ...(remove.length === 0 ? [] : [`REMOVE ${remove.join(', ')}`]),
    ].join(' '),
    ConditionExpression: ['attribute_exists(#pk)', ...held].join(' AND '),
    ExpressionAttributeNames: Object.fromEntries([['#pk', 'pk'], ...numbered.map(({ name, at }) => [at, name])]),
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}
