import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { tableOver } from '../contracts/over-aws.ts';
import { stateItemsContract } from '../contracts/state-items.ts';
import { tableContract } from '../contracts/table.ts';
import { CHECKING, type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ env: CHECKING });
});
afterAll(() => emulator?.stop());

tableContract('the emulator', () => tableOver(emulator.aws()));
stateItemsContract('the emulator', async () => ({
  client: new DynamoDBClient(emulator.config()),
  comparesDocuments: true,
  close: async () => {},
}));
