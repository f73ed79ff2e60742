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
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: this.version } };
    this.#place(resource, stored);
    return stored;
  }

  remove(resource: string, namespace: string, name: string): void {
    if (!this.#objects.get(resource)?.delete(`${namespace}/${name}`)) return;
    this.#version += 1;
    this.#changes.set(resource, this.changes(resource) + 1);
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
