import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** How many tests passed and failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The line that closes every run of tests, for people and for programs that read the last line. */
export function closingLine({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

/**
 * Prints {@link closingLine} as the last line of a run, and keeps the counts in `file` if there is one. A file that could
 * not be loaded and an error outside of any test count as failed, and a run in which nothing passed fails.
 */
export default class ClosingLine implements Reporter {
  readonly #file: string | undefined;

  constructor(options: { file?: string | undefined } = {}) {
    this.#file = options.file;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = countsOf(modules, unhandled.length);
    if (counts.passed === 0) process.exitCode = 1;
    if (this.#file !== undefined) writeFileSync(this.#file, JSON.stringify(counts));
    // The default reporter prints its summary in the same hook, before this one.
    process.stdout.write(`${closingLine(counts)}\n`);
  }
}

function countsOf(modules: readonly TestModule[], unhandled: number): Counts {
  let passed = 0;
  let failed = unhandled;
  for (const module of modules) {
    let ofModule = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      if (state === 'failed') ofModule += 1;
    }
    // A module or a hook that failed leaves its tests without a result.
    failed += Math.max(ofModule, module.ok() ? 0 : 1);
  }
  return { passed, failed };
}
