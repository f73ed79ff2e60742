import type { AccessRule } from '@gatehouse/core/access/policy';
import { type LabelSelector, labelTest } from './label-selectors.ts';
import type { StoredObject } from './storage.ts';

/**
 * The rules that a ClusterRole with an aggregationRule gathers from the others, which are in the order of their names; undefined
 * where it gathers none or has them already. Source: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.
 */
export function gatheredRules(role: StoredObject, others: readonly StoredObject[]): readonly AccessRule[] | undefined {
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
