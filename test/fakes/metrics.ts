import type { Metrics } from '@gatehouse/core/ports/metrics';

/** Metrics that keep what was recorded: `[metric, values, of]`. */
export function recordingMetrics(): Metrics & {
  readonly recorded: readonly (readonly [
    metric: string,
    values: readonly number[],
    of: Readonly<Record<string, string>>,
  ])[];
} {
  const recorded: [string, readonly number[], Readonly<Record<string, string>>][] = [];
  return { recorded, record: (metric, values, of = {}) => void recorded.push([metric, values, of]) };
}
