import { FactReader } from '@gatehouse/core/work/fact-reader';
import { describe, expect, it } from 'vitest';
import { memoryTable } from '../../fakes/table.ts';

const KEY = { pk: 'group#okta#1', sk: 'member#a' };

async function aReader() {
  const table = memoryTable([{ ...KEY, state: 'present', rev: '1', dirty: 't', dueShard: 'fact-0', dueAt: 1 }]);
  const reader = new FactReader(table);
  await reader.get(KEY);
  await reader.get({ pk: 'user#okta#a', sk: 'user' });
  await reader.query('group#okta#1', { prefix: 'member#' });
  return { table, reader };
}

describe('what a turn derived from', () => {
  it('is one picture: nothing is read twice', async () => {
    const { table, reader } = await aReader();
    await table.put({ ...KEY, state: 'absent', rev: '2' });
    expect((await reader.get(KEY))?.state).toBe('present');
    expect((await reader.query('group#okta#1', { prefix: 'member#' })).items[0]?.state).toBe('present');
  });

  it('holds when only the bookkeeping changed', async () => {
    const { table, reader } = await aReader();
    await table.put({ ...KEY, state: 'present', rev: '1' });
    expect(await reader.stillHolds()).toBe(true);
  });

  it.each([
    ['an item changed', { ...KEY, state: 'present', rev: '2' }],
    ['an item that was absent is there', { pk: 'user#okta#a', sk: 'user', active: false }],
    ['a query finds one more', { pk: 'group#okta#1', sk: 'member#b', state: 'present' }],
  ])('holds no more when %s', async (_what, item) => {
    const { table, reader } = await aReader();
    await table.put(item);
    expect(await reader.stillHolds()).toBe(false);
  });

  it('holds no more when an item is gone', async () => {
    const { table, reader } = await aReader();
    await table.delete(KEY);
    expect(await reader.stillHolds()).toBe(false);
  });
});
