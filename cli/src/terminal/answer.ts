import { type Command, Option } from 'commander';
import { type Cell, columns } from './columns.ts';
import { PLAIN, type Style } from './style.ts';
import { type Output, writeJson } from './terminal.ts';

/** How an answer is written: for people (`wide` with every column), for programs, for a spreadsheet. */
export const FORMATS = ['table', 'wide', 'json', 'yaml', 'csv'] as const;
/** See {@link FORMATS}. */
export type Format = (typeof FORMATS)[number];

/** One column of a listing. */
export interface Column<Row> {
  /** As it stands above the column; in CSV in lower case. */
  readonly head: string;
  /** What people read. `wide`: with whole ids. */
  readonly cell: (row: Row, style: Style, wide?: boolean) => Cell;
  /** What programs read, where it is not the text of the cell: a time as ISO 8601, a number without its unit. */
  readonly value?: (row: Row) => string | number | boolean | undefined;
  /** Only shown where the answer is asked for `wide`; always part of CSV. */
  readonly wide?: true;
  /** Stands at its right edge. */
  readonly right?: true;
}

/** Rows and what is told of each. */
export interface Listing<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Said in place of a table without rows. */
  readonly none?: string;
}

/** What a verb has to say, once, for all formats. */
export interface Answer<Row> {
  /** JSON and YAML: all of it. `schemaVersion` is put in front. */
  readonly value: object;
  /** CSV; and the table, where nothing else is said for people. */
  readonly listing: Listing<Row>;
  /** How it reads for people, where that is more than a table. */
  readonly text?: (output: Output, wide: boolean) => void;
}

/** The version of what JSON and YAML hold: it grows when a member changes its meaning or goes. */
const SCHEMA_VERSION = 1;

/** Whether a format is read by programs, so that nothing but the answer and errors is written. */
export function isForPrograms(format: Format | undefined): boolean {
  return format === 'json' || format === 'yaml' || format === 'csv';
}

/**
 * `-o, --output` of a verb that answers by {@link writeAnswer}. `formats`, the usual one first: of a verb for which not all of
 * them make sense.
 */
export function withFormats(command: Command, formats: readonly Format[] = FORMATS): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how the answer is written').choices(formats).default(formats[0]),
  );
}

/** Writes an answer in the format that was asked for. */
export async function writeAnswer<Row>(
  output: Output,
  format: Format,
  { value, listing, text }: Answer<Row>,
): Promise<void> {
  const versioned = { schemaVersion: SCHEMA_VERSION, ...value };
  switch (format) {
    case 'json':
      return writeJson(output, versioned);
    case 'yaml':
      return output.write(await yamlOf(versioned));
    case 'csv':
      return output.write(await csvOf(listing));
    default:
      if (text) text(output, format === 'wide');
      else writeListing(output, listing, { wide: format === 'wide' });
  }
}

/**
 * Writes rows as they come, so that all of it is one text: JSON a line each, YAML a document each, of CSV and tables the heads
 * once.
 */
export function rowWriter<Row extends object>(
  output: Output,
  format: Format,
  columns: readonly Column<Row>[],
): (rows: readonly Row[]) => Promise<void> {
  let isFirst = true;
  return async (rows) => {
    const heads = isFirst;
    isFirst = false;
    const wide = format === 'wide';
    if (format === 'json') for (const row of rows) output.write(`${JSON.stringify(row)}\n`);
    else if (format === 'yaml') for (const row of rows) output.write(`---\n${await yamlOf(row)}`);
    else if (format === 'csv') output.write(await csvOf({ columns, rows }, heads));
    else writeListing(output, { columns, rows }, { wide, heads });
  };
}

/** A value as YAML, as its JSON would be. */
export async function yamlOf(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  return stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** A listing as a table for people. */
export function writeListing<Row>(
  output: Output,
  { columns: all, rows, none }: Listing<Row>,
  {
    wide = false,
    indent = 0,
    heads = true,
  }: { readonly wide?: boolean; readonly indent?: number; readonly heads?: boolean } = {},
): void {
  const { style, width } = output;
  if (rows.length === 0 && none !== undefined) {
    output.write(`${none}\n`);
    return;
  }
  const shown = all.filter((column) => wide || !column.wide);
  const right = shown.flatMap((column, index) => (column.right ? [index] : []));
  const cells = rows.map((row) => shown.map(({ cell }) => cell(row, style, wide)));
  const head = heads ? { head: shown.map((column) => column.head) } : {};
  output.write(columns(cells, { ...head, style, width, indent, right }));
}

/**
 * RFC 4180 with a line of heads. A text from outside that a spreadsheet would take for a formula is written as a text.
 * @see https://owasp.org/www-community/attacks/CSV_Injection
 */
async function csvOf<Row>({ columns: all, rows }: Listing<Row>, header = true): Promise<string> {
  const { stringify } = await import('csv-stringify/sync');
  const fieldOf = ({ cell, value }: Column<Row>, row: Row) => {
    if (value) return value(row) ?? '';
    const shown = cell(row, PLAIN);
    return typeof shown === 'string' ? shown : shown.text;
  };
  return stringify(
    rows.map((row) => all.map((column) => fieldOf(column, row))),
    {
      header,
      columns: all.map(({ head }) => head.toLowerCase()),
      escape_formulas: true,
      cast: { boolean: String },
    },
  );
}
