import fc from 'fast-check';

/** Of every comparison; `ORACLE_SEED` takes another one, `ORACLE_RUNS` another number of cases for each comparison. */
const SEED = Number(process.env.ORACLE_SEED ?? 20260115);
const RUNS = process.env.ORACLE_RUNS;

/** A real component may be asked so often for a smaller case that shows a difference. */
const MOST_SHRINKS = 500;

/** Something that a model and the real component are both asked about, again and again. */
export interface Comparison<T> {
  /** What the cases are called in the closing line: `documents`. */
  readonly of: string;
  readonly cases: fc.Arbitrary<T>;
  readonly runs: number;
  /** Asks both about one case. Undefined: they agree. Else what differs, in words, with both answers. */
  readonly difference: (one: T) => Promise<string | undefined>;
}

/** Questions asked since the start, for the closing line. */
export class Tally {
  questions = 0;
  /** Those whose answer was not simply "no". */
  granted = 0;
}

/**
 * Asks about `runs` cases, one after the other, and prints how many there were. The first difference is made smaller by asking
 * about smaller cases, and thrown with the seed that shows it again.
 */
export async function compare<T>({ of, cases, runs, difference }: Comparison<T>, tally: Tally): Promise<void> {
  const started = performance.now();
  let smallest: string | undefined;
  let shrinks = 0;
  const property = fc.asyncProperty(cases, async (one) => {
    if (smallest !== undefined && ++shrinks > MOST_SHRINKS) return;
    const found = await difference(one);
    if (found === undefined) return;
    smallest = found;
    throw new Error(found);
  });
  const { numRuns, failed } = await fc.check(property, { seed: SEED, numRuns: Number(RUNS ?? runs) });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const count = `${numRuns} ${of}, ${tally.questions} questions (${tally.granted} of them granted)`;
  console.log(`${count}, ${failed ? 'a difference' : '0 differences'}, ${seconds} s, seed ${SEED}`);
  if (failed) throw new Error(`${smallest}\n\nSeed ${SEED}, after ${numRuns} ${of} and ${shrinks} smaller ones.`);
}
