import type { RbacObjects } from '@gatehouse/core/effective-access/rbac';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { Random } from '@gatehouse/core/ports/random';
import { authorize, denial, PRIVILEGED_GROUP, questionOf, type UserInfo } from './authorizer.ts';
import { bodyText, readBody } from './body.ts';
import { type DecodedObject, decodeObject } from './decode.ts';
import { defaultObjects } from './defaults.ts';
import { describeApi } from './discovery.ts';
import { effectiveUser, type Headers } from './impersonation.ts';
import { apiVersionOf, findResource, findReview, GROUP_VERSIONS, type Resource, resourceOfKind } from './kinds.ts';
import { Lists } from './lists.ts';
import { readPatch } from './patch-request.ts';
import { type Preconditions, Registry, storageName, type WriteContext } from './registry.ts';
import { type RequestInfo, readRequestInfo } from './request-info.ts';
import { answerReview } from './reviews.ts';
import { ApiError, badRequest, invalid, methodNotAllowed, noSuchResource, notSupported } from './status.ts';
import { Storage, type StorageSnapshot, type StoredObject } from './storage.ts';

/** A request to the API server, after authentication. */
export interface ApiRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Headers;
  /** As it was sent. */
  readonly body?: string | Uint8Array;
}

/** An answer. A body that is a text is plain text; anything else is JSON. */
export interface ApiResponse {
  readonly status: number;
  readonly body: string | object;
}

type ResourceInfo = Extract<RequestInfo, { type: 'resource' }>;

/** Whom the state acts for when it is seeded: nothing is forbidden, and everything else is checked. */
const PRIVILEGED: UserInfo = { username: 'system:apiserver', groups: [PRIVILEGED_GROUP, 'system:authenticated'] };

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const RBAC_KINDS = ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings'].map(
  (name) => `${name}.${RBAC_GROUP}`,
);

/**
 * A Kubernetes API server without a network: state, and {@link handle}, which takes one request of one user to its end
 * before the next begins, as etcd's transactions make it appear. What it does not serve it refuses by name.
 */
export class ApiState {
  readonly #storage = new Storage();
  readonly #registry: Registry;
  readonly #lists: Lists;
  #rbac: { readonly changes: string; readonly rbac: RbacObjects } | undefined;

