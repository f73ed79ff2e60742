import type { RbacObjects } from '@gatehouse/core/effective-access/rbac';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import type { Random } from '@gatehouse/core/ports/random';
import { authorize, denial, PRIVILEGED_GROUP, questionOf, type UserInfo } from './authorizer.ts';
import { readObject, UnreadableBody } from './body.ts';
import { type DecodedObject, decodeObject, decodeTyped, fromBody, type Strictness } from './decode.ts';
import { defaultObjects } from './defaults.ts';
import { describeApi } from './discovery.ts';
import { effectiveUser, type Headers } from './impersonation.ts';
import {
  apiVersionOf,
  findResource,
  findReview,
  GROUP_VERSIONS,
  type Resource,
  type Review,
  resourceOfKind,
} from './kinds.ts';
import { Lists, withoutType } from './lists.ts';
import { invalidPatch, readPatch } from './patch-request.ts';
import { Registry, storageName, type WriteContext } from './registry.ts';
import { mustAcceptJson } from './representation.ts';
import { type RequestInfo, readRequestInfo } from './request-info.ts';
import { checkGetOptions, readDeleteOptions, readWriteOptions, type WriteOptions } from './request-options.ts';
import { answerReview } from './reviews.ts';
import {
  ApiError,
  badRequest,
  methodNotAllowed,
  noSuchResource,
  otherNamespace,
  PlainError,
  pageNotFound,
} from './status.ts';
import { Storage, type StorageSnapshot, type StoredObject } from './storage.ts';
import { wantedTables } from './tables.ts';
import { openWatch, type Watch } from './watches.ts';

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
  /** What a person should know, for the header `Warning`. */
  readonly warnings?: readonly string[];
  /** What goes on after the head of the answer; its body is empty then. */
  readonly watch?: Watch;
}

