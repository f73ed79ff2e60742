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
 * How long some works take, in milliseconds (by the clock, unless told otherwise): the fastest of `times` rounds of all of them, one after the other. Whatever
 * else the machine does makes a round only slower. A third as many rounds come before, to warm up.
 */
export function fastestMilliseconds(
  times: number,
  works: readonly (() => void)[],
  now: () => number = () => performance.now(),
): number[] {
  const fastest = works.map(() => Number.POSITIVE_INFINITY);
  for (let round = -Math.ceil(times / 3); round < times; round++) {
    for (const [index, work] of works.entries()) {
      const began = now();
      work();
      if (round >= 0) fastest[index] = Math.min(fastest[index]!, now() - began);
    }
  }
  return fastest;
}

/** CPU time of this process so far, in milliseconds, its helping threads included: what else the machine does hardly counts. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
