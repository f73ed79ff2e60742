import { CORE_SCHEMA, load } from 'js-yaml';
import { type Headers, headerValues } from './impersonation.ts';
import { decodeProtobuf } from './protobuf.ts';
import { badRequest, unsupportedMediaType } from './status.ts';

/** A request's body and what says how to read it. */
export interface Body {
  readonly headers: Headers;
  readonly body?: string | Uint8Array;
}

/** The media type of a request, without parameters; empty where none is given. */
export function mediaType(headers: Headers): string {
  const value = headerValues(headers, 'content-type')[0] ?? '';
  return value.split(';')[0]!.trim().toLowerCase();
}

/** A body as text. */
export function bodyText({ body }: Body): string {
  return body === undefined ? '' : typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
}

/**
 * Reads an object: JSON, or YAML or Kubernetes' protobuf where the content type says so; a body without a type is JSON.
 * @throws ApiError 400 for what cannot be read; 415 for another type.
 */
export function readBody(request: Body): unknown {
  switch (mediaType(request.headers)) {
    case '':
    case 'application/json':
      return parseJson(bodyText(request));
    case 'application/yaml':
      return parseYaml(bodyText(request));
    case PROTOBUF:
      return parseProtobuf(request.body);
    default:
      throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF]);
  }
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

function parseProtobuf(body: string | Uint8Array | undefined): unknown {
  try {
    return decodeProtobuf(typeof body === 'string' || body === undefined ? Buffer.from(body ?? '', 'latin1') : body);
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`error decoding protobuf: ${error.message}`);
    throw error;
  }
}

/** @throws ApiError 400. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`couldn't get version/kind; json parse error: ${why}`);
  }
}

/** YAML of the core schema, which has every type of JSON and no other. @throws ApiError 400. */
export function parseYaml(text: string): unknown {
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw badRequest(`error decoding YAML: ${why}`);
  }
}
