import { Failure } from '@gatehouse/core/access/failure';
import type { Condition, Item, Key, Page, Table } from '@gatehouse/core/ports/table';

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MAX_ITEM_BYTES = 400 * 1024;
const MAX_PAGE_BYTES = 1024 * 1024;
const MAX_PK_BYTES = 2048;
const MAX_SK_BYTES = 1024;
const MAX_DEPTH = 32;

/** How often each method was called. */
export interface TableCalls {
  get: number;
  put: number;
  delete: number;
  query: number;
  due: number;
}

/** A {@link memoryTable}, open to the eyes of a test. */
export interface MemoryTable extends Table {
  /** Copies of all items, in the order of their keys. */
  items(): Item[];
  readonly calls: TableCalls;
}

/**
 * A DynamoDB table in memory that enforces the real one's rules: conditions, the size of items, keys and pages, the order
 * by UTF-8 bytes, numbers and nesting. Items go in and out as copies. As with DynamoDB, a page that ends because of its
 * limit has a `next` even where nothing follows.
 */
export function memoryTable(initial: readonly Item[] = []): MemoryTable {
  const partitions = new Map<string, Partition>();
  const due = new Map<string, Map<string, { key: Key; dueAt: number }>>();
  const calls: TableCalls = { get: 0, put: 0, delete: 0, query: 0, due: 0 };

  const find = ({ pk, sk }: Key): Item | undefined => partitions.get(pk)?.read(sk);
  const check = (key: Key, condition: Condition | undefined) => {
    if (condition && !holds(find(key), condition)) {
      throw new Failure('conflict', `the item ${key.pk} / ${key.sk} is not as the condition expects`);
    }
  };
  const unindex = (key: Key) => {
    const shard = find(key)?.dueShard;
    if (shard !== undefined) due.get(shard)?.delete(JSON.stringify([key.pk, key.sk]));
  };
  const store = (item: Item) => {
    const { pk, sk, dueShard, dueAt } = item;
    unindex(item);
    const partition = partitions.get(pk) ?? new Partition();
    partitions.set(pk, partition);
    partition.write(sk, item);
    if (dueShard === undefined || dueAt === undefined) return;
    const shard = due.get(dueShard) ?? new Map();
    due.set(dueShard, shard.set(JSON.stringify([pk, sk]), { key: { pk, sk }, dueAt }));
  };
  for (const item of initial) {
    checkItem(item);
    store(item);
  }

  return {
    calls,
    items: () =>
      [...partitions.keys()].sort(compareBytes).flatMap((pk) => {
        const partition = partitions.get(pk)!;
        return partition.keys().map((sk) => partition.read(sk)!);
      }),
    async get(key) {
      calls.get += 1;
      checkKey(key);
      return find(key);
    },
    async put(item, condition) {
      calls.put += 1;
      checkItem(item);
      check(item, condition);
      store(item);
    },
    async delete(key, condition) {
      calls.delete += 1;
      checkKey(key);
      check(key, condition);
      unindex(key);
      partitions.get(key.pk)?.remove(key.sk);
    },
    async query(pk, options = {}) {
      calls.query += 1;
      const { prefix = '', after, limit = Number.POSITIVE_INFINITY, reverse = false } = options;
      if (!(limit >= 1)) throw new Failure('invalid', `a page of ${limit} items cannot be asked for`);
      const partition = partitions.get(pk);
      if (!partition) return { items: [] };
      const keys = partition.keys(prefix);
      if (reverse) keys.reverse();
      const rest = keys.filter((sk) => after === undefined || compareBytes(sk, after) * (reverse ? -1 : 1) > 0);
      return page(rest, limit, (sk) => partition.read(sk)!);
    },
    async due(shard, until, limit) {
      calls.due += 1;
      return [...(due.get(shard)?.values() ?? [])]
        .filter(({ dueAt }) => dueAt <= until)
        .sort((a, b) => a.dueAt - b.dueAt)
        .slice(0, limit)
        .map(({ key }) => ({ ...key }));
    },
  };
}

/** Items of one partition, as texts, and their sort keys in order. */
class Partition {
  readonly #texts = new Map<string, string>();
  readonly #sorted: string[] = [];