type ResourceInfo = Extract<RequestInfo, { type: 'resource' }>;
/** A request that is being answered: it collects the warnings that go with the answer. */
type OpenRequest = ApiRequest & { readonly warnings: string[] };
/** Which object a request is about, and who sent it. */
type Target = Omit<WriteContext, 'dryRun'>;

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
  readonly #clock: Clock;
  #rbac: { readonly changes: string; readonly rbac: RbacObjects } | undefined;

  /** A new cluster, with its default namespaces and roles. */
  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
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
    const revise = () => fromBody(resource, object, () => decodeObject(resource, object, { strict: true }));
    this.#registry.update(context, { revise, createIfAbsent: true, sameUid: true });
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
    // A refused request warns, too.
    const warnings: string[] = [];
    const { status, body, watch } = this.#judged({ ...request, warnings }, user);
    const copied = typeof body === 'string' ? body : structuredClone(body);
    return { status, body: copied, ...(warnings.length > 0 ? { warnings } : {}), ...(watch ? { watch } : {}) };
  }

  #judged(request: OpenRequest, user: UserInfo): ApiResponse {
    try {
      return this.#answer(request, user);
    } catch (error) {
      if (error instanceof ApiError) return { status: error.code, body: error.status };
      if (error instanceof PlainError) return { status: error.code, body: error.message };
      if (error instanceof URIError) return { status: 400, body: badRequest('the path is wrongly escaped').status };
      throw error;
    }
  }

  #answer(request: OpenRequest, sender: UserInfo): ApiResponse {
    const { method, path, query, headers } = request;
    const info = readRequestInfo(method, path, query);
    const user = effectiveUser(this.rbac(), sender, headers, path);
    const question = questionOf(info);
    const { allowed, reason } = authorize(this.rbac(), user, question);
    if (!allowed) throw denial(user, question, reason);
    if (path.startsWith('//')) throw pageNotFound();
    if (info.type === 'path') return describe(request);
    if (method === 'HEAD') throw methodNotAllowed();
    mustAcceptJson(headers, info.name === '' && method === 'GET');
    const review = findReview(info.group, info.version, info.resource);
    return review === undefined ? this.#serve(request, info, user) : this.#review(request, info, user, review);
  }

  #review(
    request: OpenRequest,
    { subresource, name, namespace }: ResourceInfo,
    user: UserInfo,
    review: Review,
  ): ApiResponse {
    if (subresource !== '' || name !== '' || review.namespaced !== (namespace !== '')) throw noSuchResource();
    if (request.method !== 'POST') throw methodNotAllowed();
    const { validation } = readWriteOptions('Create', request.query);
    const value = readObject(request, review.kind);
    const posted = fromBody(review, value, () =>
      decodeTyped(review, value, strictnessOf(validation, request.warnings)),
    );
    const asked = { rbac: this.rbac(), asker: user, clock: this.#clock };
    return { status: 201, body: answerReview(asked, { review, namespace, posted }) };
  }

  #serve(request: OpenRequest, info: ResourceInfo, user: UserInfo): ApiResponse {
    const resource = findResource(info.group, info.version, info.resource);
    if (resource === undefined) throw isServed(info.group) ? noSuchResource() : pageNotFound();
    const misplaced = resource.namespaced
      ? info.namespace === '' && info.name !== '' && info.verb !== 'list' && info.verb !== 'watch'
      : info.namespace !== '' && info.namespace !== info.name;
    const ofStatus = info.subresource === 'status' && resource.status === true && info.name !== '';
    if (misplaced || (info.subresource !== '' && !ofStatus)) throw noSuchResource();
    const namespace = resource.namespaced ? info.namespace : '';
    const everywhere = resource.namespaced && namespace === '';
    const needsName = ['update', 'patch'].includes(info.verb) && info.name === '';
    if ((everywhere && !['list', 'watch'].includes(info.verb)) || needsName) throw methodNotAllowed();
    if (ofStatus && !['get', 'update', 'patch'].includes(info.verb)) throw methodNotAllowed();
    const target = { user, resource, namespace, name: info.name, statusOnly: ofStatus };
    switch (info.verb) {
      case 'get':
        checkGetOptions(request.query, this.#storage.version);
        return this.#shown(request, resource, this.#registry.get(resource, namespace, info.name));
      case 'list':
        return this.#shown(request, resource, this.#lists.list(resource, namespace, request.query));
      case 'watch':
        return this.#watch(request, resource, namespace);
      case 'create':
        if (info.name !== '') throw methodNotAllowed();
        return this.#create(request, target);
      case 'update':
        return this.#replace(request, target);
      case 'patch':
        return this.#patch(request, target);
      case 'delete':
        return this.#delete(request, target);
      case 'deletecollection':
        return this.#deleteAll(request, target);
      default:
        throw methodNotAllowed();
    }
  }

  #shown(request: OpenRequest, resource: Resource, body: object): ApiResponse {
    const tables = wantedTables(request, resource, () => this.#clock.now());
    return { status: 200, body: tables?.of(body) ?? body };
  }

  #watch(request: OpenRequest, resource: Resource, namespace: string): ApiResponse {
    const watch = openWatch(this.#storage, resource, namespace, request.query);
    const tables = wantedTables(request, resource, () => this.#clock.now());
    if (tables === undefined) return { status: 200, body: '', watch };
    const begin: Watch['begin'] = (tell) => {
      let isFirst = true;
      return watch.begin((event) => {
        if (event.type === 'ERROR') return tell(event);
        tell({ ...event, object: tables.of(event.object, isFirst) });
        isFirst = false;
      });
    };
    return { status: 200, body: '', watch: { ...watch, begin } };
  }

  #create(request: OpenRequest, target: Target): ApiResponse {
    const { dryRun, validation } = readWriteOptions('Create', request.query);
    const sent = decodedBody(request, target, strictnessOf(validation, request.warnings));
    return { status: 201, body: this.#registry.create({ ...target, dryRun }, sent) };
  }

  #replace(request: OpenRequest, target: Target): ApiResponse {
    const { resource, name } = target;
    const { dryRun, validation } = readWriteOptions('Update', request.query);
    const sent = decodedBody(request, target, strictnessOf(validation, request.warnings));
    mustMatch(sent, target);
    const createIfAbsent = resource.createOnUpdate === true && !target.statusOnly;
    if (createIfAbsent && !this.#exists(target)) this.#mayCreate(target);
    const named = { ...sent, metadata: { ...sent.metadata, name } };
    const revision = { revise: () => named, createIfAbsent, sameUid: true };
    const { object, created } = this.#registry.update({ ...target, dryRun }, revision);
    return { status: created ? 201 : 200, body: object };
  }

  #patch(request: OpenRequest, target: Target): ApiResponse {
    const { resource } = target;
    const patch = readPatch(request, resource);
    const { dryRun, validation } = readWriteOptions(patch.creates ? 'Apply' : 'Patch', request.query);
    if (patch.creates && !this.#exists(target)) this.#mayCreate(target);
    const revise = (before: StoredObject | undefined) => {
      const patched = patch.apply(before);
      const after = patchedObject(patched, target, strictnessOf(validation, request.warnings));
      mustMatch(after, target);
      return after;
    };
    const revision = { revise, createIfAbsent: patch.creates, sameUid: false };
    const { object, created } = this.#registry.update({ ...target, dryRun }, revision);
    return { status: created ? 201 : 200, body: object };
  }

  #delete(request: OpenRequest, target: Target): ApiResponse {
    const options = readDeleteOptions(request);
    const { object, gone } = this.#registry.delete({ ...target, dryRun: options.dryRun }, options);
    const { resource } = target;
    if (!gone || resource.returnsDeleted) return { status: 200, body: object };
    const { name, uid } = object.metadata;
    const group = resource.group === '' ? {} : { group: resource.group };
    const details = { name, ...group, kind: resource.resource, uid };
    return { status: 200, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } };
  }

  #deleteAll(request: OpenRequest, target: Target): ApiResponse {
    const { resource, namespace } = target;
    if (resource.keepsCollection) throw methodNotAllowed();
    const options = readDeleteOptions(request);
    const chosen = this.#lists.select(resource, namespace, request.query);
    for (const { metadata } of chosen) {
      this.#registry.delete({ ...target, name: metadata.name, dryRun: options.dryRun }, options);
    }
    const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
    const metadata = { resourceVersion: this.#storage.version };
    return { status: 200, body: { ...head, metadata, items: chosen.map(withoutType) } };
  }

  #exists({ resource, namespace, name }: Target): boolean {
    return this.#storage.get(storageName(resource), namespace, name) !== undefined;
  }

  /** What creates, needs the right to create, whatever its method. */
  #mayCreate({ user, resource, namespace, name }: Target): void {
    // A namespace is in itself.
    const where = resource.kind === 'Namespace' ? name : namespace;
    const question = { verb: 'create', group: resource.group, resource: resource.resource, namespace: where, name };
    const { allowed, reason } = authorize(this.rbac(), user, question);
    if (!allowed) throw denial(user, question, reason);
  }
}

