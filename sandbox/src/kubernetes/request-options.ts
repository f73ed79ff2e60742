import { type Body, bodyText, notRegistered, readBody, UnreadableBody } from './body.ts';
import type { Preconditions } from './deletion.ts';
import {
  ApiError,
  badRequest,
  type FieldError,
  forbiddenField,
  invalid,
  invalidValue,
  notSupported,
  required,
  tooLargeVersion,
  tooLong,
} from './status.ts';

/** What the query of a write asks for. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly validation: 'Strict' | 'Warn' | 'Ignore';
}

/** The writes whose options are in their query; `Apply` is a patch. */
export type Write = 'Create' | 'Update' | 'Patch' | 'Apply';

const MANAGER_LIMIT = 128;
const VALIDATIONS = ['Ignore', 'Strict', 'Warn'] as const;

/**
 * Reads the options of a write. Source: `apimachinery/pkg/apis/meta/v1/validation/validation.go`.
 * @throws ApiError 422.
 */
export function readWriteOptions(write: Write, query: URLSearchParams): WriteOptions {
  const manager = query.get('fieldManager') ?? '';
  const validation = query.get('fieldValidation') ?? '';
  const forced = query.has('force') && query.get('force') !== 'false';
  check(write === 'Apply' ? 'PatchOptions' : `${write}Options`, [
    ...(write === 'Apply' && manager === '' ? [required('fieldManager', 'is required for apply patch')] : []),
    ...(write === 'Patch' && forced ? [forbiddenField('force', 'may not be specified for non-apply patch')] : []),
    ...(Buffer.byteLength(manager) > MANAGER_LIMIT ? [tooLong('fieldManager', MANAGER_LIMIT)] : []),
    ...dryRunErrors(query.getAll('dryRun')),
    ...(validation === '' || VALIDATIONS.includes(validation as 'Warn')
      ? []
      : [notSupported('fieldValidation', validation, ['', ...VALIDATIONS])]),
  ]);
  return { dryRun: query.has('dryRun'), validation: validation === '' ? 'Warn' : (validation as 'Warn') };
}

function dryRunErrors(values: readonly string[]): FieldError[] {
  return values.every((value) => value === 'All') ? [] : [notSupported('dryRun', values, ['All'])];
}

function check(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid('meta.k8s.io', kind, '', errors);
}

/** What a DELETE asks for, by its body if it has one, else by its query. */
export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly preconditions: Preconditions;
  /** What is to become of dependents; undefined: what the object's finalizers say. */
  readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
}

const PROPAGATIONS = ['Foreground', 'Background', 'Orphan'] as const;

interface SentDeleteOptions {
  readonly preconditions?: Preconditions;
  readonly propagationPolicy?: string;
  readonly orphanDependents?: boolean;
  readonly dryRun?: readonly string[];
}

/** @throws ApiError 422; 500 for a body that is none of DeleteOptions. */
export function readDeleteOptions(request: Body & { readonly query: URLSearchParams }): DeleteOptions {
  const { query } = request;
  const policy = query.get('propagationPolicy');
  const inQuery = { dryRun: query.getAll('dryRun'), ...(policy === null ? {} : { propagationPolicy: policy }) };
  const sent: SentDeleteOptions = bodyText(request) === '' ? inQuery : sentOptions(request);
  const { preconditions = {}, propagationPolicy, orphanDependents, dryRun = [] } = sent;
  const both = propagationPolicy !== undefined && orphanDependents !== undefined;
  check('DeleteOptions', [
    ...(both
      ? [
          invalidValue(
            'propagationPolicy',
            propagationPolicy,
            'orphanDependents and deletionPropagation cannot be both set',
          ),
        ]
      : []),
    ...(propagationPolicy === undefined || PROPAGATIONS.includes(propagationPolicy as 'Orphan')
      ? []
      : [notSupported('propagationPolicy', propagationPolicy, [...PROPAGATIONS, 'nil'])]),
    ...dryRunErrors(dryRun),
  ]);
  const legacy = orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background';
  const propagation = (propagationPolicy ?? legacy) as DeleteOptions['propagation'];
  return { dryRun: dryRun.length > 0, preconditions, ...(propagation === undefined ? {} : { propagation }) };
}

function sentOptions(request: Body): SentDeleteOptions {
  try {
    const { kind = 'DeleteOptions', apiVersion = 'v1', ...options } = readBody(request);
    if (kind === 'DeleteOptions') return options;
    throw notRegistered(String(apiVersion), String(kind));
  } catch (error) {
    throw error instanceof UnreadableBody ? new ApiError(500, '', error.message) : error;
  }
}

