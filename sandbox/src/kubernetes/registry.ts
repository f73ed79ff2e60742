import { sameJson } from '@gatehouse/core/access/json';
import type { AccessRule } from '@gatehouse/core/access/policy';
import type { RbacObjects } from '@gatehouse/core/effective-access/rbac';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { Random } from '@gatehouse/core/ports/random';
import { aggregate, CLUSTER_ROLES } from './aggregation.ts';
import type { UserInfo } from './authorizer.ts';
import type { DecodedObject } from './decode.ts';
import { checkPreconditions, finalizersFor } from './deletion.ts';
import { checkEscalation } from './escalation.ts';
import { RESOURCES, type Resource } from './kinds.ts';
import { pathSegmentProblems } from './names.ts';
import type { DeleteOptions } from './request-options.ts';
import {
  ApiError,
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  goQuoted,
  invalid,
  notFound,
  otherNamespace,
  required,
} from './status.ts';
import { nameSuffix, type Storage, type StoredMeta, type StoredObject, timestamp } from './storage.ts';
import { validateChange, validateObject } from './validation.ts';

/** Which object a write is about, and who writes. `name` is the one in the path, empty for a create. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  /** All checks, no effect. */
  readonly dryRun: boolean;
  /** Only the object's `status` is written. */
  readonly statusOnly?: boolean;
}

/** How an object is to be revised. */
export interface Revision {
  /** What is to be of the object that is there. Where none is and one may be made, it gets undefined. */
  readonly revise: (before: StoredObject | undefined) => DecodedObject;
  readonly createIfAbsent: boolean;
  /** The uid that `revise` gives must be that of the object; else it is one of the things that cannot change. */
  readonly sameUid: boolean;
}

const STALE = 'the object has been modified; please apply your changes to the latest version and try again';
/** Bytes that etcd takes in one request. */
const ETCD_LIMIT = 1.5 * 1024 * 1024;
/** Namespaces that nobody may delete (`pkg/controlplane/apiserver/options/plugins.go`). */
const IMMORTAL: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);
/** The resource's name in {@link Storage}. */
export const storageName = ({ group, resource }: Pick<Resource, 'group' | 'resource'>): string =>
  group === '' ? resource : `${resource}.${group}`;

const NAMESPACED = RESOURCES.filter((resource) => resource.namespaced);
const NAMESPACES = { group: '', resource: 'namespaces' } as const;

/**
 * What kube-apiserver's registry does between an authorised request and etcd, in its order: namespace lifecycle, escalation
 * check, optimistic concurrency, defaults of metadata, validation, write.
 */
