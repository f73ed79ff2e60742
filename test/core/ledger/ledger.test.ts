import { digest } from '@gatehouse/core/access/digest';
import { Failure } from '@gatehouse/core/access/failure';
import {
  appendEntry,
  FIRST_PREVIOUS,
  type LedgerEntry,
  type NewEntry,
  readChain,
  readHead,
  readLast,
  verifyChain,
} from '@gatehouse/core/ledger/ledger';
import type { Table } from '@gatehouse/core/ports/table';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../fakes/clock.ts';
import { memoryTable } from '../../fakes/table.ts';

const CHAIN = 'cluster/arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu';

function newEntry(overrides: Partial<NewEntry> = {}): NewEntry {
  return {
    kind: 'intent',
    run: 'run-1',
    target: `cluster/arn:aws:eks:eu-west-1:111122223333:cluster/prod-eu`,
    policyVersion: { version: 3, digest: 'd'.repeat(64) },
    causes: [{ source: 'okta', event: 'e1', type: 'group.user_membership.add', receivedAt: 1 }],
    changes: [
      {
        kind: 'role-binding',
        object: 'pay/gatehouse:ops',
        action: 'update',
        lines: [{ sign: '+', text: 'ada', subject: 'user/okta/ada' }],
      },
    ],
    ...overrides,
  };
}

async function chainOf(count: number): Promise<LedgerEntry[]> {
  const ports = { ledger: memoryTable(), clock: fixedClock() };
  for (let index = 0; index < count; index += 1) {
    await appendEntry(ports, CHAIN, newEntry({ run: `run-${index}` }));
    ports.clock.advance(1000);
  }
  return [...(await readChain(ports.ledger, CHAIN))];
}

/** What somebody would write who knows how the hash is made. */
function resealed(entry: LedgerEntry, changes: Partial<LedgerEntry> = {}): LedgerEntry {
  const { hash: _hash, ...rest } = { ...entry, ...changes };
  return { ...rest, hash: digest(rest) };
}

/** A whole chain, sealed anew. */
function relinked(entries: readonly LedgerEntry[]): LedgerEntry[] {
  const result: LedgerEntry[] = [];
  for (const entry of entries) result.push(resealed(entry, { previous: result.at(-1)?.hash ?? FIRST_PREVIOUS }));
  return result;
}

