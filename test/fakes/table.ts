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
  const partitions = new Map<string, Map<string, string>>();
  const calls: TableCalls = { get: 0, put: 0, delete: 0, query: 0, due: 0 };

  const find = ({ pk, sk }: Key): Item | undefined => {
    const text = partitions.get(pk)?.get(sk);
    return text === undefined ? undefined : (JSON.parse(text) as Item);
  };
  const check = (key: Key, condition: Condition | undefined) => {
    if (condition && !holds(find(key), condition)) {
      throw new Failure('conflict', `the item ${key.pk} / ${key.sk} is not as the condition expects`);
    }
  };
  const store = (item: Item) => {
    checkItem(item);
    const partition = partitions.get(item.pk) ?? new Map<string, string>();
    partition.set(item.sk, JSON.stringify(item));
    partitions.set(item.pk, partition);
  };
  for (const item of initial) store(item);

  const all = (): Item[] =>
    [...partitions.keys()]
      .sort(compareBytes)
      .flatMap((pk) => [...partitions.get(pk)!.keys()].sort(compareBytes).map((sk) => find({ pk, sk })!));

  return {
    calls,
    items: all,
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
      partitions.get(key.pk)?.delete(key.sk);
    },
    async query(pk, options = {}) {
      calls.query += 1;
      const { prefix = '', after, limit = Number.POSITIVE_INFINITY, reverse = false } = options;
      if (!(limit >= 1)) throw new Failure('invalid', `a page of ${limit} items cannot be asked for`);
      const keys = [...(partitions.get(pk)?.keys() ?? [])].filter((sk) => sk.startsWith(prefix)).sort(compareBytes);
      if (reverse) keys.reverse();
      const rest = keys.filter((sk) => after === undefined || compareBytes(sk, after) * (reverse ? -1 : 1) > 0);
      return page(rest, limit, (sk) => find({ pk, sk })!);
    },
    async due(shard, until, limit) {
      calls.due += 1;
      return all()
        .filter((item) => item.dueShard === shard && item.dueAt !== undefined && item.dueAt <= until)
        .sort((a, b) => a.dueAt! - b.dueAt!)
        .slice(0, limit)
        .map(({ pk, sk }) => ({ pk, sk }));
    },
  };
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

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
