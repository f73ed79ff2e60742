import { canonicalJson } from '../../access/json.ts';
import type { AccessRule } from '../../access/policy.ts';
import type { Claim } from '../resource.ts';

/** The rules of a grant, as a Role (`Role/<namespace>/<name>`) or a ClusterRole (`ClusterRole/<name>`). */
export interface RoleClaim extends Claim {
  readonly kind: 'role';
  readonly grant: string;
  readonly rules: readonly AccessRule[];
}

const MEMBERS = ['apiGroups', 'resources', 'resourceNames', 'nonResourceURLs', 'verbs'] as const;

/**
 * A rule in the one form in which equal rules are equal: each member a sorted list without duplicates, empty ones left out.
 * The order of a rule's words means nothing to Kubernetes. `verbs` always stays, since the API demands it.
 */
export function canonicalRule(rule: AccessRule): AccessRule {
  const sorted = MEMBERS.flatMap((member) => {
    const words = [...new Set(rule[member] ?? [])].sort();
    return words.length === 0 && member !== 'verbs' ? [] : [[member, words] as const];
  });
  return Object.fromEntries(sorted) as unknown as AccessRule;
}

/** True where both lists grant the same by the same rules, in whatever order. */
export function sameRules(a: readonly AccessRule[], b: readonly AccessRule[]): boolean {
  const keys = (rules: readonly AccessRule[]) =>
    [...new Set(rules.map((rule) => canonicalJson(canonicalRule(rule))))].sort();
  return canonicalJson(keys(a)) === canonicalJson(keys(b));
}

/** A rule on one line: `get, list pods, pods/log (apps) named a, b`. */
export function describeRule(rule: AccessRule): string {
  const { verbs, resources = [], apiGroups = [], resourceNames = [], nonResourceURLs = [] } = canonicalRule(rule);
  const groups = apiGroups.map((group) => group || 'core').join(', ');
  const what = [...resources, ...nonResourceURLs].join(', ');
  const names = resourceNames.length === 0 ? '' : ` named ${resourceNames.join(', ')}`;
  return `${verbs.join(', ')} ${what}${groups === '' ? '' : ` (${groups})`}${names}`;
}

/** True where everything that `inner` allows, `outer` alone allows, too. */
export function isWithin(inner: AccessRule, outer: AccessRule): boolean {
  const all = (wanted: readonly string[] = [], held: readonly string[] = []) =>
    held.includes('*') || wanted.every((word) => held.includes(word));
  const named = outer.resourceNames ?? [];
  const names = inner.resourceNames ?? [];
  return (
    all(inner.verbs, outer.verbs) &&
    all(inner.apiGroups, outer.apiGroups) &&
    all(inner.resources, outer.resources) &&
    all(inner.nonResourceURLs, outer.nonResourceURLs) &&
    // No names means any name, so a rule with names never holds one without.
    (named.length === 0 || (names.length > 0 && names.every((name) => named.includes(name))))
  );
}
