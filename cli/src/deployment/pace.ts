import { setTimeout } from 'node:timers/promises';

/** Time, as far as waiting for AWS needs it; a test's passes at once. */
export interface Pace {
  /** Milliseconds UTC. */
  now(): number;
  /** Waits so many milliseconds. @throws Error early, where `signal` breaks it off. */
  pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own. */
export const SYSTEM_PACE: Pace = {
  now: Date.now,
  pause: (milliseconds, signal) => setTimeout(milliseconds, undefined, signal === undefined ? {} : { signal }),
};
