import type { AccessRule } from '@gatehouse/core/access/policy';
import type { Question, RbacObjects, Who } from '@gatehouse/core/effective-access/rbac';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import { vi } from 'vitest';
import { startRealCluster } from './cluster.ts';
import { type JsonAnswer, type JsonConnection, jsonConnection } from './json-connection.ts';
import { NAMESPACES, RBAC } from './rbac-plans.ts';
import type { Attempt } from './rbac-worlds.ts';

/** A real API server, asked what a world of RBAC objects lets people do. */
export interface RbacOracle {
  /** What there is before any world. */
  readonly own: RbacObjects;
  /**
   * Makes these objects, takes away the bindings of the world before, and returns when both are in force: a binding to a group
   * that all worlds share would speak in the next one, too.
   */
  put(objects: RbacObjects): Promise<void>;
  /** By a SubjectAccessReview. `reason` names the binding. */
  mayThey(who: Who, question: Question): Promise<{ readonly allowed: boolean; readonly reason: string }>;
  /** By a SelfSubjectRulesReview. */
  rulesOf(who: Who, namespace: string): Promise<readonly AccessRule[]>;
  /** Tries to make a role or a binding. 201, 403 of the escalation check, or 404 of the role to be bound. */
  attempt(attempt: Attempt): Promise<201 | 403 | 404>;
  stop(): Promise<void>;
}

const API = `/apis/${RBAC}/v1`;
const PLURALS = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
} as const;
type Kind = keyof typeof PLURALS;

