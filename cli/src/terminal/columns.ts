import type { Paint, Style } from './style.ts';
import { printable, widthOf, wrapped } from './text.ts';

/** A cell: its text, and how it is coloured. The text may come from outside; what is not printable is written out. */
export type Cell = string | { readonly text: string; readonly paint: Paint };

/** How a table is written. */
export interface TableOptions {
  readonly head?: readonly string[];
  readonly style: Style;
  /**
   * Places in a line; the last column is wrapped to fit, or stands below the others where they leave it little room. Where these
   * do not fit, either, each row is a block. Without it, as when piped, nothing is cut or wrapped.
   */
  readonly width?: number | undefined;
  /** Blanks before each line. */
  readonly indent?: number;
  /** Columns, counted from 0, that stand at their right edge. */
  readonly right?: readonly number[];
}

const GAP = 2;
/** Places that the last column has at least; with fewer, a text that does not fit stands in lines of its own. */
const NARROWEST_LAST = 36;
/** How far these are moved in. */
const BELOW = 8;
/** Of so many rows, one may be too long for its columns: its last cell stands below it, and the others are as they were. */
const ROWS_AN_OUTLIER = 4;

/** A table in columns, without lines around it, without blanks at the ends of lines. Ends in a line break unless empty. */
export function columns(rows: readonly (readonly Cell[])[], options: TableOptions): string {
  const { head, style, width = Number.POSITIVE_INFINITY, indent = 0 } = options;
  const all: readonly (readonly Cell[])[] = head ? [head.map((text) => ({ text, paint: style.dim })), ...rows] : rows;
  const widths = widthsOf(all);
  const before = placesBefore(widths, indent);
  const room = width - before;
  const isTight = room < NARROWEST_LAST && widths.length > 1 && widths.at(-1)! > room;
  const narrow = { ...options, width };
  const fitting = isTight ? withoutOutliers(all, widths, narrow) : widths;
  if (fitting) return beside(all, fitting, narrow);
  return head && before - GAP > width ? records(rows, head, narrow) : below(all, narrow);
}

/** Each row in columns of these widths. */
function beside(
  rows: readonly (readonly Cell[])[],
  widths: readonly number[],
  { width, indent = 0, right = [] }: TableOptions & { readonly width: number },
): string {
  const before = placesBefore(widths, indent);
  return rows.map((row) => rowLines(row, { widths, room: width - before, indent, right, before })).join('');
}

function widthsOf(rows: readonly (readonly Cell[])[]): readonly number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(textOf(cell)));
  }
  return widths;
}

/** Places that all columns but the last take. */
function placesBefore(widths: readonly number[], indent: number): number {
  return widths.slice(0, -1).reduce((sum, each) => sum + each + GAP, indent);
}

/** The widths with the widest column so narrow that the last has its room; undefined where more than a few rows would not fit. */
function withoutOutliers(
  rows: readonly (readonly Cell[])[],
  widths: readonly number[],
  { width, indent = 0 }: TableOptions & { readonly width: number },
): readonly number[] | undefined {
  const others = widths.slice(0, -1);
  const widest = others.indexOf(Math.max(...others));
  const cap = widths[widest]! - (NARROWEST_LAST - (width - placesBefore(widths, indent)));
  const fitting = rows.map((row) => widthOf(textOf(row[widest] ?? ''))).filter((places) => places <= cap);
  if ((rows.length - fitting.length) * ROWS_AN_OUTLIER > rows.length) return undefined;
  return widths.map((each, index) => (index === widest ? Math.max(...fitting) : each));
}

/** The rows without their last cells, and each of these below its row. */
function below(rows: readonly (readonly Cell[])[], options: TableOptions & { readonly width: number }): string {
  const { style, width, indent = 0, right = [] } = options;
  const most = Math.max(...rows.map((row) => row.length)) - 1;
  const lines = columns(
    rows.map((row) => row.slice(0, most)),
    { style, indent, right: right.filter((index) => index < most) },
  ).split('\n');
  const room = Math.max(NARROWEST_LAST / 2, width - indent - BELOW);
  const texts = rows.map((row, index) => {
    const last = row[most];
    const told = last === undefined || textOf(last) === '' ? [] : wrapped(textOf(last), room);
    return [lines[index]!, ...told.map((text) => `${' '.repeat(indent + BELOW)}${paintOf(last!)(text)}`)];
  });
  return texts
    .flat()
    .map((line) => `${line}\n`)
    .join('');
}

/** Each row as a block, a cell in a line beside the name of its column: for tables that are wider than the terminal. */
function records(
  rows: readonly (readonly Cell[])[],
  head: readonly string[],
  { style, width, indent }: TableOptions & { readonly width: number },
): string {
  const labels = Math.max(...head.map(widthOf));
  const blocks = rows.map((row) => {
    const cells = row.flatMap((cell, index): (readonly Cell[])[] =>
      textOf(cell) === '' ? [] : [[{ text: (head[index] ?? '').padEnd(labels), paint: style.dim }, cell]],
    );
    return columns(cells, { style, width, ...(indent === undefined ? {} : { indent }) });
  });
  return blocks.join('\n');
}

interface Layout {
  readonly widths: readonly number[];
  readonly room: number;
  readonly indent: number;
  readonly right: readonly number[];
  readonly before: number;
}

function rowLines(row: readonly Cell[], { widths, room, indent, right, before }: Layout): string {
  const last = widths.length - 1;
  const isTooLong = row.some((cell, index) => index < last && widthOf(textOf(cell)) > widths[index]!);
  const texts = row[last] === undefined ? [] : wrapped(textOf(row[last]), room);
  const [first = '', ...more] = isTooLong ? ['', ...texts] : texts;
  const cells = row.map((cell, index) => {
    const text = index === last ? first : textOf(cell);
    const fill = ' '.repeat(Math.max(0, widths[index]! - widthOf(text)));
    const painted = paintOf(cell)(text);
    if (right.includes(index)) return fill + painted;
    return index === row.length - 1 ? painted : painted + fill;
  });
  const line = (' '.repeat(indent) + cells.join(' '.repeat(GAP))).trimEnd();
  const rest = more.map((text) => `${' '.repeat(before)}${paintOf(row[last]!)(text)}\n`);
  return `${line}\n${rest.join('')}`;
}

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text);
const paintOf = (cell: Cell): Paint => (typeof cell === 'string' ? (text) => text : cell.paint);
