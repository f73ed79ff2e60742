import { Metrics as EmbeddedMetrics } from '@aws-lambda-powertools/metrics';
import { METRICS, type Metrics } from '../ports/metrics.ts';

/** Values in a line. CloudWatch takes a hundred, and Powertools publishes by itself when it has them. */
const MOST = 99;

/**
 * Metrics of a function, in CloudWatch's namespace `Gatehouse` with the dimension `service`. They are lines of the log in
 * CloudWatch's embedded metric format: no call, no right, no time.
 */
export function cloudWatchMetrics(serviceName: string): Metrics {
  const metrics = new EmbeddedMetrics({ namespace: 'Gatehouse', serviceName });
  return {
    record(metric, values, of = {}) {
      for (let start = 0; start < values.length; start += MOST) {
        if (Object.keys(of).length > 0) metrics.addDimensions(of);
        for (const value of values.slice(start, start + MOST)) metrics.addMetric(metric, METRICS[metric], value);
        metrics.publishStoredMetrics();
      }
    },
  };
}
