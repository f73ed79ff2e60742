import { parseClusterArn } from '@gatehouse/core/access/arn';
import type { LedgerEntry, verifyChain as VerifyChain } from '@gatehouse/core/ledger/ledger';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { type Column, type Format, type Listing, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import type { Cell } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import { wholeNumber } from '../terminal/option-values.ts';
import type { Style } from '../terminal/style.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly last: number;
}

/** `ledger`: a chain, and whether it is unbroken. */
export function addLedger(program: Command, terminal: Terminal): void {
  const verb = program
    .command('ledger <chain>')
    .description('verify a chain of the ledger and show its last entries: a cluster, or iam/<account>')
    .option('--last <number>', 'how many entries are shown', wholeNumber(1), 20);
  withFormats(withAwsOptions(verb)).action((chain: string, options: Options) => ledger(terminal, chain, options));
  withExamples(verb, [
    ['gatehouse ledger prod-eu', 'a cluster by its name; exit code 3 where the chain is broken'],
    ['gatehouse ledger iam/111122223333 -o wide', 'the IAM principals of an account, with every line, run and hash'],
    ['gatehouse ledger prod-eu --last 1000 -o csv > ledger.csv', 'for an auditor: an entry in a row'],
  ]);
  withExitCodes(verb, { 3: 'the chain is broken' });
}

async function ledger(terminal: Terminal, text: string, options: Options): Promise<void> {
  const [{ operationsOf }, { targetOf }, { verifyChain }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/targets.ts'),
    import('@gatehouse/core/ledger/ledger'),
  ]);
  const run = await operationsOf(options, terminal);
  const chain = /^iam\/\d{12}$/.test(text) ? text : await targetOf(text, run);
  const entries = await readAll(run, chain);
  const verdict = verifyChain(entries);
  if (!verdict.ok) terminal.exitCode = 3;
  const shown = entries.slice(-options.last);
  const listing = { columns: COLUMNS, rows: shown };
  await writeAnswer(terminal.out, options.output, {
    value: { chain, verdict, entries: shown },
    listing,
    text: (output, wide) => writeLedger(output, { chain, entries, listing, verdict }, wide),
  });
}

/** Entries a call: an answer of Lambda holds 6 MB, an entry up to 256 KB. */
const PAGE = 20;

