import { Failure } from '@gatehouse/core/access/failure';
import type { Log } from '@gatehouse/core/ports/log';
import type { Metrics } from '@gatehouse/core/ports/metrics';
import { busOf } from '@gatehouse/core/sources/cloud-trail';
import { type IntakePorts, takeIn } from '@gatehouse/core/sources/intake';
import type { EventSource, EventTrust } from '@gatehouse/core/sources/source';
import { receiveUpload } from './uploaded-policy.ts';

/** What the function needs. */
export interface Dependencies {
  readonly ports: IntakePorts;
  /** By the `source` of the envelopes. */
  readonly sources: ReadonlyMap<string, EventSource>;
  readonly trust: EventTrust;
  /** Where policies are uploaded. */
  readonly policyBucket: string;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The Lambda handler: one event of EventBridge. It throws where the event shall be delivered again. */
export type Handler = (event: unknown) => Promise<void>;

/**
 * Takes in what EventBridge delivers: API calls that CloudTrail reported, and uploads of the access policy. Whatever is
 * thrown makes Lambda try again and, in the end, keep the event in the dead-letter queue.
 */
export function createHandler(dependencies: Dependencies): Handler {
  return async (event) => {
    const bus = busOf(event);
    if (bus === 'aws.s3') return receiveUpload(dependencies, event);
    const source = dependencies.sources.get(bus);
    if (!source) throw new Failure('unsupported', `no source takes events of "${bus}": the rule lets too much through`);
    const verdict = source.receive(event, dependencies.trust);
    if (verdict.kind !== 'accepted') {
      dependencies.log.warn('an event was refused', {
        source: source.name,
        kind: verdict.kind,
        reason: verdict.reason,
      });
      return;
    }
    const outcome = await takeIn(dependencies.ports, verdict.reception);
    dependencies.metrics.record('EventsTakenIn', [outcome.events], { source: source.name });
    dependencies.log.info('an event was taken in', {
      source: source.name,
      delivery: verdict.reception.delivery,
      ...outcome,
      ignored: [...outcome.ignored],
    });
  };
}