export class Registry {
  readonly #storage: Storage;
  readonly #rbac: () => RbacObjects;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(storage: Storage, rbac: () => RbacObjects, clock: Clock, random: Random) {
    this.#storage = storage;
    this.#rbac = rbac;
    this.#clock = clock;
    this.#random = random;
  }

  /** @throws ApiError 404; 400 for a name that is no path segment. */
  get(resource: Resource, namespace: string, name: string): StoredObject {
    const problems = pathSegmentProblems(name);
    if (problems.length > 0) throw badRequest(`Name parameter invalid: ${goQuoted(name)}: ${problems.join(';')}`);
    const found = this.#storage.get(storageName(resource), namespace, name);
    if (found === undefined) throw notFound(resource, name);
    return found;
  }

  /** @throws ApiError 400, 403, 404, 409, 422. */
  create(context: WriteContext, sent: DecodedObject): StoredObject {
    const { resource } = context;
    const namespace = this.#namespaceOf(context, sent);
    if (resource.namespaced) this.#mayAdd(context, namespace, sent);
    this.#escalation(context, sent, undefined);
    return this.#insert(context, namespace, sent);
  }

  /**
   * Replaces an object by what `revise` makes of it. With a resourceVersion in the result it must be the stored one; without,
   * the update is unconditional.
   * @throws ApiError as {@link create}.
   */
  update(
    context: WriteContext,
    { revise, createIfAbsent, sameUid }: Revision,
  ): { object: StoredObject; created: boolean } {
    const { resource, namespace, name } = context;
    const before = this.#storage.get(storageName(resource), namespace, name);
    if (before === undefined && !createIfAbsent) throw notFound(resource, name);
    if (resource.namespaced) this.#mustExist(namespace);
    const sent = revise(before);
    if (sameUid) this.#checkUid(context, before, sent);
    if (before !== undefined && (context.statusOnly || onlyGarbageFields(before, sent))) {
      return { object: this.#overwrite(context, before, sent), created: false };
    }
    this.#escalation(context, sent, before);
    if (before === undefined) {
      if (resource.namespaced) this.#mayAdd(context, namespace, sent);
      const { resourceVersion: _ofWhatIsGone, ...metadata } = sent.metadata;
      return { object: this.#insert(context, namespace, { ...sent, metadata }), created: true };
    }
    return { object: this.#overwrite(context, before, sent), created: false };
  }

  /**
   * Deletes an object, or marks it as being deleted while it has finalizers. A namespace takes with it what is in it.
   * Answers the object as it was last; `gone` tells whether it is.
   * @throws ApiError 403 for a namespace that may not be deleted; 404; 409 where a precondition does not hold.
   */
  delete(context: WriteContext, options: DeleteOptions): { object: StoredObject; gone: boolean } {
    const { resource, namespace, name } = context;
    const isNamespace = resource.kind === 'Namespace';
    if (isNamespace && IMMORTAL.has(name)) throw forbidden(resource, name, 'this namespace may not be deleted');
    const found = this.get(resource, namespace, name);
    checkPreconditions(resource, found, options.preconditions);
    const finalizers = finalizersFor(found, options.propagation);
    if (options.dryRun) return { object: found, gone: finalizers.length === 0 };
    if (isNamespace) return this.#deleteNamespace(found);
    return this.#deleteOne(resource, found, finalizers);
  }

  #deleteOne(
    resource: Resource,
    found: StoredObject,
    finalizers: readonly string[],
  ): { object: StoredObject; gone: boolean } {
    const { name, namespace = '' } = found.metadata;
    if (finalizers.length === 0) {
      this.#remove(resource, namespace, name);
      return { object: found, gone: true };
    }
    const deletion = { deletionTimestamp: timestamp(this.#clock), deletionGracePeriodSeconds: 0 };
    const metadata = { ...deletion, ...found.metadata, finalizers };
    const marked = { ...found, metadata };
    const object = sameJson(found, marked) ? found : this.#storage.put(storageName(resource), marked);
    return { object, gone: false };
  }

  #deleteNamespace(found: StoredObject): { object: StoredObject; gone: boolean } {
    const name = found.metadata.name;
    const metadata = {
      ...found.metadata,
      deletionTimestamp: found.metadata.deletionTimestamp ?? timestamp(this.#clock),
    };
    const status = { ...(found.status as object), phase: 'Terminating' };
    const object = this.#storage.put('namespaces', { ...found, metadata, status });
    for (const { resource, object: inside } of this.#contentOf(name)) {
      this.#deleteOne(resource, inside, inside.metadata.finalizers ?? []);
    }
    return { object, gone: this.#finishNamespace(name) };
  }

  /** Removes a namespace that is being deleted once nothing is left in it. */
  #finishNamespace(name: string): boolean {
    const namespace = this.#storage.get('namespaces', '', name);
    if (namespace?.metadata.deletionTimestamp === undefined || this.#contentOf(name).length > 0) return false;
    if (namespace.metadata.finalizers?.length) return false;
    this.#storage.remove('namespaces', '', name);
    return true;
  }

  #contentOf(namespace: string): { resource: Resource; object: StoredObject }[] {
    return NAMESPACED.flatMap((resource) =>
      this.#storage.list(storageName(resource), namespace).map((object) => ({ resource, object })),
    );
  }

  #insert(context: WriteContext, namespace: string, sent: DecodedObject): StoredObject {
    const { resource } = context;
    const name = this.#nameFor(resource, sent);
    const {
      deletionTimestamp,
      deletionGracePeriodSeconds,
      managedFields,
      selfLink,
      namespace: _own,
      ...kept
    } = sent.metadata;
    const metadata: StoredMeta = {
      ...kept,
      name,
      ...(resource.namespaced ? { namespace } : {}),
      uid: this.#random.token(),
      resourceVersion: '',
      creationTimestamp: timestamp(this.#clock),
      ...(resource.kind === 'Deployment' || resource.kind === 'StatefulSet' ? { generation: 1 } : {}),
    };
    const object = this.#finished(resource, { ...sent, metadata });
    const errors = validateObject(resource, object);
    if (errors.length > 0) throw invalid(resource.group, resource.kind, name, errors);
    const there = this.#storage.get(storageName(resource), metadata.namespace ?? '', name);
    if (there) throw alreadyExists(resource, name, there.metadata.deletionTimestamp !== undefined);
    const stored = this.#store(context, object);
    if (resource.kind === 'Namespace' && !context.dryRun) this.#addDefaultAccount(name);
    return stored;
  }

  /** What the controller of service accounts does for each new namespace. */
  #addDefaultAccount(namespace: string): void {
    const metadata = {
      name: 'default',
      namespace,
      uid: this.#random.token(),
      resourceVersion: '',
      creationTimestamp: timestamp(this.#clock),
    };
    this.#storage.put('serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  }

  #nameFor(resource: Resource, sent: DecodedObject): string {
    const { name, generateName, resourceVersion } = sent.metadata;
    if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== '0') {
      throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created');
    }
    if (typeof name === 'string' && name !== '') return name;
    if (typeof generateName === 'string' && generateName !== '') {
      return `${generateName.slice(0, 58)}${nameSuffix(this.#random)}`;
    }
    throw invalid(resource.group, resource.kind, '', [required('metadata.name', 'name or generateName is required')]);
  }

  /** The label that every namespace carries also when its name was generated. */
  #finished(resource: Resource, object: StoredObject): StoredObject {
    if (resource.kind !== 'Namespace') return object;
    const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
    return { ...object, metadata: { ...object.metadata, labels } };
  }

  #overwrite(context: WriteContext, before: StoredObject, sent: DecodedObject): StoredObject {
    const { resource, name } = context;
    const version = String(sent.metadata.resourceVersion ?? '');
    if (!/^\d*$/.test(version)) {
      throw new ApiError(500, '', `strconv.ParseUint: parsing ${goQuoted(version)}: invalid syntax`);
    }
    if (version !== '' && version !== '0' && version !== before.metadata.resourceVersion) {
      throw conflict(resource, name, STALE);
    }
    const after = context.statusOnly
      ? { ...before, status: sent.status ?? before.status }
      : withKeptMetadata(resource, before, sent);
    const errors = validateChange(resource, before, after);
    if (errors.length > 0) throw invalid(resource.group, resource.kind, name, errors);
    if (after.metadata.deletionTimestamp !== undefined && !after.metadata.finalizers?.length && !context.dryRun) {
      this.#remove(resource, context.namespace, name);
      this.#finishNamespace(context.namespace);
      return after;
    }
    if (sameJson(before, after)) return before;
    const generation = before.metadata.generation;
    const grown =
      typeof generation === 'number' && !sameJson(before.spec, after.spec)
        ? { ...after, metadata: { ...after.metadata, generation: generation + 1 } }
        : after;
    return this.#store(context, grown);
  }

  #store({ resource, dryRun }: WriteContext, object: StoredObject): StoredObject {
    if (Buffer.byteLength(JSON.stringify(object)) > ETCD_LIMIT) {
      throw new ApiError(500, '', 'etcdserver: request is too large');
    }
    if (!dryRun) return this.#put(resource, object);
    const { resourceVersion, ...metadata } = object.metadata;
    return resourceVersion === '' ? { ...object, metadata: metadata as StoredMeta } : object;
  }

  #put(resource: Resource, object: StoredObject): StoredObject {
    const stored = this.#storage.put(storageName(resource), object);
    if (storageName(resource) === CLUSTER_ROLES) aggregate(this.#storage);
    return stored;
  }

  #remove(resource: Resource, namespace: string, name: string): void {
    this.#storage.remove(storageName(resource), namespace, name);
    if (storageName(resource) === CLUSTER_ROLES) aggregate(this.#storage);
  }

  #escalation(
    { user, resource, namespace, name }: WriteContext,
    object: DecodedObject,
    before: StoredObject | undefined,
  ): void {
    const write = object as DecodedObject & { rules?: readonly AccessRule[]; roleRef?: { kind: string; name: string } };
    checkEscalation(this.#rbac(), user, {
      resource,
      namespace,
      nameInPath: name,
      object: write,
      wasAggregate: before?.aggregationRule !== undefined,
    });
  }

  #namespaceOf({ resource, namespace }: WriteContext, sent: DecodedObject): string {
    const own = sent.metadata.namespace;
    if (!resource.namespaced || own === undefined || own === '' || own === namespace) return namespace;
    throw otherNamespace();
  }

  #mustExist(namespace: string): StoredObject {
    const found = this.#storage.get('namespaces', '', namespace);
    if (found === undefined) throw notFound(NAMESPACES, namespace);
    return found;
  }

  #mayAdd({ resource }: WriteContext, namespace: string, sent: DecodedObject): void {
    if (this.#mustExist(namespace).metadata.deletionTimestamp === undefined) return;
    const name = String(sent.metadata.name || (sent.metadata.generateName ?? ''));
    throw forbidden(
      resource,
      name,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }

  #checkUid(
    { resource, namespace, name, dryRun }: WriteContext,
    before: StoredObject | undefined,
    sent: DecodedObject,
  ): void {
    const uid = sent.metadata.uid;
    if (uid === undefined || uid === '' || uid === before?.metadata.uid) return;
    // What only tries does not go as far as etcd, and names the object without its root.
    const key = `${dryRun ? '' : '/registry'}/${[resource.resource, namespace, name].filter((part) => part !== '').join('/')}`;
    throw conflict(
      resource,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
        `UID in precondition: ${String(uid)}, UID in object meta: ${before?.metadata.uid ?? ''}`,
    );
  }
}

