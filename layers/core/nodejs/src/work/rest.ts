import type { Urgency } from './keys.ts';

/**
 * How busy a target has been, and how long grants gather before its next turn: not at all after single changes, seconds in a
 * storm. So the writes to an object follow the time that a storm lasts, not the number of its events. Revocations have no rest:
 * those that come during a turn gather by it.
 */
export interface Rest {
  /** Marks worked on lately: what was longer ago counts for less. */
  readonly busy: number;
  /** When `busy` was counted, milliseconds UTC. */
  readonly at: number;
  /** Milliseconds UTC before which no grants are worked on. */
  readonly until: number;
  /** Revocations took the time that grants should have had: next time, grants come first. */
  readonly owed?: boolean;
}

/** A target that nothing happened to yet. */
export const RESTED: Rest = { busy: 0, at: 0, until: 0 };

/** After so many milliseconds, what was done counts for half. */
const HALF_LIFE = 10_000;
/** Up to so many marks, nothing needs to gather. */
const FEW = 5;
/** Milliseconds of rest for each mark, and at most. */
const EACH = 40;
const MOST = 2_000;

/** The rest after a turn that worked on some marks of an urgency and ended `now`. */
export function restAfter(before: Rest, urgency: Urgency, marks: number, now: number): Rest {
  if (marks === 0) return before;
  const busy = marks + before.busy * 0.5 ** (Math.max(0, now - before.at) / HALF_LIFE);
  if (urgency === 'revocation') return { ...before, busy, at: now };
  return { ...before, busy, at: now, until: busy <= FEW ? now : now + Math.min(MOST, Math.round(busy * EACH)) };
}
