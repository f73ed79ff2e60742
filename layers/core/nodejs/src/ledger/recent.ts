import type { TableReader } from '../ports/table.ts';
import { type LedgerEntry, readLast } from './ledger.ts';

/** Entries of a chain that are searched for what followed from something, the newest first. */
export const ENTRIES_SEARCHED = 1_000;

/**
 * The entries of a chain among which one looks for the runs of an event or an object: the newest first, at most
 * {@link ENTRIES_SEARCHED}, none older than `since` (milliseconds UTC).
 */
export async function recentEntries(
  ledger: TableReader,
  chain: string,
  since = Number.NEGATIVE_INFINITY,
): Promise<readonly LedgerEntry[]> {
  // A chain is long and its news are short: what is asked for since an hour ago mostly stands on one page.
  if (since > Number.NEGATIVE_INFINITY) {
    const newest = await readLast(ledger, chain, FIRST_LOOK);
    if (newest.length < FIRST_LOOK || newest.at(-1)!.at < since) return newest.filter(({ at }) => at >= since);
  }
  return (await readLast(ledger, chain, ENTRIES_SEARCHED)).filter(({ at }) => at >= since);
}

const FIRST_LOOK = 50;
