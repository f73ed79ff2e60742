import { Failure } from '../access/failure.ts';
import type { Item, Key, Table, TableReader } from '../ports/table.ts';

/**
 * The version of what the items of the state table hold. It grows when a release can no longer read what the one before wrote
 * without a migration ({@link MIGRATIONS}). A release works with its own version, with one older, and with one newer: so the
 * functions may be changed before the items, and the last release may come back.
 */
export const SCHEMA_VERSION = 1;

/** Where a state table says of which version it is. */
export const SCHEMA_KEY: Key = { pk: 'schema', sk: 'version' };

/** What a state table says of itself. */
export interface StateSchema {
  readonly version: number;
  /** A migration that has begun: to which version, and the last key that it has come to. */
  readonly migrating?: { readonly to: number; readonly after?: Key };
}

/** The version of a state table. One that says nothing is of the first. */
export async function readSchema(reader: Pick<TableReader, 'get'>): Promise<StateSchema> {
  const item = await reader.get(SCHEMA_KEY);
  if (!item) return { version: 1 };
  const migrating = item.migrating as unknown as StateSchema['migrating'];
  return { version: item.version as number, ...(migrating === undefined ? {} : { migrating }) };
}

/** The item that says so. */
export function schemaItem({ version, migrating }: StateSchema): Item {
  return {
    ...SCHEMA_KEY,
    version,
    ...(migrating === undefined ? {} : { migrating: JSON.parse(JSON.stringify(migrating)) }),
  };
}

/**
 * @param known the version that a release writes.
 * @throws Failure `unsupported`, to be tried again, where the items are more than one version away: somebody migrated them for
 *   another release, and this one would misread them.
 */
export function checkSchema({ version, migrating }: StateSchema, known = SCHEMA_VERSION): void {
  const stray = [version, migrating?.to ?? version].find((one) => Math.abs(one - known) > 1);
  if (stray === undefined) return;
  const remedy =
    stray > known
      ? `deploy the release that wrote it, or with that release: gatehouse upgrade --state-back`
      : `deploy the releases between, one after the other: each gatehouse upgrade brings the state one version on`;
  throw new Failure('unsupported', `the state is of schema version ${stray}, and this release knows version ${known}`, {
    remedy,
    retryable: true,
  });
}

/** A table that is neither read nor written before it was seen, once, that its items are of a version that is known. */
export function guardedTable(table: Table, known = SCHEMA_VERSION): Table {
  let checked: Promise<void> | undefined;
  const check = () => {
    checked ??= readSchema(table).then((schema) => checkSchema(schema, known));
    // What was refused is looked at again next time.
    checked.catch(() => {
      checked = undefined;
    });
    return checked;
  };
  return {
    get: async (key) => check().then(() => table.get(key)),
    put: async (item, condition) => check().then(() => table.put(item, condition)),
    delete: async (key, condition) => check().then(() => table.delete(key, condition)),
    query: async (pk, options) => check().then(() => table.query(pk, options)),
    due: async (shard, until, limit) => check().then(() => table.due(shard, until, limit)),
  };
}
