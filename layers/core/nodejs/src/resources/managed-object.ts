import { Failure, isFailure } from '../access/failure.ts';
import { sameJson } from '../access/json.ts';
import { GRANT_ANNOTATION, MANAGED_BY } from '../access/names.ts';
import type { Kubernetes, KubernetesObject, ObjectMeta, ObjectRef } from '../ports/kubernetes.ts';
import type { Change } from './resource.ts';

/** One object of a cluster as it was observed, whole; or that there is none. */
export type ObjectState = { readonly present: false } | { readonly present: true; readonly object: KubernetesObject };

/** No such object. */
export const ABSENT: ObjectState = { present: false };

/** True where the object carries Gatehouse's label. */
export function isManaged(object: KubernetesObject): boolean {
  return object.metadata.labels?.[MANAGED_BY.key] === MANAGED_BY.value;
}

/** True where the object is Gatehouse's, and made for this grant as far as it says for which. */
export function isManagedFor(object: KubernetesObject, grant: string): boolean {
  const annotated = object.metadata.annotations?.[GRANT_ANNOTATION];
  return isManaged(object) && (annotated === undefined || annotated === grant);
}

/** The metadata of an object that Gatehouse makes for a grant. */
export function managedMeta(ref: ObjectRef, grant: string): ObjectMeta {
  return {
    name: ref.name,
    ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
    labels: { [MANAGED_BY.key]: MANAGED_BY.value },
    annotations: { [GRANT_ANNOTATION]: grant },
  };
}

/** The object as the API server has it now. */
export async function observeObject(kubernetes: Kubernetes, ref: ObjectRef): Promise<ObjectState> {
  const object = await kubernetes.read(ref);
  return object === undefined ? ABSENT : { present: true, object };
}

/**
 * Makes a change of one whole object. Repeating it is safe: creating what is there already as wanted succeeds, a replace
 * and a delete hold only for the version (and the very object) that was observed, deleting what is gone succeeds.
 * @throws Failure `conflict` where the object is no longer the one observed.
 */
export async function applyToObject(
  kubernetes: Kubernetes,
  ref: ObjectRef,
  change: Change<ObjectState>,
): Promise<ObjectState> {
  const { before, after } = change;
  if (!after.present) {
    if (before.present) await kubernetes.remove(ref, preconditionOf(before.object));
    return ABSENT;
  }
  if (before.present) return { present: true, object: await kubernetes.replace(after.object) };
  try {
    return { present: true, object: await kubernetes.create(after.object) };
  } catch (error) {
    if (!isFailure(error, 'already-exists')) throw error;
    return madeEarlier(kubernetes, ref, after.object, error);
  }
}

/** What a delete demands: the object that was read, in the version that was read. */
export function preconditionOf(object: KubernetesObject): { uid?: string; resourceVersion?: string } {
  const { uid, resourceVersion } = object.metadata;
  return { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
}

async function madeEarlier(
  kubernetes: Kubernetes,
  ref: ObjectRef,
  wanted: KubernetesObject,
  cause: Failure,
): Promise<ObjectState> {
  const object = await kubernetes.read(ref);
  if (object !== undefined && sameContent(object, wanted)) return { present: true, object };
  throw new Failure('conflict', `${described(ref)} was made by somebody else meanwhile`, { cause });
}

function sameContent(there: KubernetesObject, wanted: KubernetesObject): boolean {
  const contained = (all: Readonly<Record<string, string>> = {}, part: Readonly<Record<string, string>> = {}) =>
    Object.entries(part).every(([key, value]) => all[key] === value);
  return (
    contained(there.metadata.labels, wanted.metadata.labels) &&
    contained(there.metadata.annotations, wanted.metadata.annotations) &&
    sameJson(there.rules ?? [], wanted.rules ?? []) &&
    sameJson(there.subjects ?? [], wanted.subjects ?? []) &&
    sameJson(there.roleRef, wanted.roleRef)
  );
}

/** An object in a sentence. */
export function described(ref: ObjectRef): string {
  return `the ${ref.kind} "${ref.name}"${ref.namespace === undefined ? '' : ` in ${ref.namespace}`}`;
}
