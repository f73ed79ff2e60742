/** The middle and the largest of some durations, in milliseconds. */
export interface Figure {
  readonly count: number;
  readonly p50: number;
  readonly max: number;
}

/** The figure of durations in milliseconds; there must be at least one. */
export function figureOf(milliseconds: readonly number[]): Figure {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return { count: sorted.length, p50: sorted[Math.floor((sorted.length - 1) / 2)]!, max: sorted.at(-1)! };
}

/** A line for people: `webhook to denial        50 times   p50    112 ms   max    301 ms`. */
export function figureLine(what: string, { count, p50, max }: Figure): string {
  const ms = (value: number) => `${Math.round(value).toLocaleString('en-US').padStart(7)} ms`;
  return `${what.padEnd(34)} ${String(count).padStart(3)} times   p50 ${ms(p50)}   max ${ms(max)}`;
}
