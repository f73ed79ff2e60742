import type { Target } from '../access/target.ts';
import { FACT_SHARDS } from '../directory/dirty.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import type { Key } from '../ports/table.ts';
import { MARK_SHARDS } from './keys.ts';
import { type WakePorts, wake, wakeLater } from './wake.ts';

/** What the tick found waiting for longer than what is on its way does. */
export interface TickReport {
  /** Facts handed to the planner once more. */
  readonly facts: number;
  /** Targets woken once more. */
  readonly targets: number;
  /** Age of the oldest thing that waits, in milliseconds; 0 where nothing does. */
  readonly oldest: number;
}

/** What has waited for less is on its way, most likely; it is handed on when it would have waited as long. Milliseconds. */
const GRACE = 20_000;
/** At most so many of each shard; the next minute has its own tick. */
const MOST = 500;

/**
 * The minute's safety net: whatever is written down and not done is handed on again, in case a message, a function or a
 * queue was lost, so that a crash costs a minute and no more. Its wake-ups differ from the earlier ones by their minute, so
 * SQS' deduplication does not swallow them.
 */
export async function tick(ports: WakePorts, scheduledAt: number): Promise<TickReport> {
  const now = ports.clock.now();
  const [factShards, markShards] = await Promise.all([waiting(ports, FACT_SHARDS), waiting(ports, MARK_SHARDS)]);
  const [facts, marks] = [together(factShards), together(markShards)];
  await nudgePlanner(ports, facts.stuck);
  await nudgePlanner(ports, facts.recent, GRACE / 1000);
  const stuck = targetsOf(marks.stuck);
  const recent = targetsOf(marks.recent).difference(stuck);
  await wake(ports, stuck, `minute ${Math.floor(scheduledAt / 60_000)}`);
  for (const target of recent) await wakeLater(ports, target, now + GRACE);
  const oldest = await Promise.all(
    [...factShards, ...markShards].map(async ({ stuck: [key] }) => {
      const item = key && (await ports.table.get(key));
      // What is only to be seen once more was done when it was put off.
      const since = item?.confirming === true ? item.dueAt : (item?.since ?? item?.dueAt);
      return typeof since === 'number' ? now - since : 0;
    }),
  );
  return { facts: facts.stuck.length, targets: stuck.size, oldest: Math.max(0, ...oldest) };
}

/** Keys of what waits, earliest first: longer than {@link GRACE}, and for less. */
interface Waiting {
  readonly stuck: readonly Key[];
  readonly recent: readonly Key[];
}

function waiting({ table, clock }: WakePorts, shards: readonly string[]): Promise<readonly Waiting[]> {
  const now = clock.now();
  return Promise.all(
    shards.map(async (shard) => {
      const stuck = await table.due(shard, now - GRACE, MOST);
      const all = await table.due(shard, now, MOST);
      const known = new Set(stuck.map(({ pk, sk }) => JSON.stringify([pk, sk])));
      return { stuck, recent: all.filter(({ pk, sk }) => !known.has(JSON.stringify([pk, sk]))) };
    }),
  );
}

function together(shards: readonly Waiting[]): Waiting {
  return { stuck: shards.flatMap(({ stuck }) => stuck), recent: shards.flatMap(({ recent }) => recent) };
}

function targetsOf(marks: readonly Key[]): ReadonlySet<Target> {
  return new Set(marks.map(({ pk }) => pk.slice('target#'.length) as Target));
}
