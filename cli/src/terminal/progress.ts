import type { Output, Terminal } from './terminal.ts';
import { duration, printable, widthOf } from './text.ts';

/** Time below the edge: what is the time, and what is done again and again until it is stopped. */
export interface Timers {
  /** Milliseconds, on a clock that only goes forward. */
  now(): number;
  /** Does some work every so many milliseconds; answers what stops it. */
  every(milliseconds: number, work: () => void): () => void;
}

/** Says what is waited for now. */
export type Say = (text: string) => void;

/** Tells a person, beside the answer, what takes so long. */
export interface Progress {
  /**
   * Does some work, and tells what is waited for once it takes longer than a second. Work within other work is not told by
   * itself: what it says stands in place of what the outer one said. `quiet`: a program reads, and is told nothing.
   */
  during<Result>(
    text: string,
    work: (say: Say) => Promise<Result>,
    options?: { readonly quiet?: boolean },
  ): Promise<Result>;
}

/** Nobody is told of what is over sooner. */
const SOON_MS = 1_000;
const FRAME_MS = 100;
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** In a log, the same is told again after so long. */
const AGAIN_MS = 10_000;
const ERASE = '\r\u001b[2K';

interface Shown {
  readonly say: Say;
  readonly end: () => void;
}

/**
 * Progress on the error output: on a terminal one line that goes when the work is done, elsewhere (a pipe, CI, `TERM=dumb`)
 * plain lines that say how long it has taken.
 */
export function progressOn(err: Output, env: Terminal['env'], timers: Timers = SYSTEM): Progress {
  const show = err.width !== undefined && env.TERM !== 'dumb' && !env.CI ? liveLine : plainLines;
  let outer: Say | undefined;
  return {
    async during(text, work, { quiet = false } = {}) {
      if (outer) return work(outer);
      const { say, end } = quiet ? SILENT : show(err, timers, text);
      outer = say;
      try {
        return await work(say);
      } finally {
        outer = undefined;
        end();
      }
    },
  };
}

function liveLine(err: Output, timers: Timers, first: string): Shown {
  const began = timers.now();
  let text = first;
  let frames = 0;
  const stop = timers.every(FRAME_MS, () => {
    const passed = timers.now() - began;
    if (passed < SOON_MS) return;
    const frame = FRAMES[frames++ % FRAMES.length]!;
    const room = (err.width ?? 80) - 1;
    err.write(`${ERASE}${err.style.dim(cut(`${frame} ${printable(text)} ... ${duration(passed)}`, room))}`);
  });
  return {
    say: (next) => {
      text = next;
    },
    end: () => {
      stop();
      if (frames > 0) err.write(ERASE);
    },
  };
}

/** A line that would be broken could not be erased. */
function cut(text: string, room: number): string {
  let shown = text;
  while (widthOf(shown) > room) shown = [...shown].slice(0, -1).join('');
  return shown;
}

function plainLines(err: Output, timers: Timers, first: string): Shown {
  const began = timers.now();
  let text = first;
  let told = first;
  let toldAt = began;
  const stop = timers.every(SOON_MS, () => {
    const now = timers.now();
    if (text === told && now - toldAt < AGAIN_MS) return;
    told = text;
    toldAt = now;
    err.write(`${err.style.dim(duration(now - began).padStart(8))}  ${printable(text)}\n`);
  });
  return {
    say: (next) => {
      text = next;
    },
    end: stop,
  };
}

const SILENT: Shown = { say: () => {}, end: () => {} };

const SYSTEM: Timers = {
  now: () => performance.now(),
  every: (milliseconds, work) => {
    const timer = setInterval(work, milliseconds);
    return () => clearInterval(timer);
  },
};
