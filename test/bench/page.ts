import { type Figures, isHeld, type Plot, type Target } from './figures.ts';
import { svgOf } from './plots.ts';

/** All figures of one run, and under what it was taken: `docs/performance/figures.json`. */
export interface Run {
  /** The machine, and how busy it was. */
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memory: string;
    readonly node: string;
    readonly loadBefore: number;
    readonly loadAfter: number;
    readonly seconds: number;
  };
  readonly figures: readonly Figures[];
}

/** Of a page: its tables stand between `<!-- figures: NAME -->` and `<!-- end -->`. Everything else is written by people. */
const PLACE = /(<!-- figures: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/**
 * The page with its tables as the run has them.
 * @throws Error where the page has no place for some figures, or a place for figures that there are not.
 */
export function pageWith(page: string, run: Run): string {
  const parts = new Map<string, string>([
    ['machine', machineLine(run)],
    ['targets', targetTable(run.figures.flatMap(({ targets }) => targets))],
    ...run.figures.map((figures): [string, string] => [figures.name, `${tableOf(figures)}\n${plotsOf(figures.plots)}`]),
  ]);
  const placed = new Set<string>();
  const written = page.replaceAll(PLACE, (_all, begin: string, name: string, end: string) => {
    const part = parts.get(name);
    if (part === undefined) throw new Error(`the page has a place for "${name}", of which there are no figures`);
    placed.add(name);
    return `${begin}\n${part}\n${end}`;
  });
  const left = [...parts.keys()].filter((name) => !placed.has(name));
  if (left.length > 0) throw new Error(`the page has no place for the figures of ${left.join(', ')}`);
  return written;
}

/** The plots of a run, by the names of their files. */
export function plotFiles({ figures }: Run): Map<string, string> {
  return new Map(figures.flatMap(({ plots }) => plots.map((plot) => [`${plot.file}.svg`, svgOf(plot)])));
}

/** The table of what was promised: what was to be reached, what was measured, and whether it holds. */
export function targetTable(targets: readonly Target[]): string {
  const rows = targets.map((target) => {
    const { what, atMost, measured, unit } = target;
    return [what, `at most ${shown(atMost)} ${unit}`, `${shown(measured)} ${unit}`, isHeld(target) ? 'yes' : '**no**'];
  });
  return markdown(['what', 'to reach', 'measured', 'held'], rows);
}

/** The figures of one measurement as a table. */
export function tableOf({ columns, rows }: Figures): string {
  return markdown(columns, rows);
}

function plotsOf(plots: readonly Plot[]): string {
  return plots.map(({ file, title, y, x }) => `\n![${title}: ${y}, by ${x}](performance/${file}.svg)\n`).join('');
}

function machineLine({ machine }: Run): string {
  const { processor, cores, memory, node, loadBefore, loadAfter, seconds } = machine;
  return `${processor}, ${cores} cores, ${memory}, Node ${node}. Load before the run ${loadBefore}, after it ${loadAfter}; the run took ${seconds} s.\n`;
}

function markdown(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.map((cell) => shown(cell)).join(' | ')} |`;
  const isNumber = (column: number) => rows.some((row) => typeof row[column] === 'number');
  return [
    line(columns),
    `|${columns.map((_, column) => (isNumber(column) ? '---:' : '---')).join('|')}|`,
    ...rows.map(line),
    '',
  ].join('\n');
}

const shown = (cell: string | number): string =>
  typeof cell === 'number' ? cell.toLocaleString('en', { maximumFractionDigits: 2 }) : cell;