describe('appendEntry', () => {
  it('numbers from 1, links each entry to the one before, and tells the time', async () => {
    const [first, second] = await chainOf(2);
    expect(first).toMatchObject({ sequence: 1, previous: FIRST_PREVIOUS, at: fixedClock().now(), run: 'run-0' });
    expect(second).toMatchObject({ sequence: 2, previous: first?.hash, at: fixedClock().now() + 1000 });
  });

  it('keeps chains apart', async () => {
    const ports = { ledger: memoryTable(), clock: fixedClock() };
    await appendEntry(ports, CHAIN, newEntry());
    const other = await appendEntry(ports, 'iam/111122223333', newEntry());
    expect(other.sequence).toBe(1);
    expect(await readChain(ports.ledger, CHAIN)).toHaveLength(1);
  });

  it('only ever puts where nothing stands', async () => {
    const table = memoryTable();
    const conditions: unknown[] = [];
    const recording: Table = {
      ...table,
      put: (item, condition) => {
        conditions.push(condition);
        return table.put(item, condition);
      },
    };
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        appendEntry({ ledger: recording, clock: fixedClock() }, CHAIN, newEntry({ run: `run-${index}` })),
      ),
    );
    expect(conditions.length).toBeGreaterThan(8);
    expect(new Set(conditions.map((condition) => JSON.stringify(condition)))).toEqual(new Set(['{"absent":true}']));
    expect(table.calls.delete).toBe(0);
  });

  it('never forks, and loses nothing, however many append at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), fc.scheduler(), async (writers, scheduler) => {
        const table = memoryTable();
        const scheduled: Table = {
          ...table,
          put: (...parameters) => scheduler.schedule(Promise.resolve()).then(() => table.put(...parameters)),
          query: (...parameters) => scheduler.schedule(Promise.resolve()).then(() => table.query(...parameters)),
        };
        const runs = Array.from({ length: writers }, (_, index) => `run-${index}`);
        const appended = Promise.all(
          runs.map((run) => appendEntry({ ledger: scheduled, clock: fixedClock() }, CHAIN, newEntry({ run }))),
        );
        await scheduler.waitFor(appended);
        const entries = await readChain(table, CHAIN);
        expect(entries.map(({ run }) => run).sort()).toEqual(runs.sort());
        expect(verifyChain(entries)).toEqual({ ok: true });
      }),
      { numRuns: 40 },
    );
  });

  it.each(['conflict', 'ambiguous'] as const)('knows its own write again after a %s', async (code) => {
    const table = memoryTable();
    let lost = true;
    const losing: Table = {
      ...table,
      async put(item, condition) {
        await table.put(item, condition);
        if (lost) {
          lost = false;
          throw new Failure(code, 'the answer was lost');
        }
      },
    };
    await appendEntry({ ledger: losing, clock: fixedClock() }, CHAIN, newEntry());
    expect(table.items()).toHaveLength(1);
  });

  it('tries again after an ambiguous failure that wrote nothing', async () => {
    const table = memoryTable();
    let failures = 1;
    const failing: Table = {
      ...table,
      async put(item, condition) {
        if (failures-- > 0) throw new Failure('ambiguous', 'no answer');
        await table.put(item, condition);
      },
    };
    expect((await appendEntry({ ledger: failing, clock: fixedClock() }, CHAIN, newEntry())).sequence).toBe(1);
  });

  it('lets every other failure out', async () => {
    const table: Table = {
      ...memoryTable(),
      put: () => Promise.reject(new Failure('forbidden', 'no')),
    };
    await expect(appendEntry({ ledger: table, clock: fixedClock() }, CHAIN, newEntry())).rejects.toMatchObject({
      code: 'forbidden',
    });
  });

  it('gives up as a conflict where others are always faster', async () => {
    const table: Table = { ...memoryTable(), put: () => Promise.reject(new Failure('conflict', 'taken')) };
    await expect(appendEntry({ ledger: table, clock: fixedClock() }, CHAIN, newEntry())).rejects.toMatchObject({
      code: 'conflict',
      retryable: true,
    });
  });

  it('divides what is too large for an item, and loses none of it', async () => {
    const ports = { ledger: memoryTable(), clock: fixedClock() };
    const subjects = Array.from({ length: 3000 }, (_, index) => `user/okta/${index}-${'x'.repeat(60)}` as const);
    const large = newEntry({
      causes: subjects.map((event) => ({ source: 'okta', event, type: 't', receivedAt: 1 })),
      changes: ['a', 'b'].map((object) => ({
        kind: 'role-binding',
        object,
        action: 'update',
        lines: subjects.map((subject) => ({ sign: '+', text: `may ${subject}`, subject })),
      })),
      failures: subjects.map((subject) => ({ subject, code: 'throttled', message: `${subject} was throttled` })),
    });
    await appendEntry(ports, CHAIN, large);
    const entries = await readChain(ports.ledger, CHAIN);
    expect(entries.length).toBeGreaterThan(3);
    expect(verifyChain(entries)).toEqual({ ok: true });
    expect(entries.map(({ part }) => part)).toEqual(
      entries.map((_, index) => ({ number: index + 1, of: entries.length })),
    );
    expect(entries.flatMap(({ causes }) => causes)).toEqual(large.causes);
    expect(entries.flatMap(({ failures }) => failures ?? [])).toEqual(large.failures);
    for (const { object, lines } of large.changes) {
      const kept = entries.flatMap(({ changes }) => changes.filter((change) => change.object === object));
      expect(kept.flatMap((change) => change.lines)).toEqual(lines);
    }
  });
});

