import fc from 'fast-check';

/** Of every comparison; `ORACLE_SEED` takes another one, `ORACLE_RUNS` another number of cases for each comparison. */
const SEED = Number(process.env.ORACLE_SEED ?? 20260115);
const RUNS = process.env.ORACLE_RUNS;

/** A real component may be asked so often for a smaller case that shows a difference. */
const MOST_SHRINKS = 250;

/** Something that a model and the real component are both asked about, again and again. */
export interface Comparison<T> {
  /** What the cases are called in the closing line: `documents`. */
  readonly of: string;
  readonly cases: fc.Arbitrary<T>;
  readonly runs: number;
  /** Asks both about one case. Undefined: they agree. Else what differs, in words, with both answers. */
  readonly difference: (one: T) => Promise<string | undefined>;
}

/** Questions asked since the start, by what they are about. */
export class Tally {
  readonly #counts = new Map<string, { asked: number; granted: number }>();

  /** @param granted whether the real answer was more than a mere no. */
  count(what: string, granted: boolean): void {
    const count = this.of(what);
    this.#counts.set(what, { asked: count.asked + 1, granted: count.granted + (granted ? 1 : 0) });
  }

  of(what: string): { readonly asked: number; readonly granted: number } {
    return this.#counts.get(what) ?? { asked: 0, granted: 0 };
  }

  get questions(): number {
    return [...this.#counts.values()].reduce((sum, { asked }) => sum + asked, 0);
  }

  /** `access reviews 3013 (881 yes), attempts 978 (253 yes)` */
  toString(): string {
    return [...this.#counts].map(([what, { asked, granted }]) => `${what} ${asked} (${granted} yes)`).join(', ');
  }
}

/**
 * Asks about `runs` cases, one after the other, and prints how many there were. The first difference is made smaller by asking
 * about smaller cases, and thrown with the seed that shows it again.
 */
export async function compare<T>({ of, cases, runs, difference }: Comparison<T>, tally: Tally): Promise<void> {
  const started = performance.now();
  let smallest: string | undefined;
  let trouble: unknown;
  let shrinks = 0;
  const property = fc.asyncProperty(cases, async (one) => {
    if (trouble !== undefined || (smallest !== undefined && ++shrinks > MOST_SHRINKS)) return;
    const found = await difference(one).catch((error: unknown) => {
      trouble = error;
      return 'trouble';
    });
    if (found === undefined) return;
    if (trouble === undefined) smallest = found;
    throw new Error(found);
  });
  const { numRuns, failed } = await fc.check(property, { seed: SEED, numRuns: Number(RUNS ?? runs) });
  if (trouble !== undefined) throw trouble;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const outcome = failed ? 'a difference' : '0 differences';
  console.log(`${numRuns} ${of}, ${tally.questions} questions, ${outcome}: ${tally}; ${seconds} s, seed ${SEED}`);
  if (failed) throw new Error(`${smallest}\n\nSeed ${SEED}, after ${numRuns} ${of} and ${shrinks} smaller ones.`);
}

/** Rows for people, each with a name and JSON. */
export function shown(rows: Readonly<Record<string, unknown>>): string {
  return Object.entries(rows)
    .map(([name, value]) => `${name}: ${JSON.stringify(value, undefined, 1)}`)
    .join('\n');
}
