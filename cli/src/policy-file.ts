import { readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import { readPolicy } from '@gatehouse/core/policy/read';

/** Reads a policy document that has to be right. @throws Failure `invalid` with the place of the first error. */
export function readPolicyFile(file: string): AccessPolicy {
  const reading = readPolicy(readFileSync(file, 'utf8'));
  if (reading.ok) return reading.policy;
  const [error] = reading.errors;
  throw new Failure('invalid', `${file}:${error?.line}:${error?.column}: ${error?.message}`, {
    remedy: `${error?.remedy}; "gatehouse validate ${file}" tells all that is wrong`,
  });
}
