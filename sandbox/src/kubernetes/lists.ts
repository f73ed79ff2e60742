import { parseFieldTest, selectedName } from './field-selectors.ts';
import { apiVersionOf, type Resource } from './kinds.ts';
import { parseLabelTest } from './label-selectors.ts';
import { storageName } from './registry.ts';
import { readListOptions } from './request-options.ts';
import { badRequest, expired, tooLargeVersion } from './status.ts';
import type { Storage, StoredObject } from './storage.ts';

/** Lists are kept as they were, to go on with; so many of them. */
const KEPT_LISTS = 64;

/** Where a list goes on: the version that it shows, and the first key that is to come. */
interface Continuation {
  readonly rv: number;
  readonly start: string;
}

/** All objects of a resource at one version, in the order of their keys. */
interface Whole {
  readonly version: string;
  readonly objects: readonly StoredObject[];
}

/**
 * Answers LIST: selectors, and pages that together are the list of one moment, whatever changes between them.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
 */
export class Lists {
  readonly #storage: Storage;
  readonly #kept = new Map<string, Whole>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Forgets the lists that could go on: their tokens have expired. */
  forget(): void {
    this.#kept.clear();
  }

  /** The objects that a query's selectors choose, as they are now. @throws ApiError 400. */
  select(resource: Resource, namespace: string, query: URLSearchParams): readonly StoredObject[] {
    const chosen = testOf(resource, query);
    return this.#storage.list(storageName(resource), namespace).filter(chosen);
  }

  /** @throws ApiError 400 for what cannot be read, 410 for a version that is too old, 422, 504 for one that is to come. */
  list(resource: Resource, namespace: string, query: URLSearchParams): object {
    const options = readListOptions(query);
    const chosen = testOf(resource, query);
    const selects = Boolean(query.get('labelSelector') || query.get('fieldSelector'));
    const from = options.continue === '' ? undefined : readToken(options.continue);
    if (from && !['', '0'].includes(options.resourceVersion)) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const exact = from ? String(from.rv) : options.exact ? options.resourceVersion : undefined;
    const { version, objects } =
      exact === undefined ? this.#now(resource, options.resourceVersion) : this.#at(resource, exact);

    const rest = objects.filter((one) => isIn(one, namespace) && (!from || isFrom(from.start, keyOf(one, namespace))));
    // What is served from the server's cache, or by its key, is served whole.
    const byKey = namespace !== '' && selectedName(query.get('fieldSelector') ?? '') !== undefined;
    const whole = options.resourceVersion === '0' || options.limit === 0 || byKey;
    const limit = whole ? Number.POSITIVE_INFINITY : options.limit;
    const items: StoredObject[] = [];
    let seen = 0;
    for (; seen < rest.length && items.length < limit; seen += 1) if (chosen(rest[seen]!)) items.push(rest[seen]!);
    const more = seen < rest.length && {
      continue: tokenOf({ rv: Number(version), start: `${keyOf(rest[seen - 1]!, namespace)}\0` }),
      ...(selects ? {} : { remainingItemCount: rest.length - seen }),
    };
    const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
    return { ...head, metadata: { resourceVersion: version, ...more }, items: items.map(withoutType) };
  }

  #now(resource: Resource, atLeast: string): Whole {
    const { version } = this.#storage;
    if (BigInt(atLeast) > BigInt(version)) throw tooLargeVersion(atLeast, version);
    const whole = { version, objects: this.#storage.list(storageName(resource), '') };
    this.#keep(`${storageName(resource)} ${version}`, whole);
    return whole;
  }

  #at(resource: Resource, version: string): Whole {
    const kept = this.#kept.get(`${storageName(resource)} ${version}`);
    if (kept) return kept;
    if (version === this.#storage.version) return this.#now(resource, version);
    throw expired();
  }

  #keep(key: string, whole: Whole): void {
    this.#kept.delete(key);
    this.#kept.set(key, whole);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > KEPT_LISTS && !oldest.done) this.#kept.delete(oldest.value);
  }
}

/** Items of a list carry neither apiVersion nor kind. */
export function withoutType({ apiVersion, kind, ...object }: StoredObject): object {
  return object;
}

/** What an object must be to be selected. @throws ApiError 400 for a selector that cannot be read. */
export function testOf(resource: Resource, query: URLSearchParams): (object: StoredObject) => boolean {
  const labels = parseLabelTest(query.get('labelSelector') ?? '');
  const fields = parseFieldTest(resource, query.get('fieldSelector') ?? '');
  return (object) => labels(object.metadata.labels ?? {}) && fields(object);
}

/** Whether an object is in a namespace; all are in none. */
export const isIn = ({ metadata }: StoredObject, namespace: string) =>
  namespace === '' || metadata.namespace === namespace;

/** The key of an object below what is listed. */
function keyOf({ metadata: { namespace, name } }: StoredObject, listed: string): string {
  return listed === '' && namespace !== undefined ? `/${namespace}/${name}` : `/${name}`;
}

const isFrom = (start: string, key: string) => Buffer.compare(Buffer.from(start), Buffer.from(key)) <= 0;

const FORMAT = 'meta.k8s.io/v1';

const tokenOf = (from: Continuation): string =>
  Buffer.from(JSON.stringify({ v: FORMAT, ...from })).toString('base64url');

function readToken(token: string): Continuation {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Partial<
      Record<string, unknown>
    >;
    if (v === FORMAT && typeof rv === 'number' && typeof start === 'string') return { rv, start };
  } catch {
    // Whatever is wrong with the token, the answer is the same.
  }
  throw badRequest('invalid continue token: continue key is not valid: it cannot be decoded');
}
