import { isDeepStrictEqual } from 'node:util';
import { goType, isRecord, UnreadableBody } from './body.ts';
import { ApiError, badRequest } from './status.ts';

type Members = Readonly<Record<string, unknown>>;

/** Applies a JSON merge patch (RFC 7396). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result = new Map(Object.entries(isRecord(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, mergePatch(result.get(key), value));
  }
  return fromEntries(result);
}

/**
 * Lists that a strategic merge merges by a key instead of replacing them: of every object's metadata, of service accounts, and of
 * pods.
 */
const MERGED_LISTS: ReadonlyMap<string, string> = new Map([
  ['ownerReferences', 'uid'],
  ['secrets', 'name'],
  ['containers', 'name'],
  ['initContainers', 'name'],
  ['volumes', 'name'],
  ['env', 'name'],
  ['ports', 'containerPort'],
  ['volumeMounts', 'mountPath'],
]);
const ORDER = '$setElementOrder/';
const REMOVAL = '$deleteFromPrimitiveList/';

/**
 * Applies a strategic merge patch, as far as the kinds here need it: `rules`, `subjects` and data are replaced or merged as
 * by {@link mergePatch}; a few lists are merged by their key; finalizers are joined.
 * @throws ApiError 500 for what is to be done with a map that there is not.
 * @see https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
 */
export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const { $patch: directive, $retainKeys: retained, ...members } = patch;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'replace' && directive !== 'merge') {
    throw new ApiError(500, '', `unknown patch type: ${String(directive)} in map: map[$patch:${String(directive)}]`);
  }
  const kept = Object.entries(isRecord(target) && directive !== 'replace' ? target : {});
  const result = new Map(Array.isArray(retained) ? kept.filter(([key]) => retained.includes(key)) : kept);
  for (const [key, value] of Object.entries(members)) {
    if (key.startsWith(ORDER)) continue;
    if (key.startsWith(REMOVAL)) {
      const list = key.slice(REMOVAL.length);
      result.set(
        list,
        asList(result.get(list)).filter((one) => !asList(value).includes(one)),
      );
    } else if (value === null) result.delete(key);
    else result.set(key, mergeMember(key, result.get(key), value, members[ORDER + key]));
  }
  return fromEntries(result);
}

function mergeMember(key: string, target: unknown, value: unknown, order: unknown): unknown {
  if (!Array.isArray(value)) return strategicMergePatch(target, value);
  const by = MERGED_LISTS.get(key);
  if (key === 'finalizers') {
    const joined = [...new Set([...asList(target), ...value])];
    return ordered(joined, asList(target), Array.isArray(order) ? order : value, (one) => one);
  }
  return by === undefined ? value : mergeByKey(by, asList(target), value, order);
}

function mergeByKey(by: string, target: readonly unknown[], patch: readonly unknown[], order: unknown): unknown[] {
  const keyOf = (item: unknown) => (isRecord(item) ? item[by] : undefined);
  const merged = [...target];
  for (const item of patch) {
    if (!isRecord(item)) throw badRequest(`an item of a list that is merged by ${by} is not an object`);
    const at = merged.findIndex((one) => keyOf(one) === item[by]);
    if (item.$patch === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) merged[at] = strategicMergePatch(merged[at], item);
    else merged.push(strategicMergePatch({}, item));
  }
  return ordered(merged, target, Array.isArray(order) ? order : patch, keyOf);
}

/**
 * What a patch names, in its order, with what only the target had put in before the first that came later there
 * (`mergeSortedSlice` of `apimachinery/pkg/util/strategicpatch/patch.go`).
 */
