import type { Json } from '@gatehouse/core/access/json';

/** An API group and a resource in it, as errors name them. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** One thing that is wrong with an object, at a path like `metadata.name`. */
export interface FieldError {
  readonly type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueDuplicate';
  readonly field: string;
  readonly message: string;
}

/**
 * A failure as kube-apiserver answers it: an HTTP status code and a `Status` object. Texts follow
 * `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go`, because clients and people match on them.
 */
export class ApiError extends Error {
  readonly status: { readonly [member: string]: Json | undefined };
  readonly code: number;

  constructor(
    code: number,
    reason: string,
    message: string,
    details?: { readonly [member: string]: Json | undefined },
  ) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === '' ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

/** `configmaps`, or `roles.rbac.authorization.k8s.io` outside the core group. */
export function qualified({ group, resource }: GroupResource): string {
  return group === '' ? resource : `${resource}.${group}`;
}

const details = (of: GroupResource, name: string) => ({
  ...(name === '' ? {} : { name }),
  ...(of.group === '' ? {} : { group: of.group }),
  ...(of.resource === '' ? {} : { kind: of.resource }),
});

/** 404 of one object. */
export const notFound = (of: GroupResource, name: string): ApiError =>
  new ApiError(404, 'NotFound', `${qualified(of)} ${goQuoted(name)} not found`, details(of, name));

/** 404 of a path below a group version that is served. */
export const noSuchResource = (): ApiError =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});

/** 405. */
export const methodNotAllowed = (): ApiError =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

/** 409 of a create. `ending`: what is there is being deleted. */
export function alreadyExists(of: GroupResource, name: string, ending: boolean): ApiError {
  const prefix = ending ? 'object is being deleted: ' : '';
  return new ApiError(
    409,
    'AlreadyExists',
    `${prefix}${qualified(of)} ${goQuoted(name)} already exists`,
    details(of, name),
  );
}

/** 409 of a write that is based on something out of date. */
export const conflict = (of: GroupResource, name: string, why: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(of)} ${goQuoted(name)}: ${why}`,
    details(of, name),
  );

/** 403. An empty resource is a path. */
export function forbidden(of: GroupResource, name: string, why: string, causes?: readonly Json[]): ApiError {
  const where =
    of.resource === '' ? '' : name === '' ? `${qualified(of)} is ` : `${qualified(of)} ${goQuoted(name)} is `;
  return new ApiError(403, 'Forbidden', `${where}forbidden: ${why}`, {
    ...details(of, name),
    ...(causes === undefined ? {} : { causes }),
  });
}

/** 400. */
export const badRequest = (why: string): ApiError => new ApiError(400, 'BadRequest', why);

/** 400 of an object that says it is elsewhere. */
export const otherNamespace = (): ApiError =>
  badRequest('the namespace of the provided object does not match the namespace sent on the request');

/** 401. */
export const unauthorized = (): ApiError => new ApiError(401, 'Unauthorized', 'Unauthorized');

/** 410 of a `continue` token. */
export const expired = (): ApiError =>
  new ApiError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter.',
  );

/** 413. */
export const entityTooLarge = (limit: number): ApiError =>
  new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`);

/** 415 of a body. */
export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

/** 406. */
export const notAcceptable = (served: readonly string[]): ApiError =>
  new ApiError(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${served.join(', ')}`, {});

/** 504 of a list at a version to come. */
export const tooLargeVersion = (asked: string, current: string): ApiError =>
  new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });

/** 500 with a reason of its own making. */
export const internalError = (why: string): ApiError =>
  new ApiError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });

/** A failure that is answered as plain text, because it arises outside of the API. */
export class PlainError extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.name = 'PlainError';
    this.code = code;
  }
}

/** 404 where nothing is served. */
export const pageNotFound = (): PlainError => new PlainError(404, '404 page not found\n');

/** 422 with everything that is wrong with an object. */
export function invalid(group: string, kind: string, name: string, errors: readonly FieldError[]): ApiError {
  const texts = [...new Set(errors.map((error) => `${error.field}: ${error.message}`))];
  const why = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError(
    422,
    'Invalid',
    `${group === '' ? kind : `${kind}.${group}`} ${goQuoted(name)} is invalid: ${why}`,
    {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      ...(kind === '' ? {} : { kind }),
      causes: errors.map((error) => ({ reason: error.type, message: error.message, field: error.field })),
    },
  );
}

/** A text as Go's `%q` writes it, for what occurs in names. */
export function goQuoted(text: string): string {
  const own: Readonly<Record<string, string>> = { '07': '\\a', '0b': '\\v' };
  return JSON.stringify(text)
    .replace(/\\u00([01][0-9a-f])/g, (_whole, code: string) => own[code] ?? `\\x${code}`)
    .replaceAll('\u007f', '\\x7f');
}

/** Builders of field errors, worded as `apimachinery/pkg/util/validation/field` words them. */
export const required = (field: string, detail: string): FieldError => ({
  type: 'FieldValueRequired',
  field,
  message: detail === '' ? 'Required value' : `Required value: ${detail}`,
});
/** The value is there and wrong. */
export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${JSON.stringify(value) ?? 'null'}: ${detail}`,
});
/** The value is none of those allowed. */
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  message: `Unsupported value: ${JSON.stringify(value) ?? 'null'}: supported values: ${supported.map(goQuoted).join(', ')}`,
});
/** The field may not be set, or not be changed. */
export const forbiddenField = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${detail}`,
});
/** The value has too many bytes. */
export const tooLong = (field: string, limit: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  message: `Too long: may not be more than ${limit} bytes`,
});
