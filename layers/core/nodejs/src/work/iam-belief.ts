import { isFailure } from '../access/failure.ts';
import { type Json, sameJson } from '../access/json.ts';
import type { Target } from '../access/target.ts';
import type { Clock } from '../ports/clock.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { Table, TableReader } from '../ports/table.ts';
import type { Change } from '../resources/resource.ts';
import { lastWriteKey } from './keys.ts';

/** How long IAM may go on answering what was before our write. Milliseconds. */
export const STALE_FOR = 300_000;
/** After how long a turn that did not come to its end is looked at again. Milliseconds. */
export const UNFINISHED_FOR = 60_000;

/** What is believed of an IAM object, and whether it must be looked at again before that is certain. */
export interface Belief<O> {
  readonly state: O;
  /** Milliseconds after which to look again; undefined where what was read is certain. */
  readonly lookAgainAfter?: number;
}

/**
 * IAM answers stale and has no compare-and-swap. For five minutes after our own write a read that shows something else is
 * taken for stale, and the write is believed; a turn that began a write and never told its end is looked at twice.
 */
export async function believe<O>(
  table: Table,
  target: Target,
  object: string,
  read: O,
  now: number,
): Promise<Belief<O>> {
  const item = await table.get(lastWriteKey(target, object));
  if (!item) return { state: read };
  const age = now - Number(item.at);
  if (item.unfinished === true) {
    return age < UNFINISHED_FOR ? { state: read, lookAgainAfter: UNFINISHED_FOR - age } : { state: read };
  }
  if (age >= STALE_FOR || sameJson(read, item.after)) return { state: read };
  return { state: item.after as O, lookAgainAfter: CONFIRM_AFTER };
}

/** How long after a write to read it back. Milliseconds. */
export const CONFIRM_AFTER = 5_000;

/** Says that a write begins: if nothing more is heard, it may or may not have happened. */
export async function beginWrite(table: Table, target: Target, object: string, now: number): Promise<void> {
  await table.put({ ...lastWriteKey(target, object), unfinished: true, at: now });
}

/** Says what a write made. */
export async function endWrite(
  table: Table,
  target: Target,
  change: Change,
  after: unknown,
  now: number,
): Promise<void> {
  await table.put({ ...lastWriteKey(target, change.object), after: after as Json, at: now });
}

/**
 * Somebody deleted the object after our last write: from now on what is read counts, and is read once more in a minute.
 * @param at When it was deleted, milliseconds UTC; CloudTrail tells whole seconds.
 */
export async function heedDeletion(
  ports: { readonly table: Table; readonly clock: Clock },
  target: Target,
  object: string,
  at: number,
): Promise<void> {
  const key = lastWriteKey(target, object);
  const item = await ports.table.get(key);
  if (!item || item.unfinished === true || Number(item.at) > at + 999) return;
  try {
    await ports.table.put({ ...key, unfinished: true, at: ports.clock.now() }, { equals: { at: Number(item.at) } });
  } catch (error) {
    // A turn wrote meanwhile, and looks for itself.
    if (!isFailure(error, 'conflict')) throw error;
  }
}

/**
 * The secrets as a dry run sees them: which key stands in one is known from what was written last, and its value is nobody's
 * business, so whoever plans needs no right to read it.
 */
export function unreadSecrets(table: TableReader, target: Target, object: string): Secrets {
  const refused = () => Promise.reject(new TypeError('a dry run writes no secret'));
  return {
    async read(name) {
      const item = await table.get(lastWriteKey(target, object));
      const { secret } = (item?.after ?? {}) as { secret?: { name: string; keyId?: string } };
      if (secret?.name !== name || secret.keyId === undefined) return undefined;
      return JSON.stringify({ accessKeyId: secret.keyId, secretAccessKey: '' });
    },
    write: refused,
    remove: refused,
  };
}
