import { Failure, isFailure } from '../access/failure.ts';
import { sameJson } from '../access/json.ts';
import type { Item, Key, TableReader } from '../ports/table.ts';
import { readSchema, SCHEMA_KEY, type StateSchema, schemaItem } from './version.ts';

/**
 * How items get from one version to the next, and back. Both ways are pure, touch no key, leave items alone that do not concern
 * them, and give the same when they are asked twice: a migration that broke off begins anew where it was.
 */
export interface Migration {
  /** The version that it leads to, from the one before. */
  readonly to: number;
  /** One sentence for people. */
  readonly about: string;
  forward(item: Item): Item;
  back(item: Item): Item;
}

/** All migrations there ever were, in order. Version 1 is the first, so nothing leads to it. */
export const MIGRATIONS: readonly Migration[] = [];

/** The items of a whole table. */
export interface StateItems extends Pick<TableReader, 'get'> {
  /** One page of all items, whatever their keys, after a key. */
  scan(after?: Key): Promise<{ readonly items: readonly Item[]; readonly next?: Key }>;
  /** Brings what differs in an item from `before` to `after`. @throws Failure `conflict` where somebody changed it meanwhile. */
  change(before: Item, after: Item): Promise<void>;
  put(item: Item): Promise<void>;
}

/** What a migration did. */
export interface Migrated {
  readonly from: number;
  readonly to: number;
  /** How many items were changed. */
  readonly changed: number;
}

/**
 * Brings a table to a version, step by step. Safe to break off and to repeat: what is done is written down with each page.
 * @param tell is told of each step and page. @throws Failure `unsupported` where no migration leads there.
 */
export async function migrate(
  store: StateItems,
  to: number,
  tell: (line: string) => void = () => {},
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<Migrated> {
  const begun = await readSchema(store);
  let changed = 0;
  let schema = begun;
  // One that broke off is brought to its end first, whichever way is asked for now.
  while (schema.migrating !== undefined || schema.version !== to) {
    const next = schema.migrating?.to ?? schema.version + Math.sign(to - schema.version);
    changed += await step(store, schema, next, tell, migrations);
    schema = { version: next };
    await store.put(schemaItem(schema));
  }
  // A table that has never said of which version it is says so from now on.
  if (begun.version === to && begun.migrating === undefined && !(await store.get(SCHEMA_KEY))) {
    await store.put(schemaItem(schema));
  }
  return { from: begun.version, to, changed };
}

async function step(
  store: StateItems,
  schema: StateSchema,
  to: number,
  tell: (line: string) => void,
  migrations: readonly Migration[],
): Promise<number> {
  const isForward = to > schema.version;
  const migration = migrations.find((one) => one.to === (isForward ? to : schema.version));
  if (!migration) {
    throw new Failure('unsupported', `no migration leads from schema version ${schema.version} to ${to}`, {
      remedy: 'use the release that wrote the state',
    });
  }
  tell(`${isForward ? 'to' : 'back to'} schema version ${to}: ${migration.about}`);
  const shape = (item: Item) => (isForward ? migration.forward(item) : migration.back(item));
  let changed = 0;
  let after = schema.migrating?.after;
  for (;;) {
    await store.put(
      schemaItem({ version: schema.version, migrating: { to, ...(after === undefined ? {} : { after }) } }),
    );
    const page = await store.scan(after);
    for (const item of page.items) if (await reshape(store, item, shape)) changed += 1;
    if (page.next === undefined) return changed;
    after = page.next;
    tell(`${changed} items changed so far`);
  }
}

/** How often one item is tried. */
const TRIES = 20;

/** Changes one item, again where somebody else changes it meanwhile. */
async function reshape(store: StateItems, seen: Item, shape: (item: Item) => Item): Promise<boolean> {
  let item: Item | undefined = seen;
  for (let tries = 1; item !== undefined && !(item.pk === SCHEMA_KEY.pk && item.sk === SCHEMA_KEY.sk); tries++) {
    const after = shape(item);
    if (sameJson({ ...after }, { ...item })) return false;
    if (after.pk !== item.pk || after.sk !== item.sk) {
      throw new Failure('invalid', `a migration must leave the keys, and changes ${item.pk} / ${item.sk}`);
    }
    try {
      await store.change(item, after);
      return true;
    } catch (error) {
      if (!isFailure(error, 'conflict') || tries === TRIES) throw error;
      item = await store.get(item);
    }
  }
  return false;
}
