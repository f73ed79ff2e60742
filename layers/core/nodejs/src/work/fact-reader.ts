import { digest } from '../access/digest.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import { type Item, type Key, keyId, type Page, type Table, type TableReader } from '../ports/table.ts';

/** Gets at one time: few calls, where a table gathers them (`aws/gathering-table.ts`). */
const GETS_AT_ONCE = 400;

/** Members of a fact that say where it stands in the pipeline, not what is true. */
const BOOKKEEPING = new Set(['dirty', 'dueShard', 'dueAt', 'cause', 'progress']);

/**
 * Reads facts consistently and remembers what it read, so that a turn can tell at its end whether what it derived from still
 * holds. Reading the same thing twice, even at once, answers from memory: a turn derives from one picture.
 */
export class FactReader implements TableReader {
  readonly #table: TableReader;
  readonly #gets = new Map<string, { key: Key; item: Item | undefined }>();
  readonly #queries = new Map<string, { pk: string; options: Parameters<Table['query']>[1]; page: Page }>();

  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(table: TableReader) {
    this.#table = table;
  }

  async get(key: Key): Promise<Item | undefined> {
    const id = keyId(key);
    const known = this.#gets.get(id);
    if (known) return known.item;
    return this.#once(id, async () => {
      const item = await this.#table.get(key);
      this.#gets.set(id, { key, item });
      return item;
    });
  }

  async query(pk: string, options: Parameters<Table['query']>[1] = {}): Promise<Page> {
    const id = JSON.stringify([pk, options]);
    const known = this.#queries.get(id);
    if (known) return known.page;
    return this.#once(id, async () => {
      const page = await this.#table.query(pk, options);
      this.#queries.set(id, { pk, options, page });
      return page;
    });
  }

  /** What is being read is not read a second time meanwhile. */
  #once<T>(id: string, read: () => Promise<T>): Promise<T> {
    const underWay = this.#underWay.get(id) as Promise<T> | undefined;
    if (underWay) return underWay;
    const reading = read().finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, reading);
    return reading;
  }

  /** Every item that was read by its key and is there. */
  *items(): Iterable<Item> {
    for (const { item } of this.#gets.values()) if (item) yield item;
  }

  /** Reads everything once more. True where all of it is what it was. */
  async stillHolds(): Promise<boolean> {
    let holds = true;
    await eachAtOnce(
      this.#gets.values(),
      async ({ key, item }) => {
        if (!holds) return;
        if (substance(item) !== substance(await this.#table.get(key))) holds = false;
      },
      GETS_AT_ONCE,
    );
    await eachAtOnce(this.#queries.values(), async ({ pk, options, page }) => {
      if (!holds) return;
      const again = await this.#table.query(pk, options);
      const isSame =
        again.next === page.next && digest(again.items.map(substance)) === digest(page.items.map(substance));
      if (!isSame) holds = false;
    });
    return holds;
  }
}

function substance(item: Item | undefined): string {
  if (!item) return 'absent';
  return digest(Object.fromEntries(Object.entries(item).filter(([name]) => !BOOKKEEPING.has(name))));
}
