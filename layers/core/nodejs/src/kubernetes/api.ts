import { Failure, isFailure } from '../access/failure.ts';
import type { Kubernetes, KubernetesObject, ObjectKind, ObjectRef } from '../ports/kubernetes.ts';
import type { ApiRequest, Exchange } from './exchange.ts';
import { apiVersionOf, collectionPath, objectPath } from './paths.ts';
import { failureOf } from './status.ts';

/**
 * The Kubernetes port over single requests. Every call is one of them, and nothing is cached. Objects keep all members that the
 * server sent, known to Gatehouse or not.
 */
export function kubernetesOn(exchange: Exchange): Kubernetes {
  async function call(request: ApiRequest, what: string): Promise<Readonly<Record<string, unknown>>> {
    const response = await exchange(request);
    if (response.status < 200 || response.status > 299) {
      throw failureOf(response, request.method === 'POST' ? 'create' : 'other', what);
    }
    return parsed(response.body, what);
  }

  return {
    read: async (ref) => {
      try {
        const answer = await call({ method: 'GET', path: objectPath(ref) }, `read ${nameOf(ref)}`);
        return asObject(answer, ref.kind);
      } catch (error) {
        if (isFailure(error, 'not-found')) return undefined;
        throw error;
      }
    },

    list: async (kind, { namespace, labelSelector, limit, continue: from }) => {
      const query = new URLSearchParams();
      if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
      if (limit !== undefined) query.set('limit', String(limit));
      if (from !== undefined) query.set('continue', from);
      const path = collectionPath(kind, namespace) + (query.size > 0 ? `?${query}` : '');
      const answer = await call({ method: 'GET', path }, `list ${kind}s`);
      const items = answer.items;
      if (!Array.isArray(items)) throw new Failure('unreachable', `the list of ${kind}s holds no items`);
      const next = (answer.metadata as { continue?: unknown } | undefined)?.continue;
      return {
        items: items.map((item: Readonly<Record<string, unknown>>) => asObject(item, kind)),
        ...(typeof next === 'string' && next !== '' ? { continue: next } : {}),
      };
    },

    create: async (object) => {
      const path = collectionPath(object.kind, object.metadata.namespace);
      return asObject(
        await call({ method: 'POST', path, body: object }, `create ${nameOf(refOf(object))}`),
        object.kind,
      );
    },

    replace: async (object) => {
      const ref = refOf(object);
      const { resourceVersion, uid } = object.metadata;
      if (!resourceVersion || !uid) {
        // Without a version the API server would take any, which is how other people's edits get lost; without a uid it would
        // make an RBAC object anew that was deleted meanwhile.
        const what = resourceVersion ? 'uid' : 'version';
        throw new Failure('invalid', `${nameOf(ref)} would be replaced without the ${what} that was read`);
      }
      return asObject(
        await call({ method: 'PUT', path: objectPath(ref), body: object }, `replace ${nameOf(ref)}`),
        ref.kind,
      );
    },

    remove: async (ref, precondition) => {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(precondition === undefined ? {} : { preconditions: precondition }),
      };
      try {
        await call({ method: 'DELETE', path: objectPath(ref), body }, `delete ${nameOf(ref)}`);
      } catch (error) {
        if (!isFailure(error, 'not-found')) throw error;
      }
    },

    review: async ({ user, groups, ...attributes }) => {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups, resourceAttributes: attributes },
      };
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const { status } = await call({ method: 'POST', path, body }, 'review access');
      const { allowed, reason } = (status ?? {}) as { allowed?: unknown; reason?: unknown };
      if (typeof allowed !== 'boolean')
        throw new Failure('unreachable', 'the access review came back without an answer');
      return { allowed, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) };
    },

    whoAmI: async () => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const { status } = await call({ method: 'POST', path, body }, 'ask who we are');
      const { username, groups } =
        ((status ?? {}) as { userInfo?: { username?: unknown; groups?: unknown } }).userInfo ?? {};
      if (typeof username !== 'string') throw new Failure('unreachable', 'the self review came back without a user');
      return { username, groups: Array.isArray(groups) ? groups.map(String) : [] };
    },
  };
}

function refOf(object: KubernetesObject): ObjectRef {
  const { name, namespace } = object.metadata;
  return { kind: object.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function nameOf(ref: ObjectRef): string {
  return [ref.kind, ref.namespace, ref.name].filter((part) => part !== undefined).join('/');
}

function parsed(body: string, what: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Falls through to the failure below: a proxy's HTML page is no answer of an API server.
  }
  throw new Failure('unreachable', `the answer to ${what} is not a JSON object`);
}

/** An answer as an object. Items of a list come without `apiVersion` and `kind`; they are put back. */
function asObject(value: Readonly<Record<string, unknown>>, kind: ObjectKind): KubernetesObject {
  const metadata = value.metadata as { name?: unknown } | undefined;
  if (typeof metadata?.name !== 'string' || (value.kind !== undefined && value.kind !== kind)) {
    throw new Failure('unreachable', `the answer of the API server is not a ${kind}`);
  }
  return { ...value, apiVersion: apiVersionOf(kind), kind, metadata: metadata as KubernetesObject['metadata'] };
}
