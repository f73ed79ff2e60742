import type { Table } from '../ports/table.ts';
import { guardedTable } from '../schema/version.ts';
import { dynamoTable } from './table.ts';

/**
 * The state table as functions see it: not at all while its items are of a version that they do not know.
 * @param open How it is reached over DynamoDB.
 */
export function stateTable(tableName: string, open: (options: { tableName: string }) => Table = dynamoTable): Table {
  return guardedTable(open({ tableName }));
}
