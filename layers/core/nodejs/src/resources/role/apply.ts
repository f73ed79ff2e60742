import { isFailure } from '../../access/failure.ts';
import type { AccessRule } from '../../access/policy.ts';
import type { KubernetesObject, ObjectRef } from '../../ports/kubernetes.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import { ABSENT, applyToObject, type ObjectState, preconditionOf } from '../managed-object.ts';
import type { Change } from '../resource.ts';
import { isWithin } from './model.ts';

/**
 * Makes a change of a Role. Kubernetes checks all rules at every update, so a level that gained a rule Gatehouse does not hold
 * would keep the rules it lost. What is lost does not wait for the bootstrap: the Role is then written with those of the wanted
 * rules that it had before, or with none, which is never refused. (A ClusterRole that somebody made an aggregate takes no edit but
 * cluster-admin's: it is deleted.) The answer is what is there; the caller sees that this is
 * not `change.after` and plans the rest as a grant, which fails with `escalation` until the bootstrap is applied.
 *
 * @throws Failure `escalation` where the change takes nothing away; `conflict` as for every object.
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
    const write = async (rules: readonly AccessRule[]): Promise<ObjectState> => ({
      present: true,
      object: await kubernetes.replace({ ...after.object, rules }),
    });
    const kept = (after.object.rules ?? []).filter((rule) => isHeld(rule, before.object));
    try {
      return await write(kept);
    } catch (again) {
      if (!isFailure(again, 'escalation')) throw again;
      return write([]);
    }
  }
}

/** True where something that the Role allowed is not wanted any more, or came by an aggregation that nobody wants. */
function narrows(before: KubernetesObject, after: KubernetesObject): boolean {
  return before.aggregationRule !== undefined || (before.rules ?? []).some((rule) => !isHeld(rule, after));
}

function isHeld(rule: AccessRule, role: KubernetesObject): boolean {
  return (role.rules ?? []).some((other) => isWithin(rule, other));
}