function ordered(
  merged: readonly unknown[],
  target: readonly unknown[],
  order: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): unknown[] {
  const placeIn = (list: readonly unknown[], item: unknown) => list.findIndex((one) => keyOf(one) === keyOf(item));
  const named = merged.filter((one) => placeIn(order, one) >= 0).sort((a, b) => placeIn(order, a) - placeIn(order, b));
  const others = merged.filter((one) => placeIn(order, one) < 0);
  const result: unknown[] = [];
  for (const one of named) {
    const place = placeIn(target, one);
    while (others.length > 0 && place >= 0 && placeIn(target, others[0]) < place) result.push(others.shift());
    result.push(one);
  }
  return [...result, ...others];
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/** Operations that one patch may have. */
const MOST_OPERATIONS = 10_000;

/**
 * Applies a JSON patch, all of it or nothing: RFC 6902, as `gopkg.in/evanphx/json-patch.v4` does it, to which a member that is not
 * there is null and can be replaced.
 * @throws UnreadableBody for what is no list; ApiError 413; 422, which does not say why, where an operation does not fit or a
 * `test` fails.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw new UnreadableBody(`json: cannot unmarshal ${goType(patch)} into Go value of type []handlers.jsonPatchOp`);
  }
  if (patch.length > MOST_OPERATIONS) {
    const most = `The allowed maximum operations in a JSON patch is ${MOST_OPERATIONS}, got ${patch.length}`;
    throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: ${most}`);
  }
  return patch.reduce((document: unknown, operation: Operation) => applyOperation(document, operation), target);
}

function applyOperation(document: unknown, { op, path, from, value = null }: Operation): unknown {
  const at = pointer(path);
  switch (op) {
    case 'add':
      return change(document, at, (parent, key) => insert(parent, key, value, true), value);
    case 'replace':
      return change(document, at, (parent, key) => insert(parent, key, value, false), value);
    case 'remove':
      return change(document, at, take, undefined);
    case 'test':
      if (!isDeepStrictEqual(read(document, at), value)) throw unprocessable();
      return document;
    case 'copy': {
      const copied = read(document, pointer(from));
      return change(document, at, (parent, key) => insert(parent, key, copied, true), copied);
    }
    case 'move': {
      const moved = read(document, pointer(from));
      const without = change(document, pointer(from), take, undefined);
      return change(without, at, (parent, key) => insert(parent, key, moved, true), moved);
    }
    default:
      throw unprocessable();
  }
}

const unprocessable = () =>
  new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

function pointer(path: unknown): string[] {
  if (path === '') return [];
  if (typeof path !== 'string' || !path.startsWith('/')) throw unprocessable();
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What stands at a path; null for a member that its object does not have. */
function read(document: unknown, at: readonly string[]): unknown {
  let value = document;
  for (const [index, key] of at.entries()) {
    if (Array.isArray(value)) value = value[indexIn(value, key, value.length - 1)];
    else if (isRecord(value)) value = Object.hasOwn(value, key) ? value[key] : null;
    else throw unprocessable();
    if (value === null && index < at.length - 1) throw unprocessable();
  }
  return value;
}

function indexIn(list: readonly unknown[], key: string, last: number): number {
  const index = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (index < 0 || index > last || index > list.length) throw unprocessable();
  return index;
}

type Container = unknown[] | Map<string, unknown>;

function change(
  document: unknown,
  at: readonly string[],
  act: (parent: Container, key: string) => void,
  whole: unknown,
): unknown {
  const [key, ...deeper] = at;
  if (key === undefined) return whole;
  const parent: Container | undefined = Array.isArray(document)
    ? [...document]
    : isRecord(document)
      ? new Map(Object.entries(document))
      : undefined;
  if (parent === undefined) throw unprocessable();
  if (deeper.length === 0) act(parent, key);
  else {
    const inner = change(read(document, [key]), deeper, act, whole);
    if (Array.isArray(parent)) parent[Number(key)] = inner;
    else parent.set(key, inner);
  }
  return Array.isArray(parent) ? parent : fromEntries(parent);
}

function insert(parent: Container, key: string, value: unknown, adding: boolean): void {
  if (!Array.isArray(parent)) {
    parent.set(key, value);
    return;
  }
  const last = adding ? parent.length : parent.length - 1;
  const index = key === '-' && adding ? parent.length : indexIn(parent, key, last);
  parent.splice(index, adding ? 0 : 1, value);
}

function take(parent: Container, key: string): void {
  if (Array.isArray(parent)) parent.splice(indexIn(parent, key, parent.length - 1), 1);
  else if (!parent.delete(key)) throw unprocessable();
}

/** An object with exactly these members, `__proto__` included as an ordinary one. */
function fromEntries(entries: Iterable<readonly [string, unknown]>): Members {
  return Object.fromEntries(entries);
}
