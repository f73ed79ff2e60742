import { digest } from '../access/digest.ts';
import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import type { Clock } from '../ports/clock.ts';
import type { Item, Key, Table, TableReader } from '../ports/table.ts';
import type { Change, Finding } from '../resources/resource.ts';

/** What was made of one object, or was to be made: for people to read. */
export type ChangeSummary = Pick<Change, 'kind' | 'object' | 'action' | 'lines'>;

/** Why something of a subject was not finished. */
export interface EntryFailure {
  readonly subject: Subject;
  readonly code: string;
  readonly message: string;
}

/** What somebody has to say to the ledger. JSON-able. */
export interface NewEntry {
  /** `intent`: what a run is about to do; `outcome`: what it did; `verified`: what was seen; `finding`: what a person must know. */
  readonly kind: 'intent' | 'outcome' | 'verified' | 'finding';
  readonly run: string;
  readonly target: Target;
  readonly policyVersion: { readonly version: number; readonly digest: string };
  readonly causes: readonly Cause[];
  readonly changes: readonly ChangeSummary[];
  /** Whom it is about, where the changes do not say. */
  readonly subjects?: readonly Subject[];
  readonly failures?: readonly EntryFailure[];
  readonly finding?: Finding;
  /** What proves it: answers of access reviews, say. */
  readonly evidence?: Json;
}

/** An entry in its place. */
export interface LedgerEntry extends NewEntry {
  readonly chain: string;
  /** 1, 2, 3, ... without a gap. */
  readonly sequence: number;
  /** Milliseconds UTC. */
  readonly at: number;
  /** Which part of how many, where one entry would have been too large for an item: `causes`, `failures` and `changes` are divided. */
  readonly part?: { readonly number: number; readonly of: number };
  /** Hash of the entry before; {@link FIRST_PREVIOUS} for the first. */
  readonly previous: string;
  /** SHA-256 of the canonical JSON of all other members. */
  readonly hash: string;
}

/** A place in a chain, noted outside of it. */
export type Anchor = Pick<LedgerEntry, 'sequence' | 'hash'>;

/** What stands as `previous` of the first entry of a chain. */
export const FIRST_PREVIOUS = '0'.repeat(64);

/** How often somebody else may be faster before the caller shall try again later. */
const MAX_CONFLICTS = 100;
/** Bytes of JSON in one part; an item holds 400 KB. */
const MAX_PART_BYTES = 256 * 1024;

/**
 * Appends an entry to its chain: reads the head, and puts the next entry if its place is free; if somebody else took it,
 * once more. Nothing but "put if absent" is ever written, so the function needs no right to anything else. An entry that is
 * too large for an item becomes several.
 *
 * @param chain `cluster/<arn>` or `iam/<account>`.
 * @returns The entry as it stands; the last part of one in parts.
 * @throws Failure `conflict` after 100 others were faster.
 */
export async function appendEntry(
  ports: { readonly ledger: Table; readonly clock: Clock },
  chain: string,
  entry: NewEntry,
): Promise<LedgerEntry> {
  let last: LedgerEntry | undefined;
  for (const part of partsOf(entry)) last = await appendPart(ports, chain, part);
  return last!;
}

type Part = NewEntry & Pick<LedgerEntry, 'part'>;

async function appendPart(
  { ledger, clock }: { readonly ledger: Table; readonly clock: Clock },
  chain: string,
  part: Part,
): Promise<LedgerEntry> {
  for (let conflicts = 0; ; conflicts += 1) {
    const head = await readHead(ledger, chain);
    const next = sealed({
      ...part,
      chain,
      sequence: (head?.sequence ?? 0) + 1,
      at: clock.now(),
      previous: head?.hash ?? FIRST_PREVIOUS,
    });
    try {
      await ledger.put(
        { ...keyOf(chain, next.sequence), ...(next as unknown as Record<string, Json>) },
        { absent: true },
      );
      return next;
    } catch (error) {
      if (!isFailure(error, 'conflict', 'ambiguous')) throw error;
      // The lost answer of our own write looks like somebody else's.
      if ((await ledger.get(keyOf(chain, next.sequence)))?.hash === next.hash) return next;
      if (conflicts === MAX_CONFLICTS) {
        throw new Failure(
          'conflict',
          `the ledger's chain ${chain} grew ${MAX_CONFLICTS} times while one entry was added`,
          {
            cause: error,
          },
        );
      }
    }
  }
}

/** The last entry of a chain. */
export async function readHead(ledger: Table, chain: string): Promise<LedgerEntry | undefined> {
  const { items } = await ledger.query(partition(chain), { limit: 1, reverse: true });
  return items[0] && entryOf(items[0]);
}