  /** Those that begin with `prefix`. */
  keys(prefix = ''): string[] {
    const first = this.#placeOf(prefix);
    let behind = first;
    while (this.#sorted[behind]?.startsWith(prefix)) behind += 1;
    return this.#sorted.slice(first, behind);
  }

  read(sk: string): Item | undefined {
    const text = this.#texts.get(sk);
    return text === undefined ? undefined : (JSON.parse(text) as Item);
  }

  write(sk: string, item: Item): void {
    if (!this.#texts.has(sk)) this.#sorted.splice(this.#placeOf(sk), 0, sk);
    this.#texts.set(sk, JSON.stringify(item));
  }

  remove(sk: string): void {
    if (this.#texts.delete(sk)) this.#sorted.splice(this.#placeOf(sk), 1);
  }

  /** How many keys come before this one. */
  #placeOf(sk: string): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.#sorted[middle]!, sk) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The items of `keys` until one of the page's limits is reached. */
function page(keys: readonly string[], limit: number, read: (sk: string) => Item): Page {
  const items: Item[] = [];
  let bytes = 0;
  for (const sk of keys) {
    const item = read(sk);
    bytes += attributeBytes(item);
    if (bytes > MAX_PAGE_BYTES && items.length > 0) break;
    items.push(item);
    if (items.length === limit) break;
  }
  const last = items.at(-1);
  return last && (items.length < keys.length || items.length === limit) ? { items, next: last.sk } : { items };
}

function holds(item: Item | undefined, condition: Condition): boolean {
  if ('anyOf' in condition) return condition.anyOf.some((one) => holds(item, one));
  if ('absent' in condition) return item === undefined;
  if (item === undefined) return false;
  if ('equals' in condition) {
    return Object.entries(condition.equals).every(([attribute, value]) => item[attribute] === value);
  }
  return Object.entries(condition.less).every(([attribute, value]) => {
    const actual = item[attribute];
    return typeof actual === 'number' && actual < value;
  });
}

function checkKey({ pk, sk }: Key): void {
  for (const [name, value, limit] of [
    ['pk', pk, MAX_PK_BYTES],
    ['sk', sk, MAX_SK_BYTES],
  ] as const) {
    if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > limit) {
      throw new Failure('invalid', `the key attribute ${name} must be a text of 1 to ${limit} bytes`);
    }
  }
}

function checkItem(item: Item): void {
  checkKey(item);
  for (const [name, value] of Object.entries(item)) checkValue(value, name, 1);
  if (item.dueShard !== undefined && (typeof item.dueShard !== 'string' || item.dueShard === '')) {
    throw new Failure(
      'invalid',
      `dueShard of ${item.pk} / ${item.sk} is a key of an index: it must be a non-empty text`,
    );
  }
  if (item.dueAt !== undefined && typeof item.dueAt !== 'number') {
    throw new Failure('invalid', `dueAt of ${item.pk} / ${item.sk} is a key of an index: it must be a number`);
  }
  if (attributeBytes(item) > MAX_ITEM_BYTES) {
    throw new Failure('too-large', `the item ${item.pk} / ${item.sk} is over 400 KB`);
  }
}

/** Refuses what JSON or DynamoDB would change or refuse. */
function checkValue(value: unknown, path: string, depth: number): void {
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') {
    if (Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return;
    throw new Failure('invalid', `${path} is a number that a table cannot hold: ${value}`);
  }
  if (depth > MAX_DEPTH) throw new Failure('invalid', `${path} is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    value.forEach((member, index) => {
      if (member === undefined) throw new Failure('invalid', `${path}[${index}] is undefined`);
      checkValue(member, `${path}[${index}]`, depth + 1);
    });
    return;
  }
  const plain = typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!plain) throw new Failure('invalid', `${path} is not JSON`);
  for (const [name, member] of Object.entries(value as object)) checkValue(member, `${path}.${name}`, depth + 1);
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
function attributeBytes(item: object): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => (value === undefined ? sum : sum + Buffer.byteLength(name) + valueBytes(value)),
    0,
  );
}

function valueBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).replace(/\D/g, '').length / 2) + 1;
  if (Array.isArray(value)) return value.reduce((sum: number, member) => sum + 1 + valueBytes(member), 3);
  if (typeof value === 'object' && value !== null) {
    return 3 + Object.keys(value).length + attributeBytes(value);
  }
  return 1;
}

/** UTF-8 and UTF-16 order texts differently only where there are surrogates. */
function compareBytes(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

const SURROGATE = /[\ud800-\udfff]/;
