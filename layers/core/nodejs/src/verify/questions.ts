import { canonicalJson } from '../access/json.ts';
import type { AccessRule } from '../access/policy.ts';
import type { AccessQuestion } from '../ports/kubernetes.ts';
import { answerOfAll, type Holding, type KnownRoles, rulesOfLevel } from './rule-match.ts';

/** A question and the answer that the policy gives to it. */
export interface Expectation {
  readonly question: AccessQuestion;
  readonly allowed: boolean;
  /** Why this answer, in words for a report. */
  readonly because: string;
}

/** What one username has on a cluster by the policy, and what it had before. */
export interface SubjectAccess {
  readonly username: string;
  /** Beside those of every login. */
  readonly groups?: readonly string[];
  readonly has: readonly Holding[];
  readonly had: readonly Holding[];
  /** Rules of ClusterRoles that levels name, where they were read. */
  readonly knownRoles?: KnownRoles;
}

/** Most questions about one holding: a sample proves the binding, and the rules are compared anyway. */
export const MAX_SAMPLE = 20;

/** Every login of a cluster is in this group. */
const GROUPS = ['system:authenticated'];

type Asked = Omit<AccessQuestion, 'user' | 'groups'>;

/** What nobody has unless it was granted: everything, the way to more rights, other people's secrets and names. */
const COVETED: readonly Asked[] = [
  { verb: '*', group: '*', resource: '*' },
  { verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterrolebindings' },
  { verb: 'escalate', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' },
  { verb: 'impersonate', group: '', resource: 'users' },
  { verb: 'get', group: '', resource: 'secrets', namespace: 'kube-system' },
  { verb: 'update', group: '', resource: 'configmaps', namespace: 'kube-system', name: 'aws-auth' },
];

/** Where to look for rights that leaked out of their namespace; the first that the subject has nothing in is taken. */
const ELSEWHERE = ['kube-system', 'default', 'kube-public'] as const;

/**
 * What to ask the cluster about a subject: a sample of everything it has (at most {@link MAX_SAMPLE} a holding), the same in
 * another namespace, secrets, the way to more rights, and everything it had and has no more. What depends on a ClusterRole
 * whose rules are not at hand is not asked, since there is no expected answer.
 */
export function questionsFor(subject: SubjectAccess): readonly Expectation[] {
  const known = subject.knownRoles ?? new Map();
  const expectations = new Map<string, Expectation>();
  const expect = (asked: Asked, expected: boolean, because: string) => {
    const groups = [...GROUPS, ...(subject.groups ?? [])];
    const question: AccessQuestion = { user: subject.username, groups, ...asked };
    const answer = answerOfAll(subject.has, question, known);
    const key = canonicalJson(question);
    if (expectations.has(key) || answer !== (expected ? 'allowed' : 'denied')) return;
    expectations.set(key, { question, allowed: expected, because });
  };

  for (const holding of subject.has) {
    for (const asked of sample(holding, known)) expect(asked, true, holding.because);
  }
  for (const holding of subject.had) {
    for (const asked of sample(holding, known)) expect(asked, false, `no longer: ${holding.because}`);
  }
  for (const asked of elsewhere(subject, known)) expect(asked, false, 'granted in other namespaces only');
  for (const namespace of placesOf(subject)) {
    expect({ verb: 'get', group: '', resource: 'secrets', ...namespace }, false, 'no grant gives secrets');
  }
  for (const asked of COVETED) expect(asked, false, 'no grant gives this');
  return [...expectations.values()];
}

/** A few of the questions that a holding allows: every verb and every resource at least once, as far as the sample reaches. */
function sample(holding: Holding, known: KnownRoles): readonly Asked[] {
  const rules = (rulesOfLevel(holding.level, known) ?? []).map(questionsOfRule);
  const places = holding.namespaces.length === 0 ? [{}] : holding.namespaces.map((namespace) => ({ namespace }));
  const asked: Asked[] = [];
  const longest = Math.max(0, ...rules.map((questions) => questions.length));
  // Round by round, so that a long rule does not crowd out a short one; each round looks into another namespace first.
  for (let round = 0; round < Math.max(longest, places.length); round++) {
    for (const questions of rules) {
      const question = questions[round % Math.max(1, questions.length)];
      if (question) asked.push({ ...question, ...places[round % places.length]! });
    }
  }
  return [...new Map(asked.map((one) => [canonicalJson(one), one])).values()].slice(0, MAX_SAMPLE);
}

function questionsOfRule(rule: AccessRule): readonly Asked[] {
  const { apiGroups = [], resources = [], resourceNames = [], verbs } = rule;
  if (apiGroups.length === 0 || resources.length === 0 || verbs.length === 0) return [];
  const length = Math.max(verbs.length, resources.length, apiGroups.length);
  const at = <T>(list: readonly T[], index: number): T => list[index % list.length]!;
  const diagonal = Array.from({ length }, (_, index) => [at(verbs, index), at(resources, index), at(apiGroups, index)]);
  const others = verbs.flatMap((verb) => resources.map((resource) => [verb, resource, apiGroups[0]!]));
  return [...diagonal, ...others].map(([verb = '', resource = '', group = '']) => ({
    verb: verb === '*' ? 'delete' : verb,
    group: group === '*' ? '' : group,
    ...concrete(resource),
    ...(resourceNames.length === 0 ? {} : { name: resourceNames[0]! }),
  }));
}

/** A resource that can be asked for: `*` as pods, a subresource of everything as that of deployments. */
function concrete(resource: string): { resource: string; subresource?: string } {
  const [head = '', subresource] = resource.split('/');
  const name = head !== '*' ? head : subresource === undefined ? 'pods' : 'deployments';
  return { resource: name, ...(subresource === undefined ? {} : { subresource }) };
}

function elsewhere(subject: SubjectAccess, known: KnownRoles): readonly Asked[] {
  const inside = new Set(subject.has.flatMap(({ namespaces }) => namespaces));
  const outside = ELSEWHERE.find((namespace) => !inside.has(namespace));
  const narrow = subject.has.filter(({ namespaces }) => namespaces.length > 0);
  if (outside === undefined) return [];
  return narrow.flatMap((holding) =>
    sample(holding, known)
      .slice(0, 3)
      .map((asked) => ({ ...asked, namespace: outside })),
  );
}

function placesOf({ has, had }: SubjectAccess): readonly { namespace?: string }[] {
  const named = [...new Set([...has, ...had].flatMap(({ namespaces }) => namespaces))];
  return [...named.slice(0, MAX_SAMPLE).map((namespace) => ({ namespace })), {}];
}
