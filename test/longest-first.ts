import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take long although they are short: begun last, one of them would keep one worker while the others have ended. */
const LONG = ['test/cli/connected-clusters.test.ts', 'test/cli/person.test.ts'];

/** Begins with the files that take longest; the rest as it would be. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((path) => moduleId.endsWith(path));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
