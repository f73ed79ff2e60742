import { Failure, isFailure } from '../access/failure.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Key, Table } from '../ports/table.ts';

/** The shards of the `due` index in which dirty facts, and the dirty policy, wait. */
export const FACT_SHARDS = ['fact-0', 'fact-1', 'fact-2', 'fact-3'] as const;

/** Which of them an item waits in. */
export type FactShard = (typeof FACT_SHARDS)[number];

/** What an item has, from now on, until it is planned: the token of what is new, and its place in the `due` index. */
export function dirtyNow({ clock, random }: { readonly clock: Clock; readonly random: Random }, shard: FactShard) {
  return { dirty: random.token(), dueShard: shard, dueAt: clock.now() };
}

/** An item as it is when it is planned. */
export function cleaned<T extends Item>({ dirty: _dirty, dueShard: _dueShard, dueAt: _dueAt, ...rest }: T) {
  return rest;
}

/** How often a conditional write is tried again before the caller hears of the conflict. */
const TRIES = 20;

/**
 * Takes an item out of what waits to be planned, if `dirty` is still the token the planner saw. Its `rev` stays: nothing
 * that it says has changed.
 * @returns false where the item became dirty anew meanwhile (it must be planned again), or is clean or gone already.
 * @throws Failure `conflict` where others kept writing the item.
 */
export async function clearDirty(table: Table, key: Key, token: string): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    const item = await table.get(key);
    if (item?.dirty !== token) return false;
    try {
      await table.put(cleaned(item) as Item, { equals: { dirty: token, rev: item.rev as string } });
      return true;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `${key.pk} ${key.sk} was written by others ${TRIES} times while it was being cleared`);
}

/**
 * Puts an item back into what waits to be planned, as it stands: what was lost on the way is done now, and where nothing was,
 * planning finds nothing to do. Its cause stays the event it comes from, and says when it was replayed.
 * @returns false where there is no such item.
 * @throws Failure `conflict` where others kept writing the item.
 */
export async function markDirty(
  ports: { readonly table: Table; readonly clock: Clock; readonly random: Random },
  key: Key,
  shard: FactShard,
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    const item = await ports.table.get(key);
    if (!item) return false;
    // Somebody waits for it already, and was not told of anything newer.
    if (item.dirty !== undefined) return true;
    const cause = { ...(item.cause as object | undefined), replayedAt: ports.clock.now() } as Item['cause'];
    try {
      await ports.table.put(
        { ...item, cause, ...dirtyNow(ports, shard) },
        { equals: { rev: item.rev as string, dirty: undefined } },
      );
      return true;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `${key.pk} ${key.sk} was written by others ${TRIES} times while it was being marked`);
}
