import type { Resource } from './kinds.ts';
import type { DeleteOptions } from './request-options.ts';
import { conflict } from './status.ts';
import type { StoredObject } from './storage.ts';

/** What must still be true for a delete to happen. */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** @throws ApiError 409 where one does not hold. */
export function checkPreconditions(
  resource: Resource,
  found: StoredObject,
  { uid, resourceVersion }: Preconditions,
): void {
  const of = { group: resource.group, resource: resource.kind };
  const { name, uid: ownUid, resourceVersion: ownVersion } = found.metadata;
  if (uid !== undefined && uid !== ownUid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${ownUid}). The object might have been deleted and then recreated`;
    throw conflict(of, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== ownVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${ownVersion}). The object might have been modified`;
    throw conflict(of, name, why);
  }
}

/** Finalizers by which a delete leaves its dependents to garbage collection. */
const OF_COLLECTION = { Foreground: 'foregroundDeletion', Orphan: 'orphan' } as const;

/** The finalizers that an object has while it is being deleted. */
export function finalizersFor(
  { metadata }: StoredObject,
  propagation: DeleteOptions['propagation'],
): readonly string[] {
  const own = metadata.finalizers ?? [];
  if (propagation === undefined) return own;
  const others = own.filter((one) => one !== OF_COLLECTION.Foreground && one !== OF_COLLECTION.Orphan);
  return propagation === 'Background' ? others : [...others, OF_COLLECTION[propagation]];
}
