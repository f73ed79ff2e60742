import { readFileSync } from 'node:fs';
import { type Counts, closingLine } from './closing-line.ts';

/** The counts of several runs together. */
export function sumOf(runs: readonly Counts[]): Counts {
  return {
    passed: runs.reduce((sum, { passed }) => sum + passed, 0),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/**
 * `node -C source test/count-results.ts FILE...`: prints the closing line of all runs whose counts stand in the files;
 * exit 1 where anything failed or nothing passed.
 */
function main(files: readonly string[]): void {
  const counts = sumOf(files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Counts));
  console.log(closingLine(counts));
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}

if (import.meta.main) main(process.argv.slice(2));
