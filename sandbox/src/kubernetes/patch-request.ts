import {
  type Body,
  bodyText,
  goType,
  inside,
  isRecord,
  mediaType,
  parseJson,
  parseYaml,
  UnreadableBody,
} from './body.ts';
import { decodeTyped } from './decode.ts';
import { apiVersionOf, type Resource } from './kinds.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { ApiError, badRequest, invalid, invalidValue } from './status.ts';

type Members = Readonly<Record<string, unknown>>;

/** A patch: what it makes of an object, and whether it makes one where there is none. */
export interface Patch {
  readonly creates: boolean;
  /** @throws ApiError 400 for what cannot be read, 422 for what does not fit. */
  apply(target: unknown): Members;
}

const NO_MAP = 'Go value of type map[string]interface {}';

/**
 * Reads the type of a PATCH; its body is read when it is applied. A server-side apply is merged into the object: fields that its
 * manager set earlier and now leaves out stay, because no field managers are kept here.
 * @throws ApiError 415.
 */
export function readPatch(request: Body, resource: Resource): Patch {
  const text = () => bodyText(request);
  switch (mediaType(request.headers)) {
    case 'application/json-patch+json':
      return patch('error decoding patch: ', (target) => jsonPatch(target, parseJson(text())));
    case 'application/merge-patch+json':
      return patch('error decoding patch: ', (target) => mergePatch(target, mergedMembers(text())));
    case 'application/strategic-merge-patch+json':
      return patch('', (target) => strategicMergePatch(target, membersOf(parseJson(text()))));
    case 'application/apply-patch+yaml':
      return {
        ...patch('error decoding YAML: ', (target) => mergePatch(target ?? {}, applied(text(), resource))),
        creates: true,
      };
    default:
      throw new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  }
}

/** What `patched` would be is wrong. */
export function invalidPatch(patched: Members, why: string): ApiError {
  return invalid('', '', '', [invalidValue('patch', JSON.stringify(patched), why)]);
}

function patch(prefix: string, apply: (target: unknown) => unknown): Patch {
  return {
    creates: false,
    apply: (target) => {
      try {
        const patched = inside(prefix, () => apply(target));
        return isRecord(patched) ? patched : {};
      } catch (error) {
        throw error instanceof UnreadableBody ? badRequest(error.message) : error;
      }
    },
  };
}

function membersOf(value: unknown): Members {
  if (isRecord(value)) return value;
  throw new UnreadableBody(`json: cannot unmarshal ${goType(value)} into ${NO_MAP}`);
}

function mergedMembers(text: string): Members {
  const value = parseJson(text);
  if (value === null) throw badRequest('Invalid JSON Patch');
  return membersOf(value);
}

/** The object that is applied: of its kind, whole, and with nothing that the kind does not have. */
function applied(text: string, resource: Resource): Members {
  const value = inside('error converting YAML to JSON: ', () => parseYaml(text)) ?? {};
  const object = inside('error unmarshaling JSON: while decoding JSON: ', () => membersOf(value));
  const { apiVersion = '', kind = '', metadata } = object;
  const [version = '', group = ''] = String(apiVersion).split('/').reverse();
  const kindSent = `${group}/${version}, Kind=${String(kind)}`;
  if (apiVersion !== apiVersionOf(resource) || kind !== resource.kind)
    throw badRequest(`invalid object type: ${kindSent}`);
  const { name = '', namespace = '', managedFields } = isRecord(metadata) ? metadata : {};
  if (managedFields !== undefined) throw badRequest('metadata.managedFields must be nil');
  const untyped = (why: string) => {
    const what = `(${String(namespace)}/${String(name)}; ${kindSent})`;
    return new ApiError(500, '', `failed to create typed patch object ${what}: ${why}`);
  };
  try {
    const onUnknown = (path: string) => {
      throw untyped(`.${path}: field not declared in schema`);
    };
    decodeTyped(resource, object, { strict: false, onUnknown });
  } catch (error) {
    throw error instanceof UnreadableBody ? untyped(error.message) : error;
  }
  return object;
}
