import { setTimeout as pause } from 'node:timers/promises';

/** A step that did not come about in time. */
export class TooLate extends Error {
  readonly what: string;
  readonly seconds: number;
  /** What was seen last. */
  readonly last: string;
  constructor(what: string, seconds: number, last: string) {
    super(`${what}: not within ${seconds} s`);
    this.what = what;
    this.seconds = seconds;
    this.last = last;
  }
}

/** Milliseconds between two looks: what is looked at runs in the same process, and should have most of its time. */
const EVERY_MS = 100;

/**
 * Looks again and again until there is an answer.
 * @param look undefined: not yet.
 * @param last what to say was seen, where it never comes.
 * @param every milliseconds between two looks.
 * @throws TooLate after `seconds`; whatever `look` throws.
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => T | undefined | Promise<T | undefined>,
  last: () => string = () => 'nothing',
  every = EVERY_MS,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() >= end) throw new TooLate(what, seconds, last());
    await pause(every);
  }
}
