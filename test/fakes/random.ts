import type { Random } from '@gatehouse/core/ports/random';

/** Tokens count up from `seed`; fractions are a fixed sequence for each seed (mulberry32). */
export function countingRandom(seed = 0): Random {
  let tokens = seed;
  let state = seed | 0;
  return {
    token() {
      tokens += 1;
      return `00000000-0000-4000-8000-${tokens.toString(16).padStart(12, '0')}`;
    },
    fraction() {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}
