import { parseClusterArn } from '@gatehouse/core/access/arn';
import { type LedgerEntry, verifyChain } from '@gatehouse/core/ledger/ledger';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import type { RunOperation } from '../aws/run-operation.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { withExamples, withNo, withOutput } from '../terminal/help.ts';
import type { Style } from '../terminal/style.ts';
import { type Output, type Terminal, writeJson } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: string;
  readonly last: number;
}

/** `ledger`: a chain, and whether it is unbroken. */
export function addLedger(program: Command, terminal: Terminal): void {
  const verb = program
    .command('ledger <chain>')
    .description('verify a chain of the ledger and show its last entries: a cluster, or iam/<account>')
    .option('--last <number>', 'how many entries are shown', readCount, 20);
  withOutput(withAwsOptions(verb)).action((chain: string, options: Options) => ledger(terminal, chain, options));
  withNo(verb, 'the chain is broken');
  withExamples(verb, [
    ['gatehouse ledger prod-eu', 'a cluster by its name; exit code 3 where the chain is broken'],
    ['gatehouse ledger iam/111122223333 -o json', 'the IAM principals of an account'],
  ]);
}

function readCount(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number above 0.');
}

async function ledger(terminal: Terminal, text: string, options: Options): Promise<void> {
  const [{ operationsOf }, { targetOf }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/targets.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  const chain = /^iam\/\d{12}$/.test(text) ? text : await targetOf(text, run);
  const entries = await readAll(run, chain);
  const verdict = verifyChain(entries);
  if (!verdict.ok) terminal.exitCode = 3;
  const shown = entries.slice(-options.last);
  if (options.output === 'json') writeJson(terminal.out, { schemaVersion: 1, chain, verdict, entries: shown });
  else writeLedger(terminal.out, { chain, entries, shown, verdict });
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
  readonly shown: readonly LedgerEntry[];
  readonly verdict: ReturnType<typeof verifyChain>;
}

function writeLedger(output: Output, { chain, entries, shown, verdict }: Shown): void {
  const { style, width } = output;
  if (entries.length === 0) {
    output.write(`The chain ${chain} is empty.\n`);
    return;
  }
  output.write(
    columns(
      shown.map((entry) => entryCells(entry, style)),
      { head: ['ENTRY', 'TIME', 'WHAT', 'BECAUSE OF', 'CHANGES'], style, width, right: [0] },
    ),
  );
  const name = chain.startsWith('cluster/') ? parseClusterArn(chain.slice('cluster/'.length)).name : chain;
  const all = counted(entries.length, 'entry', 'entries');
  output.write(
    verdict.ok
      ? `\n${style.good('unbroken')}  ${name}: ${all}, last hash ${entries.at(-1)!.hash.slice(0, 16)}\n`
      : `\n${style.bad('broken')}  ${name}: at entry ${verdict.brokenAt}: ${verdict.why}\n`,
  );
}

/** An entry as a row: number, time, kind, cause, what changed. */
export function entryCells(entry: LedgerEntry, style: Style): readonly Cell[] {
  const { sequence, at, kind, causes, changes, finding, failures, subjects, evidence } = entry;
  const [cause] = causes;
  const more = causes.length > 1 ? ` and ${causes.length - 1} more` : '';
  const paint = { intent: style.dim, outcome: style.bold, verified: style.good, finding: style.warn }[kind];
  const told = changes.flatMap(changeTexts);
  const failed = failures && failures.length > 0 ? [`${counted(failures.length, 'failure')}`] : [];
  const seen = kind === 'verified' ? [`${subjects?.join(', ') ?? ''}: ${evidenceText(evidence)}`] : [];
  const said = finding ? [`${finding.code}: ${finding.message}`] : [];
  return [
    { text: String(sequence), paint: style.dim },
    { text: `${new Date(at).toISOString().slice(0, 19)}Z`, paint: style.dim },
    { text: kind, paint },
    `${cause?.source ?? '-'} ${cause?.type ?? ''}${more}`,
    [...told, ...failed, ...seen, ...said].join('; '),
  ];
}

/** More lines of one change than these are only counted. */
const LINES_SHOWN = 3;

/** What was done to one object: its lines, without the object's name where it stands in front of them. */
function changeTexts({ action, object, lines }: LedgerEntry['changes'][number]): readonly string[] {
  const shown = lines.slice(0, LINES_SHOWN).map(({ sign, text }) => `${sign} ${text.replace(`${object}: `, '')}`);
  if (shown.length === 0) return [`${action} ${object}`];
  const more = lines.length - shown.length;
  return more === 0 ? shown : [...shown, `and ${more} more on ${object}`];
}

function evidenceText(evidence: LedgerEntry['evidence']): string {
  const { ok, answers, grade } = (evidence ?? {}) as { ok?: boolean; answers?: readonly unknown[]; grade?: string };
  return `${counted(answers?.length ?? 0, 'question')} to the cluster (${grade}), ${ok ? 'all as expected' : 'CONTRADICTED'}`;
}
