import DataLoader from 'dataloader';
import { type Item, type Key, keyId, type Table } from '../ports/table.ts';

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
      const keys = new Map(asked.map((key) => [keyId(key), key]));
      const items = await readItems([...keys.values()]);
      const found = new Map([...keys.keys()].map((id, index) => [id, items[index]]));
      return asked.map((key) => found.get(keyId(key)));
    },
    { cache: false, maxBatchSize: MOST_KEYS },
  );
  return (key) => loader.load(key);
}