  /** A new cluster, with its default namespaces and roles. */
  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#registry = new Registry(this.#storage, () => this.rbac(), clock, random);
    this.#lists = new Lists(this.#storage);
    for (const object of defaultObjects()) this.seed(object as SeedObject);
  }

  /** Everything, as JSON, to be written to a file. */
  snapshot(): StorageSnapshot {
    return structuredClone(this.#storage.snapshot());
  }

  /** Replaces everything by what {@link snapshot} gave. */
  restore(snapshot: StorageSnapshot): void {
    this.#storage.restore(structuredClone(snapshot));
    this.#lists.forget();
  }

  /**
   * Creates an object, or replaces the one of its name, as an administrator would.
   * @throws ApiError where the object is not valid or its namespace does not exist.
   */
  seed(object: SeedObject): void {
    const resource = resourceOfKind(object.apiVersion, object.kind);
    if (resource === undefined) throw noSuchResource();
    const { namespace = '', name } = object.metadata;
    const context = { user: PRIVILEGED, resource, namespace, name, dryRun: false };
    this.#registry.update(context, () => decodeObject(resource, object, true), true);
  }

  /** An object as stored; for whoever plays the cluster's components, not for its users. Undefined where there is none. */
  peek(resource: string, namespace: string, name: string): StoredObject | undefined {
    return this.#storage.get(resource, namespace, name);
  }

  /** All roles and bindings, as the RBAC rules read them. */
  rbac(): RbacObjects {
    const changes = RBAC_KINDS.map((kind) => this.#storage.changes(kind)).join();
    if (this.#rbac?.changes !== changes) {
      const all = (resource: string) =>
        this.#storage.list(`${resource}.${RBAC_GROUP}`, '') as readonly unknown[] as KubernetesObject[];
      const rbac = {
        roles: all('roles'),
        clusterRoles: all('clusterroles'),
        roleBindings: all('rolebindings'),
        clusterRoleBindings: all('clusterrolebindings'),
      };
      this.#rbac = { changes, rbac };
    }
    return this.#rbac.rbac;
  }

  /** Answers one request. Never throws for what a client sent. */
  handle(request: ApiRequest, user: UserInfo): ApiResponse {
    try {
      const { status, body } = this.#answer(request, user);
      return { status, body: typeof body === 'string' ? body : structuredClone(body) };
    } catch (error) {
      if (error instanceof ApiError) return { status: error.code, body: error.status };
      if (error instanceof URIError) return { status: 400, body: badRequest('the path is wrongly escaped').status };
      throw error;
    }
  }

  #answer(request: ApiRequest, sender: UserInfo): ApiResponse {
    const info = readRequestInfo(request.method, request.path, request.query);
    const user = effectiveUser(this.rbac(), sender, request.headers);
    const question = questionOf(info);
    const { allowed, reason } = authorize(this.rbac(), user, question);
    if (!allowed) throw denial(user, question, reason);
    if (info.type === 'path') return describe(request);
    const review = findReview(info.group, info.version, info.resource);
    if (review !== undefined && info.subresource === '' && info.name === '') {
      if (request.method !== 'POST' || review.namespaced !== (info.namespace !== '')) throw methodNotAllowed();
      const posted = { review, namespace: info.namespace, body: readBody(request) };
      return { status: 201, body: answerReview(this.rbac(), user, posted) };
    }
    return this.#serve(request, info, user);
  }

  #serve(request: ApiRequest, info: ResourceInfo, user: UserInfo): ApiResponse {
    const resource = findResource(info.group, info.version, info.resource);
    if (resource === undefined) return unknownResource(info);
    const misplaced = !resource.namespaced && info.namespace !== '' && info.namespace !== info.name;
    if (misplaced) throw noSuchResource();
    const served =
      info.subresource === '' || (info.subresource === 'status' && resource.status === true && info.name !== '');
    if (!served) throw noSuchResource();
    const oneOf = resource.namespaced ? info.namespace : '';
    const needsNamespace = resource.namespaced && oneOf === '' && !['list', 'watch'].includes(info.verb);
    const needsName = ['update', 'patch'].includes(info.verb) && info.name === '';
    if (needsNamespace || needsName) throw methodNotAllowed();
    const context = { user, resource, namespace: oneOf, name: info.name, dryRun: isDryRun(request.query) };
    if (info.subresource === 'status' && info.verb !== 'get') throw methodNotAllowed();
    switch (info.verb) {
      case 'get':
        return { status: 200, body: this.#registry.get(resource, oneOf, info.name) };
      case 'list':
        return { status: 200, body: this.#lists.list(resource, oneOf, request.query) };
      case 'watch':
        throw new ApiError(405, 'MethodNotAllowed', 'watch is not served by this API server: list again instead');
      case 'create':
        if (info.name !== '') throw methodNotAllowed();
        return { status: 201, body: this.#registry.create(context, this.#decoded(resource, request)) };
      case 'update':
        return this.#replace(request, context);
      case 'patch':
        return this.#patch(request, context);
      case 'delete':
        return this.#delete(request, context);
      case 'deletecollection':
        return this.#deleteAll(request, context);
      default:
        throw methodNotAllowed();
    }
  }

  #replace(request: ApiRequest, context: WriteContext): ApiResponse {
    const { resource, name } = context;
    const sent = this.#decoded(resource, request);
    mustMatch(sent, context);
    if (resource.createOnUpdate && !this.#exists(context)) this.#mayCreate(context);
    const named = { ...sent, metadata: { ...sent.metadata, name } };
    const { object, created } = this.#registry.update(context, () => named, resource.createOnUpdate === true);
    return { status: created ? 201 : 200, body: object };
  }

  #patch(request: ApiRequest, context: WriteContext): ApiResponse {
    const { resource } = context;
    const patch = readPatch(request, request.query);
    if (patch.creates && !this.#exists(context)) this.#mayCreate(context);
    const revise = (before: StoredObject | undefined) => {
      const after = decodeObject(resource, patch.apply(before), isStrict(request.query));
      mustMatch(after, context);
      return after;
    };
    const { object, created } = this.#registry.update(context, revise, patch.creates);
    return { status: created ? 201 : 200, body: object };
  }

  #delete(request: ApiRequest, context: WriteContext): ApiResponse {
    const options = readDeleteOptions(request);
    const dryRun = context.dryRun || options.dryRun;
    const { object, gone } = this.#registry.delete({ ...context, dryRun }, options.preconditions);
    const { resource } = context;
    if (!gone || resource.returnsDeleted) return { status: 200, body: object };
    const { name, uid } = object.metadata;
    const group = resource.group === '' ? {} : { group: resource.group };
    const details = { name, ...group, kind: resource.resource, uid };
    return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
  }

  #deleteAll(request: ApiRequest, context: WriteContext): ApiResponse {
    const { resource, namespace } = context;
    if (resource.keepsCollection) throw methodNotAllowed();
    const options = readDeleteOptions(request);
    const chosen = this.#lists.select(resource, namespace, request.query);
    for (const { metadata } of chosen) {
      const one = { ...context, name: metadata.name, dryRun: context.dryRun || options.dryRun };
      this.#registry.delete(one, options.preconditions);
    }
    const items = chosen.map(({ apiVersion, kind, ...object }) => object);
    const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
    return { status: 200, body: { ...head, metadata: { resourceVersion: this.#storage.version }, items } };
  }

  #exists({ resource, namespace, name }: WriteContext): boolean {
    return this.#storage.get(storageName(resource), namespace, name) !== undefined;
  }

  /** What creates, needs the right to create, whatever its method. */
  #mayCreate({ user, resource, namespace, name }: WriteContext): void {
    const question = { verb: 'create', group: resource.group, resource: resource.resource, namespace, name };
    const { allowed, reason } = authorize(this.rbac(), user, question);
    if (!allowed) throw denial(user, question, reason);
  }

  #decoded(resource: Resource, request: ApiRequest): DecodedObject {
    return decodeObject(resource, readBody(request), isStrict(request.query));
  }
}