/** What an update says, with what it cannot change and does not have to say. */
function withKeptMetadata(resource: Resource, before: StoredObject, sent: DecodedObject): StoredObject {
  const { managedFields, selfLink, generation: _sent, namespace: _own, ...own } = sent.metadata;
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, generation } = before.metadata;
  const given = {
    ...own,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: (own.uid as string | undefined) || uid,
    resourceVersion,
    creationTimestamp,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(generation === undefined ? {} : { generation }),
  };
  const grace = own.deletionGracePeriodSeconds ?? before.metadata.deletionGracePeriodSeconds;
  const metadata: StoredMeta = grace === undefined ? given : { ...given, deletionGracePeriodSeconds: grace };
  const status = resource.status && before.status !== undefined ? { status: before.status } : {};
  return { ...sent, ...status, metadata };
}

/**
 * True where nothing changes, or only what garbage collection works with: then nobody needs the rights that the object gives.
 * A version, uid or time that is left out counts as a change, as in `pkg/registry/rbac/helpers.go`.
 */
function onlyGarbageFields(before: StoredObject, sent: DecodedObject): boolean {
  const bare = (object: { readonly metadata: Readonly<Record<string, unknown>> }) => {
    const { finalizers, ownerReferences, managedFields, selfLink, ...metadata } = object.metadata;
    return { ...object, metadata };
  };
  return sameJson(bare(before), bare(sent));
}
