import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';

/** SHA-256 of a text, or of the canonical JSON of any other value, as 64 lower-case hex digits. */
export function digest(value: unknown): string {
  return createHash('sha256')
    .update(typeof value === 'string' ? value : canonicalJson(value))
    .digest('hex');
}
