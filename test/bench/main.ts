import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { awsAuthEdits } from './aws-auth-edits.ts';
import { bundles } from './bundles.ts';
import { calls } from './calls.ts';
import { type Figures, isHeld, type Measurement } from './figures.ts';
import { memory } from './memory.ts';
import { pageWith, plotFiles, type Run, tableOf, targetTable } from './page.ts';
import { planTime } from './plan-time.ts';
import { startUp } from './start-up.ts';
import { storms } from './storm.ts';

const DOCS = join(import.meta.dirname, '../../docs');

/** In this order: what is sensitive to a warm machine comes first. */
const MEASUREMENTS: readonly Measurement[] = [startUp, awsAuthEdits, planTime, bundles, calls, memory, storms];

const USAGE = `npm run bench -- [options]

Measures, prints a table, and writes the whole run into docs/performance.md and docs/performance/.
Exits with 1 where a target is missed.

  --only NAME   one measurement (may be repeated): ${MEASUREMENTS.map(({ name }) => name).join(', ')}; writes nothing
  --quick       a fraction of the work, to see that it runs; writes nothing
  --json        prints JSON instead of tables
  --out FILE    writes JSON there, too
  --help`;

function machine(loadBefore: number, began: number): Run['machine'] {
  const load = (value: number) => Math.round(value * 100) / 100;
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    node: process.versions.node,
    loadBefore: load(loadBefore),
    loadAfter: load(loadavg()[0]!),
    seconds: Math.round((performance.now() - began) / 1000),
  };
}

/** Writes what is committed: the figures, the plots, and the tables of the page. */
function publish(run: Run): void {
  const folder = join(DOCS, 'performance');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'figures.json'), jsonOf(run));
  for (const [file, svg] of plotFiles(run)) writeFileSync(join(folder, file), svg);
  const page = join(DOCS, 'performance.md');
  writeFileSync(page, pageWith(readFileSync(page, 'utf8'), run));
}

const jsonOf = (run: Run): string => `${JSON.stringify(run, null, 2)}\n`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const unknown = values.only?.find((name) => !MEASUREMENTS.some((one) => one.name === name));
  if (unknown !== undefined) throw new Error(`there is no measurement "${unknown}"\n\n${USAGE}`);
  const chosen = MEASUREMENTS.filter(({ name }) => values.only === undefined || values.only.includes(name));
  const began = performance.now();
  const loadBefore = loadavg()[0]!;
  const figures: Figures[] = [];
  for (const one of chosen) {
    const tell = (line: string) => console.error(`${one.name}: ${line}`);
    figures.push(await one.measure({ quick: values.quick, tell }));
  }
  const run: Run = { machine: machine(loadBefore, began), figures };
  const targets = figures.flatMap((one) => one.targets);
  if (values.json) process.stdout.write(jsonOf(run));
  else {
    for (const one of figures) console.log(`${one.title}\n\n${tableOf(one)}`);
    console.log(
      `Targets${values.quick ? ' of the whole work: what a fraction of it says of them does not count' : ''}\n`,
    );
    console.log(targetTable(targets));
  }
  if (values.out !== undefined) writeFileSync(values.out, jsonOf(run));
  if (values.only === undefined && !values.quick) publish(run);
  return targets.every(isHeld) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
