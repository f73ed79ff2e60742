import { Failure, isFailure } from '@gatehouse/core/access/failure';
import type { IntakeMessage } from '@gatehouse/core/directory/fact';
import type { UploadOutcome } from '@gatehouse/core/policy/versions';
import { envelopeSchema } from '@gatehouse/core/sources/cloud-trail';
import { objectCreatedSchema } from '@gatehouse/core/sources/object-created';
import type { Dependencies } from './handler.ts';

/** Where policies are uploaded, and what an upload may do by itself. */
export interface UploadSettings {
  readonly bucket: string;
  /** Whether what widens access is active at once, because it was reviewed before the upload. */
  readonly trusted: boolean;
}

interface Upload {
  /** The event's id. */
  readonly event: string;
  readonly key: string;
  /** Of the object, where the bucket keeps versions. */
  readonly version: string | undefined;
  readonly requester: string;
}

/** Where operators find why the last upload was refused; absent while the last one was good. */
const REFUSED_KEY = { pk: 'policy', sk: 'refused' };
/** More than a person reads at once, and little enough for one item. */
const ERRORS_KEPT = 50;
/** How often uploads that overtake each other are followed before Lambda has to deliver the event again. */
const ROUNDS = 5;

/**
 * Takes in the access policy that was written to the bucket. The event is a hint: what counts is the object as it stands now.
 * Were each event to bring its own version, one delivered late would put yesterday's policy back in force. So the object
 * is read again afterwards, and the turn is over only when nothing newer came in between.
 *
 * A document that is no policy is refused whole; the old version stays in force, and the errors are kept for operators.
 * @throws Failure where the event shall be delivered again.
 */
export async function receiveUpload(dependencies: Dependencies, event: unknown): Promise<void> {
  const upload = readUpload(dependencies, event);
  if (!upload) return;
  let taken: string | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const text = await currentText(dependencies, upload);
    if (text === undefined || text === taken) return;
    await takeText(dependencies, upload, text);
    taken = text;
  }
  throw new Failure('conflict', `the policy ${upload.key} was replaced ${ROUNDS} times while it was being read`);
}

/** What reads policies is loaded by the first of them: other events, which come far oftener, do without. */
async function reading() {
  const [versions, inForce, required] = await Promise.all([
    import('@gatehouse/core/policy/versions'),
    import('@gatehouse/core/policy/in-force'),
    import('@gatehouse/core/policy/require'),
  ]);
  return { ...versions, ...inForce, ...required };
}

function readUpload({ trust, uploads, log }: Dependencies, event: unknown): Upload | undefined {
  const envelope = envelopeSchema.safeParse(event);
  if (!envelope.success) throw new Failure('invalid', 'what arrived as an upload is no EventBridge event');
  const { id, account } = envelope.data;
  const detail = objectCreatedSchema.safeParse(envelope.data.detail);
  const why = !trust.accounts.has(account)
    ? 'foreign-account'
    : envelope.data['detail-type'] !== 'Object Created' || !detail.success
      ? 'not-understood'
      : detail.data.bucket.name !== uploads.bucket
        ? 'foreign-bucket'
        : undefined;
  if (why !== undefined || !detail.success) {
    log.warn('an upload was refused', { event: id, reason: why });
    return undefined;
  }
  const { object, requester = 'unknown' } = detail.data;
  return { event: id, key: object.key, version: object['version-id'], requester };
}

/** Undefined where there is nothing to take in: the object is gone, or was refused as no text or too large. */
async function currentText(dependencies: Dependencies, upload: Upload): Promise<string | undefined> {
  try {
    return await dependencies.ports.documents.read(dependencies.uploads.bucket, upload.key);
  } catch (error) {
    if (isFailure(error, 'not-found')) return undefined;
    if (!isFailure(error, 'invalid', 'too-large')) throw error;
    await refuse(dependencies, upload, error);
    return undefined;
  }
}

async function takeText(dependencies: Dependencies, upload: Upload, text: string): Promise<void> {
  const { ports, log } = dependencies;
  const outcome = await storeOrRefuse(dependencies, upload, text);
  if (!outcome) return;
  await ports.table.delete(REFUSED_KEY);
  const { ACTIVE_KEY } = await reading();
  // Also where nothing changed: the attempt that changed it may have ended before it woke the planner.
  const message: IntakeMessage = { version: 1, facts: [{ pk: ACTIVE_KEY.pk, sk: ACTIVE_KEY.sk }] };
  await ports.queues.send('intake', [{ body: JSON.stringify(message) }]);
  const { version, digest, state, widens, narrows } = outcome;
  log.info('a policy was taken in', { version, digest, state, widens: widens.length, narrows: narrows.length });
}

async function storeOrRefuse(
  dependencies: Dependencies,
  upload: Upload,
  text: string,
): Promise<UploadOutcome | undefined> {
  const { ports, uploads } = dependencies;
  const { uploadPolicy } = await reading();
  const by = `${upload.requester} by s3://${uploads.bucket}/${upload.key}`;
  const cause = { source: 'upload', event: upload.event, type: 'Object Created', receivedAt: ports.clock.now() };
  try {
    return await uploadPolicy(ports, { text, by, cause, trusted: uploads.trusted });
  } catch (error) {
    if (!isFailure(error, 'invalid', 'too-large')) throw error;
    await refuse(dependencies, upload, error);
    return undefined;
  }
}

async function refuse({ ports, log }: Dependencies, upload: Upload, failure: Failure): Promise<void> {
  const { PolicyRefusal } = await reading();
  const errors =
    failure.cause instanceof PolicyRefusal
      ? failure.cause.errors.slice(0, ERRORS_KEPT).map((error) => ({ ...error }))
      : [{ message: failure.message, ...(failure.remedy === undefined ? {} : { remedy: failure.remedy }) }];
  await ports.table.put({
    ...REFUSED_KEY,
    errors,
    at: ports.clock.now(),
    key: upload.key,
    ...(upload.version === undefined ? {} : { version: upload.version }),
  });
  log.error('a policy was refused; the one before stays in force', { key: upload.key, errors });
}
