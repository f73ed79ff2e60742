import type { Clock } from '@gatehouse/core/ports/clock';

/** A clock that stands still until it is advanced, by whole milliseconds. */
export function fixedClock(start = Date.UTC(2026, 0, 15, 12)): Clock & { advance(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    advance(ms) {
      if (ms < 0) throw new Error(`time does not run backwards (${ms} ms)`);
      now += ms;
    },
  };
}
