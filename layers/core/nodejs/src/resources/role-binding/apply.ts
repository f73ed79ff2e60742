import { isFailure } from '../../access/failure.ts';
import { canonicalJson } from '../../access/json.ts';
import type { KubernetesObject, ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { ABSENT, applyToObject, type ObjectState, preconditionOf } from '../managed-object.ts';
import type { Change } from '../resource.ts';

/**
 * Makes a change of a binding. Kubernetes checks the whole binding at every update, also when a subject is only removed: where
 * Gatehouse may no longer grant the role (403), or where there is no such role any more (404), it refuses. A revocation does not
 * wait for that: the binding is deleted whole, and the answer is that it is absent. The caller sees that this is not
 * `change.after` and restores the others as grants, which make the role first, and fail with `escalation` until the bootstrap is
 * applied.
 *
 * @throws Failure `escalation` where nobody's access hangs on the change; `conflict` as for every object.
 */
export async function applyRoleBinding(
  { kubernetes }: ClusterPorts,
  ref: ObjectRef,
  change: Change<ObjectState>,
): Promise<ObjectState> {
  try {
    return await applyToObject(kubernetes, ref, change);
  } catch (error) {
    const { before, after } = change;
    if (!isFailure(error, 'escalation', 'not-found') || !before.present || !after.present) throw error;
    if (!removesSubject(before.object, after.object)) throw error;
    await kubernetes.remove(ref, preconditionOf(before.object));
    return ABSENT;
  }
}

function removesSubject(before: KubernetesObject, after: KubernetesObject): boolean {
  const left = new Set((after.subjects ?? []).map((subject) => canonicalJson(subject)));
  return (before.subjects ?? []).some((subject) => !left.has(canonicalJson(subject)));
}
