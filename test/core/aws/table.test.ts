import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DUE_INDEX, dynamoTable } from '@gatehouse/core/aws/table';
import { ANY_CREDENTIALS, startDynalite } from '../../contracts/loopback.ts';
import { type TableSubject, tableContract } from '../../contracts/table.ts';
import { memoryTable } from '../../fakes/table.ts';

/** The adapter over a DynamoDB in process, with the table that template.yaml describes. */
async function overDynalite(): Promise<TableSubject> {
  const server = await startDynalite();
  const client = new DynamoDBClient({ ...ANY_CREDENTIALS, endpoint: server.endpoint });
  await client.send(
    new CreateTableCommand({
      TableName: 'state',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
        { AttributeName: 'dueShard', AttributeType: 'S' },
        { AttributeName: 'dueAt', AttributeType: 'N' },
      ],
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
  return {
    table: dynamoTable({ tableName: 'state', client }),
    close: async () => {
      client.destroy();
      await server.close();
    },
  };
}

tableContract('in memory', async () => ({ table: memoryTable() }));
tableContract('over DynamoDB', overDynalite);