/** An object to be put there as it is. */
export interface SeedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

function describe(request: ApiRequest): ApiResponse {
  const body = describeApi(request.path);
  if (body === undefined) return { status: 404, body: '404 page not found\n' };
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  return { status: 200, body };
}

function unknownResource({ group, version }: ResourceInfo): ApiResponse {
  const served = [{ group: '', version: 'v1' }, ...GROUP_VERSIONS];
  if (served.some((one) => one.group === group && one.version === version)) throw noSuchResource();
  return { status: 404, body: '404 page not found\n' };
}

function mustMatch(sent: DecodedObject, { name, namespace }: WriteContext): void {
  const { name: own = '', namespace: ownNamespace = '' } = sent.metadata as { name?: string; namespace?: string };
  if (own === '')
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (own !== name) throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
  if (namespace !== '' && ownNamespace !== '' && ownNamespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${ownNamespace}) does not match the namespace on the request (${namespace})`,
    );
  }
}

function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw invalid('meta.k8s.io', 'CreateOptions', '', [notSupported('dryRun', values[0], ['All'])]);
  }
  return values.length > 0;
}

function isStrict(query: URLSearchParams): boolean {
  return query.get('fieldValidation') === 'Strict';
}

function readDeleteOptions(request: ApiRequest): { preconditions: Preconditions; dryRun: boolean } {
  const body = (bodyText(request) === '' ? {} : readBody(request)) as {
    preconditions?: Preconditions;
    dryRun?: unknown;
    kind?: unknown;
  };
  if (body === null || typeof body !== 'object' || (body.kind !== undefined && body.kind !== 'DeleteOptions')) {
    throw badRequest('the body of a DELETE is a DeleteOptions');
  }
  return { preconditions: body.preconditions ?? {}, dryRun: Array.isArray(body.dryRun) && body.dryRun.includes('All') };
}
