import { cloudWatchMetrics } from '@gatehouse/core/aws/metrics';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

describe('metrics', () => {
  const lines: string[] = [];
  beforeEach(() => {
    lines.length = 0;
    // Powertools writes to a console of its own, but for development.
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('are lines in the embedded format that CloudWatch takes them from, with every value', () => {
    cloudWatchMetrics('reconcile-iam').record('RevocationLatency', [900, 1_200]);
    const [line] = lines.map((each) => JSON.parse(each));
    expect(line).toMatchObject({
      service: 'reconcile-iam',
      RevocationLatency: [900, 1_200],
      _aws: {
        CloudWatchMetrics: [
          {
            Namespace: 'Gatehouse',
            Dimensions: [['service']],
            Metrics: [{ Name: 'RevocationLatency', Unit: 'Milliseconds' }],
          },
        ],
      },
    });
    expect(lines).toHaveLength(1);
  });

  it('of one source are kept apart from those of another', () => {
    const metrics = cloudWatchMetrics('receive-webhook');
    metrics.record('EventsTakenIn', [3], { source: 'okta' });
    metrics.record('EventsTakenIn', [1], { source: 'standard' });
    const seen = lines.map((each) => JSON.parse(each));
    expect(seen.map(({ source, EventsTakenIn }) => [source, EventsTakenIn])).toEqual([
      ['okta', 3],
      ['standard', 1],
    ]);
    for (const { _aws } of seen) expect(_aws.CloudWatchMetrics[0].Dimensions).toEqual([['service', 'source']]);
  });

  it('without a value are no line, and none is lost where there are more than fit into one', () => {
    const metrics = cloudWatchMetrics('reconcile-cluster');
    metrics.record('RevocationLatency', []);
    expect(lines).toEqual([]);
    metrics.record(
      'RevocationLatency',
      Array.from({ length: 500 }, (_, index) => index),
    );
    const values = lines.flatMap((line) => JSON.parse(line).RevocationLatency as number[]);
    expect(values).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });
});
