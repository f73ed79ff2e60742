import type { AccessRule } from '@gatehouse/core/access/policy';
import type { Question, RbacObjects, Who } from '@gatehouse/core/effective-access/rbac';
import type { BindingSubject, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { type BindingPlan, isOnResources, NAMESPACES, type Namespace, type Plan, RBAC } from './rbac-plans.ts';

/** Somebody tries to make a role, or a binding to one that there is. */
export interface Attempt {
  readonly who: Who;
  readonly object: KubernetesObject;
}

/** Some RBAC objects, and what is asked of them. */
export interface World {
  readonly objects: RbacObjects;
  readonly questions: readonly { readonly who: Who; readonly question: Question }[];
  /** Whose rules are listed, in which namespace. */
  readonly lists: readonly { readonly who: Who; readonly namespace: string }[];
  readonly attempts: readonly Attempt[];
}

/** A ClusterRole, and the group that has it: whoever attempts something is in it. */
const CREATORS = 'creators';
const MAY_CREATE: readonly AccessRule[] = [
  { apiGroups: [RBAC], resources: ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'], verbs: ['create'] },
];

/** Makes a plan into a world whose objects, users and groups no other one shares, but for the groups that Kubernetes knows. */
export function worldOf(plan: Plan, number: number): World {
  const { roles, namespaced, bindings, questions, lists, attempts } = plan;
  const named = new Names(number);
  const group: BindingSubject = { kind: 'Group', name: CREATORS };
  const creators = { scope: undefined, role: CREATORS, clusterRole: true, subjects: [group] };
  const all = [
    ...roles.map((rules, index) => named.role(String(index), undefined, rules)),
    ...NAMESPACES.flatMap((namespace, from) =>
      namespaced.slice(from).map((rules, index) => named.role(String(index), namespace, rules)),
    ),
    ...bindings.map((one, index) => named.binding(`b${index}`, one)),
    named.role(CREATORS, undefined, MAY_CREATE),
    named.binding(CREATORS, creators),
  ];
  const of = (kind: string) => all.filter((object) => object.kind === kind);
  return {
    objects: {
      roles: of('Role'),
      clusterRoles: of('ClusterRole'),
      roleBindings: of('RoleBinding'),
      clusterRoleBindings: of('ClusterRoleBinding'),
    },
    questions: questions.map((one) => ({ ...one, who: named.who(one.who) })),
    lists: lists.map((one) => ({ ...one, who: named.impersonable(one.who) })),
    attempts: attempts.map(({ who, scope, rules, binds }, index) => ({
      who: named.impersonable({ ...who, groups: [...who.groups, CREATORS] }),
      object:
        binds === undefined
          ? named.role(`try${index}`, scope, scope === undefined ? rules : rules.filter(isOnResources))
          : named.binding(`try${index}`, { scope, role: binds, clusterRole: index % 2 === 0, subjects: [] }),
    })),
  };
}

class Names {
  readonly #prefix: string;
  constructor(number: number) {
    this.#prefix = `w${number}-`;
  }

  /** Service accounts stay service accounts; what Kubernetes knows stays. */
  #own(text: string): string {
    const [, account = '', rest = ''] = /^(system:serviceaccount:[^:]*:)?(.*)$/s.exec(text) ?? [];
    return rest === '' || (account === '' && rest.startsWith('system:')) ? text : `${account}${this.#prefix}${rest}`;
  }

  /** A review is of somebody. */
  who({ username, groups }: Who): Who {
    const own = groups.map((one) => this.#own(one));
    return { username: this.#own(username), groups: username === '' && own.length === 0 ? [this.#own('devs')] : own };
  }

  /**
   * Whom an administrator can impersonate, and who may ask something of themselves: somebody with a name. Spaces at its end are
   * lost in a header. Groups are named, or else a service account would be given more of them.
   */
  impersonable(who: Who): Who {
    const name = who.username.trim();
    const { username, groups } = this.who({ ...who, username: ['', 'system:anonymous'].includes(name) ? 'ana' : name });
    return { username, groups: [...new Set([...groups, 'system:authenticated'])] };
  }

  role(name: string, namespace: string | undefined, rules: readonly AccessRule[]): KubernetesObject {
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    return { apiVersion: `${RBAC}/v1`, kind, metadata: this.#metadata(name, namespace), rules };
  }

  binding(name: string, { scope, role, clusterRole, subjects }: BindingPlan): KubernetesObject {
    return {
      apiVersion: `${RBAC}/v1`,
      kind: scope === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      metadata: this.#metadata(name, scope),
      roleRef: {
        apiGroup: RBAC,
        kind: scope === undefined || clusterRole ? 'ClusterRole' : 'Role',
        name: /^\d$/.test(role) || role === CREATORS ? `${this.#prefix}${role}` : role,
      },
      subjects: subjects.map((one) => this.#subject(one, scope)),
    };
  }

  #metadata(name: string, namespace: string | undefined): KubernetesObject['metadata'] {
    return { name: `${this.#prefix}${name}`, ...(namespace === undefined ? {} : { namespace }) };
  }

  /** Kubernetes takes a service account without namespace in a RoleBinding only. */
  #subject(one: BindingSubject, scope: Namespace | undefined): BindingSubject {
    const name = this.#own(one.name);
    if (one.kind !== 'ServiceAccount') return { ...one, name, apiGroup: RBAC };
    return { ...(scope === undefined ? { namespace: NAMESPACES[0] } : {}), ...one, name };
  }
}
