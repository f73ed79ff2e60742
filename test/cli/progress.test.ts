import { describe, expect, it } from 'vitest';
import { progressOn, type Say, type Timers } from '../../cli/src/terminal/progress.ts';
import { PLAIN } from '../../cli/src/terminal/style.ts';
import type { Output } from '../../cli/src/terminal/terminal.ts';

/** Timers that go when a test says so. */
function handTimers(): Timers & { readonly pass: (milliseconds: number) => void; readonly running: () => number } {
  let now = 0;
  const works = new Map<() => void, { readonly each: number; next: number }>();
  return {
    now: () => now,
    every: (each, work) => {
      works.set(work, { each, next: now + each });
      return () => void works.delete(work);
    },
    pass: (milliseconds) => {
      for (const end = now + milliseconds; now < end; ) {
        now += 1;
        for (const [work, due] of works) {
          if (due.next > now) continue;
          due.next += due.each;
          work();
        }
      }
    },
    running: () => works.size,
  };
}

interface World {
  readonly width?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly quiet?: boolean;
}

/** Does some work under the eyes of a person, and answers what they were told. */
async function told(
  { width, env = {}, quiet = false }: World,
  work: (pass: (milliseconds: number) => void, say: Say) => void,
): Promise<string> {
  const { timers, err, text } = hearing(width);
  await progressOn(err, env, timers).during('asking', async (say) => work(timers.pass, say), { quiet });
  expect(timers.running()).toBe(0);
  return text();
}

function hearing(width: number | undefined) {
  const texts: string[] = [];
  const err: Output = { write: (more) => void texts.push(more), style: PLAIN, width };
  return { timers: handTimers(), err, text: () => texts.join('') };
}

const TERMINAL = { width: 30 };
const ERASED = '\r\u001b[2K';

describe('progress', () => {
  it.each<{ where: string; world: World; seconds: number; says: string }>([
    { where: 'a terminal', world: TERMINAL, seconds: 0.999, says: '' },
    { where: 'a terminal', world: TERMINAL, seconds: 1, says: `${ERASED}⠋ asking ... 1.0 s${ERASED}` },
    { where: 'a pipe', world: {}, seconds: 9.9, says: '' },
    { where: 'a pipe', world: {}, seconds: 25, says: '  10.0 s  asking\n  20.0 s  asking\n' },
    { where: 'CI', world: { ...TERMINAL, env: { CI: 'true' } }, seconds: 12, says: '  10.0 s  asking\n' },
    { where: 'TERM=dumb', world: { ...TERMINAL, env: { TERM: 'dumb' } }, seconds: 12, says: '  10.0 s  asking\n' },
    { where: 'a terminal, for a program', world: { ...TERMINAL, quiet: true }, seconds: 60, says: '' },
    { where: 'a pipe, for a program', world: { quiet: true }, seconds: 60, says: '' },
  ])('on $where after $seconds s: "$says"', async ({ world, seconds, says }) => {
    expect(await told(world, (pass) => pass(seconds * 1_000))).toBe(says);
  });

  it('goes on in its one line, with what is said now, cut to fit', async () => {
    const text = await told({ width: 20 }, (pass, say) => {
      pass(1_050);
      say('a text that is much too long');
      pass(100);
    });
    expect(text.split(ERASED)).toEqual(['', '⠋ asking ... 1.0 s', '⠙ a text that is mu', '']);
  });

  it('tells a log of what is new within a second, and of the same every ten', async () => {
    const text = await told({}, (pass, say) => {
      say('PENDING');
      pass(2_500);
      say('ACTIVE');
      pass(11_500);
    });
    expect(text).toBe('   1.0 s  PENDING\n   3.0 s  ACTIVE\n  13.0 s  ACTIVE\n');
  });

  it('shows work within other work in the line of the other', async () => {
    const { timers, err, text } = hearing(40);
    const progress = progressOn(err, {}, timers);
    await progress.during('outer', async () => {
      await progress.during('inner', async (say) => {
        timers.pass(1_000);
        say('of the inner');
      });
      timers.pass(100);
    });
    expect(text().split(ERASED)).toEqual(['', '⠋ outer ... 1.0 s', '⠙ of the inner ... 1.1 s', '']);
  });

  it('is over when the work fails, and lets the error through', async () => {
    const { timers, err, text } = hearing(40);
    const progress = progressOn(err, {}, timers);
    const failing = progress.during('asking', async () => {
      timers.pass(1_000);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(text().endsWith(ERASED)).toBe(true);
    expect(timers.running()).toBe(0);
  });

  it('writes out what would move the cursor', async () => {
    const text = await told({}, (pass, say) => {
      say('\u001b[2Jgone');
      pass(1_000);
    });
    expect(text).toBe('   1.0 s  \\u{1b}[2Jgone\n');
  });
});
