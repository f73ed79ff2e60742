import { Failure, isFailure } from '../../access/failure.ts';
import type { AccessRule } from '../../access/policy.ts';
import type { Kubernetes, KubernetesObject, ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { ABSENT, applyToObject, type ObjectState, preconditionOf } from '../managed-object.ts';
import type { Change } from '../resource.ts';
import { isWithin } from './model.ts';

/**
 * Makes a change of a Role. Kubernetes checks all rules at every update, so a level that gained a rule Gatehouse does not hold
 * would keep the rules it lost. What is lost does not wait for the bootstrap: the Role is then written with those of the wanted
 * rules that it had before, or with none, which is never refused; and the change fails all the same, since what it adds is
 * missing. (A ClusterRole that somebody made an aggregate takes no edit but cluster-admin's: it is deleted, which the answer
 * says; the caller has it made again.)
 *
 * @throws Failure `escalation` where Gatehouse does not hold what the change adds; `conflict` as for every object.
 */
export async function applyRole(
  { kubernetes }: ClusterPorts,
  ref: ObjectRef,
  change: Change<ObjectState>,
): Promise<ObjectState> {
  const { before, after } = change;
  try {
    return await applyToObject(kubernetes, ref, change);
  } catch (error) {
    if (!isFailure(error, 'escalation') || !before.present || !after.present || !narrows(before.object, after.object)) {
      throw error;
    }
    if (before.object.aggregationRule !== undefined) {
      await kubernetes.remove(ref, preconditionOf(before.object));
      return ABSENT;
    }
    await takeAway(kubernetes, before.object, after.object);
    throw new Failure('escalation', `${error.message}. What the level lost was taken away, what it gained is missing`, {
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      cause: error,
    });
  }
}

async function takeAway(kubernetes: Kubernetes, before: KubernetesObject, after: KubernetesObject): Promise<void> {
  const kept = (after.rules ?? []).filter((rule) => isHeld(rule, before));
  try {
    await kubernetes.replace({ ...after, rules: kept });
  } catch (error) {
    if (!isFailure(error, 'escalation')) throw error;
    await kubernetes.replace({ ...after, rules: [] });
  }
}

/** True where something that the Role allowed is not wanted any more, or came by an aggregation that nobody wants. */
function narrows(before: KubernetesObject, after: KubernetesObject): boolean {
  return before.aggregationRule !== undefined || (before.rules ?? []).some((rule) => !isHeld(rule, after));
}

function isHeld(rule: AccessRule, role: KubernetesObject): boolean {
  return (role.rules ?? []).some((other) => isWithin(rule, other));
}
