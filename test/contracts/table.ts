import type { Failure } from '@gatehouse/core/access/failure';
import type { Condition, Item, Key, Table } from '@gatehouse/core/ports/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Deviations, expectDeviations } from './deviations.ts';

/** A table under test, and how to end what serves it. */
export interface TableSubject {
  readonly table: Table;
  close?(): Promise<void>;
}

const item = (pk: string, sk: string, attributes: Partial<Item> = {}): Item => ({ ...attributes, pk, sk }) as Item;

/** Every page of a query. */
async function all(table: Table, pk: string, options: { prefix?: string; limit?: number; reverse?: boolean } = {}) {
  const items: Item[] = [];
  let after: string | undefined;
  do {
    const page = await table.query(pk, { ...options, ...(after === undefined ? {} : { after }) });
    items.push(...page.items);
    after = page.next;
  } while (after !== undefined);
  return items;
}

const failsWith = (code: Failure['code']) => expect.objectContaining({ name: 'Failure', code });

/** What every {@link Table} promises. `make` is called once; each test keeps to a partition of its own. */
export function tableContract(name: string, make: () => Promise<TableSubject>, deviations: Deviations = {}): void {
  describe(`Table: ${name}`, () => {
    expectDeviations(deviations);
    let subject: TableSubject;
    let table: Table;
    let counter = 0;
    const partition = () => {
      counter += 1;
      return `partition-${counter}`;
    };
    beforeAll(async () => {
      subject = await make();
      table = subject.table;
    });
    afterAll(() => subject?.close?.());

    describe('items', () => {
      it('are read at once like one by one: each its own, also twice, also where there is none', async () => {
        const pk = partition();
        const keys = Array.from({ length: 230 }, (_, index) => ({ pk, sk: `item-${index % 115}` }));
        const there = keys.slice(0, 115).filter((_, index) => index % 3 > 0);
        for (const key of there) await table.put(item(key.pk, key.sk, { of: key.sk }));
        const read = await Promise.all(keys.map((key) => table.get(key)));
        expect(read).toEqual(
          keys.map((key) => (there.some(({ sk }) => sk === key.sk) ? { ...key, of: key.sk } : undefined)),
        );
      });

      it('come back as they were put', async () => {
        const pk = partition();
        const put = item(pk, 'one', {
          text: 'grün \u{1F6AA} "quoted"\n',
          empty: '',
          number: -1.25,
          zero: 0,
          large: Number.MAX_SAFE_INTEGER,
          yes: true,
          no: false,
          nothing: null,
          list: [1, 'two', null, [], {}],
          map: { deep: { deeper: ['x'] } },
        });
        await table.put(put);
        expect(await table.get({ pk, sk: 'one' })).toEqual(put);
      });

      it('keep names from outside that JavaScript has a use for', async () => {
        const pk = partition();
        const hostile = JSON.parse(
          '{"__proto__": {"admin": true}, "___proto__": 2, "constructor": "x", "toString": 1}',
        );
        await table.put(item(pk, 'one', { hostile }));
        const found = await table.get({ pk, sk: 'one' });
        expect(Object.entries(found?.hostile as object)).toEqual(expect.arrayContaining(Object.entries(hostile)));
        expect(Object.keys(found?.hostile as object)).toHaveLength(4);
        expect(({} as { admin?: boolean }).admin).toBeUndefined();
      });

      it('lose attributes that are undefined', async () => {
        const pk = partition();
        await table.put(item(pk, 'one', { gone: undefined, map: { gone: undefined, kept: 1 } }));
        expect(await table.get({ pk, sk: 'one' })).toStrictEqual({ pk, sk: 'one', map: { kept: 1 } });
      });

      it('are replaced whole', async () => {
        const pk = partition();
        await table.put(item(pk, 'one', { first: 1 }));
        await table.put(item(pk, 'one', { second: 2 }));
        expect(await table.get({ pk, sk: 'one' })).toEqual({ pk, sk: 'one', second: 2 });
      });

      it('are undefined where there are none', async () => {
        expect(await table.get({ pk: partition(), sk: 'none' })).toBeUndefined();
      });

      it('cannot be changed through what was put or got', async () => {
        const pk = partition();
        const list = [1];
        await table.put(item(pk, 'one', { list }));
        list.push(2);
        const got = await table.get({ pk, sk: 'one' });
        (got!.list as number[]).push(3);
        expect((await table.get({ pk, sk: 'one' }))?.list).toEqual([1]);
      });

      it('are deleted, also when they are not there', async () => {
        const pk = partition();
        await table.put(item(pk, 'one'));
        await table.delete({ pk, sk: 'one' });
        await table.delete({ pk, sk: 'one' });
        expect(await table.get({ pk, sk: 'one' })).toBeUndefined();
      });

      it('hold 399 KB, but not 401 KB', async () => {
        const pk = partition();
        await table.put(item(pk, 'one', { text: 'x'.repeat(399 * 1024) }));
        const tooLarge = table.put(item(pk, 'two', { text: 'x'.repeat(401 * 1024) }));
        await expect(tooLarge).rejects.toEqual(failsWith('too-large'));
      });

      it.each<[string, () => Item]>([
        ['an empty key', () => item(partition(), '')],
        ['a key over 1,024 bytes', () => item(partition(), 'x'.repeat(1025))],
        ['a number beyond what is exact', () => item(partition(), 'one', { number: 2 ** 60 })],
        ['a number that JSON does not have', () => item(partition(), 'one', { number: Number.NaN })],
        ['something that is not JSON', () => item(partition(), 'one', { date: new Date(0) as unknown as string })],
        [
          'an index key of the wrong type',
          () => item(partition(), 'one', { dueShard: 's', dueAt: 'x' as unknown as number }),
        ],
      ])('refuse %s', async (_what, make) => {
        await expect(table.put(make())).rejects.toEqual(failsWith('invalid'));
      });
    });

    describe('conditions', () => {
      const existing = { text: 'a', number: 5, flag: true, nothing: null };
      it.each<[string, Condition, { onExisting: boolean; onAbsent: boolean }]>([
        ['absent', { absent: true }, { onExisting: false, onAbsent: true }],
        ['equals a text', { equals: { text: 'a' } }, { onExisting: true, onAbsent: false }],
        ['equals another text', { equals: { text: 'b' } }, { onExisting: false, onAbsent: false }],
        ['equals a number', { equals: { number: 5 } }, { onExisting: true, onAbsent: false }],
        ['equals the text of a number', { equals: { number: '5' } }, { onExisting: false, onAbsent: false }],
        ['equals all of several', { equals: { text: 'a', flag: true } }, { onExisting: true, onAbsent: false }],
        ['equals one of several', { equals: { text: 'a', flag: false } }, { onExisting: false, onAbsent: false }],
        ['attribute is absent', { equals: { other: undefined } }, { onExisting: true, onAbsent: false }],
        ['attribute is absent, but it is not', { equals: { text: undefined } }, { onExisting: false, onAbsent: false }],
        ['null is not absent', { equals: { nothing: undefined } }, { onExisting: false, onAbsent: false }],
        ['equals nothing in particular', { equals: {} }, { onExisting: true, onAbsent: false }],
        ['equals an attribute that is absent', { equals: { other: 'a' } }, { onExisting: false, onAbsent: false }],
        ['less', { less: { number: 6 } }, { onExisting: true, onAbsent: false }],
        ['less is not equal', { less: { number: 5 } }, { onExisting: false, onAbsent: false }],
        ['less of a text', { less: { text: 6 } }, { onExisting: false, onAbsent: false }],
        ['less of what is absent', { less: { other: 6 } }, { onExisting: false, onAbsent: false }],
        ['any of none', { anyOf: [] }, { onExisting: false, onAbsent: false }],
        [
          'any of absent and less',
          { anyOf: [{ absent: true }, { less: { number: 6 } }] },
          { onExisting: true, onAbsent: true },
        ],
        [
          'any of two that fail',
          { anyOf: [{ equals: { text: 'b' } }, { anyOf: [{ less: { number: 1 } }] }] },
          { onExisting: false, onAbsent: false },
        ],
        [
          'reserved words',
          { equals: { name: undefined, status: undefined, value: undefined } },
          { onExisting: true, onAbsent: false },
        ],
      ])('%s', async (_what, condition, { onExisting, onAbsent }) => {
        const pk = partition();
        const write = async (operation: () => Promise<void>, key: Key, held: boolean) => {
          if (held) await operation();
          else await expect(operation()).rejects.toEqual(failsWith('conflict'));
          return table.get(key);
        };
        const here = item(pk, 'here', existing);
        await table.put(here);
        expect(await write(() => table.put(item(pk, 'here', { new: 1 }), condition), here, onExisting)).toEqual(
          onExisting ? { pk, sk: 'here', new: 1 } : here,
        );
        await table.put(here);
        expect(await write(() => table.delete(here, condition), here, onExisting)).toEqual(
          onExisting ? undefined : here,
        );

        const none = { pk, sk: 'none' };
        expect(await write(() => table.put(item(pk, 'none', { new: 1 }), condition), none, onAbsent)).toEqual(
          onAbsent ? { ...none, new: 1 } : undefined,
        );
        await table.delete(none);
        expect(await write(() => table.delete(none, condition), none, onAbsent)).toBeUndefined();
      });

      it('let exactly one of many concurrent writers through', async () => {
        const pk = partition();
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, writer) => table.put(item(pk, 'one', { writer }), { absent: true })),
        );
        expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
        const winner = results.findIndex((result) => result.status === 'fulfilled');
        expect((await table.get({ pk, sk: 'one' }))?.writer).toBe(winner);
        for (const result of results)
          if (result.status === 'rejected') expect(result.reason).toEqual(failsWith('conflict'));
      });
    });

    describe('queries', () => {
      it('give the partition in the order of the bytes of the sort key', async () => {
        const pk = partition();
        // UTF-16 would put the door (U+1F6AA) before U+FF21; UTF-8 does not.
        const keys = ['a', 'B', 'b#2', 'b#10', '\u{1F6AA}', '\uff21', 'é'];
        for (const sk of keys) await table.put(item(pk, sk));
        await table.put(item(partition(), 'other'));
        const expected = ['B', 'a', 'b#10', 'b#2', 'é', '\uff21', '\u{1F6AA}'];
        expect((await all(table, pk)).map(({ sk }) => sk)).toEqual(expected);
        expect((await all(table, pk, { reverse: true })).map(({ sk }) => sk)).toEqual(expected.toReversed());
      });

      it('keep to the prefix, page by page, in both directions', async () => {
        const pk = partition();
        for (let index = 0; index < 7; index += 1) await table.put(item(pk, `in#${index}`));
        for (const sk of ['in', 'io', 'im#9']) await table.put(item(pk, sk));
        const expected = Array.from({ length: 7 }, (_, index) => `in#${index}`);
        for (const limit of [1, 2, 3, 7, 8]) {
          expect((await all(table, pk, { prefix: 'in#', limit })).map(({ sk }) => sk)).toEqual(expected);
          expect((await all(table, pk, { prefix: 'in#', limit, reverse: true })).map(({ sk }) => sk)).toEqual(
            expected.toReversed(),
          );
        }
      });

      it('go on after a sort key that is not there, or not in the prefix', async () => {
        const pk = partition();
        for (const sk of ['a#1', 'm#1', 'm#3', 'z#1']) await table.put(item(pk, sk));
        const keys = async (options: Parameters<Table['query']>[1]) =>
          (await table.query(pk, options)).items.map(({ sk }) => sk);
        expect(await keys({ after: 'm#2' })).toEqual(['m#3', 'z#1']);
        expect(await keys({ after: 'm#2', reverse: true })).toEqual(['m#1', 'a#1']);
        expect(await keys({ prefix: 'm#', after: 'a#1' })).toEqual(['m#1', 'm#3']);
        expect(await keys({ prefix: 'm#', after: 'z#1' })).toEqual([]);
        expect(await keys({ prefix: 'm#', after: 'z#1', reverse: true })).toEqual(['m#3', 'm#1']);
        expect(await keys({ prefix: 'm#', after: 'a#1', reverse: true })).toEqual([]);
      });

      it('give the last item by limit 1 and reverse', async () => {
        const pk = partition();
        for (const sk of ['1', '2', '3']) await table.put(item(pk, sk));
        expect((await table.query(pk, { limit: 1, reverse: true })).items).toEqual([{ pk, sk: '3' }]);
      });

      it('end a page at 1 MB', async () => {
        const pk = partition();
        for (let index = 0; index < 4; index += 1)
          await table.put(item(pk, `${index}`, { text: 'x'.repeat(390 * 1024) }));
        const first = await table.query(pk);
        expect(first.items.length).toBeLessThan(4);
        expect(first.next).toBe(first.items.at(-1)?.sk);
        expect((await all(table, pk)).map(({ sk }) => sk)).toEqual(['0', '1', '2', '3']);
      });

      it('are empty where there is nothing', async () => {
        expect(await table.query(partition())).toEqual({ items: [] });
      });
    });

    describe('what is due', () => {
      it('is given earliest first, up to a time and a number, of one shard', async () => {
        const pk = partition();
        const shard = `shard of ${pk}`;
        for (const dueAt of [30, 10, 20, 40]) await table.put(item(pk, `at#${dueAt}`, { dueShard: shard, dueAt }));
        await table.put(item(pk, 'elsewhere', { dueShard: `${shard}, another`, dueAt: 1 }));
        await table.put(item(pk, 'without time', { dueShard: shard }));
        await table.put(item(pk, 'without shard', { dueAt: 1 }));
        expect(await table.due(shard, 30, 10)).toEqual([10, 20, 30].map((at) => ({ pk, sk: `at#${at}` })));
        expect(await table.due(shard, 30, 2)).toEqual([10, 20].map((at) => ({ pk, sk: `at#${at}` })));
        expect(await table.due(shard, 9, 10)).toEqual([]);
      });

      it('leaves the index with its attributes or its item', async () => {
        const pk = partition();
        const shard = `shard of ${pk}`;
        for (const sk of ['cleared', 'deleted', 'moved']) await table.put(item(pk, sk, { dueShard: shard, dueAt: 1 }));
        await table.put(item(pk, 'cleared'));
        await table.delete({ pk, sk: 'deleted' });
        await table.put(item(pk, 'moved', { dueShard: shard, dueAt: 5 }));
        expect(await table.due(shard, 4, 10)).toEqual([]);
        expect(await table.due(shard, 5, 10)).toEqual([{ pk, sk: 'moved' }]);
      });
    });
  });
}
