import type { Log } from '@gatehouse/core/ports/log';
import type { Metrics } from '@gatehouse/core/ports/metrics';
import { beat } from '@gatehouse/core/work/heartbeat';
import { readSchedule } from '@gatehouse/core/work/schedule';
import { tick } from '@gatehouse/core/work/tick';
import type { WakePorts } from '@gatehouse/core/work/wake';

/** What the function needs. */
export interface Dependencies {
  readonly ports: WakePorts;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Hands on again, every minute, what is written down and not done. */
export function createHandler({ ports, log, metrics }: Dependencies): (event: unknown) => Promise<void> {
  return async (event) => {
    const report = await tick(ports, readSchedule(event, ports.clock.now()));
    await beat(ports, 'tick');
    metrics.record('OldestWaiting', [report.oldest]);
    log.info('tick', { ...report });
  };
}
