import { digest } from '../access/digest.ts';
import type { Item, Key, Page, Table, TableReader } from '../ports/table.ts';

/** Members of a fact that say where it stands in the pipeline, not what is true. */
const BOOKKEEPING = new Set(['dirty', 'dueShard', 'dueAt', 'cause', 'progress']);

/**
 * Reads facts consistently and remembers what it read, so that a turn can tell at its end whether what it derived from still
 * holds. Reading the same thing twice answers from memory: a turn derives from one picture.
 */
export class FactReader implements TableReader {
  readonly #table: TableReader;
  readonly #gets = new Map<string, { key: Key; item: Item | undefined }>();
  readonly #queries = new Map<string, { pk: string; options: Parameters<Table['query']>[1]; page: Page }>();

  constructor(table: TableReader) {
    this.#table = table;
  }

  async get(key: Key): Promise<Item | undefined> {
    const id = `${key.pk} ${key.sk}`;
    const known = this.#gets.get(id);
    if (known) return known.item;
    const item = await this.#table.get(key);
    this.#gets.set(id, { key, item });
    return item;
  }

  async query(pk: string, options: Parameters<Table['query']>[1] = {}): Promise<Page> {
    const id = JSON.stringify([pk, options]);
    const known = this.#queries.get(id);
    if (known) return known.page;
    const page = await this.#table.query(pk, options);
    this.#queries.set(id, { pk, options, page });
    return page;
  }

  /** Every item that was read by its key and is there. */
  *items(): Iterable<Item> {
    for (const { item } of this.#gets.values()) if (item) yield item;
  }

  /** A digest of all that was read by its key: another one where any of it is another. */
  digest(): string {
    return digest([...this.#gets].map(([id, { item }]) => `${id} ${substance(item)}`).sort());
  }

  /** Reads everything once more. True where all of it is what it was. */
  async stillHolds(): Promise<boolean> {
    for (const { key, item } of this.#gets.values()) {
      if (substance(item) !== substance(await this.#table.get(key))) return false;
    }
    for (const { pk, options, page } of this.#queries.values()) {
      const again = await this.#table.query(pk, options);
      if (again.next !== page.next || digest(again.items.map(substance)) !== digest(page.items.map(substance))) {
        return false;
      }
    }
    return true;
  }
}

function substance(item: Item | undefined): string {
  if (!item) return 'absent';
  return digest(Object.fromEntries(Object.entries(item).filter(([name]) => !BOOKKEEPING.has(name))));
}
