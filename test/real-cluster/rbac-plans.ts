import type { AccessRule } from '@gatehouse/core/access/policy';
import type { Question, Who } from '@gatehouse/core/effective-access/rbac';
import type { BindingSubject } from '@gatehouse/core/ports/kubernetes';
import fc from 'fast-check';

/** Namespaces that there are; questions and service accounts also name others. */
export const NAMESPACES = ['team-a', 'team-b'] as const;
export type Namespace = (typeof NAMESPACES)[number];

export const RBAC = 'rbac.authorization.k8s.io';

/** A binding: cluster-wide where it has no scope. */
export interface BindingPlan {
  readonly scope: Namespace | undefined;
  /** A role of the plan by its number, one of the cluster's own by its name, or one that there is not. */
  readonly role: string;
  /** Whether a RoleBinding names a ClusterRole. */
  readonly clusterRole: boolean;
  readonly subjects: readonly BindingSubject[];
}

/** What a world is made of and asked, in names that other worlds have, too. */
export interface Plan {
  /** Rules of the ClusterRoles. */
  readonly roles: readonly (readonly AccessRule[])[];
  /** Rules of the Roles of the first namespace; the second one has those from the second on. */
  readonly namespaced: readonly (readonly AccessRule[])[];
  readonly bindings: readonly BindingPlan[];
  readonly questions: readonly { readonly who: Who; readonly question: Question }[];
  readonly lists: readonly { readonly who: Who; readonly namespace: string }[];
  /** Making a role with these rules, or a binding to the role of that name. */
  readonly attempts: readonly {
    readonly who: Who;
    readonly scope: Namespace | undefined;
    readonly rules: readonly AccessRule[];
    readonly binds: string | undefined;
  }[];
}

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const some = (...values: readonly string[]) => fc.uniqueArray(oneOf(...values), { minLength: 1, maxLength: 3 });
const weighted = <T>(...rows: readonly (readonly [number, fc.Arbitrary<T>])[]) =>
  fc.oneof(...rows.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const VERBS = ['get', 'list', 'create', 'delete', '*', 'GET', 'escalate', 'bind', ''];
const GROUPS = ['', 'apps', '*', 'Apps', RBAC];
const RESOURCES = ['pods', 'deployments', '*', 'Pods', 'roles', 'clusterroles', ''];
const WITH_SUBRESOURCES = ['pods/log', 'pods/*', 'deployments/scale', '*/log', '*/scale', '*/b/c', '*/*', 'pods/b/c'];
const ODD_RESOURCES = ['po*', 'pods/', '/log'];
const SUBRESOURCES = ['', 'log', 'scale', 'b/c', '*', 'Log'];
const NAMES = ['a', 'b', '*', 'A', ''];
const PATHS = ['/healthz', '/healthz/x', '/healthzz', '/metrics', '/', '/Healthz', 'healthz', '/a/x/b', '*', ''];
const PATH_PATTERNS = ['/healthz/*', '/healthz*', '/a/*/b', '/**', '/a**', '*/x'];

const rules = (one: fc.Arbitrary<AccessRule>) =>
  weighted([8, fc.array(one, { minLength: 1, maxLength: 3 })], [1, fc.constant<AccessRule[]>([])]);
const resourceRule: fc.Arbitrary<AccessRule> = fc.record(
  {
    apiGroups: some(...GROUPS),
    resources: some(...RESOURCES, ...WITH_SUBRESOURCES, ...ODD_RESOURCES),
    verbs: some(...VERBS),
    resourceNames: fc.uniqueArray(oneOf(...NAMES), { maxLength: 2 }),
  },
  { requiredKeys: ['apiGroups', 'resources', 'verbs'] },
);
const pathRule: fc.Arbitrary<AccessRule> = fc.record({
  nonResourceURLs: some(...PATHS, ...PATH_PATTERNS),
  verbs: some(...VERBS),
});
/** Only a ClusterRole may hold rules on paths. */
const clusterRules = rules(weighted([3, resourceRule], [1, pathRule]));
const namespacedRules = rules(resourceRule);

const OWN_ROLES = ['0', '1', '2'];
const roleName = oneOf(...OWN_ROLES, ...OWN_ROLES, 'view', 'admin', 'system:discovery', 'cluster-admin', 'absent');
const scope = oneOf<Namespace | undefined>(undefined, ...NAMESPACES);

const userName = oneOf('ana', 'bo', 'Ana', 'ana ', 'robot', 'system:serviceaccount:team-a:robot');
const oddUserName = oneOf('', 'system:serviceaccount:team-b:robot', 'system:serviceaccount::robot', 'system:anonymous');
const groupName = weighted(
  [6, oneOf('devs', 'ops', 'Devs', 'ana')],
  [3, oneOf('system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:team-a')],
  [1, oneOf('system:masters')],
);
const serviceAccount: fc.Arbitrary<BindingSubject> = fc.record(
  { kind: oneOf('ServiceAccount' as const), name: oneOf('robot', 'ana'), namespace: oneOf(...NAMESPACES, 'absent') },
  { requiredKeys: ['kind', 'name'] },
);
const subject: fc.Arbitrary<BindingSubject> = weighted<BindingSubject>(
  [4, userName.map((name) => ({ kind: 'User', name }))],
  [3, groupName.map((name) => ({ kind: 'Group', name }))],
  [3, serviceAccount],
);
const binding: fc.Arbitrary<BindingPlan> = fc.record({
  scope,
  role: roleName,
  clusterRole: fc.boolean(),
  subjects: fc.array(subject, { maxLength: 3 }),
});

const binds = weighted([3, fc.constant(undefined)], [1, roleName]);

const who: fc.Arbitrary<Who> = fc.record({
  username: weighted([3, userName], [1, oddUserName]),
  groups: fc.uniqueArray(groupName, { maxLength: 2 }),
});
const resourceQuestion: fc.Arbitrary<Question> = fc.record(
  {
    verb: oneOf(...VERBS),
    group: oneOf(...GROUPS),
    resource: oneOf(...RESOURCES, 'pods/log'),
    subresource: oneOf(...SUBRESOURCES),
    namespace: oneOf('', ...NAMESPACES, 'absent', 'Team-A', '*'),
    name: oneOf(...NAMES),
  },
  { requiredKeys: ['verb', 'group', 'resource'] },
);
const pathQuestion: fc.Arbitrary<Question> = fc.record({ verb: oneOf(...VERBS), path: oneOf(...PATHS) });
const question = weighted([4, resourceQuestion], [1, pathQuestion]);

/**
 * Left to chance, hardly anything would be allowed. So most questions begin as one that a binding allows, and chance takes back
 * some of it. Numbers count anew where there are not so many.
 */
interface Aim {
  readonly binding: number;
  readonly subject: number;
  readonly rule: number;
  readonly item: number;
  /** Names instead of those that a rule has, where an attempt is about a rule with names. */
  readonly names: readonly string[] | 'held' | 'none';
  /** What chance decides nevertheless. */
  readonly but: readonly ('who' | 'verb' | 'group' | 'resource' | 'namespace' | 'name')[];
}
const aim: fc.Arbitrary<Aim> = fc.record({
  binding: fc.nat(9),
  subject: fc.nat(9),
  rule: fc.nat(9),
  item: fc.nat(9),
  names: oneOf<Aim['names']>('held', 'held', 'none', [], ['b'], ['a', 'b']),
  but: weighted<Aim['but']>(
    [2, fc.constant([])],
    [1, fc.subarray(['who', 'verb', 'group', 'resource', 'namespace', 'name'], { maxLength: 2 })],
  ),
});

/** A part of a plan with its aim, if it has one. */
type Drawn<T> = readonly [T, Aim | undefined];
const drawn = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<Drawn<T>> =>
  fc.tuple(one, fc.option(aim, { freq: 4, nil: undefined }));

export const plans: fc.Arbitrary<Plan> = fc
  .record({
    roles: fc.array(clusterRules, { minLength: 3, maxLength: 3 }),
    namespaced: fc.array(namespacedRules, { minLength: 3, maxLength: 3 }),
    bindings: fc.array(binding, { minLength: 1, maxLength: 5 }),
    questions: fc.array(drawn(fc.record({ who, question })), { minLength: 4, maxLength: 16 }),
    lists: fc.array(drawn(fc.record({ who, namespace: oneOf(...NAMESPACES, 'absent') })), { maxLength: 2 }),
    attempts: fc.array(drawn(fc.record({ who, scope, rules: clusterRules, binds })), { maxLength: 7 }),
  })
  .map(({ questions, lists, attempts, ...held }) => ({
    ...held,
    questions: questions.map(([one, to]) => ({
      who: whoAt(held, one.who, to),
      question: questionAt(held, one.question, to),
    })),
    lists: lists.map(([one, to]) => ({ ...one, who: whoAt(held, one.who, to) })),
    attempts: attempts.map(([one, to]) => ({
      ...one,
      who: whoAt(held, one.who, to),
      scope: scopeAt(held, one.scope, to),
      rules: rulesAt(held, one.rules, to),
    })),
  }));

type Held = Pick<Plan, 'roles' | 'namespaced' | 'bindings'>;

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];

