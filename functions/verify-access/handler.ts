import { parseTarget } from '@gatehouse/core/access/target';
import type { TurnDependencies } from '@gatehouse/core/work/consume-turns';
import { readWakeMessage } from '@gatehouse/core/work/messages';
import { consumeBatch } from '@gatehouse/core/work/sqs-batch';
import { verifyCluster } from '@gatehouse/core/work/verification';
import { passOn } from '@gatehouse/core/work/wake';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';

/** What the function needs. */
export type Dependencies = Omit<TurnDependencies, 'metrics'>;

/**
 * Takes what comes from the `later` queue: what is to be verified is verified; any other target's time has come, and it is
 * woken through its own FIFO queue, which has no delay for single messages; that takes an instant, so it comes first. The batch shares the time of one function: a
 * cluster that answers slowly leaves the others to another batch, and keeps no wake-up from being passed on.
 */
export function createHandler({ ports, limits, log }: Dependencies): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return (event) => {
    const begun = ports.clock.now();
    const byHaste = event.Records.toSorted((a, b) => Number(isVerification(a)) - Number(isVerification(b)));
    return consumeBatch(
      { Records: byHaste },
      async (body) => {
        const message = readWakeMessage(body);
        const { target } = message;
        if (parseTarget(target).type !== 'verify') {
          await passOn(ports, message);
          return;
        }
        const spent = ports.clock.now() - begun;
        const left = { ...limits, work: limits.work - spent, calls: limits.calls - spent };
        const report = await verifyCluster(ports, left, target);
        log.info('verified', { target, ...report });
      },
      (error, record) => log.error('a verification failed', { messageId: record.messageId, error }),
    );
  };
}

/** What cannot be read is none, and fails where it is handled. */
function isVerification({ body }: SQSRecord): boolean {
  try {
    return parseTarget(readWakeMessage(JSON.parse(body)).target).type === 'verify';
  } catch {
    return false;
  }
}
