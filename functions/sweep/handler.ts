import type { Log } from '@gatehouse/core/ports/log';
import { beat } from '@gatehouse/core/work/heartbeat';
import type { IntakePorts } from '@gatehouse/core/work/intake';
import { readSchedule } from '@gatehouse/core/work/schedule';
import { sweep } from '@gatehouse/core/work/sweep';

/** What the function needs. */
export interface Dependencies {
  readonly ports: IntakePorts;
  readonly log: Log;
}

/** Has everything that is recorded looked at again, every hour. */
export function createHandler({ ports, log }: Dependencies): (event: unknown) => Promise<void> {
  return async (event) => {
    const targets = await sweep(ports, readSchedule(event, ports.clock.now()));
    await beat(ports, 'sweep');
    log.info('sweep', { targets: targets.length });
  };
}
