import { canonicalJson } from '../access/json.ts';
import type { AccessLevel, AccessRule } from '../access/policy.ts';

/**
 * The user-facing ClusterRoles of Kubernetes, each holding what the one before holds
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles).
 */
const BUILT_IN = ['view', 'edit', 'admin', 'cluster-admin'];

/**
 * Whether `wide` certainly gives everything that `narrow` gives. Cautious: two levels it cannot compare (other ClusterRoles, or
 * a rule covered only by several rules together) are not within each other. The level's name plays no part.
 */
export function levelCovers(wide: AccessLevel, narrow: AccessLevel): boolean {
  return (
    mainPartCovers(wide, narrow) &&
    (narrow.console === undefined || wide.console === true) &&
    (narrow.clusterWide ?? []).every((rule) => wide.clusterWide?.some((other) => ruleCovers(other, rule)))
  );
}

/** What is given where the grant is for, without what is given on the whole cluster and in the console. */
function mainPartCovers(wide: AccessLevel, narrow: AccessLevel): boolean {
  if ('clusterRole' in wide) {
    if (wide.clusterRole === 'cluster-admin') return true;
    if (!('clusterRole' in narrow)) return false;
    if (wide.clusterRole === narrow.clusterRole) return true;
    const place = BUILT_IN.indexOf(narrow.clusterRole);
    return place >= 0 && place < BUILT_IN.indexOf(wide.clusterRole);
  }
  return 'rules' in narrow && narrow.rules.every((rule) => wide.rules.some((other) => ruleCovers(other, rule)));
}

/** What both levels certainly give, under the first one's name; undefined where that is nothing or cannot be told. */
export function levelMeet(a: AccessLevel, b: AccessLevel): AccessLevel | undefined {
  if (levelCovers(a, b)) return b;
  if (levelCovers(b, a)) return a;
  const main = mainPartMeet(a, b);
  if (main === undefined) return undefined;
  const clusterWide = rulesMeet(a.clusterWide ?? [], b.clusterWide ?? []);
  return {
    ...main,
    name: a.name,
    ...(clusterWide.length > 0 ? { clusterWide } : {}),
    ...(a.console && b.console ? { console: true } : {}),
  };
}

function mainPartMeet(
  a: AccessLevel,
  b: AccessLevel,
): { rules: readonly AccessRule[] } | { clusterRole: string } | undefined {
  const lesser = mainPartCovers(a, b) ? b : mainPartCovers(b, a) ? a : undefined;
  if (lesser) return 'rules' in lesser ? { rules: lesser.rules } : { clusterRole: lesser.clusterRole };
  if (!('rules' in a) || !('rules' in b)) return undefined;
  const rules = rulesMeet(a.rules, b.rules);
  return rules.length > 0 ? { rules } : undefined;
}

function rulesMeet(a: readonly AccessRule[], b: readonly AccessRule[]): readonly AccessRule[] {
  const rules = new Map<string, AccessRule>();
  for (const one of a) {
    for (const other of b) {
      const both = ruleMeet(one, other);
      if (both) rules.set(canonicalJson(both), both);
    }
  }
  return [...rules.values()];
}

/** Whether one rule alone gives all that another gives. */
export function ruleCovers(wide: AccessRule, narrow: AccessRule): boolean {
  if (!covers(wide.verbs, narrow.verbs, equal)) return false;
  if (narrow.nonResourceURLs) {
    return wide.nonResourceURLs !== undefined && covers(wide.nonResourceURLs, narrow.nonResourceURLs, urlWithin);
  }
  if (!wide.resources || !narrow.resources) return false;
  const names = wide.resourceNames;
  return (
    covers(wide.apiGroups ?? [], narrow.apiGroups ?? [], equal) &&
    covers(wide.resources, narrow.resources, resourceWithin) &&
    (names === undefined || (narrow.resourceNames?.every((name) => names.includes(name)) ?? false))
  );
}

function ruleMeet(a: AccessRule, b: AccessRule): AccessRule | undefined {
  const verbs = meet(a.verbs, b.verbs, equal);
  if (verbs.length === 0) return undefined;
  if (a.nonResourceURLs && b.nonResourceURLs) {
    const nonResourceURLs = meet(a.nonResourceURLs, b.nonResourceURLs, urlWithin);
    return nonResourceURLs.length > 0 ? { nonResourceURLs, verbs } : undefined;
  }
  if (!a.resources || !b.resources) return undefined;
  const apiGroups = meet(a.apiGroups ?? [], b.apiGroups ?? [], equal);
  const resources = meet(a.resources, b.resources, resourceWithin);
  if (apiGroups.length === 0 || resources.length === 0) return undefined;
  if (!a.resourceNames && !b.resourceNames) return { apiGroups, resources, verbs };
  const resourceNames = (a.resourceNames ?? b.resourceNames!).filter((name) => b.resourceNames?.includes(name) ?? true);
  return resourceNames.length > 0 ? { apiGroups, resources, resourceNames, verbs } : undefined;
}

type Within = (wide: string, narrow: string) => boolean;

const equal: Within = (wide, narrow) => wide === narrow;
/** As RBAC compares: `*` is everything, and `*` followed by a subresource is that subresource of every resource. */
const resourceWithin: Within = (wide, narrow) =>
  wide === narrow || (wide.startsWith('*/') && narrow.includes('/') && narrow.split('/')[1] === wide.slice(2));
const urlWithin: Within = (wide, narrow) =>
  wide === narrow || (wide.endsWith('*') && narrow.startsWith(wide.slice(0, -1)));

function covers(wide: readonly string[], narrow: readonly string[], within: Within): boolean {
  return narrow.every((item) => wide.some((other) => other === '*' || within(other, item)));
}

/** What two lists have in common: of each pair in which one holds the other, the one held. */
function meet(a: readonly string[], b: readonly string[], within: Within): string[] {
  const held = (list: readonly string[], other: readonly string[]) =>
    list.filter((item) => covers(other, [item], within));
  return [...new Set([...held(a, b), ...held(b, a)])];
}
