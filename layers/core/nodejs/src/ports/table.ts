import type { Json } from '../access/json.ts';

/** Key of an item. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** One text for a key, for maps. */
export const keyId = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);

/**
 * An item: its key, and attributes that are JSON. `dueShard` and `dueAt` (milliseconds, UTC) put it into the `due` index,
 * which holds what still waits to be worked on; `expiresAt` (seconds) lets DynamoDB remove it some time afterwards.
 */
export interface Item extends Key {
  readonly dueShard?: string;
  readonly dueAt?: number;
  readonly expiresAt?: number;
  readonly [attribute: string]: Json | undefined;
}

/** What must hold for a write to happen. Members are alternatives to each other only through `anyOf`. */
export type Condition =
  /** No item has this key. */
  | { readonly absent: true }
  /** The item exists and these attributes have these values; `undefined` means the attribute is absent. */
  | { readonly equals: Readonly<Record<string, string | number | boolean | undefined>> }
  /** The item exists and this numeric attribute is less than the value. */
  | { readonly less: Readonly<Record<string, number>> }
  | { readonly anyOf: readonly Condition[] };

/** One page of a query. `next` is the sort key to go on after, absent at the end. */
export interface Page {
  readonly items: readonly Item[];
  readonly next?: string;
}

/**
 * One DynamoDB table, or something that keeps its rules: single-item atomicity, conditional writes, consistent reads, no
 * transactions. An item holds at most 400 KB.
 */
export interface Table {
  /** A consistent read. */
  get(key: Key): Promise<Item | undefined>;
  /** Replaces the whole item. @throws Failure `conflict` where the condition does not hold. */
  put(item: Item, condition?: Condition): Promise<void>;
  /** Deleting what is not there succeeds, unless the condition says otherwise. @throws Failure `conflict`. */
  delete(key: Key, condition?: Condition): Promise<void>;
  /** Consistent, in the order of the sort key (`reverse` turns it), one page of at most `limit` items (and at most 1 MB). */
  query(pk: string, options?: { prefix?: string; after?: string; limit?: number; reverse?: boolean }): Promise<Page>;
  /** Keys in the `due` index with `dueAt <= until`, earliest first. Eventually consistent: a hint, to be read again. */
  due(shard: string, until: number, limit: number): Promise<readonly Key[]>;
}

/** The reading half of a table. */
export type TableReader = Pick<Table, 'get' | 'query'>;
