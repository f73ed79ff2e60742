import { Failure, isFailure } from '../access/failure.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Table } from '../ports/table.ts';
import { dirtyNow } from './dirty.ts';
import type { Cause, Fact } from './fact.ts';
import { factKey, memberOfKey, shardOf } from './items.ts';
import { merge } from './merge.ts';

/** What recording needs from the world. */
export interface RecordPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly random: Random;
}

/** How often a conditional write is tried again before the caller hears of the conflict. */
const TRIES = 20;

/**
 * Writes what an authentic event said into the directory, and with the same put marks the item dirty if it says something
 * new. Safe to repeat, in any order ({@link merge}). A `principal` fact is only a hint to look again, so it always is new.
 *
 * @returns `recorded`: something changed and waits to be planned. `unchanged`: known already. `outdated`: overtaken.
 * @throws Failure `invalid` for ids or times that cannot be kept, `conflict` where others kept writing the same item.
 */
export async function recordFact(
  ports: RecordPorts,
  fact: Fact,
  cause: Cause,
): Promise<'recorded' | 'unchanged' | 'outdated'> {
  if (!Number.isFinite(fact.at)) {
    throw new Failure('invalid', `a ${fact.type} fact of the event ${cause.event} has no time`);
  }
  const key = factKey(fact);
  if (fact.type === 'membership' && fact.state === 'present') await hint(ports.table, fact);
  for (let tries = 0; tries < TRIES; tries++) {
    const existing = await ports.table.get(key);
    const merged = merge(existing, fact, ports.clock.now());
    const isNew = merged.outcome === 'changed' || fact.type === 'principal';
    if (!isNew && !merged.attributes) return merged.outcome === 'outdated' ? 'outdated' : 'unchanged';
    const item = { ...existing, ...merged.attributes, ...key, rev: ports.random.token() } as Item & { rev: string };
    const next: Item = isNew ? { ...item, cause: { ...cause }, ...dirtyNow(ports, shardOf(key)) } : item;
    try {
      await ports.table.put(next, existing ? { equals: { rev: existing.rev as string } } : { absent: true });
      return isNew ? 'recorded' : 'unchanged';
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `${key.pk} ${key.sk} was written by others ${TRIES} times while a fact was recorded`);
}

/** Written ahead of the membership, so that whoever asks for a user's groups misses none. */
async function hint(table: Table, fact: Extract<Fact, { type: 'membership' }>): Promise<void> {
  const key = memberOfKey(fact.source, fact.user, fact.group);
  try {
    await table.put({ ...key, group: fact.group }, { absent: true });
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
  }
}
