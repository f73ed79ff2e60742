import { Failure } from '../access/failure.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { type PolicyError, readPolicy } from './read.ts';

/** Every error of a document that was refused; the `cause` of the failure, which has the words: it has no message of its own. */
export class PolicyRefusal extends Error {
  readonly errors: readonly PolicyError[];
  constructor(errors: readonly PolicyError[]) {
    super();
    this.name = 'PolicyRefusal';
    this.errors = errors;
  }
}

/**
 * Reads a policy document that has to be right.
 * @param file where it stands, if in a file, so that the error can be found.
 * @throws Failure `invalid` with the place of the first error and what mends it; its `cause` is {@link PolicyRefusal}.
 */
export function requirePolicy(text: string, file?: string): AccessPolicy {
  const reading = readPolicy(text);
  if (reading.ok) return reading.policy;
  const [{ line, column, field, message, remedy }] = reading.errors as readonly [PolicyError];
  const others = reading.errors.length - 1;
  const place = file === undefined ? `the access policy, line ${line}, column ${column}` : `${file}:${line}:${column}`;
  const all = `"gatehouse validate${file === undefined ? '' : ` ${file}`}" tells all that is wrong`;
  const about = field === '' ? '' : `${field}: `;
  throw new Failure('invalid', `${place}: ${about}${message}${others === 0 ? '' : ` (and ${others} more)`}`, {
    remedy: others === 0 ? remedy : `${remedy}; ${all}`,
    cause: new PolicyRefusal(reading.errors),
  });
}
