import { Failure } from '@gatehouse/core/access/failure';
import { nudgePlanner } from '@gatehouse/core/directory/nudge';
import { noteUpload, UPLOADED_KEY, type Upload } from '@gatehouse/core/policy/uploaded';
import { envelopeSchema } from '@gatehouse/core/sources/cloud-trail';
import { objectCreatedSchema } from '@gatehouse/core/sources/object-created';
import type { Dependencies } from './handler.ts';

/**
 * Writes down that an access policy was written to the bucket, and wakes the planner, who reads it: this function has neither the right
 * to nor anything loaded that could.
 * @throws Failure where the event shall be delivered again.
 */
export async function receiveUpload(dependencies: Dependencies, event: unknown): Promise<void> {
  const { ports, log } = dependencies;
  const read = readUpload(dependencies, event);
  if (!read) return;
  const { id, upload } = read;
  const cause = { source: 'upload', event: id, type: 'Object Created', receivedAt: ports.clock.now() };
  await noteUpload(ports, upload, cause);
  await nudgePlanner(ports, [UPLOADED_KEY]);
  log.info('an upload was noted', { event: id, ...upload });
}

function readUpload(
  { trust, policyBucket, log }: Dependencies,
  event: unknown,
): { readonly id: string; readonly upload: Upload } | undefined {
  const envelope = envelopeSchema.safeParse(event);
  if (!envelope.success) throw new Failure('invalid', 'what arrived as an upload is no EventBridge event');
  const { id, account } = envelope.data;
  const detail = objectCreatedSchema.safeParse(envelope.data.detail);
  const why = !trust.accounts.has(account)
    ? 'foreign-account'
    : envelope.data['detail-type'] !== 'Object Created' || !detail.success
      ? 'not-understood'
      : detail.data.bucket.name !== policyBucket
        ? 'foreign-bucket'
        : undefined;
  if (why !== undefined || !detail.success) {
    log.warn('an upload was refused', { event: id, reason: why });
    return undefined;
  }
  const { object, requester = 'unknown' } = detail.data;
  const version = object['version-id'];
  return { id, upload: { key: object.key, ...(version === undefined ? {} : { version }), requester } };
}
