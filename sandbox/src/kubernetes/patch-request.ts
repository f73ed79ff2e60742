import { type Body, bodyText, mediaType, parseJson, parseYaml } from './body.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { badRequest, invalid, required, unsupportedMediaType } from './status.ts';

/** A patch that was read: what it makes of an object, and whether it makes one where there is none. */
export interface ReadPatch {
  readonly creates: boolean;
  apply(target: unknown): unknown;
}

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

/**
 * Reads a PATCH. A server-side apply is merged into the object: fields that its manager set earlier and now leaves out stay,
 * because no field managers are kept here.
 * @throws ApiError 400, 415; 422 for an apply without a field manager.
 */
export function readPatch(request: Body, query: URLSearchParams): ReadPatch {
  const type = mediaType(request.headers);
  if (type === APPLY) {
    if (!query.get('fieldManager')) {
      throw invalid('meta.k8s.io', 'PatchOptions', '', [required('fieldManager', 'is required for apply patch')]);
    }
    const patch = parseYaml(bodyText(request));
    if (!hasMembers(patch)) throw badRequest('error decoding YAML: an apply patch is an object');
    return { creates: true, apply: (target) => mergePatch(target ?? {}, patch) };
  }
  const apply = { [JSON_PATCH]: jsonPatch, [MERGE_PATCH]: mergePatch, [STRATEGIC]: strategicMergePatch }[type];
  if (apply === undefined) throw unsupportedMediaType([JSON_PATCH, MERGE_PATCH, STRATEGIC, APPLY]);
  const patch = parseJson(bodyText(request));
  if (apply !== jsonPatch && !hasMembers(patch)) throw badRequest('error decoding patch: the patch is not an object');
  return { creates: false, apply: (target) => apply(target, patch) };
}

function hasMembers(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
