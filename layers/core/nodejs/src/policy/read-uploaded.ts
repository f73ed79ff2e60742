import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import { cleaned } from '../directory/dirty.ts';
import type { Documents } from '../ports/documents.ts';
import type { Item, Table } from '../ports/table.ts';
import { PolicyRefusal } from './require.ts';
import { type RefusedUpload, UPLOADED_KEY, type UploadedItem } from './uploaded.ts';
import { newestVersionNumber, type PolicyPorts, type UploadOutcome, uploadPolicy } from './versions.ts';

/** What reading an upload takes. */
export interface UploadPorts extends PolicyPorts {
  readonly documents: Documents;
}

/** Where policies are uploaded, and what an upload may do by itself. */
export interface UploadSettings {
  readonly bucket: string;
  /** Whether what widens access is active at once, because it was reviewed before the upload. */
  readonly trusted: boolean;
}

/** What became of an upload. `gone`: there is no such object any more. */
export type ReadUpload =
  | { readonly state: 'taken'; readonly outcome: UploadOutcome }
  | { readonly state: 'refused'; readonly refused: RefusedUpload }
  | { readonly state: 'gone' };

/** More than a person reads at once, and little enough for one item. */
const ERRORS_KEPT = 50;
/** How often uploads that overtake each other are followed before the next minute has to go on. */
const ROUNDS = 5;

/**
 * Takes in the policy that was uploaded, if one is noted and not yet read. What counts is the object as it stands now, whatever the event
 * said: one that comes late does not put yesterday's policy back in force.
 *
 * Nor does whoever reads an object and then is slow. A document becomes a version only if none was stored since before it was read. That
 * would not keep A, B, A from ending with B, where A is no new version: so whoever finds that another began to read, and cannot know
 * whether they are done, makes a version in any case. The verdict and the end of the fact's dirtiness are one conditional write.
 *
 * A document that is no policy is refused whole; the old version stays in force, and the errors are kept for operators.
 * @returns what was read, in order: nothing where somebody else has done it, or does.
 * @throws Failure of the table or of S3: the fact stays dirty, and the tick hands it on.
 */
export async function readUploaded(ports: UploadPorts, settings: UploadSettings): Promise<readonly ReadUpload[]> {
  const all: ReadUpload[] = [];
  let done: string | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const before = (await ports.table.get(UPLOADED_KEY)) as UploadedItem | undefined;
    // Read by now, or claimed since we did it, by somebody who reads it after us.
    if (before?.dirty === undefined || before.dirty === done) return all;
    const item = { ...before, reading: ports.random.token() };
    if (!(await putIf(ports.table, item, before))) continue;
    const anew = before.reading !== undefined;
    const read = await readObject(ports, settings, item, anew);
    if (!read) continue;
    all.push(read);
    if (await settle(ports.table, item, read, anew)) return all;
    done = item.dirty;
  }
  throw new Failure('conflict', `the access policy was replaced ${ROUNDS} times while it was being read`);
}

/** Undefined where another version was stored meanwhile: then the object may have been another, too. */
async function readObject(
  ports: UploadPorts,
  { bucket, trusted }: UploadSettings,
  item: UploadedItem,
  anew: boolean,
): Promise<ReadUpload | undefined> {
  const { key, requester, cause } = item;
  const after = await newestVersionNumber(ports.table);
  try {
    const text = await ports.documents.read(bucket, key);
    const by = `${requester} by s3://${bucket}/${key}`;
    return { state: 'taken', outcome: await uploadPolicy(ports, { text, by, cause, trusted, after, anew }) };
  } catch (error) {
    if (isFailure(error, 'not-found')) return { state: 'gone' };
    if (isFailure(error, 'conflict')) return undefined;
    if (!isFailure(error, 'invalid', 'too-large')) throw error;
    return { state: 'refused', refused: refusalOf(item, error, ports.clock.now()) };
  }
}

function refusalOf({ key, version }: UploadedItem, { cause, message, remedy }: Failure, at: number): RefusedUpload {
  const errors =
    cause instanceof PolicyRefusal
      ? cause.errors.slice(0, ERRORS_KEPT)
      : [{ message, ...(remedy === undefined ? {} : { remedy }) }];
  return { errors, at, key, ...(version === undefined ? {} : { version }) };
}

/**
 * Where no version was made, whoever began before may still make one of an older document: that is remembered.
 * @returns false where another upload was noted meanwhile, or somebody else has begun to read.
 */
function settle(table: Table, item: UploadedItem, read: ReadUpload, anew: boolean): Promise<boolean> {
  const { refused: before, reading, ...noted } = cleaned(item);
  // What is gone says nothing: the verdict on the document before it still holds.
  const refused =
    read.state === 'gone' ? before : read.state === 'refused' ? (read.refused as unknown as Json) : undefined;
  const clean = {
    ...noted,
    ...(refused === undefined ? {} : { refused }),
    ...(anew && read.state !== 'taken' ? { reading } : {}),
  };
  return putIf(table, clean as Item, item);
}

/** Puts an item in the place of another. @returns false where that is not there as it was. */
async function putIf(table: Table, item: Item, { dirty, reading }: UploadedItem): Promise<boolean> {
  try {
    await table.put(item, { equals: { dirty, reading } });
    return true;
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    return false;
  }
}
