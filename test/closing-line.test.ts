import { describe, expect, it, vi } from 'vitest';
import type { TestModule } from 'vitest/node';
import ClosingLine from './closing-line.ts';
import { sumOf } from './count-results.ts';

/** A module as Vitest reports it: its tests' states, and whether all of it went well. */
function module(ok: boolean, ...states: string[]): TestModule {
  const tests = states.map((state) => ({ result: () => ({ state }) }));
  return { ok: () => ok, children: { allTests: () => tests } } as unknown as TestModule;
}

describe('ClosingLine', () => {
  it.each<[string, TestModule[], unknown[], string]>([
    [
      'counts passed and failed, and leaves skipped out',
      [module(false, 'passed', 'failed', 'skipped')],
      [],
      '1 passed, 1 failed',
    ],
    ['counts a file that did not load', [module(true, 'passed'), module(false)], [], '1 passed, 1 failed'],
    ['counts a hook that failed once', [module(false, 'passed', 'skipped', 'skipped')], [], '1 passed, 1 failed'],
    ['counts an error outside of any test', [module(true, 'passed')], [new Error()], '1 passed, 1 failed'],
    ['adds modules up', [module(true, 'passed'), module(true, 'passed', 'passed')], [], '3 passed, 0 failed'],
  ])('%s', (_what, modules, unhandled, line) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    new ClosingLine().onTestRunEnd(modules, unhandled);
    const written = write.mock.calls.map(([text]) => text);
    write.mockRestore();
    expect(written).toEqual([`${line}\n`]);
  });
});

describe('sumOf', () => {
  it('adds runs up', () => {
    expect(sumOf([])).toEqual({ passed: 0, failed: 0 });
    expect(
      sumOf([
        { passed: 2, failed: 1 },
        { passed: 3, failed: 0 },
      ]),
    ).toEqual({ passed: 5, failed: 1 });
  });
});
