import type { Resource } from './kinds.ts';
import { apiVersionOf } from './kinds.ts';
import { storageName } from './registry.ts';
import { fieldSelector, labelSelector, type Selector } from './selectors.ts';
import { badRequest, expired } from './status.ts';
import type { Storage, StoredObject } from './storage.ts';

/** Lists that go on are kept as they were at their first page; so many of them. */
const KEPT_LISTS = 64;

interface Continuation {
  readonly resource: string;
  readonly namespace: string;
  readonly version: string;
  readonly next: number;
}

/**
 * Answers LIST: selectors, and pages that together are the list of one moment, whatever changes between them.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
 */
export class Lists {
  readonly #storage: Storage;
  readonly #kept = new Map<string, readonly StoredObject[]>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Forgets the lists that could go on: their tokens have expired. */
  forget(): void {
    this.#kept.clear();
  }

  /** The objects that a query's selectors choose. @throws ApiError 400. */
  select(resource: Resource, namespace: string, query: URLSearchParams): readonly StoredObject[] {
    const selectors = readSelectors(resource, query);
    const all = this.#storage.list(storageName(resource), namespace);
    return all.filter((object) => selectors.every((selector) => selector(object)));
  }

  /** @throws ApiError 400 for what cannot be read; 410 for a token that is too old. */
  list(resource: Resource, namespace: string, query: URLSearchParams): object {
    const limit = readLimit(query.get('limit'));
    const token = query.get('continue') ?? '';
    const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
    if (token === '') {
      const items = this.select(resource, namespace, query);
      const from = { resource: storageName(resource), namespace, version: this.#storage.version, next: 0 };
      return { ...head, ...this.#page(items, from, limit, query) };
    }
    const from = readToken(token);
    if (from.resource !== storageName(resource) || from.namespace !== namespace) {
      throw badRequest('continue key is not valid: it belongs to another list');
    }
    const items = this.#kept.get(keyOf(from, query));
    if (items === undefined) throw expired();
    return { ...head, ...this.#page(items, from, limit, query) };
  }

  #page(items: readonly StoredObject[], from: Continuation, limit: number, query: URLSearchParams): object {
    const end = limit === 0 ? items.length : Math.min(items.length, from.next + limit);
    const page = items.slice(from.next, end).map(withoutType);
    if (end === items.length) return { metadata: { resourceVersion: from.version }, items: page };
    this.#keep(keyOf(from, query), items);
    const token = Buffer.from(JSON.stringify({ ...from, next: end })).toString('base64url');
    const selected = query.has('labelSelector') || query.has('fieldSelector');
    const remaining = selected ? {} : { remainingItemCount: items.length - end };
    return { metadata: { resourceVersion: from.version, continue: token, ...remaining }, items: page };
  }

  #keep(key: string, items: readonly StoredObject[]): void {
    this.#kept.delete(key);
    this.#kept.set(key, items);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > KEPT_LISTS && !oldest.done) this.#kept.delete(oldest.value);
  }
}

/** Items of a list carry neither apiVersion nor kind. */
function withoutType({ apiVersion, kind, ...object }: StoredObject): object {
  return object;
}

function keyOf({ resource, namespace, version }: Continuation, query: URLSearchParams): string {
  return JSON.stringify([resource, namespace, version, query.get('labelSelector'), query.get('fieldSelector')]);
}

function readSelectors(resource: Resource, query: URLSearchParams): Selector[] {
  return [labelSelector(query.get('labelSelector') ?? ''), fieldSelector(resource, query.get('fieldSelector') ?? '')];
}

function readLimit(text: string | null): number {
  if (text === null || text === '') return 0;
  const limit = Number(text);
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return limit > 0 ? limit : 0;
}

function readToken(token: string): Continuation {
  try {
    const read = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Continuation;
    if (typeof read.resource === 'string' && Number.isInteger(read.next) && read.next >= 0) return read;
  } catch {
    // Whatever is wrong with the token, the answer is the same.
  }
  throw badRequest('continue key is not valid: it cannot be decoded');
}
