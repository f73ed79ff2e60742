import { Failure } from '@gatehouse/core/access/failure';
import type { Item, Key } from '@gatehouse/core/ports/table';
import { MIGRATIONS, type Migration, migrate, type StateItems } from '@gatehouse/core/schema/migrate';
import { checkSchema, guardedTable, readSchema, SCHEMA_KEY, SCHEMA_VERSION } from '@gatehouse/core/schema/version';
import { describe, expect, it } from 'vitest';
import { type MemoryTable, memoryTable } from '../../fakes/table.ts';

/** Migrations that the project never needed: a renamed attribute, and one that is new and follows from another. */
const TWO: readonly Migration[] = [
  {
    to: 2,
    about: 'a name is called a title',
    forward: ({ name, ...item }) => (name === undefined ? item : { ...item, title: name }),
    back: ({ title, ...item }) => (title === undefined ? item : { ...item, name: title }),
  },
  {
    to: 3,
    about: 'titles are known by their length',
    forward: (item) => (typeof item.title === 'string' ? { ...item, length: item.title.length } : item),
    back: ({ length: _length, ...item }) => item,
  },
];
const ITEMS: readonly Item[] = [
  { pk: 'a', sk: '1', name: 'one' },
  { pk: 'a', sk: '2', other: [1, 2] },
  { pk: 'b', sk: '1', name: 'three' },
  { pk: 'c', sk: '1', name: 'four' },
];
const order = ({ pk, sk }: Key) => `${pk}/${sk}`;

/** The items of a table in memory, two on a page. `before` comes before each change, and may fail or change it. */
function itemsOf(table: MemoryTable, before: (item: Item) => Promise<void> | void = () => {}): StateItems {
  return {
    get: (key) => table.get(key),
    put: (item) => table.put(item),
    async scan(after) {
      const rest = table.items().filter((item) => after === undefined || order(item) > order(after));
      const items = rest.slice(0, 2);
      const { pk, sk } = items.at(-1) ?? { pk: '', sk: '' };
      return rest.length > 2 ? { items, next: { pk, sk } } : { items };
    },
    async change(was, is) {
      await before(was);
      const now = await table.get(was);
      if (JSON.stringify(now) !== JSON.stringify(was)) throw new Failure('conflict', 'it was changed');
      await table.put(is);
    },
  };
}
const contents = (table: MemoryTable) => table.items().filter(({ pk }) => pk !== SCHEMA_KEY.pk);
const to = (version: number, table: MemoryTable, items = itemsOf(table)) => migrate(items, version, () => {}, TWO);

describe('a migration', () => {
  it('changes what it concerns, step by step, and writes the version down', async () => {
    const table = memoryTable(ITEMS);
    expect(await to(3, table)).toEqual({ from: 1, to: 3, changed: 6 });
    expect(await readSchema(table)).toEqual({ version: 3 });
    expect(contents(table)).toEqual([
      { pk: 'a', sk: '1', title: 'one', length: 3 },
      { pk: 'a', sk: '2', other: [1, 2] },
      { pk: 'b', sk: '1', title: 'three', length: 5 },
      { pk: 'c', sk: '1', title: 'four', length: 4 },
    ]);
  });

  it('leads back to what was, and changes nothing the second time', async () => {
    const table = memoryTable(ITEMS);
    await to(3, table);
    expect(await to(3, table)).toMatchObject({ changed: 0 });
    await to(1, table);
    expect(contents(table)).toEqual(ITEMS);
    expect(await readSchema(table)).toEqual({ version: 1 });
  });

  it('that breaks off at any change goes on, and ends the same; asked the other way, it is ended first', async () => {
    for (let broken = 1; broken <= 6; broken++) {
      for (const wanted of [3, 1]) {
        const table = memoryTable(ITEMS);
        let changes = 0;
        const failing = itemsOf(table, () => {
          if (++changes === broken) throw new Failure('unreachable', 'the line is down');
        });
        await expect(to(3, table, failing)).rejects.toThrow('the line is down');
        await to(wanted, table);
        const whole = memoryTable(ITEMS);
        await to(wanted, whole);
        expect(contents(table)).toEqual(contents(whole));
        expect(await readSchema(table)).toEqual({ version: wanted });
      }
    }
  });

  it('begins after the last page that was whole', async () => {
    const table = memoryTable(ITEMS);
    const failing = itemsOf(table, ({ pk }) => {
      if (pk === 'c') throw new Failure('unreachable', 'the line is down');
    });
    await expect(to(2, table, failing)).rejects.toThrow();
    expect(await readSchema(table)).toEqual({ version: 1, migrating: { to: 2, after: { pk: 'a', sk: '2' } } });
  });

  it('takes what somebody writes meanwhile', async () => {
    const table = memoryTable(ITEMS);
    let once = true;
    const items = itemsOf(table, async (item) => {
      if (item.pk !== 'b' || !once) return;
      once = false;
      await table.put({ pk: 'b', sk: '1', name: 'changed' });
    });
    await to(2, table, items);
    expect(await table.get({ pk: 'b', sk: '1' })).toEqual({ pk: 'b', sk: '1', title: 'changed' });
  });

  it('that nobody wrote is refused', async () => {
    await expect(to(4, memoryTable(ITEMS))).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('to where a new table is says so in it', async () => {
    const table = memoryTable();
    expect(await migrate(itemsOf(table), SCHEMA_VERSION)).toEqual({ from: 1, to: SCHEMA_VERSION, changed: 0 });
    expect(table.items()).toEqual([{ ...SCHEMA_KEY, version: SCHEMA_VERSION }]);
  });
});

describe('the migrations of this release', () => {
  it('lead to each version but the first, in order', () => {
    expect(MIGRATIONS.map((one) => one.to)).toEqual(
      Array.from({ length: SCHEMA_VERSION - 1 }, (_, index) => index + 2),
    );
  });
});

describe('a release', () => {
  it.each([
    [3, 3, true],
    [3, 2, true],
    [3, 4, true],
    [3, 1, false],
    [3, 5, false],
  ])('that knows version %i works with %i: %s', (known, version, works) => {
    const check = () => checkSchema({ version }, known);
    if (works) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'unsupported', retryable: true }));
  });

  it('does not work while a migration leads away from it', () => {
    expect(() => checkSchema({ version: 2, migrating: { to: 3 } }, 1)).toThrow(/version 3/);
  });

  it('looks once at a version that it knows, and again at one that it does not, before it touches anything', async () => {
    const table = memoryTable([{ ...SCHEMA_KEY, version: 3 }, ...ITEMS]);
    const guarded = guardedTable(table, 1);
    await expect(guarded.put({ pk: 'z', sk: '1' })).rejects.toMatchObject({ code: 'unsupported' });
    await expect(guarded.query('a')).rejects.toMatchObject({ code: 'unsupported' });
    expect(table.calls).toMatchObject({ get: 2, put: 0, query: 0 });
    await table.put({ ...SCHEMA_KEY, version: 2 });
    await Promise.all([guarded.put({ pk: 'z', sk: '1' }), guarded.get({ pk: 'z', sk: '1' })]);
    await guarded.delete({ pk: 'z', sk: '1' });
    expect(table.calls.get).toBe(4);
  });
});
