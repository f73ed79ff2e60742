import type { Urgency } from './keys.ts';

/**
 * How busy a target has been, and how long marks gather before its next turn: not at all after single changes, seconds in a
 * storm. So the writes to an object follow the time that a storm lasts, not the number of its events. Revocations gather
 * for less, and each urgency has a rest of its own: neither keeps the other waiting.
 */
export interface Rest {
  /** Marks worked on lately: what was longer ago counts for less. */
  readonly busy: number;
  /** When `busy` was counted, milliseconds UTC. */
  readonly at: number;
  /** Milliseconds UTC before which no marks of this urgency are worked on. */
  readonly until: Readonly<Record<Urgency, number>>;
  /** A turn gave way to revocations until its own time was over: the next one does not. */
  readonly owed?: boolean;
}

/** A target that nothing happened to yet. */
export const RESTED: Rest = { busy: 0, at: 0, until: { revocation: 0, grant: 0 } };

/** After so many milliseconds, what was done counts for half. */
const HALF_LIFE = 10_000;
/** Up to so many marks, nothing needs to gather. */
const FEW = 5;
/** Milliseconds of rest for each mark, and at most. */
const LENGTH: Record<Urgency, { readonly each: number; readonly most: number }> = {
  revocation: { each: 5, most: 100 },
  grant: { each: 40, most: 2_000 },
};

/**
 * The rest after a turn that worked on some marks of an urgency and ended `now`.
 * @param owed Whether it had no time left for its own marks, because it gave way to revocations.
 */
export function restAfter(before: Rest, urgency: Urgency, marks: number, now: number, owed = false): Rest {
  if (marks === 0) return before;
  const busy = marks + before.busy * 0.5 ** (Math.max(0, now - before.at) / HALF_LIFE);
  const { each, most } = LENGTH[urgency];
  const until = busy <= FEW ? now : now + Math.min(most, Math.round(busy * each));
  const isOwed = urgency === 'grant' ? owed : before.owed === true;
  return { busy, at: now, until: { ...before.until, [urgency]: until }, ...(isOwed ? { owed: true } : {}) };
}
