import type { AccessRule } from '@gatehouse/core/access/policy';
import { type LabelSelector, labelTest } from './label-selectors.ts';
import type { Storage, StoredObject } from './storage.ts';

/** ClusterRoles in {@link Storage}. */
export const CLUSTER_ROLES = 'clusterroles.rbac.authorization.k8s.io';

/**
 * Does what the controller of aggregated ClusterRoles does after each change of one. Every pass carries rules at least one role
 * further, so there are no more of them than roles.
 */
export function aggregate(storage: Storage): void {
  for (let passes = storage.list(CLUSTER_ROLES, '').length; passes > 0; passes -= 1) {
    const changed = storage.list(CLUSTER_ROLES, '').filter((role) => {
      const rules = gatheredRules(role, storage.list(CLUSTER_ROLES, ''));
      if (rules !== undefined) storage.put(CLUSTER_ROLES, { ...role, rules: rules.length === 0 ? null : rules });
      return rules !== undefined;
    });
    if (changed.length === 0) return;
  }
}

/**
 * The rules that a ClusterRole with an aggregationRule gathers from the others, which are in the order of their names; undefined
 * where it gathers none or has them already. Source: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.
 */
function gatheredRules(role: StoredObject, others: readonly StoredObject[]): readonly AccessRule[] | undefined {
  const { clusterRoleSelectors } = (role.aggregationRule ?? {}) as {
    readonly clusterRoleSelectors?: readonly LabelSelector[];
  };
  if (clusterRoleSelectors === undefined) return undefined;
  const rules = new Map<string, AccessRule>();
  for (const selector of clusterRoleSelectors) {
    const chosen = labelTest(selector);
    for (const other of others) {
      if (other.metadata.name === role.metadata.name || !chosen(other.metadata.labels ?? {})) continue;
      for (const rule of rulesOf(other)) if (!rules.has(meaning(rule))) rules.set(meaning(rule), rule);
    }
  }
  const has = rulesOf(role).map(meaning);
  const same = has.length === rules.size && [...rules.keys()].every((one, index) => one === has[index]);
  return same ? undefined : [...rules.values()];
}

const rulesOf = ({ rules }: StoredObject) => (rules ?? []) as readonly AccessRule[];

/** The same text for rules that say the same in the same order. */
function meaning({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: AccessRule): string {
  return JSON.stringify([apiGroups, resources, resourceNames, nonResourceURLs, verbs]);
}
