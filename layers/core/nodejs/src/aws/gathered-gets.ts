import DataLoader from 'dataloader';
import type { Item, Key, Table } from '../ports/table.ts';

/** Keys that one BatchGetItem takes (amazondynamodb/latest/APIReference/API_BatchGetItem.html). */
const MOST_KEYS = 100;

/**
 * Reads several items, each key once, and answers in the order of the keys: an Error where one could not be read. Each read is
 * consistent, for itself.
 */
export type ReadItems = (keys: readonly Key[]) => Promise<readonly (Item | Error | undefined)[]>;

/**
 * A table's `get` whose reads that are asked for at the same time are one: as many as a batch takes. Nothing is remembered
 * from one batch to the next, so each answer is what stood in the table after it was asked for.
 */
export function gatheredGets(readItems: ReadItems): Table['get'] {
  const loader = new DataLoader<Key, Item | undefined>(
    async (asked) => {
      const places = new Map<string, number>();
      const keys: Key[] = [];
      for (const key of asked) {
        if (places.has(idOf(key))) continue;
        places.set(idOf(key), keys.push(key) - 1);
      }
      const items = await readItems(keys);
      return asked.map((key) => items[places.get(idOf(key))!]);
    },
    { cache: false, maxBatchSize: MOST_KEYS },
  );
  return (key) => loader.load(key);
}

const idOf = ({ pk, sk }: Key): string => JSON.stringify([pk, sk]);
