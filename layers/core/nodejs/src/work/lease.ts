import { isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Target } from '../access/target.ts';
import type { Clock } from '../ports/clock.ts';
import type { Condition, Table } from '../ports/table.ts';
import { turnKey } from './keys.ts';
import { RESTED, type Rest } from './rest.ts';

/** The right to be the one worker of a target until `until`. Each has an epoch of its own. */
export interface TurnLease {
  readonly target: Target;
  readonly epoch: number;
  /** How many turns the target has begun, this one included: the number of the last. */
  readonly counter: number;
  /** Milliseconds UTC. No call may start after it. */
  readonly until: number;
  /** Revocations took the time of grants before: grants come first now. It holds for this worker alone, however it ends. */
  readonly owed: boolean;
  /** How busy the target was, and until when grants gather. */
  readonly rest: Rest;
}

/**
 * Begins a turn: takes the target's lease and raises its turn counter, in one conditional put. Answers when to try again
 * where somebody else holds the lease.
 */
export async function beginTurn(
  ports: { readonly table: Table; readonly clock: Clock },
  target: Target,
  leaseMilliseconds: number,
): Promise<TurnLease | { readonly busyUntil: number }> {
  const existing = await ports.table.get(turnKey(target));
  const now = ports.clock.now();
  const { epoch, counter, until, rest } = readTurn(existing);
  if (until > now) return { busyUntil: until };
  const lease: TurnLease = {
    target,
    epoch: epoch + 1,
    counter: counter + 1,
    until: now + leaseMilliseconds,
    owed: rest.owed === true,
    rest: { ...rest, owed: false },
  };
  try {
    await writeTurn(ports.table, lease, existing ? { equals: { epoch } } : { absent: true });
    return lease;
  } catch (error) {
    if (isFailure(error, 'conflict')) return { busyUntil: now + leaseMilliseconds };
    throw error;
  }
}

/**
 * Begins another turn under a lease that is held: with a number of its own, and no more time.
 * @throws Failure `conflict` where the lease has passed to somebody else.
 */
export async function nextTurn(table: Table, lease: TurnLease): Promise<TurnLease> {
  const next = { ...lease, counter: lease.counter + 1 };
  await writeTurn(table, next, { equals: { epoch: lease.epoch } });
  return next;
}

/** Ends a turn. Where the lease has passed to somebody else, it is theirs to end. */
export async function endTurn(table: Table, lease: TurnLease): Promise<void> {
  try {
    await writeTurn(table, { ...lease, until: 0 }, { equals: { epoch: lease.epoch } });
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
  }
}

function writeTurn(
  table: Table,
  { target, epoch, counter, until, rest }: TurnLease,
  condition: Condition,
): Promise<void> {
  return table.put({ ...turnKey(target), epoch, counter, until, rest: rest as unknown as Json }, condition);
}

/** A rest of an earlier release, which had one for each urgency, is over. */
function readRest(rest: unknown): Rest {
  return typeof (rest as Rest | undefined)?.until === 'number' ? (rest as Rest) : RESTED;
}

function readTurn(item: Record<string, unknown> | undefined) {
  const number = (value: unknown) => (typeof value === 'number' ? value : 0);
  return {
    epoch: number(item?.epoch),
    counter: number(item?.counter),
    until: number(item?.until),
    rest: readRest(item?.rest),
  };
}
