import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Failure } from '@gatehouse/core/access/failure';
import { dynamoStateItems } from '@gatehouse/core/aws/state-items';
import type { StateItems } from '@gatehouse/core/schema/migrate';
import type { Cloud } from './cloud.ts';
import { physicalIds } from './stack.ts';

/** The items of a stack's state table, as whoever deploys may scan and change them. @throws Failure `not-found`. */
export async function stateOf({ cloudFormation, region }: Cloud, stack: string): Promise<StateItems> {
  const table = (await physicalIds(cloudFormation, stack)).get('StateTable')?.id;
  if (table === undefined) throw new Failure('not-found', `the stack ${stack} has no state table`);
  const { credentials } = cloudFormation.config;
  return dynamoStateItems(new DynamoDBClient({ region, credentials }), table);
}