/** Entries of a chain in their order, those behind `after` (a sequence), at most `limit` (1,000 unless told). */
export async function readChain(
  ledger: Table,
  chain: string,
  options: { after?: number; limit?: number } = {},
): Promise<readonly LedgerEntry[]> {
  const { limit = 1000 } = options;
  const entries: LedgerEntry[] = [];
  let after = options.after === undefined ? undefined : sortKey(options.after);
  while (entries.length < limit) {
    const page = await ledger.query(partition(chain), {
      limit: limit - entries.length,
      ...(after === undefined ? {} : { after }),
    });
    entries.push(...page.items.map(entryOf));
    if (page.next === undefined) break;
    after = page.next;
  }
  return entries;
}

/** The last entries of a chain, the newest first. */
export async function readLast(ledger: TableReader, chain: string, limit: number): Promise<readonly LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  let after: string | undefined;
  do {
    const options = { limit: limit - entries.length, reverse: true, ...(after === undefined ? {} : { after }) };
    const page = await ledger.query(partition(chain), options);
    entries.push(...page.items.map(entryOf));
    after = page.next;
  } while (after !== undefined && entries.length < limit);
  return entries;
}

/**
 * Whether entries are a chain as it was written: none changed, left out, moved or added. Without anchors, the first must be
 * the chain's first; `after` is what they continue, `until` the newest place that was noted elsewhere. Only `until` shows
 * that the end is missing, or that somebody wrote the whole chain anew.
 */
export function verifyChain(
  entries: readonly LedgerEntry[],
  anchors: { readonly after?: Anchor; readonly until?: Anchor } = {},
): { readonly ok: true } | { readonly ok: false; readonly brokenAt: number; readonly why: string } {
  const { after, until } = anchors;
  const start = after?.sequence ?? 0;
  for (const [index, entry] of entries.entries()) {
    const brokenAt = start + index + 1;
    const why = flaw(entry, brokenAt, entries[index - 1]?.hash ?? after?.hash ?? FIRST_PREVIOUS, entries[0]!.chain);
    if (why !== undefined) return { ok: false, brokenAt, why };
  }
  if (until && until.sequence > start) {
    const noted = entries[until.sequence - start - 1];
    if (noted?.hash !== until.hash) {
      const why = noted ? 'it is not the entry that was noted' : 'it was noted, but is missing';
      return { ok: false, brokenAt: until.sequence, why };
    }
  }
  return { ok: true };
}

function flaw(entry: LedgerEntry, sequence: number, previous: string, chain: string): string | undefined {
  if (entry.sequence !== sequence) return `entry ${entry.sequence} stands in its place`;
  if (entry.chain !== chain) return `it is of another chain, ${entry.chain}`;
  if (entry.previous !== previous) return 'it does not follow from the entry before';
  const { hash, ...rest } = entry;
  return digest(rest) === hash ? undefined : 'its content does not match its hash';
}

const partition = (chain: string): string => `chain#${chain}`;
const sortKey = (sequence: number): string => String(sequence).padStart(16, '0');
const keyOf = (chain: string, sequence: number): Key => ({ pk: partition(chain), sk: sortKey(sequence) });

function sealed(entry: Omit<LedgerEntry, 'hash'>): LedgerEntry {
  // As it will be read back: without what JSON leaves out.
  const content = JSON.parse(JSON.stringify(entry)) as Omit<LedgerEntry, 'hash'>;
  return { ...content, hash: digest(content) };
}

function entryOf({ pk: _pk, sk: _sk, ...entry }: Item): LedgerEntry {
  return entry as unknown as LedgerEntry;
}

/** The entry, or its parts: each at most {@link MAX_PART_BYTES} of causes, failures and changes. */
function partsOf(entry: NewEntry): Part[] {
  const { causes, failures = [], changes, ...rest } = entry;
  const pieces: Pick<NewEntry, 'causes' | 'failures' | 'changes'>[] = [
    ...causes.map((cause) => ({ causes: [cause], failures: [], changes: [] })),
    ...failures.map((failure) => ({ causes: [], failures: [failure], changes: [] })),
    ...changes.flatMap(piecesOf).map((change) => ({ causes: [], failures: [], changes: [change] })),
  ];
  const groups = filled(pieces);
  return groups.map((group, index) => {
    const divided = {
      causes: group.flatMap((piece) => piece.causes),
      changes: group.flatMap((piece) => piece.changes),
      ...(entry.failures === undefined ? {} : { failures: group.flatMap((piece) => piece.failures ?? []) }),
    };
    return {
      ...rest,
      ...divided,
      ...(groups.length === 1 ? {} : { part: { number: index + 1, of: groups.length } }),
    };
  });
}

/** A change, its lines divided where they alone would fill a part. */
function piecesOf(change: ChangeSummary): ChangeSummary[] {
  return filled(change.lines).map((lines) => ({ ...change, lines }));
}

/** Cuts a list where its JSON would be more than a part; at least one group, also of nothing. */
function filled<T>(list: readonly T[]): T[][] {
  const groups: T[][] = [[]];
  let bytes = 0;
  for (const one of list) {
    const size = Buffer.byteLength(JSON.stringify(one));
    if (bytes + size > MAX_PART_BYTES && groups.at(-1)!.length > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(one);
    bytes += size;
  }
  return groups;
}
