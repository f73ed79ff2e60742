import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import { ACTIVE_KEY } from '@gatehouse/core/policy/in-force';
import { type ReadUpload, readUploaded, type UploadSettings } from '@gatehouse/core/policy/read-uploaded';
import { UPLOADED_KEY } from '@gatehouse/core/policy/uploaded';
import type { Documents } from '@gatehouse/core/ports/documents';
import type { Log } from '@gatehouse/core/ports/log';
import type { Key } from '@gatehouse/core/ports/table';
import { readIntakeMessage } from '@gatehouse/core/work/messages';
import { type PlannerPorts, planFacts } from '@gatehouse/core/work/plan-facts';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';

/** What the function needs. */
export interface Dependencies {
  readonly ports: PlannerPorts & { readonly documents: Documents };
  readonly uploads: UploadSettings;
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
export function createHandler(dependencies: Dependencies): (event: SQSEvent) => Promise<SQSBatchResponse> {
  const { ports, log } = dependencies;
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
    const until = ports.clock.now() + WORK;
    const plan = async (some: readonly Key[]) => {
      const { unfinished, failed, ...report } = await planFacts(ports, some, until);
      log.info('planned', { messages: Records.length, ...report, unfinished: unfinished.length });
      for (const { key, error } of failed) log.error('a fact could not be planned', { ...key, error });
    };
    const { facts = [], uploads = [] } = Object.groupBy(keys, (key) => (isUpload(key) ? 'uploads' : 'facts'));
    if (facts.length > 0) await plan(facts);
    // After all else: nothing waits for S3.
    if (uploads.length > 0) {
      await takeUpload(dependencies, until);
      // Also where there was nothing to read any more: whoever read it may have ended before this.
      await plan([ACTIVE_KEY]);
    }
    return { batchItemFailures: unread.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

const isUpload = ({ pk, sk }: Key) => pk === UPLOADED_KEY.pk && sk === UPLOADED_KEY.sk;

/** Reads the policy that was uploaded. Like any other fact it waits for another run where time is over, or where it fails. */
async function takeUpload({ ports, uploads, log }: Dependencies, until: number): Promise<void> {
  if (ports.clock.now() >= until) return nudgePlanner(ports, [UPLOADED_KEY]);
  try {
    for (const read of await readUploaded(ports, uploads)) tell(log, read);
  } catch (error) {
    log.error('a fact could not be planned', { ...UPLOADED_KEY, error });
  }
}

function tell(log: Log, read: ReadUpload): void {
  if (read.state === 'taken') {
    const { version, digest, state, widens, narrows } = read.outcome;
    log.info('a policy was taken in', { version, digest, state, widens: widens.length, narrows: narrows.length });
  }
  if (read.state === 'refused') {
    const { key, errors } = read.refused;
    log.error('a policy was refused; the one before stays in force', { key, errors });
  }
}