/** A chain from its beginning: only the whole of it can be verified. */
async function readAll(run: RunOperation, chain: string): Promise<readonly LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for (;;) {
    const after = entries.at(-1)?.sequence;
    const page = await run<{ entries: readonly LedgerEntry[] }>({
      operation: 'ledger',
      chain,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    entries.push(...page.entries);
    if (page.entries.length < PAGE) return entries;
  }
}

interface Shown {
  readonly chain: string;
  readonly entries: readonly LedgerEntry[];
  readonly listing: Listing<LedgerEntry>;
  readonly verdict: ReturnType<typeof VerifyChain>;
}

function writeLedger(output: Output, { chain, entries, listing, verdict }: Shown, wide: boolean): void {
  const { style } = output;
  if (entries.length === 0) {
    output.write(`The chain ${chain} is empty.\n`);
    return;
  }
  writeListing(output, wide ? { ...listing, columns: WIDE_COLUMNS } : listing);
  const name = chain.startsWith('cluster/') ? parseClusterArn(chain.slice('cluster/'.length)).name : chain;
  const all = counted(entries.length, 'entry', 'entries');
  const { hash } = entries.at(-1)!;
  output.write(
    verdict.ok
      ? `\n${style.good('unbroken')}  ${name}: ${all}, last hash ${wide ? hash : hash.slice(0, 16)}\n`
      : `\n${style.bad('broken')}  ${name}: at entry ${verdict.brokenAt}: ${verdict.why}\n`,
  );
}

const ENTRY: Column<LedgerEntry> = {
  head: 'ENTRY',
  cell: ({ sequence }, style) => ({ text: String(sequence), paint: style.dim }),
  right: true,
};
const TIME: Column<LedgerEntry> = {
  head: 'TIME',
  cell: ({ at }, style) => ({ text: timeText(at), paint: style.dim }),
  value: ({ at }) => new Date(at).toISOString(),
};
const WHAT: Column<LedgerEntry> = {
  head: 'WHAT',
  cell: ({ kind }, style) => ({
    text: kind,
    paint: { intent: style.dim, outcome: style.bold, verified: style.good, finding: style.warn }[kind],
  }),
};
const CAUSE: Column<LedgerEntry> = {
  head: 'BECAUSE OF',
  cell: ({ causes }) => {
    const more = causes.length > 1 ? ` and ${causes.length - 1} more` : '';
    return `${causes[0]?.source ?? '-'} ${causes[0]?.type ?? ''}${more}`;
  },
  value: ({ causes }) => causes.map(({ source, type, event }) => `${source} ${type} ${event}`).join('; '),
};
const CHANGES: Column<LedgerEntry> = {
  head: 'CHANGES',
  cell: (entry) => changesText(entry, LINES_SHOWN),
  value: (entry) => changesText(entry, Number.POSITIVE_INFINITY),
};
const ALL_CHANGES: Column<LedgerEntry> = { head: 'CHANGES', cell: (entry) => String(CHANGES.value!(entry)) };
/** What identifies an entry: of which run, by which version of the policy, its hash and the one before. */
const IDENTITY: readonly Column<LedgerEntry>[] = [
  { head: 'RUN', cell: ({ run }) => run },
  {
    head: 'POLICY',
    cell: ({ policyVersion }) => String(policyVersion.version),
    value: ({ policyVersion }) => policyVersion.version,
    right: true,
  },
  { head: 'HASH', cell: ({ hash }) => hash },
];

const COLUMNS = [ENTRY, TIME, WHAT, CAUSE, CHANGES, ...IDENTITY.map((column) => ({ ...column, wide: true as const }))];
/** What is longest stands last, where it is wrapped. */
const WIDE_COLUMNS = [ENTRY, TIME, WHAT, ...IDENTITY, CAUSE, ALL_CHANGES];

/** An entry as a row: number, time, kind, cause, what changed. */
export function entryCells(entry: LedgerEntry, style: Style): readonly Cell[] {
  return [ENTRY, TIME, WHAT, CAUSE, CHANGES].map(({ cell }) => cell(entry, style));
}

/** More lines of one change than these are only counted. */
const LINES_SHOWN = 3;

function changesText({ kind, changes, finding, failures, subjects, evidence }: LedgerEntry, most: number): string {
  const told = changes.flatMap((change) => changeTexts(change, most));
  const failed = failures && failures.length > 0 ? [counted(failures.length, 'failure')] : [];
  const seen = kind === 'verified' ? [`${subjects?.join(', ') ?? ''}: ${evidenceText(evidence)}`] : [];
  const said = finding ? [`${finding.code}: ${finding.message}`] : [];
  return [...told, ...failed, ...seen, ...said].join('; ');
}

/** What was done to one object: its lines, without the object's name where it stands in front of them. */
function changeTexts({ action, object, lines }: LedgerEntry['changes'][number], most: number): readonly string[] {
  const shown = lines.slice(0, most).map(({ sign, text }) => `${sign} ${text.replace(`${object}: `, '')}`);
  if (shown.length === 0) return [`${action} ${object}`];
  const more = lines.length - shown.length;
  return more === 0 ? shown : [...shown, `and ${more} more on ${object}`];
}

function evidenceText(evidence: LedgerEntry['evidence']): string {
  const { ok, answers, grade } = (evidence ?? {}) as { ok?: boolean; answers?: readonly unknown[]; grade?: string };
  return `${counted(answers?.length ?? 0, 'question')} to the cluster (${grade}), ${ok ? 'all as expected' : 'CONTRADICTED'}`;
}