/** Starts a real cluster of which only the API server's authorizer matters. */
export async function startRbacOracle(): Promise<RbacOracle> {
  const cluster = await startRealCluster();
  const { apiServer, operatorToken } = cluster.identity;
  const api = jsonConnection(cluster.url, apiServer.ca, { authorization: `Bearer ${operatorToken}` });
  const stop = async () => {
    api.close();
    await cluster.stop();
  };
  try {
    await Promise.all(
      NAMESPACES.map((name) =>
        made(api, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
      ),
    );
    await vi.waitUntil(async () => isGathered(await listed(api, 'ClusterRole')), PATIENCE);
    const own = await ownObjects(api);
    const sentinels = new Sentinels(api);
    await sentinels.create();
    let bindings: readonly KubernetesObject[] = [];
    return {
      own,
      put: async (objects) => {
        const { roles, clusterRoles, roleBindings, clusterRoleBindings } = objects;
        const before = bindings;
        bindings = [...roleBindings, ...clusterRoleBindings];
        await Promise.all([
          ...before.map((object) => gone(api, object)),
          ...[...roles, ...clusterRoles, ...bindings].map((object) => made(api, collectionOf(object), object)),
        ]);
        await sentinels.pass();
      },
      mayThey: (who, question) => review(api, who, question),
      rulesOf: (who, namespace) => rulesReview(api, who, namespace),
      attempt: (attempt) => attempted(api, attempt),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function collectionOf({ kind, metadata }: KubernetesObject): string {
  const within = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${API}${within}/${PLURALS[kind as Kind]}`;
}

function wanted({ status, body }: JsonAnswer, ...statuses: number[]): unknown {
  if (!statuses.includes(status)) throw new Error(`the API server answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

async function made(api: JsonConnection, path: string, object: object): Promise<void> {
  wanted(await api.send('POST', path, object), 201);
}

async function gone(api: JsonConnection, object: KubernetesObject): Promise<void> {
  wanted(await api.send('DELETE', `${collectionOf(object)}/${object.metadata.name}`), 200);
}

async function listed(api: JsonConnection, kind: Kind): Promise<readonly KubernetesObject[]> {
  const list = wanted(await api.send('GET', `${API}/${PLURALS[kind]}`), 200) as { items: readonly KubernetesObject[] };
  return list.items;
}

/** `view`, `edit` and `admin` gather their rules from other roles, and from one another, some moments after the start. */
function isGathered(roles: readonly KubernetesObject[]): boolean {
  const rulesOf = (name: string) => roles.find(({ metadata }) => metadata.name === name)?.rules ?? [];
  const [view, edit, admin] = ['view', 'edit', 'admin'].map((name) =>
    rulesOf(name).map((rule) => JSON.stringify(rule)),
  );
  const holds = (all: readonly string[], part: readonly string[]) => part.every((rule) => all.includes(rule));
  return view!.length > 0 && holds(edit!, view!) && edit!.length > view!.length && holds(admin!, edit!);
}

async function ownObjects(api: JsonConnection): Promise<RbacObjects> {
  const [roles, clusterRoles, roleBindings, clusterRoleBindings] = await Promise.all(
    (['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'] as const).map((kind) => listed(api, kind)),
  );
  return {
    roles: roles!,
    clusterRoles: clusterRoles!,
    roleBindings: roleBindings!,
    clusterRoleBindings: clusterRoleBindings!,
  };
}

/** Milliseconds. */
const PATIENCE = { interval: 1, timeout: 30_000 };

const WATCHED = 'sentinel';

/**
 * Know when the authorizer has seen all that was written. It reads from four informers, one a kind, and each takes the changes of
 * its kind in their order. So after everything else one object of each kind is changed: a binding names a new user, and its role
 * a new object. When that user may get that object, through the two cluster-wide ones and through the two within a namespace,
 * all four informers have come so far.
 */
class Sentinels {
  readonly #api: JsonConnection;
  #turn = 0;

  constructor(api: JsonConnection) {
    this.#api = api;
  }

  async create(): Promise<void> {
    await Promise.all(this.#objects().map((object) => made(this.#api, collectionOf(object), object)));
    await this.#untilSeen();
  }

  async pass(): Promise<void> {
    this.#turn++;
    await Promise.all(
      this.#objects().map(async (object) =>
        wanted(await this.#api.send('PUT', `${collectionOf(object)}/${WATCHED}`, object), 200),
      ),
    );
    await this.#untilSeen();
  }

  get #user(): string {
    return `${WATCHED}-${this.#turn}`;
  }

  #objects(): readonly KubernetesObject[] {
    return [undefined, NAMESPACES[0]].flatMap((namespace): KubernetesObject[] => {
      const metadata = { name: WATCHED, ...(namespace === undefined ? {} : { namespace }) };
      const [role, binding] =
        namespace === undefined ? (['ClusterRole', 'ClusterRoleBinding'] as const) : (['Role', 'RoleBinding'] as const);
      const rule = { apiGroups: [WATCHED], resources: [role], verbs: ['get'], resourceNames: [this.#user] };
      const apiVersion = `${RBAC}/v1`;
      return [
        { apiVersion, kind: role, metadata, rules: [rule] },
        {
          apiVersion,
          kind: binding,
          metadata,
          roleRef: { apiGroup: RBAC, kind: role, name: WATCHED },
          subjects: [{ kind: 'User', name: this.#user, apiGroup: RBAC }],
        },
      ];
    });
  }

  async #untilSeen(): Promise<void> {
    const who = { username: this.#user, groups: [] };
    const base = { verb: 'get', group: WATCHED, name: this.#user, namespace: NAMESPACES[0] };
    for (const resource of ['ClusterRole', 'Role']) {
      await vi.waitUntil(async () => (await review(this.#api, who, { ...base, resource })).allowed, PATIENCE);
    }
  }
}

async function review(api: JsonConnection, { username, groups }: Who, question: Question) {
  const spec = {
    user: username,
    groups,
    ...('path' in question ? { nonResourceAttributes: question } : { resourceAttributes: question }),
  };
  const apiVersion = 'authorization.k8s.io/v1';
  const answer = await api.send('POST', `/apis/${apiVersion}/subjectaccessreviews`, {
    apiVersion,
    kind: 'SubjectAccessReview',
    spec,
  });
  const { status } = wanted(answer, 201) as { status: { allowed: boolean; reason?: string } };
  return { allowed: status.allowed, reason: status.reason ?? '' };
}

/** Headers of one header name each; Node sends a list as so many lines. */
function as({ username, groups }: Who): Readonly<Record<string, string | readonly string[]>> {
  return { 'impersonate-user': username, 'impersonate-group': groups };
}

async function rulesReview(api: JsonConnection, who: Who, namespace: string): Promise<readonly AccessRule[]> {
  const apiVersion = 'authorization.k8s.io/v1';
  const asked = { apiVersion, kind: 'SelfSubjectRulesReview', spec: { namespace } };
  const answer = await api.send('POST', `/apis/${apiVersion}/selfsubjectrulesreviews`, asked, as(who));
  const { status } = wanted(answer, 201) as {
    status: { resourceRules: readonly AccessRule[]; nonResourceRules: readonly AccessRule[] };
  };
  return [...status.resourceRules, ...status.nonResourceRules];
}

/** The escalation check comes before anything is stored, also where nothing will be. */
async function attempted(api: JsonConnection, { who, object }: Attempt): Promise<201 | 403 | 404> {
  const answer = await api.send('POST', `${collectionOf(object)}?dryRun=All`, object, as(who));
  const { message = '' } = wanted(answer, 201, 403, 404) as { message?: string };
  if (answer.status === 403 && !message.includes('is attempting to grant RBAC permissions not currently held')) {
    throw new Error(`refused, but not for what is tried: ${message}`);
  }
  return answer.status as 201 | 403 | 404;
}
