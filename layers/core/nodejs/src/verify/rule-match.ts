import type { AccessLevel, AccessRule } from '../access/policy.ts';
import type { AccessQuestion } from '../ports/kubernetes.ts';

/** Something that a subject has, or had, on a cluster. */
export interface Holding {
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  readonly level: AccessLevel;
  /** Why, for the report: `grant payments-operators`. */
  readonly because: string;
}

/** What a holding says to a question. `unknown`: it depends on a ClusterRole whose rules are not at hand. */
export type Answer = 'allowed' | 'denied' | 'unknown';

/** The rules of ClusterRoles by name, as far as they are known. */
export type KnownRoles = ReadonlyMap<string, readonly AccessRule[]>;

/** cluster-admin is the one ClusterRole whose rules every cluster agrees on. */
const CLUSTER_ADMIN: readonly AccessRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/** The rules of a level, undefined where they are not at hand. */
export function rulesOfLevel(level: AccessLevel, known: KnownRoles): readonly AccessRule[] | undefined {
  if ('rules' in level) return level.rules;
  return known.get(level.clusterRole) ?? (level.clusterRole === 'cluster-admin' ? CLUSTER_ADMIN : undefined);
}

/** What a holding says to a question: by its namespaces, and by its rules. */
export function answerOf(holding: Holding, question: AccessQuestion, known: KnownRoles): Answer {
  const { namespaces, level } = holding;
  // A RoleBinding reaches only into its namespace; a question without one is about the whole cluster.
  const reached =
    namespaces.length === 0 || (question.namespace !== undefined && namespaces.includes(question.namespace));
  if (!reached) return 'denied';
  const rules = rulesOfLevel(level, known);
  if (rules === undefined) return 'unknown';
  return rules.some((rule) => allows(rule, question)) ? 'allowed' : 'denied';
}

/** What all holdings together say: one that allows is enough. */
export function answerOfAll(holdings: readonly Holding[], question: AccessQuestion, known: KnownRoles): Answer {
  const answers = holdings.map((holding) => answerOf(holding, question, known));
  if (answers.includes('allowed')) return 'allowed';
  return answers.includes('unknown') ? 'unknown' : 'denied';
}

/** Whether a rule allows what is asked, as Kubernetes matches it (pkg/apis/rbac/v1/evaluation_helpers.go). */
function allows(rule: AccessRule, question: AccessQuestion): boolean {
  const { resource, subresource, name } = question;
  const combined = subresource === undefined ? resource : `${resource}/${subresource}`;
  const names = rule.resourceNames ?? [];
  const has = (words: readonly string[] | undefined, word: string) => words?.some((one) => one === '*' || one === word);
  return Boolean(
    has(rule.verbs, question.verb) &&
      has(rule.apiGroups, question.group) &&
      (has(rule.resources, combined) || (subresource !== undefined && rule.resources?.includes(`*/${subresource}`))) &&
      (names.length === 0 || (name !== undefined && names.includes(name))),
  );
}
