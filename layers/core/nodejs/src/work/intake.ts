import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Grantee } from '../access/policy.ts';
import type { Target } from '../access/target.ts';
import { dirtyNow } from '../directory/dirty.ts';
import type { Cause } from '../directory/fact.ts';
import { shardOf } from '../directory/items.ts';
import type { Clock } from '../ports/clock.ts';
import type { Queues } from '../ports/queues.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Key, Table } from '../ports/table.ts';
import { expansionKey, type Urgency } from './keys.ts';

/** Everybody whom a grant is for must be looked at again: on one target, or wherever they are or should be. */
export interface Expansion {
  readonly grant: string;
  readonly scope: Target | 'everywhere';
  /** Whom it is, or was, for. */
  readonly grantees: readonly Grantee[];
  readonly urgency: Urgency;
  readonly cause: Cause;
}

/** What asking the planner takes. */
export interface IntakePorts {
  readonly table: Table;
  readonly queues: Queues;
  readonly clock: Clock;
  readonly random: Random;
}

const TRIES = 20;

/**
 * Writes down that a grant's people must be looked at. It is a dirty fact like any other; say so with {@link nudgePlanner}.
 * What was asked for before and is not planned yet is asked for still.
 */
export async function putExpansion(ports: IntakePorts, expansion: Expansion): Promise<Key> {
  const key = expansionKey(expansion.grant, expansion.scope);
  for (let tries = 0; tries < TRIES; tries++) {
    const existing = await ports.table.get(key);
    const waiting = typeof existing?.dirty === 'string' ? existing : undefined;
    const earlier = (waiting?.grantees ?? []) as unknown as readonly Grantee[];
    const grantees = new Map([...earlier, ...expansion.grantees].map((grantee) => [JSON.stringify(grantee), grantee]));
    const item: Item = {
      ...key,
      grant: expansion.grant,
      scope: expansion.scope,
      urgency: waiting?.urgency === 'revocation' ? 'revocation' : expansion.urgency,
      grantees: [...grantees.values()] as unknown as Json,
      cause: expansion.cause as unknown as Json,
      rev: ports.random.token(),
      ...dirtyNow(ports, shardOf(key)),
    };
    try {
      const { dirty, rev }: Partial<Item> = existing ?? {};
      await ports.table.put(
        item,
        existing
          ? { equals: { dirty: dirty as string | undefined, rev: rev as string | undefined } }
          : { absent: true },
      );
      return key;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `the expansion of ${expansion.grant} changes without pause`);
}
