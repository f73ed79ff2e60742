import type { Target } from '../access/target.ts';
import { FACT_SHARDS } from '../directory/dirty.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { MARK_SHARDS } from './keys.ts';
import { type WakePorts, wake } from './wake.ts';

/** What the tick found waiting. */
export interface TickReport {
  /** Facts handed to the planner once more. */
  readonly facts: number;
  /** Targets woken once more. */
  readonly targets: number;
  /** Age of the oldest thing that waits, in milliseconds; 0 where nothing does. */
  readonly oldest: number;
}

/** What has waited for less is on its way. Milliseconds. */
const GRACE = 20_000;
/** At most so many of each shard; the next minute has its own tick. */
const MOST = 500;

/**
 * The minute's safety net: whatever is written down and not done is handed on again, in case a message, a function or a
 * queue was lost. Its wake-ups differ from the earlier ones by their minute, so SQS' deduplication does not swallow them.
 */
export async function tick(ports: WakePorts, scheduledAt: number): Promise<TickReport> {
  const now = ports.clock.now();
  const dueIn = (shards: readonly string[]) =>
    Promise.all(shards.map((shard) => ports.table.due(shard, now - GRACE, MOST)));
  const [factShards, markShards] = await Promise.all([dueIn(FACT_SHARDS), dueIn(MARK_SHARDS)]);
  const [facts, marks] = [factShards.flat(), markShards.flat()];
  await nudgePlanner(ports, facts);
  const targets = new Set(marks.map(({ pk }) => pk.slice('target#'.length) as Target));
  await wake(ports, targets, `minute ${Math.floor(scheduledAt / 60_000)}`);
  const oldest = await Promise.all(
    [...factShards, ...markShards].map(async ([key]) => {
      const item = key && (await ports.table.get(key));
      const since = item?.since ?? item?.dueAt;
      return typeof since === 'number' ? now - since : 0;
    }),
  );
  return { facts: facts.length, targets: targets.size, oldest: Math.max(0, ...oldest) };
}
