import type { AccessRule } from '@gatehouse/core/access/policy';
import { kubernetesOn } from '@gatehouse/core/kubernetes/api';
import type { Kubernetes, KubernetesObject, ObjectRef } from '@gatehouse/core/ports/kubernetes';
import { formatObjectRef } from '@gatehouse/core/resources/object-ref';
import { ApiState, type SeedObject } from '../../sandbox/src/kubernetes/api-state.ts';
import type { UserInfo } from '../../sandbox/src/kubernetes/authorizer.ts';
import { fixedClock } from './clock.ts';
import { countingRandom } from './random.ts';

/** One call of the port: `object` is `Kind/namespace/name`, for a list the kind, for reviews the username. */
export interface KubernetesCall {
  readonly method: keyof Kubernetes;
  readonly object: string;
}

/** A {@link memoryKubernetes}, open to the eyes and hands of a test. */
export interface MemoryKubernetes extends Kubernetes {
  readonly state: ApiState;
  /** All calls, in their order. */
  readonly calls: KubernetesCall[];
  /** The calls that write, refused ones included. */
  writes(): KubernetesCall[];
  /** Puts objects there as an administrator would, past every right but not past the rules of objects. */
  seed(...objects: readonly (SeedObject | KubernetesObject)[]): void;
  /** What is there, whoever may read it. */
  peek(ref: ObjectRef): KubernetesObject | undefined;
  /** The same cluster, seen by somebody else. Calls are recorded apart. */
  as(user: UserInfo): MemoryKubernetes;
}

/** How a {@link memoryKubernetes} begins. */
export interface MemoryKubernetesOptions {
  readonly state?: ApiState;
  /** Who calls; an administrator unless told. */
  readonly user?: UserInfo;
  /** Runs ahead of each call: may throw the failure that a test wants, or change the cluster under the caller's feet. */
  readonly before?: (call: KubernetesCall) => void | Promise<void>;
}

/** Somebody who may do everything: no escalation check holds them. */
export const ADMINISTRATOR: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** A user of a cluster without groups of their own. */
export const asUser = (username: string): UserInfo => ({ username, groups: ['system:authenticated'] });

const PLURALS = {
  ConfigMap: 'configmaps',
  Namespace: 'namespaces',
  Secret: 'secrets',
  ServiceAccount: 'serviceaccounts',
  StatefulSet: 'statefulsets.apps',
  Role: 'roles.rbac.authorization.k8s.io',
  RoleBinding: 'rolebindings.rbac.authorization.k8s.io',
  ClusterRole: 'clusterroles.rbac.authorization.k8s.io',
  ClusterRoleBinding: 'clusterrolebindings.rbac.authorization.k8s.io',
} as const;

/**
 * A cluster in memory: the port's own requests, answered by the sandbox's API server without a network. So it enforces what that
 * one does: versions, preconditions, RBAC, escalation checks, validation.
 */
export function memoryKubernetes(options: MemoryKubernetesOptions = {}): MemoryKubernetes {
  const state = options.state ?? new ApiState({ clock: fixedClock(), random: countingRandom() });
  const user = options.user ?? ADMINISTRATOR;
  const calls: KubernetesCall[] = [];
  const port = kubernetesOn(async ({ method, path, body }) => {
    const url = new URL(path, 'https://cluster.invalid');
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const [pathname = ''] = path.split('?');
    const answer = state.handle({ method, path: pathname, query: url.searchParams, headers, ...sent }, user);
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    return { status: answer.status, body: text };
  });
  const called = async <T>(method: keyof Kubernetes, object: string, answer: () => Promise<T>): Promise<T> => {
    calls.push({ method, object });
    await options.before?.({ method, object });
    return answer();
  };
  const refOf = ({ kind, metadata: { name, namespace } }: KubernetesObject): ObjectRef =>
    namespace === undefined ? { kind, name } : { kind, namespace, name };

  return {
    state,
    calls,
    writes: () => calls.filter(({ method }) => ['create', 'replace', 'remove'].includes(method)),
    seed: (...objects) => {
      for (const object of objects) state.seed(object as SeedObject);
    },
    peek: ({ kind, namespace = '', name }) =>
      state.peek(PLURALS[kind], namespace, name) as unknown as KubernetesObject | undefined,
    as: (other) => memoryKubernetes({ ...options, state, user: other }),
    read: (ref) => called('read', formatObjectRef(ref), () => port.read(ref)),
    list: (kind, how) => called('list', kind, () => port.list(kind, how)),
    create: (object) => called('create', formatObjectRef(refOf(object)), () => port.create(object)),
    replace: (object) => called('replace', formatObjectRef(refOf(object)), () => port.replace(object)),
    remove: (ref, precondition) => called('remove', formatObjectRef(ref), () => port.remove(ref, precondition)),
    review: (question) => called('review', question.user, () => port.review(question)),
    whoAmI: () => called('whoAmI', '', () => port.whoAmI()),
  };
}

/** A ClusterRole with these rules, and its binding to a username: rights for a test to seed. */
export function rightsFor(username: string, rules: readonly AccessRule[]): readonly KubernetesObject[] {
  const apiGroup = 'rbac.authorization.k8s.io';
  const head = { apiVersion: `${apiGroup}/v1`, metadata: { name: `rights-of-${username}` } };
  return [
    { ...head, kind: 'ClusterRole', rules },
    {
      ...head,
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup, kind: 'ClusterRole', name: head.metadata.name },
      subjects: [{ apiGroup, kind: 'User', name: username }],
    },
  ];
}
