import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import { dirtyNow } from '../directory/dirty.ts';
import type { Cause } from '../directory/fact.ts';
import { shardOf } from '../directory/items.ts';
import type { RecordPorts } from '../directory/record.ts';
import type { Item, Key } from '../ports/table.ts';
import type { PolicyError } from './document.ts';

/*
 * That a policy was uploaded, as the receiver of the event writes it down. It is a dirty fact like any other, and reads no document:
 * the receiver loads nothing that understands one.
 */

/** Key of the item that says so; dirty until the document was read (`read-uploaded.ts`). */
export const UPLOADED_KEY: Key = { pk: 'policy', sk: 'uploaded' };

/** What an event says of an upload. What the object holds is read later, as it stands then. */
export interface Upload {
  readonly key: string;
  /** Of the object, where the bucket keeps versions. */
  readonly version?: string;
  /** Who wrote it, as S3 says. */
  readonly requester: string;
}

/** What is wrong with an upload. Of one that could not be read at all, no place is known. */
export type UploadError = Pick<PolicyError, 'message'> & Partial<PolicyError>;

/** Why the last upload that was read is no policy: absent from the item while the last one was good. */
export interface RefusedUpload extends Omit<Upload, 'requester'> {
  readonly errors: readonly UploadError[];
  /** Milliseconds UTC. */
  readonly at: number;
}

/** The item. */
export interface UploadedItem extends Item, Upload {
  readonly cause: Cause & Json;
  readonly rev: string;
  readonly dirty?: string;
  /** Who reads the object, or began to and was never done: a token. */
  readonly reading?: string;
  /** A {@link RefusedUpload}. */
  readonly refused?: Json;
}

/** How often a conditional write is tried again before the caller hears of the conflict. */
const TRIES = 20;

/**
 * Writes down that a policy was uploaded, always as news: an event that comes late, or twice, has the object looked at once more.
 * Where it is the newest version, that changes nothing; one that came since by the command gives way to it. Say so with `nudgePlanner`. The verdict on the upload before stays until there is a new one.
 * @throws Failure `conflict` where others kept writing the item.
 */
export async function noteUpload({ table, clock, random }: RecordPorts, upload: Upload, cause: Cause): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const before = (await table.get(UPLOADED_KEY)) as UploadedItem | undefined;
    const item: Item = {
      ...UPLOADED_KEY,
      ...upload,
      ...(before?.refused === undefined ? {} : { refused: before.refused }),
      ...(before?.reading === undefined ? {} : { reading: before.reading }),
      cause: { ...cause },
      rev: random.token(),
      ...dirtyNow({ clock, random }, shardOf(UPLOADED_KEY)),
    };
    try {
      // Whoever reads the one before it claims it there, and puts the verdict there.
      const { rev, dirty, reading } = before ?? {};
      await table.put(item, before ? { equals: { rev, dirty, reading } } : { absent: true });
      return;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `that a policy was uploaded was written by others ${TRIES} times meanwhile`);
}
