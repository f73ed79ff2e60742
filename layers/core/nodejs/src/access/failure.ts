/**
 * The stable names of everything that can go wrong. A code never changes its meaning; messages may.
 *
 * - `conflict`: somebody else wrote first; read again and decide again.
 * - `not-found`, `already-exists`, `invalid`: the request and the state of the world do not fit.
 * - `forbidden`: the caller lacks a permission. `escalation`: Kubernetes refuses to let Gatehouse grant more than it has.
 * - `unauthorized`: the caller is not known at all.
 * - `throttled`, `unreachable`, `deadline`, `ambiguous`: try again later; `ambiguous` and `deadline` may have taken effect.
 */
export type FailureCode =
  | 'conflict'
  | 'not-found'
  | 'already-exists'
  | 'invalid'
  | 'forbidden'
  | 'escalation'
  | 'unauthorized'
  | 'throttled'
  | 'unreachable'
  | 'deadline'
  | 'ambiguous'
  | 'too-large'
  | 'unsupported';

const RETRYABLE: ReadonlySet<FailureCode> = new Set([
  'conflict',
  'unauthorized',
  'throttled',
  'unreachable',
  'deadline',
  'ambiguous',
]);

/**
 * Every error that Gatehouse throws on purpose. `message` is one sentence that names the thing, where it stands and why it
 * is wrong; `remedy` says what to do about it. Whether trying again can help is part of the error, not of its catcher.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly remedy: string | undefined;
  readonly retryable: boolean;

  constructor(
    code: FailureCode,
    message: string,
    options: { remedy?: string; cause?: unknown; retryable?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.code = code;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
  }
}

/** True where `error` is a Failure, with one of `codes` if any are given. */
export function isFailure(error: unknown, ...codes: FailureCode[]): error is Failure {
  return error instanceof Failure && (codes.length === 0 || codes.includes(error.code));
}

/** What a call answers; undefined where what it is about does not exist. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isFailure(error, 'not-found')) return undefined;
    throw error;
  }
}
