import { Failure } from '@gatehouse/core/access/failure';
import type { Clock } from '@gatehouse/core/ports/clock';
import type { Random } from '@gatehouse/core/ports/random';

const FORMAT = 'gatehouse-kubernetes/1';

/** The metadata of a stored object. */
export interface StoredMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly [member: string]: unknown;
}

/** An object as it is stored: never changed, only replaced. */
export interface StoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: StoredMeta;
  readonly [member: string]: unknown;
}

/** A change of one object. */
export interface Change {
  /** The resource's name in {@link Storage}. */
  readonly resource: string;
  readonly version: string;
  /** Undefined where it was made. */
  readonly before: StoredObject | undefined;
  /** Undefined where it was removed. */
  readonly after: StoredObject | undefined;
}

/** Changes are kept to be told to who comes back; so many of them. */
const KEPT_CHANGES = 4096;

/** The whole content of a {@link Storage}, as JSON. */
export interface StorageSnapshot {
  readonly format: typeof FORMAT;
  readonly version: number;
  /** Resource name (`roles.rbac.authorization.k8s.io`) and object. */
  readonly objects: readonly (readonly [string, StoredObject])[];
}

/**
 * What etcd is to kube-apiserver: objects under (resource, namespace, name), one counter that every change moves. It knows
 * no rules but those of the counter; whatever it hands out must not be changed.
 */
export class Storage {
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  readonly #changes = new Map<string, number>();
  readonly #observers = new Set<(change: Change) => void>();
  /** Oldest first, none missing since {@link #keptSince}. */
  #kept: Change[] = [];
  #keptSince = 0;
  #version = 0;

  /** The version of the latest change, as lists show it. */
  get version(): string {
    return String(this.#version);
  }

  /** How often anything of a resource changed: what was derived from it is still true while this stays. */
  changes(resource: string): number {
    return this.#changes.get(resource) ?? 0;
  }

  get(resource: string, namespace: string, name: string): StoredObject | undefined {
    return this.#objects.get(resource)?.get(`${namespace}/${name}`);
  }

  /** All objects of a resource, of one namespace or of all (`''`), in the order of their keys. */
  list(resource: string, namespace: string): readonly StoredObject[] {
    const all = [...(this.#objects.get(resource) ?? [])];
    const chosen = namespace === '' ? all : all.filter(([, object]) => object.metadata.namespace === namespace);
    return chosen.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(([, object]) => object);
  }

  /** Stores an object under its metadata's name and gives it the next version. */
  put(resource: string, object: StoredObject): StoredObject {
    this.#version += 1;
    const before = this.get(resource, object.metadata.namespace ?? '', object.metadata.name);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
    this.#place(resource, stored);
    this.#tell({ resource, version: this.version, before, after: stored });
    return stored;
  }

  remove(resource: string, namespace: string, name: string): void {
    const before = this.get(resource, namespace, name);
    if (before === undefined) return;
    this.#objects.get(resource)!.delete(`${namespace}/${name}`);
    this.#version += 1;
    this.#changes.set(resource, this.changes(resource) + 1);
    this.#tell({ resource, version: this.version, before, after: undefined });
  }

  /** Calls `observer` with every change, in their order; the answer stops that. */
  observe(observer: (change: Change) => void): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** All changes after a version, oldest first; undefined where they are no longer known. */
  since(version: number): readonly Change[] | undefined {
    if (version < this.#keptSince) return undefined;
    return this.#kept.filter((change) => Number(change.version) > version);
  }

  #tell(change: Change): void {
    this.#kept.push(change);
    if (this.#kept.length > KEPT_CHANGES) this.#keptSince = Number(this.#kept.shift()!.version);
    for (const observer of this.#observers) observer(change);
  }

  /** Everything, to be written to a file. */
  snapshot(): StorageSnapshot {
    const objects = [...this.#objects].flatMap(([resource, of]) =>
      [...of.values()].map((object) => [resource, object] as const),
    );
    return { format: FORMAT, version: this.#version, objects };
  }

  /** Replaces everything by what {@link snapshot} gave. @throws Failure `unsupported` for another format. */
  restore(snapshot: StorageSnapshot): void {
    if (snapshot.format !== FORMAT) {
      throw new Failure(
        'unsupported',
        `a cluster's state is kept as ${FORMAT}, and this is ${String(snapshot.format)}`,
        {
          remedy: 'begin with an empty state folder',
        },
      );
    }
    this.#objects.clear();
    for (const [resource, object] of snapshot.objects) this.#place(resource, object);
    this.#version = snapshot.version;
    this.#kept = [];
    this.#keptSince = snapshot.version;
  }

  #place(resource: string, object: StoredObject): void {
    const of = this.#objects.get(resource) ?? new Map<string, StoredObject>();
    of.set(`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object);
    this.#objects.set(resource, of);
    this.#changes.set(resource, this.changes(resource) + 1);
  }
}

/** A time as Kubernetes writes it: whole seconds, UTC. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}

/** Five characters for `generateName`, of those that `k8s.io/apimachinery/pkg/util/rand` draws from. */
export function nameSuffix(random: Random): string {
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return Array.from({ length: 5 }, () => letters[Math.floor(random.fraction() * letters.length)]).join('');
}