/**
 * Checks the version that the query of a GET asks for: at least this one.
 * @throws ApiError 500 for what is no version, 504 for one that is to come.
 */
export function checkGetOptions(query: URLSearchParams, current: string): void {
  const resourceVersion = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(resourceVersion)) throw new ApiError(500, '', noVersion(resourceVersion));
  if (BigInt(resourceVersion) > BigInt(current)) throw tooLargeVersion(resourceVersion, current);
}

function noVersion(text: string): string {
  const wrong = JSON.stringify(text);
  return `resourceVersion: Invalid value: ${wrong}: strconv.ParseUint: parsing ${wrong}: invalid syntax`;
}

/** What the query of a list asks for. */
export interface ListOptions {
  /** 0: everything. */
  readonly limit: number;
  /** Empty: from the beginning. */
  readonly continue: string;
  /** Empty: the latest. */
  readonly resourceVersion: string;
  readonly exact: boolean;
}

/** @throws ApiError 400 for what cannot be read, 422 for what does not go together. */
export function readListOptions(query: URLSearchParams): ListOptions {
  const limit = readInteger(query.get('limit'));
  readInteger(query.get('timeoutSeconds'));
  const resourceVersion = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  check('ListOptions', [...matchErrors(resourceVersion, match), ...watchErrors(query)]);
  const token = query.get('continue') ?? '';
  if (token === '' && !/^\d*$/.test(resourceVersion)) {
    throw badRequest(`invalid resource version: ${noVersion(resourceVersion)}`);
  }
  return { limit: Math.max(limit, 0), continue: token, resourceVersion, exact: match === 'Exact' };
}

/** What a WATCH asks for. */
export interface WatchOptions {
  /** 0: as long as the server likes; below 0, no time at all. */
  readonly seconds: number;
  readonly resourceVersion: string;
}

/**
 * Reads the options of a watch, of which this server sends no initial events (feature gate WatchList).
 * Source: `apimachinery/pkg/apis/meta/internalversion/validation/validation.go`, `validateWatchOptions`.
 * @throws ApiError 400, 422.
 */
export function readWatchOptions(query: URLSearchParams): WatchOptions {
  const seconds = readInteger(query.get('timeoutSeconds'));
  const [match, initial] = ['resourceVersionMatch', 'sendInitialEvents'];
  const given = query.get(match) ?? '';
  const asksInitial = query.has(initial);
  const isOlder = given !== 'NotOlderThan';
  const alone = `${match} is forbidden for watch unless ${initial} is provided`;
  check('ListOptions', [
    ...(asksInitial && isOlder ? [forbiddenField(match, `${initial} requires setting ${match} to NotOlderThan`)] : []),
    ...(asksInitial
      ? [forbiddenField(initial, `${initial} is forbidden for watch unless the WatchList feature gate is enabled`)]
      : []),
    ...(given !== '' && !asksInitial ? [forbiddenField(match, alone)] : []),
    ...(given !== '' && isOlder ? [notSupported(match, given, ['NotOlderThan'])] : []),
    ...(given !== '' && query.get('continue')
      ? [forbiddenField(match, `${match} is forbidden when continue is provided`)]
      : []),
  ]);
  return { seconds, resourceVersion: query.get('resourceVersion') ?? '' };
}

function matchErrors(resourceVersion: string, match: string): FieldError[] {
  const field = 'resourceVersionMatch';
  if (match === '') return [];
  if (resourceVersion === '')
    return [forbiddenField(field, `${field} is forbidden unless resourceVersion is provided`)];
  if (match !== 'Exact' && match !== 'NotOlderThan') return [notSupported(field, match, ['Exact', 'NotOlderThan', ''])];
  return match === 'Exact' && resourceVersion === '0'
    ? [forbiddenField(field, `${field} "exact" is forbidden for resourceVersion "0"`)]
    : [];
}

function watchErrors(query: URLSearchParams): FieldError[] {
  const asked = query.get('sendInitialEvents');
  if (asked === null) return [];
  return [forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list')];
}

function readInteger(text: string | null): number {
  if (text === null) return 0;
  const wrong = (why: string) => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw wrong('invalid syntax');
  const number = BigInt(text);
  if (BigInt.asIntN(64, number) !== number) throw wrong('value out of range');
  return Number(number);
}
