import type { Log } from '@gatehouse/core/ports/log';
import type { Key } from '@gatehouse/core/ports/table';
import { readIntakeMessage } from '@gatehouse/core/work/messages';
import { type PlannerPorts, planFacts } from '@gatehouse/core/work/plan-facts';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';

/** What the function needs. */
export interface Dependencies {
  readonly ports: PlannerPorts;
  readonly log: Log;
}

/** No fact is begun after this, in milliseconds: well before the function's time-out. */
const WORK = 20_000;

/**
 * Turns the facts that a batch of messages names into marks. The batch is one piece of work, so that a thousand events on
 * one cluster are one wake-up. A fact that fails stays dirty, and the minute's tick hands it on again; where all of the work
 * fails, all of it comes again, and what is planned already is clean. A message that cannot be read comes again alone, until
 * it is a dead letter.
 */
export function createHandler({ ports, log }: Dependencies): (event: SQSEvent) => Promise<SQSBatchResponse> {
  return async ({ Records }) => {
    const keys: Key[] = [];
    const unread: string[] = [];
    for (const { messageId, body } of Records) {
      try {
        keys.push(...readIntakeMessage(JSON.parse(body)).facts);
      } catch (error) {
        log.error('a message of the intake queue could not be read', { messageId, error: String(error) });
        unread.push(messageId);
      }
    }
    const { unfinished, failed, ...report } = await planFacts(ports, keys, ports.clock.now() + WORK);
    log.info('planned', { messages: Records.length, ...report, unfinished: unfinished.length });
    for (const { key, error } of failed) log.error('a fact could not be planned', { ...key, error });
    return { batchItemFailures: unread.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
