import type { Resource } from './kinds.ts';
import { isIn, testOf } from './lists.ts';
import { storageName } from './registry.ts';
import { readWatchOptions } from './request-options.ts';
import { badRequest, expired, tooLargeVersion } from './status.ts';
import type { Change, Storage, StoredObject } from './storage.ts';

/** One event of a watch, as it is written on a line of its own. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR';
  readonly object: object;
}

/** A watch that was let in: events come until it is ended, or its time is over. */
export interface Watch {
  /** How long it lasts at most, in milliseconds. */
  readonly milliseconds: number;
  /** Begins to call `tell`; the answer ends that. */
  begin(tell: (event: WatchEvent) => void): () => void;
}

/** A watch without a limit of its own lasts so long at least (`--min-request-timeout`). */
const DEFAULT_SECONDS = 1800;
/** A timer of Node's with more milliseconds goes off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Answers WATCH: what is there, or what has happened since a version, and then what happens. To who selects, an object that
 * comes to be selected is added, and one that no longer is, is deleted.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 * @throws ApiError 400 for what cannot be read, 422 for what is not served, 504 for a version that is to come.
 */
export function openWatch(storage: Storage, resource: Resource, namespace: string, query: URLSearchParams): Watch {
  const { seconds, resourceVersion: since } = readWatchOptions(query);
  const test = testOf(resource, query);
  const chosen = (object: StoredObject | undefined) => object !== undefined && isIn(object, namespace) && test(object);
  const wrong = JSON.stringify(since);
  if (!/^\d*$/.test(since)) throw badRequest(`strconv.ParseUint: parsing ${wrong}: invalid syntax`);
  if (BigInt(since) > BigInt(storage.version)) throw tooLargeVersion(since, storage.version);

  const eventOf = ({ before, after, version }: Change): WatchEvent | undefined => {
    const [was, is] = [chosen(before), chosen(after)];
    if (!was && !is) return undefined;
    if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after! };
    const last = after ?? before!;
    return { type: 'DELETED', object: { ...last, metadata: { ...last.metadata, resourceVersion: version } } };
  };
  const begin = (tell: (event: WatchEvent) => void) => {
    const name = storageName(resource);
    const told = (change: Change) => {
      const event = change.resource === name ? eventOf(change) : undefined;
      if (event) tell(event);
    };
    if (Number(since) === 0) {
      for (const object of storage.list(name, '').filter(chosen)) tell({ type: 'ADDED', object });
    } else {
      const changes = storage.since(Number(since));
      if (changes === undefined) {
        tell({ type: 'ERROR', object: expired().status });
        return () => {};
      }
      changes.forEach(told);
    }
    return storage.observe(told);
  };
  return { milliseconds: Math.min(Math.max(seconds || DEFAULT_SECONDS, 0) * 1000, LONGEST_TIMER), begin };
}
