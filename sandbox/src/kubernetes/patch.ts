import { isDeepStrictEqual } from 'node:util';
import { ApiError, badRequest } from './status.ts';

type Members = Readonly<Record<string, unknown>>;

/** Applies a JSON merge patch (RFC 7396). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const result = new Map(Object.entries(isMembers(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, mergePatch(result.get(key), value));
  }
  return fromEntries(result);
}

/** Lists that a strategic merge merges by a key instead of replacing them: of pods, and of every object's metadata. */
const MERGED_LISTS: ReadonlyMap<string, string> = new Map([
  ['containers', 'name'],
  ['initContainers', 'name'],
  ['volumes', 'name'],
  ['env', 'name'],
  ['ports', 'containerPort'],
  ['volumeMounts', 'mountPath'],
  ['imagePullSecrets', 'name'],
  ['ownerReferences', 'uid'],
]);

/**
 * Applies a strategic merge patch, as far as the kinds here need it: `rules`, `subjects` and data are replaced or merged as
 * by {@link mergePatch}; a few lists are merged by their key; finalizers are joined.
 * @throws ApiError 400 for a directive (`$patch`, `$retainKeys`, `$deleteFromPrimitiveList`) that is not done here.
 * @see https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
 */
export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isMembers(patch)) return patch;
  const result = new Map(Object.entries(isMembers(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$setElementOrder/')) continue;
    if (key.startsWith('$')) throw badRequest(`the strategic merge directive ${key} is not served by this API server`);
    if (value === null) result.delete(key);
    else result.set(key, mergeMember(key, result.get(key), value));
  }
  return fromEntries(result);
}

function mergeMember(key: string, target: unknown, value: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(target)) {
    if (key === 'finalizers') return [...new Set([...target, ...value])];
    const by = MERGED_LISTS.get(key);
    if (by !== undefined) return mergeByKey(by, target, value);
  }
  return strategicMergePatch(target, value);
}

function mergeByKey(by: string, target: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const merged = [...target];
  for (const item of patch) {
    if (!isMembers(item)) throw badRequest(`an item of a list that is merged by ${by} is not an object`);
    if ('$patch' in item && item.$patch !== 'delete')
      throw badRequest(`$patch: ${item.$patch} is not served by this API server`);
    const at = merged.findIndex((one) => isMembers(one) && one[by] === item[by]);
    if (item.$patch === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) merged[at] = strategicMergePatch(merged[at], item);
    else merged.push(item);
  }
  return merged;
}

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/**
 * Applies a JSON patch (RFC 6902), all of it or nothing.
 * @throws ApiError 400 for what is no patch; 422 where an operation does not fit the document or a `test` fails.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  if (patch.length > 10_000) {
    throw new ApiError(
      413,
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`,
    );
  }
  return patch.reduce((document: unknown, operation: Operation) => applyOperation(document, operation), target);
}

function applyOperation(document: unknown, { op, path, from, value }: Operation): unknown {
  const at = pointer(path);
  switch (op) {
    case 'add':
      return change(document, at, (parent, key) => insert(parent, key, value, true), value);
    case 'replace':
      read(document, at);
      return change(document, at, (parent, key) => insert(parent, key, value, false), value);
    case 'remove':
      read(document, at);
      return change(document, at, take, undefined);
    case 'test':
      if (!isDeepStrictEqual(read(document, at), value)) throw unprocessable(`testing value ${String(path)} failed`);
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
      throw badRequest(`error decoding patch: unexpected kind of operation ${JSON.stringify(op)}`);
  }
}

const unprocessable = (why: string) =>
  new ApiError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`, {});

function pointer(path: unknown): string[] {
  if (path === '') return [];
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw badRequest(`error decoding patch: ${JSON.stringify(path)} is not a JSON pointer`);
  return path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: unknown, at: readonly string[]): unknown {
  let value = document;
  for (const key of at) {
    const exists = Array.isArray(value)
      ? /^\d+$/.test(key) && Number(key) < value.length
      : isMembers(value) && Object.hasOwn(value, key);
    if (!exists) throw unprocessable(`the path /${at.join('/')} does not exist`);
    value = (value as Record<string, unknown>)[key];
  }
  return value;
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
    : isMembers(document)
      ? new Map(Object.entries(document))
      : undefined;
  if (parent === undefined) throw unprocessable(`the path /${at.join('/')} does not exist`);
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
  const index = key === '-' && adding ? parent.length : /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (index < 0 || index > parent.length) throw unprocessable(`${JSON.stringify(key)} is no index of the list`);
  parent.splice(index, adding ? 0 : 1, value);
}

function take(parent: Container, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else parent.delete(key);
}

function isMembers(value: unknown): value is Members {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** An object with exactly these members, `__proto__` included as an ordinary one. */
function fromEntries(entries: Iterable<readonly [string, unknown]>): Members {
  return Object.fromEntries(entries);
}
