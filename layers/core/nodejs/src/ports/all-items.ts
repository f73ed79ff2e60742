import type { Item, TableReader } from './table.ts';

/** All items under a partition key whose sort key begins with `prefix`, page by page, in the order of the sort key. */
export async function allItems(reader: TableReader, pk: string, prefix?: string): Promise<Item[]> {
  const items: Item[] = [];
  const options = prefix === undefined ? {} : { prefix };
  let after: string | undefined;
  do {
    const page = await reader.query(pk, after === undefined ? options : { ...options, after });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}
