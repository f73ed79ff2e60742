import { isFailure } from '../access/failure.ts';
import type { Clock } from '../ports/clock.ts';
import type { Table, TableReader } from '../ports/table.ts';

/** What runs by the clock. */
export type Beating = 'tick' | 'sweep';

const PARTITION = 'heartbeat';

/** Writes down that it ran to its end. What cannot be written is lost: the next one comes. */
export async function beat(ports: { readonly table: Table; readonly clock: Clock }, name: Beating): Promise<void> {
  try {
    await ports.table.put({ pk: PARTITION, sk: name, at: ports.clock.now() });
  } catch (error) {
    if (!isFailure(error)) throw error;
  }
}

/** When it ran last, milliseconds UTC; undefined: never. */
export async function lastBeat(reader: TableReader, name: Beating): Promise<number | undefined> {
  const at = (await reader.get({ pk: PARTITION, sk: name }))?.at;
  return typeof at === 'number' ? at : undefined;
}
