import { InvalidArgumentError } from 'commander';

/** Since when: so long ago, or a point in time. Milliseconds (UTC). */
export type Since = { readonly ago: number } | { readonly at: number };

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `30m`, `2h`, `7d`, or a time in ISO 8601. @throws InvalidArgumentError. */
export function readSince(text: string): Since {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (unit !== undefined) return { ago: Number(number) * UNITS[unit]! };
  const at = /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return { at };
  throw new InvalidArgumentError('It must be a time like 30m, 2h or 7d, or one like 2026-01-15T12:00:00Z.');
}

/** The point in time that is meant, milliseconds UTC. */
export function sinceTime(since: Since, now: number): number {
  return Math.max(0, 'at' in since ? since.at : now - since.ago);
}
