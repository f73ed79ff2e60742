/** What is measured for alarms and dashboards, and in which unit. The template's alarms name these. */
export const METRICS = {
  /** How long the oldest thing that is written down and not done has waited. */
  OldestWaiting: 'Milliseconds',
  /** From the newest event that took something away until all of it is written. */
  RevocationLatency: 'Milliseconds',
  /** Events that a source delivered and that were proven to be its own, repeated ones included. */
  EventsTakenIn: 'Count',
} as const;

/** Where the numbers go. A number that is lost changes nothing else. */
export interface Metrics {
  /** Records every value. @param of what the values belong to, beside the function: `{ source: 'okta' }`. */
  record(metric: keyof typeof METRICS, values: readonly number[], of?: Readonly<Record<string, string>>): void;
}