/** An object to be put there as it is. */
export interface SeedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

function describe({ path, query, method, headers }: ApiRequest): ApiResponse {
  const body = describeApi(path, query);
  if (body === undefined) {
    const group = /^\/apis\/([^/]+)\/[^/]+\/?$/.exec(path)?.[1] ?? (/^\/api\/[^/]+\/?$/.test(path) ? '' : undefined);
    throw group !== undefined && isServed(group) ? noSuchResource() : pageNotFound();
  }
  if (typeof body !== 'string') mustAcceptJson(headers, false);
  // Health and the list of groups are answered whatever is done to them.
  if (method !== 'GET' && typeof body !== 'string' && !/^\/apis\/?$/.test(path)) throw methodNotAllowed();
  return { status: 200, body };
}

function isServed(group: string): boolean {
  return group === '' || GROUP_VERSIONS.some((one) => one.group === group);
}

function strictnessOf(validation: WriteOptions['validation'], warnings: string[]): Strictness {
  const onUnknown = (path: string) => void warnings.push(`unknown field "${path}"`);
  return validation === 'Warn' ? { strict: false, onUnknown } : { strict: validation === 'Strict' };
}

function decodedBody(request: ApiRequest, { resource, statusOnly }: Target, strictness: Strictness): DecodedObject {
  const value = readObject(request, resource.kind);
  const decode = statusOnly ? decodeTyped : decodeObject;
  return fromBody(resource, value, () => decode(resource, value, strictness));
}

function patchedObject(
  patched: Readonly<Record<string, unknown>>,
  { resource, statusOnly }: Target,
  strictness: Strictness,
): DecodedObject {
  try {
    return (statusOnly ? decodeTyped : decodeObject)(resource, patched, strictness);
  } catch (error) {
    throw error instanceof UnreadableBody ? invalidPatch(patched, error.message) : error;
  }
}

function mustMatch(sent: DecodedObject, { name, namespace }: Target): void {
  const { name: own = '', namespace: ownNamespace = '' } = sent.metadata as { name?: string; namespace?: string };
  if (namespace !== '' && ownNamespace !== '' && ownNamespace !== namespace) throw otherNamespace();
  if (own === '')
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (own !== name) throw badRequest(`the name of the object (${own}) does not match the name on the URL (${name})`);
}
