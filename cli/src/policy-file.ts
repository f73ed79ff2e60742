import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Failure } from '@gatehouse/core/access/failure';
import type { AccessPolicy } from '@gatehouse/core/access/policy';
import { requirePolicy } from '@gatehouse/core/policy/require';

/** The text of a document. @throws Failure `invalid` where it is no UTF-8: what is written back would have lost bytes. */
export function readDocument(file: string): string {
  const bytes = readFileSync(file);
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new Failure('invalid', `${file} is no UTF-8`, { remedy: 'save it as UTF-8' });
}

/** Reads a policy document that has to be right. @throws Failure `invalid` with the place of the first error. */
export function readPolicyFile(file: string): AccessPolicy {
  return requirePolicy(readDocument(file), file);
}
