/** The value below which a part of the numbers lies; of an empty list 0. */
export function quantile(numbers: readonly number[], part: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

/** The middle of some numbers. */
export const median = (numbers: readonly number[]): number => quantile(numbers, 0.5);

/** A number as people read it: three digits that count, no more than two behind the point. */
export function rounded(value: number): number {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

/**
 * How long some work takes, in milliseconds of this process' CPU: what else the machine does counts less than by the clock. The
 * median of `times` runs, after a tenth of them to warm up, at least one.
 */
export function cpuMilliseconds(times: number, work: () => void): number {
  for (let run = 0; run < Math.max(1, times / 10); run++) work();
  const taken: number[] = [];
  for (let run = 0; run < times; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    taken.push((user + system) / 1000);
  }
  return median(taken);
}

/**
 * How long some works take by the clock, in milliseconds: the median of `times` rounds of all of them, one after the other, so that
 * what disturbs one disturbs them all. A third as many rounds come before, to warm up.
 */
export function medianMilliseconds(times: number, works: readonly (() => void)[]): number[] {
  const taken: number[][] = works.map(() => []);
  for (let round = -Math.ceil(times / 3); round < times; round++) {
    for (const [index, work] of works.entries()) {
      const began = performance.now();
      work();
      if (round >= 0) taken[index]!.push(performance.now() - began);
    }
  }
  return taken.map(median);
}