function whoAt({ bindings }: Held, free: Who, to: Aim | undefined): Who {
  if (to === undefined || to.but.includes('who')) return free;
  const { subjects, scope: within = NAMESPACES[0] } = at(bindings, to.binding)!;
  const meant = at(subjects, to.subject);
  switch (meant?.kind) {
    case 'User':
      return { ...free, username: meant.name };
    case 'Group':
      return { ...free, groups: [...new Set([...free.groups, meant.name])] };
    case 'ServiceAccount':
      return { ...free, username: `system:serviceaccount:${meant.namespace ?? within}:${meant.name}` };
    default:
      return free;
  }
}

/** What a binding gives in a namespace is given nowhere else. */
function scopeAt({ bindings }: Held, free: Namespace | undefined, to: Aim | undefined): Namespace | undefined {
  if (to === undefined || to.but.includes('namespace')) return free;
  return at(bindings, to.binding)!.scope ?? free;
}

/** A rule that a binding gives. */
function ruleAt({ roles, namespaced, bindings }: Held, to: Aim): AccessRule | undefined {
  const { role, scope: within, clusterRole } = at(bindings, to.binding)!;
  const named = within === undefined || clusterRole ? roles : namespaced.slice(NAMESPACES.indexOf(within));
  return at(named[Number(role)] ?? [], to.rule);
}

