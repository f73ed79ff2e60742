import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { Failure } from '../access/failure.ts';
import { parseTarget } from '../access/target.ts';
import type { Log } from '../ports/log.ts';
import type { Metrics } from '../ports/metrics.ts';
import { readWakeMessage } from './messages.ts';
import { consumeBatch } from './sqs-batch.ts';
import { takeTurns } from './take-turns.ts';
import type { TurnLimits, TurnPorts } from './turn-ports.ts';

/** What a function that takes turns needs. */
export interface TurnDependencies {
  readonly ports: TurnPorts;
  readonly limits: TurnLimits;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Takes one turn for each wake-up of a batch. Whatever fails outside of a turn's own rules goes back to SQS. */
export function consumeTurns(
  { ports, limits, log, metrics }: TurnDependencies,
  event: SQSEvent,
  type: 'iam' | 'cluster',
): Promise<SQSBatchResponse> {
  return consumeBatch(
    event,
    async (body) => {
      const message = readWakeMessage(body);
      if (parseTarget(message.target).type !== type) {
        throw new Failure('invalid', `${message.target} came to the queue of the ${type} targets`);
      }
      for (const turn of await takeTurns(ports, limits, message)) {
        if (turn.kind === 'done') metrics.record('RevocationLatency', turn.revocations);
        log.info('turn', { target: message.target, ...turn });
      }
    },
    (error, record) => log.error('a turn failed', { messageId: record.messageId, error }),
  );
}
