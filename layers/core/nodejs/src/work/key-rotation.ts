import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { Table, TableReader } from '../ports/table.ts';
import { lastWriteKey, rotationKey } from './keys.ts';

/** That a user's access key is to be another one. Written before anything is made, like a lease. */
export interface KeyRotation {
  readonly subject: Subject;
  /** The key that was asked to be replaced. */
  readonly keyId: string;
  /** Until when it stays beside the new one, milliseconds UTC. */
  readonly until: number;
}

/** The rotation of a user's key that is under way; undefined where there is none. */
export async function readRotation(reader: TableReader, target: Target): Promise<KeyRotation | undefined> {
  const item = await reader.get(rotationKey(target));
  if (!item) return undefined;
  return { subject: item.subject as Subject, keyId: String(item.keyId), until: Number(item.until) };
}

/**
 * Writes a rotation down.
 * @param before The one that is known; another one meanwhile is a conflict.
 * @throws Failure `conflict`.
 */
export async function writeRotation(
  table: Table,
  target: Target,
  before: KeyRotation | undefined,
  { subject, keyId, until }: KeyRotation,
): Promise<void> {
  const condition = before ? { equals: { keyId: before.keyId, until: before.until } } : { absent: true as const };
  await table.put({ ...rotationKey(target), subject, keyId, until }, condition);
}

/** Forgets a rotation that is over. */
export async function forgetRotation(table: Table, target: Target): Promise<void> {
  await table.delete(rotationKey(target));
}

/** The key that the user's secret holds, as far as the last write tells it: secrets are nobody's to read for this. */
export async function keyInSecret(reader: TableReader, target: Target, user: string): Promise<string | undefined> {
  const item = await reader.get(lastWriteKey(target, user));
  const { secret } = (item?.after ?? {}) as { secret?: { keyId?: string } };
  return secret?.keyId;
}
