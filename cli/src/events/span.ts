import { InvalidArgumentError } from 'commander';
import { spanIn } from '../terminal/option-values.ts';

/** Since when: so long ago, or a point in time. Milliseconds (UTC). */
export type Since = { readonly ago: number } | { readonly at: number };

/** `90s`, `30m`, `2h`, `7d`, or a time in ISO 8601. @throws InvalidArgumentError. */
export function readSince(text: string): Since {
  const ago = spanIn(text);
  if (ago !== undefined) return { ago };
  const at = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return { at };
  throw new InvalidArgumentError('It must be a time like 30m, 2h or 7d, or one like 2026-01-15T12:00:00Z.');
}

/** The point in time that is meant, milliseconds UTC. */
export function sinceTime(since: Since, now: number): number {
  return Math.max(0, 'at' in since ? since.at : now - since.ago);
}
