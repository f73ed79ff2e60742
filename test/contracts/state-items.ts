import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Json } from '@gatehouse/core/access/json';
import { dynamoStateItems } from '@gatehouse/core/aws/state-items';
import { dynamoTable } from '@gatehouse/core/aws/table';
import type { Item } from '@gatehouse/core/ports/table';
import { type Migration, migrate, type StateItems } from '@gatehouse/core/schema/migrate';
import { readSchema } from '@gatehouse/core/schema/version';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/** A DynamoDB. */
export interface StateItemsSubject {
  readonly client: DynamoDBClient;
  /** False where a condition never holds for a list or map: the one deviation that is known. */
  readonly comparesDocuments: boolean;
  close(): Promise<void>;
}

let tables = 0;

const BEFORE: Item = { pk: 'p', sk: '1', name: 'a', constructor: { deep: [1] }, gone: true };
const AFTER: Item = { pk: 'p', sk: '1', title: 'a', constructor: { deep: [2] } };

/** What whoever migrates may rely on. */
export function stateItemsContract(name: string, start: () => Promise<StateItemsSubject>): void {
  describe(`the items of a state table over ${name}`, () => {
    let subject: StateItemsSubject;
    let client: DynamoDBClient;
    let TableName: string;
    let items: StateItems;
    beforeAll(async () => {
      subject = await start();
      client = subject.client;
    });
    afterAll(async () => {
      client?.destroy();
      await subject?.close();
    });
    beforeEach(async () => {
      TableName = `state-${++tables}`;
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [
            { AttributeName: 'pk', AttributeType: 'S' },
            { AttributeName: 'sk', AttributeType: 'S' },
          ],
          KeySchema: [
            { AttributeName: 'pk', KeyType: 'HASH' },
            { AttributeName: 'sk', KeyType: 'RANGE' },
          ],
        }),
      );
      items = dynamoStateItems(client, TableName);
    });

    it('are changed where they differ; what others wrote beside it stays', async () => {
      await items.put({ ...BEFORE, beside: 1 });
      const after = { ...AFTER, constructor: BEFORE.constructor as unknown as Json };
      await items.change(BEFORE, after);
      expect(await items.get(BEFORE)).toEqual({ ...after, beside: 1 });
    });

    it('are changed in the middle of a document', async () => {
      await items.put(BEFORE);
      const change = items.change(BEFORE, AFTER);
      if (subject.comparesDocuments) await expect(change).resolves.toBeUndefined();
      else await expect(change).rejects.toMatchObject({ code: 'conflict' });
      expect(await items.get(BEFORE)).toEqual(subject.comparesDocuments ? AFTER : BEFORE);
    });

    it.each<[string, Item]>([
      ['another value', { ...BEFORE, name: 'b' }],
      ['another value further down', { ...BEFORE, constructor: { deep: [3] } }],
      ['what is to be new', { ...BEFORE, title: 'b' }],
    ])('are not changed where somebody wrote %s meanwhile', async (_what, now) => {
      await items.put(now);
      await expect(items.change(BEFORE, AFTER)).rejects.toMatchObject({ code: 'conflict' });
      expect(await items.get(BEFORE)).toEqual(now);
    });

    it('are not made anew where somebody deleted them meanwhile', async () => {
      await expect(items.change(BEFORE, AFTER)).rejects.toMatchObject({ code: 'conflict' });
      expect(await items.get(BEFORE)).toBeUndefined();
    });

    it('are migrated, all of them, over pages, and back', async () => {
      const rename: Migration = {
        to: 2,
        about: 'a name is called a title',
        forward: ({ name, ...item }) => (name === undefined ? item : { ...item, title: name }),
        back: ({ title, ...item }) => (title === undefined ? item : { ...item, name: title }),
      };
      // A page of a scan is a megabyte.
      const filling = 'x'.repeat(300_000);
      const names = ['a', 'b', 'c', 'd', 'e'];
      for (const name of names) await items.put({ pk: name, sk: '1', name, filling });
      expect((await items.scan()).next).toBeDefined();
      expect(await migrate(items, 2, () => {}, [rename])).toEqual({ from: 1, to: 2, changed: 5 });
      const table = dynamoTable({ tableName: TableName, client });
      expect(await readSchema(table)).toEqual({ version: 2 });
      for (const name of names) expect(await table.get({ pk: name, sk: '1' })).toMatchObject({ title: name });
      await migrate(items, 1, () => {}, [rename]);
      for (const name of names)
        expect(await items.get({ pk: name, sk: '1' })).toEqual({ pk: name, sk: '1', name, filling });
    });
  });
}