function questionAt(held: Held, free: Question, to: Aim | undefined): Question {
  const rule = to === undefined ? undefined : ruleAt(held, to);
  if (to === undefined || rule === undefined) return free;
  const item = (list: readonly string[] = []) => at(list, to.item) ?? '';
  const verb = item(rule.verbs).replace('*', 'get');
  const kept = Object.fromEntries(
    Object.entries(free).filter(([field]) => (to.but as readonly string[]).includes(field)),
  );
  if (rule.nonResourceURLs !== undefined) {
    const { verb: chosen = verb } = kept;
    return { verb: chosen, path: item(rule.nonResourceURLs).replace(/\*+$/, 'x') };
  }
  const [resource = '', ...sub] = item(rule.resources).split('/');
  return {
    verb,
    group: item(rule.apiGroups).replace('*', 'apps'),
    resource: resource.replace('*', 'pods'),
    ...(sub.length === 0 ? {} : { subresource: sub.join('/') }),
    namespace: at(held.bindings, to.binding)!.scope ?? '',
    name: item(rule.resourceNames),
    ...kept,
  };
}

const FIELDS = { verbs: 'verb', apiGroups: 'group', resources: 'resource', nonResourceURLs: 'resource' } as const;
const SPECIAL = { verbs: 'get', apiGroups: 'apps', resources: 'pods', nonResourceURLs: '/healthz' } as const;

/**
 * A rule that somebody holds, whole or with one item of each list, wildcards made special or not; another list, or other names,
 * where chance decides; and sometimes more.
 */
function rulesAt(held: Held, free: readonly AccessRule[], to: Aim | undefined): readonly AccessRule[] {
  const owned = to === undefined ? undefined : ruleAt(held, to);
  if (to === undefined || owned === undefined) return free;
  const other = free.find((rule) => isOnResources(rule) === isOnResources(owned));
  const { resourceNames, ...rest } = owned;
  const lists = Object.entries(rest).map(([name, list]: [string, readonly string[]]) => {
    const member = name as keyof typeof SPECIAL;
    if ((to.but as readonly string[]).includes(FIELDS[member])) return [name, other?.[member] ?? list];
    const part = list.length === 0 || to.item > 6 ? list : [at(list, to.item)!];
    return [name, to.rule % 2 === 0 ? part : part.map((one) => specialised(one, member))];
  });
  const names = to.names === 'held' ? resourceNames : to.names;
  const named = resourceNames === undefined || names === undefined || names === 'none' ? {} : { resourceNames: names };
  return [{ ...(Object.fromEntries(lists) as AccessRule), ...named }, ...(to.but.includes('who') ? free : [])];
}

function specialised(one: string, member: keyof typeof SPECIAL): string {
  return one.replace(/^\*(?=$|\/)/, SPECIAL[member]);
}

/** And not on paths. */
export function isOnResources(rule: AccessRule): boolean {
  return rule.nonResourceURLs === undefined;
}
