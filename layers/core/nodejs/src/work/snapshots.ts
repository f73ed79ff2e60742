import { gunzipSync, gzipSync } from 'node:zlib';
import type { Target } from '../access/target.ts';
import type { Clock } from '../ports/clock.ts';
import type { Table, TableReader } from '../ports/table.ts';
import type { Change } from '../resources/resource.ts';

/** What an object was before Gatehouse wrote it. */
export interface Snapshot {
  /** Names it on its target. */
  readonly id: string;
  readonly kind: string;
  readonly object: string;
  /** Milliseconds UTC. */
  readonly at: number;
  /** The turn that wrote it then. */
  readonly run: string;
}

const pkOf = (target: Target): string => `snapshot#${target}`;
/** Snapshots are kept for 90 days. Seconds. */
const KEPT_FOR = 90 * 24 * 60 * 60;

/** Keeps what an object is before it is written. Compressed: a large ConfigMap would not fit an item of DynamoDB (400 KB). */
export async function keepSnapshot(
  ports: { readonly table: Table; readonly clock: Clock },
  target: Target,
  run: string,
  { kind, object, before }: Change,
): Promise<void> {
  const at = ports.clock.now();
  await ports.table.put({
    pk: pkOf(target),
    sk: `${String(at).padStart(16, '0')}#${kind}#${run}`,
    ...{ kind, object, at, run },
    before: gzipSync(JSON.stringify(before)).toString('base64'),
    expiresAt: Math.floor(at / 1000) + KEPT_FOR,
  });
}

/** The newest snapshots of a target, the newest first. */
export async function listSnapshots(reader: TableReader, target: Target, limit: number): Promise<readonly Snapshot[]> {
  const { items } = await reader.query(pkOf(target), { limit, reverse: true });
  return items.map(({ sk, kind, object, at, run }) => ({ id: sk, kind, object, at, run }) as Snapshot);
}

/** What a snapshot holds: the object as its kind observed it. Undefined where there is no such snapshot (any more). */
export async function readSnapshot(reader: TableReader, target: Target, id: string): Promise<unknown> {
  const item = await reader.get({ pk: pkOf(target), sk: id });
  return item && JSON.parse(gunzipSync(Buffer.from(item.before as string, 'base64')).toString());
}
