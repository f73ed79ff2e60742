import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ANY_CREDENTIALS, startDynalite } from '../../contracts/loopback.ts';
import { stateItemsContract } from '../../contracts/state-items.ts';

stateItemsContract('a DynamoDB in process', async () => {
  const server = await startDynalite();
  const client = new DynamoDBClient({ ...ANY_CREDENTIALS, endpoint: server.endpoint });
  return { client, comparesDocuments: false, close: () => server.close() };
});
