import { beforeAll, type RunnerTestCase, type RunnerTestSuite } from 'vitest';

/**
 * What an implementation is known to do otherwise than its contract says: the name of the contract's test below the contract's
 * own `describe`, outer groups first (`roles > refuses a name with a slash`), and the reason.
 */
export type Deviations = Readonly<Record<string, string>>;

/**
 * Expects the tests that `deviations` names to fail. They run as all others do, so a deviation that goes away is noticed: its
 * test fails then, until the line is taken out of the list. Stands inside of the contract's `describe`, before its hooks; where
 * the list names a test that the contract does not have, every test of it fails.
 */
export function expectDeviations(deviations: Deviations): void {
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it which fixtures are wanted.
  beforeAll(({}, contract) => markDeviations(contract, deviations));
}

/** Marks the tests of a contract as `it.fails` does. @throws Error where the contract has no test of a name. */
export function markDeviations(contract: Contract, deviations: Deviations): void {
  const tests = new Map(testsIn(contract));
  for (const name of Object.keys(deviations)) {
    const test = tests.get(name);
    if (test === undefined) throw new Error(`"${name}" is listed as a deviation, but no test of the contract`);
    // vitest reads it when the test has ended.
    test.fails = true;
  }
}

type Contract = Readonly<Pick<RunnerTestSuite, 'tasks'>>;

function testsIn(suite: Contract, path = ''): [name: string, test: RunnerTestCase][] {
  return suite.tasks.flatMap((task): [string, RunnerTestCase][] => {
    const name = `${path}${task.name}`;
    return task.type === 'suite' ? testsIn(task, `${name} > `) : [[name, task]];
  });
}
