/** Time, as far as waiting for AWS needs it; a test's passes at once. */
export interface Pace {
  /** Milliseconds UTC. */
  now(): number;
  /** Waits so many milliseconds. */
  pause(milliseconds: number): Promise<void>;
}

/** The machine's own. */
export const SYSTEM_PACE: Pace = {
  now: Date.now,
  pause: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
};
