import type { Table } from '../ports/table.ts';
import { guardedTable } from '../schema/version.ts';
import { dynamoTable } from './table.ts';

/** The state table as functions see it: not at all while its items are of a version that they do not know. */
export function stateTable(tableName: string): Table {
  return guardedTable(dynamoTable({ tableName }));
}
