import { readFileSync } from 'node:fs';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import type { LintWarning, lintLevel } from '@gatehouse/core/bootstrap/lint';
import type { readPolicy } from '@gatehouse/core/policy/read';
import type { Command } from 'commander';
import { type Format, type Listing, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { writeFacts } from '../terminal/facts.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

/** `validate`: what is wrong with a policy document, by line and column. Reads nothing but the file. */
export function addValidate(program: Command, terminal: Terminal): void {
  const verb = program
    .command('validate <file>')
    .description(
      'check an access policy: every error with line, column and what to write instead, and what its levels amount to ("-" reads stdin)',
    );
  withFormats(verb).action((file: string, { output }: { output: Format }) => validate(terminal, file, output));
  withExamples(verb, [
    ['gatehouse validate policy.yaml', 'exit code 1 where anything is wrong; what levels amount to are warnings'],
    ['gatehouse validate policy.yaml -o wide', 'with its digest, its clusters and its grants'],
    ['gatehouse validate -o json - < policy.yaml', 'for editors and pipelines'],
  ]);
  withExitCodes(verb);
}

type Reading = ReturnType<typeof readPolicy>;

async function validate(terminal: Terminal, file: string, format: Format): Promise<void> {
  const [{ readPolicy }, { lintLevel }, { digest }] = await Promise.all([
    import('@gatehouse/core/policy/read'),
    import('@gatehouse/core/bootstrap/lint'),
    import('@gatehouse/core/access/digest'),
  ]);
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  const reading = readPolicy(text);
  if (!reading.ok) terminal.exitCode = 1;
  const warnings = reading.ok ? warningsOf(reading.policy, lintLevel) : [];
  await writeAnswer(terminal.out, format, {
    value: reading.ok ? { ok: true, warnings } : reading,
    listing: listingOf(file, reading, warnings),
    text: (output, wide) => {
      if (!reading.ok) return writeErrors(output, file, reading.errors);
      const { clusters, grants, discover } = reading.policy;
      const discovered = discover.length === 0 ? '' : ', and what it discovers';
      const what = `${counted(grants.length, 'grant')} on ${counted(clusters.length, 'cluster')}${discovered}`;
      output.write(`${output.style.good('valid')}  ${file}: ${what}\n`);
      if (wide) writeContents(output, reading.policy, digest(text));
      writeWarnings(output, warnings);
    },
  });
}

/** What is in a document: what it would be called as a version, each cluster and each grant. */
function writeContents(output: Output, { clusters, grants }: AccessPolicy, digest: string): void {
  writeFacts(output, [['digest', digest]], 2);
  const clusterColumns = [
    { head: 'CLUSTER', cell: ({ name }: (typeof clusters)[number]) => name },
    { head: 'MODE', cell: ({ mode }: (typeof clusters)[number]) => mode },
    { head: 'ARN', cell: ({ arn }: (typeof clusters)[number]) => arn },
  ];
  const grantColumns = [
    { head: 'GRANT', cell: ({ name }: (typeof grants)[number]) => name },
    { head: 'LEVEL', cell: ({ level }: (typeof grants)[number]) => level.name },
  ];
  output.write('\n');
  if (clusters.length > 0) writeListing(output, { columns: clusterColumns, rows: clusters }, { indent: 2 });
  output.write('\n');
  if (grants.length > 0) writeListing(output, { columns: grantColumns, rows: grants }, { indent: 2 });
  output.write('\n');
}

function writeErrors(output: Output, file: string, errors: Extract<Reading, { ok: false }>['errors']): void {
  const { style, width } = output;
  for (const { line, column, field, message, remedy } of errors) {
    const place = `${file}:${line}:${column}`;
    output.write(`${style.bold(place)}${field === '' ? '' : `  ${style.name(field)}`}\n`);
    output.write(
      columns(
        [
          [{ text: 'error', paint: style.bad }, message],
          [{ text: 'try', paint: style.dim }, remedy],
        ],
        { style, width, indent: 2 },
      ),
    );
  }
  output.write(`${style.bad(counted(errors.length, 'error'))} in ${file}; nothing of it would be taken over\n`);
}

/** An error of the document, or a warning of one that is right. */
interface Row {
  readonly kind: 'error' | 'warning';
  readonly line?: number;
  readonly column?: number;
  readonly field?: string;
  readonly code?: string;
  readonly message: string;
  readonly remedy?: string;
  readonly grants?: readonly string[];
}

function listingOf(file: string, reading: Reading, warnings: readonly LevelWarning[]): Listing<Row> {
  const rows: Row[] = reading.ok
    ? warnings.map(({ level, ...warning }) => ({ kind: 'warning', field: `levels.${level}`, ...warning }))
    : reading.errors.map((error) => ({ kind: 'error', ...error }));
  return {
    rows,
    columns: [
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'FILE', cell: () => file },
      { head: 'LINE', cell: ({ line }) => String(line ?? '') },
      { head: 'COLUMN', cell: ({ column }) => String(column ?? '') },
      { head: 'FIELD', cell: ({ field }) => field ?? '' },
      { head: 'CODE', cell: ({ code }) => code ?? '' },
      { head: 'MESSAGE', cell: ({ message }) => message },
      { head: 'REMEDY', cell: ({ remedy }) => remedy ?? '' },
      { head: 'GRANTS', cell: ({ grants }) => grants?.join(' ') ?? '' },
    ],
  };
}

/** What a level that is granted amounts to beyond what it says. */
interface LevelWarning extends LintWarning {
  readonly level: string;
  /** Names of the grants that give it. */
  readonly grants: readonly string[];
}

function warningsOf({ grants }: AccessPolicy, lint: typeof lintLevel): readonly LevelWarning[] {
  const byLevel = Map.groupBy(grants, ({ level }) => level.name);
  return [...byLevel].flatMap(([level, granting]) =>
    lint(granting[0]!.level).map((warning) => ({
      level,
      grants: granting.map(({ name }) => name),
      ...warning,
    })),
  );
}

function writeWarnings(out: Output, warnings: readonly LevelWarning[]): void {
  const { style, width } = out;
  for (const [level, ofLevel] of Map.groupBy(warnings, (warning) => warning.level)) {
    const rows = [
      [{ text: 'given by', paint: style.dim }, ofLevel[0]!.grants.join(', ')],
      ...ofLevel.map(({ code, message }) => [{ text: 'warning', paint: style.warn }, `${code}: ${message}`]),
    ];
    out.write(`${style.bold(`level ${level}`)}\n${columns(rows, { style, width, indent: 2 })}`);
  }
}
