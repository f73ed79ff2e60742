import { RESTED, restAfter } from '@gatehouse/core/work/rest';
import { describe, expect, it } from 'vitest';

const NOW = 1_000_000_000;
const length = (marks: number, urgency: 'grant' | 'revocation') =>
  Math.max(0, restAfter(RESTED, urgency, marks, NOW).until - NOW);

describe('how long grants gather', () => {
  it.each([
    ['grant', 1, 0],
    ['grant', 5, 0],
    ['grant', 50, 2_000],
    ['grant', 500, 2_000],
    ['revocation', 5, 0],
    ['revocation', 500, 0],
  ] as const)('after a turn on %s marks, %i of them: %i ms', (urgency, marks, expected) => {
    expect(length(marks, urgency)).toBe(expected);
  });

  it('grows with single marks that come without pause, and is over when they stop', () => {
    let rest = RESTED;
    let now = NOW;
    for (let index = 0; index < 30; index++) {
      now += 250;
      rest = restAfter(rest, 'grant', 1, now);
    }
    expect(rest.until - now).toBeGreaterThan(500);
    expect(restAfter(rest, 'grant', 1, now + 60_000).until).toBe(now + 60_000);
  });

  it('is not made longer by revocations, nor by a turn without marks', () => {
    const rest = restAfter(RESTED, 'grant', 100, NOW);
    expect(restAfter(rest, 'revocation', 100, NOW + 100).until).toBe(rest.until);
    expect(restAfter(rest, 'grant', 0, NOW + 100)).toBe(rest);
  });

  it('grows with the revocations before', () => {
    const busy = restAfter(RESTED, 'revocation', 20, NOW);
    expect(restAfter(busy, 'grant', 1, NOW).until).toBe(NOW + 840);
  });
});