describe('readChain', () => {
  it('reads behind a sequence, at most so many, over the pages of the table', async () => {
    const ports = { ledger: memoryTable(), clock: fixedClock() };
    const filler = { text: 'x'.repeat(200 * 1024) };
    for (let index = 0; index < 12; index += 1) {
      await appendEntry(ports, CHAIN, newEntry({ run: `run-${index}`, evidence: filler }));
    }
    const sequences = async (options: Parameters<typeof readChain>[2]) =>
      (await readChain(ports.ledger, CHAIN, options)).map(({ sequence }) => sequence);
    expect(await sequences({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await sequences({ after: 9 })).toEqual([10, 11, 12]);
    expect(await sequences({ after: 2, limit: 2 })).toEqual([3, 4]);
    expect(await sequences({ after: 12 })).toEqual([]);
    expect((await readHead(ports.ledger, CHAIN))?.sequence).toBe(12);
    expect(await readHead(ports.ledger, 'iam/999999999999')).toBeUndefined();
  });
});

describe('verifyChain', () => {
  it('holds for a chain as it was written, from its first entry or from an anchor', async () => {
    const entries = await chainOf(6);
    expect(verifyChain([])).toEqual({ ok: true });
    expect(verifyChain(entries)).toEqual({ ok: true });
    expect(verifyChain(entries.slice(2), { after: entries[1]! })).toEqual({ ok: true });
    expect(verifyChain(entries.slice(2), { after: entries[1]!, until: entries[4]! })).toEqual({ ok: true });
    expect(verifyChain(entries, { until: entries[5]! })).toEqual({ ok: true });
  });

  it('detects any edit, removal, exchange and insertion, and says where', async () => {
    const entries = await chainOf(8);
    const place = fc.nat({ max: entries.length - 1 });
    const leaf = fc.constantFrom<(entry: LedgerEntry) => unknown>(
      (entry) => ({ ...entry, run: `${entry.run}!` }),
      (entry) => ({ ...entry, at: entry.at + 1 }),
      (entry) => ({ ...entry, kind: 'outcome' }),
      (entry) => ({ ...entry, target: 'cluster/another' }),
      (entry) => ({ ...entry, chain: 'cluster/another' }),
      (entry) => ({ ...entry, policyVersion: { ...entry.policyVersion, version: 4 } }),
      (entry) => ({ ...entry, causes: [] }),
      (entry) => ({ ...entry, changes: [...entry.changes, ...entry.changes] }),
      (entry) => ({ ...entry, evidence: 'made up' }),
      (entry) => ({ ...entry, previous: 'f'.repeat(64) }),
      (entry) => ({ ...entry, hash: 'f'.repeat(64) }),
      (entry) => ({ ...entry, sequence: entry.sequence + 1 }),
    );
    const tampering = fc.oneof(
      fc.record({ at: place, edit: leaf }).map(({ at, edit }) => ({
        at,
        entries: entries.map((entry, index) => (index === at ? (edit(entry) as LedgerEntry) : entry)),
      })),
      place.map((at) => ({ at, entries: entries.toSpliced(at, 1) })),
      fc
        .tuple(place, place)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => ({
          at: Math.min(a, b),
          entries: entries.with(a, entries[b]!).with(b, entries[a]!),
        })),
      fc.tuple(place, place).map(([at, from]) => ({ at, entries: entries.toSpliced(at, 0, entries[from]!) })),
    );
    fc.assert(
      fc.property(tampering, ({ at, entries: tampered }) => {
        const verdict = verifyChain(tampered, { until: entries.at(-1)! });
        expect(verdict).toMatchObject({ ok: false });
        // An exact copy in front of itself shows only at the copy that follows.
        expect((verdict as { brokenAt: number }).brokenAt - (at + 1)).toSatisfy(
          (offset: number) => offset === 0 || offset === 1,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('detects an edited entry with a new hash, at the entry behind it', async () => {
    const entries = await chainOf(5);
    for (const at of [0, 1, 2, 3]) {
      const edited = entries.with(at, resealed(entries[at]!, { run: 'another' }));
      expect(verifyChain(edited)).toMatchObject({ ok: false, brokenAt: at + 2 });
    }
  });

  it.each<[string, (entries: LedgerEntry[]) => LedgerEntry[], number]>([
    ['a number is missing', (entries) => entries.toSpliced(2, 1), 3],
    ['a number comes twice', (entries) => entries.toSpliced(2, 0, entries[1]!), 3],
    ['the first number is not 1', (entries) => entries.slice(1), 1],
    ['an entry is of another chain', (entries) => entries.with(2, { ...entries[2]!, chain: 'cluster/another' }), 3],
  ])('detects, though every hash was made anew, that %s', async (_what, tamper, brokenAt) => {
    expect(verifyChain(relinked(tamper(await chainOf(5))))).toMatchObject({ ok: false, brokenAt });
  });

  it('detects that the end is missing, and a chain written anew, by what was noted elsewhere', async () => {
    const entries = await chainOf(4);
    const noted = entries[3]!;
    expect(verifyChain(entries.slice(0, 3), { until: noted })).toMatchObject({ ok: false, brokenAt: 4 });
    expect(verifyChain([], { until: noted })).toMatchObject({ ok: false, brokenAt: 4 });
    const ports = { ledger: memoryTable(), clock: fixedClock(0) };
    for (let index = 0; index < 4; index += 1) await appendEntry(ports, CHAIN, newEntry());
    const anew = await readChain(ports.ledger, CHAIN);
    expect(verifyChain(anew)).toEqual({ ok: true });
    expect(verifyChain(anew, { until: noted })).toMatchObject({ ok: false, brokenAt: 4 });
  });

  it('detects a part of a chain that is said to begin elsewhere', async () => {
    const entries = await chainOf(4);
    expect(verifyChain(entries.slice(1))).toMatchObject({ ok: false, brokenAt: 1 });
    expect(verifyChain(entries.slice(2), { after: entries[0]! })).toMatchObject({ ok: false, brokenAt: 2 });
  });
});

describe('the last entries', () => {
  it.each([
    { limit: 2, sequences: [7, 6] },
    { limit: 7, sequences: [7, 6, 5, 4, 3, 2, 1] },
    { limit: 100, sequences: [7, 6, 5, 4, 3, 2, 1] },
  ])('$limit: $sequences, in pages of three', async ({ limit, sequences }) => {
    const ledger = memoryTable();
    for (let count = 0; count < 7; count += 1) await appendEntry({ ledger, clock: fixedClock() }, CHAIN, newEntry());
    const paged: Pick<Table, 'get' | 'query'> = {
      get: (key) => ledger.get(key),
      query: (pk, options) => ledger.query(pk, { ...options, limit: Math.min(3, options?.limit ?? 3) }),
    };
    expect((await readLast(paged, CHAIN, limit)).map(({ sequence }) => sequence)).toEqual(sequences);
  });
});
