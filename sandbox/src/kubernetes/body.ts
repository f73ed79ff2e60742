import { type GoKey, type GoValue, readGoYaml } from '@gatehouse/core/effective-access/go-yaml';
import { GoYamlError } from '@gatehouse/core/effective-access/go-yaml-scanner';
import { type Headers, headerValues } from './impersonation.ts';
import { isReadAsProtobuf, openEnvelope, readEnvelope } from './protobuf.ts';
import { badRequest, unsupportedMediaType } from './status.ts';

/** A request's body and what says how to read it. */
export interface Body {
  readonly headers: Headers;
  readonly body?: string | Uint8Array;
}

/** Why a body cannot be read, in Go's words; what it means, and with which code, depends on what it was to be. */
export class UnreadableBody extends Error {}

/** A kind that does not exist, or not in this version. */
export const notRegistered = (apiVersion: string, kind: string): UnreadableBody => {
  const what = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
  return new UnreadableBody(`${what} in scheme "pkg/runtime/scheme.go:110"`);
};

/** The media type of a request, without parameters; empty where none is given. */
export function mediaType(headers: Headers): string {
  const value = headerValues(headers, 'content-type')[0] ?? '';
  return value.split(';')[0]!.trim().toLowerCase();
}

/** A body as text. */
export function bodyText({ body }: Body): string {
  return body === undefined ? '' : typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const NO_KIND = "couldn't get version/kind; json parse error: ";
const NO_STRUCT =
  'of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/**
 * Reads an object: JSON, or YAML or Kubernetes' protobuf where the content type says so; a body without a type is JSON, and null
 * is an object without members.
 * @throws UnreadableBody; ApiError 400 for protobuf that cannot be read, 415 for another type.
 */
export function readBody(request: Body): Readonly<Record<string, unknown>> {
  const value = readAny(request);
  if (value === null) return {};
  if (isRecord(value)) return value;
  throw new UnreadableBody(`${NO_KIND}json: cannot unmarshal ${goType(value)} into Go value ${NO_STRUCT}`);
}

function readAny(request: Body): unknown {
  switch (mediaType(request.headers)) {
    case '':
    case 'application/json':
      return inside(NO_KIND, () => parseJson(bodyText(request)));
    case 'application/yaml':
      return inside('', () => parseYaml(bodyText(request)));
    case PROTOBUF:
      return parseProtobuf(request.body);
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF]);
  }
}

/** The same for an object that is to be of a kind. @throws ApiError 400, 415. */
export function readObject(request: Body, kind: string): Readonly<Record<string, unknown>> {
  try {
    return readBody(request);
  } catch (error) {
    if (!(error instanceof UnreadableBody)) throw error;
    const whole = summarized(request);
    throw badRequest(`the object provided is unrecognized (must be of type ${kind}): ${error.message} (${whole})`);
  }
}

/** Runs `read` and puts a text before what it says is wrong. */
export function inside<T>(prefix: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof UnreadableBody ? new UnreadableBody(prefix + error.message) : error;
  }
}

/** @throws UnreadableBody; ApiError 400 where it is known of what kind the object was to be. */
function parseProtobuf(body: string | Uint8Array | undefined): unknown {
  const bytes = typeof body === 'string' || body === undefined ? Buffer.from(body ?? '', 'latin1') : body;
  const envelope = inRange(
    () => openEnvelope(bytes),
    (why) => new UnreadableBody(why),
  );
  const { kind, apiVersion } = envelope;
  if (!isReadAsProtobuf(kind)) throw badRequest(`${kind} is read as JSON only by this API server`);
  const handled = `${kind} in version ${JSON.stringify(apiVersion.split('/').at(-1))} cannot be handled as a ${kind}`;
  return inRange(
    () => readEnvelope(envelope),
    (why) => badRequest(`${handled}: ${why}`),
  );
}

function inRange<T>(read: () => T, failure: (why: string) => Error): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof RangeError ? failure(error.message) : error;
  }
}

/** @throws UnreadableBody. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UnreadableBody(jsonFault(error instanceof Error ? error.message : String(error), text));
  }
}

/** What V8 says is wrong, as `encoding/json` says it, for the faults that people make. */
function jsonFault(said: string, text: string): string {
  const found = /^Unexpected token '(.)'/su.exec(said)?.[1];
  if (found !== undefined) return `invalid character '${found}' looking for beginning of value`;
  const after = /^Unexpected non-whitespace character after JSON at position (\d+)/.exec(said)?.[1];
  if (after !== undefined) return `invalid character '${text[Number(after)]}' after top-level value`;
  return /^(Unexpected end|Unterminated)/.test(said) ? 'unexpected end of JSON input' : said;
}

/** YAML 1.1, as `sigs.k8s.io/yaml` makes JSON of it. @throws UnreadableBody. */
export function parseYaml(text: string): unknown {
  try {
    const value = readGoYaml(text);
    return value === undefined ? null : toJson(value);
  } catch (error) {
    throw error instanceof GoYamlError ? new UnreadableBody(`yaml: ${error.message}`) : error;
  }
}

/** @throws UnreadableBody for what JSON does not have: a key that is null, and what is no finite number. */
function toJson(value: GoValue): unknown {
  switch (value.type) {
    case 'mapping':
      return Object.fromEntries([...value.members].map(([key, member]) => [jsonKey(key), toJson(member)]));
    case 'sequence':
      return value.items.map(toJson);
    case 'number':
      return jsonNumber(Number(value.value));
    case 'string':
      return value.text;
    case 'bool':
      return value.value;
    case 'null':
      return null;
  }
}

function jsonKey(key: GoKey): string {
  if (key === null) throw new UnreadableBody('unsupported map key of type: %!s(<nil>)');
  return String(key);
}

function jsonNumber(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new UnreadableBody(`json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`);
}

/** Bytes of a body that an error shows. */
const SHOWN = 30;

function summarized({ body = '' }: Body): string {
  const bytes = Buffer.from(body as string);
  if (bytes.length === 0) return '<empty>';
  const shown = bytes.subarray(0, SHOWN).toString(bytes[0] === 0x7b ? 'utf8' : 'hex');
  return bytes.length > SHOWN ? `${shown} ...` : shown;
}

/** Whether something is an object with members. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** What Go calls a JSON value of this type. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
