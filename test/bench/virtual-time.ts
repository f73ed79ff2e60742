/** Something that goes on at a time. */
interface Timer {
  readonly at: number;
  /** Of those of one time, the earlier one first. */
  readonly order: number;
  readonly open: () => void;
}

/**
 * Time that passes only while everything waits, so that the same run gives the same times on any machine: the next timer opens when
 * all that the one before let go has come to its next wait.
 */
export class VirtualTime {
  readonly #clock: { now(): number; advance(milliseconds: number): void };
  /** A binary heap, the next timer first. */
  readonly #timers: Timer[] = [];
  #order = 0;

  constructor(clock: { now(): number; advance(milliseconds: number): void }) {
    this.#clock = clock;
  }

  /** Resolves so many milliseconds from now. */
  after(milliseconds: number): Promise<void> {
    return new Promise((open) => this.at(this.#clock.now() + milliseconds, open));
  }

  /** Calls back at a time, in milliseconds UTC. */
  at(at: number, open: () => void): void {
    this.#order += 1;
    const timers = this.#timers;
    let place = timers.push({ at: Math.max(at, this.#clock.now()), order: this.#order, open }) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(timers[place]!, timers[above]!)) break;
      [timers[place], timers[above]] = [timers[above]!, timers[place]!];
      place = above;
    }
  }

  /** Lets time pass until nothing waits any more, or up to `until`, in milliseconds UTC. */
  async run(until = Number.POSITIVE_INFINITY): Promise<void> {
    await settled();
    for (let next = this.#timers[0]; next !== undefined && next.at <= until; next = this.#timers[0]) {
      this.#take();
      if (next.at > this.#clock.now()) this.#clock.advance(next.at - this.#clock.now());
      next.open();
      await settled();
    }
    if (Number.isFinite(until)) this.#clock.advance(Math.max(0, until - this.#clock.now()));
  }

  #take(): void {
    const timers = this.#timers;
    const last = timers.pop()!;
    if (timers.length === 0) return;
    timers[0] = last;
    for (let place = 0; ; ) {
      const left = 2 * place + 1;
      if (left >= timers.length) return;
      const least = left + 1 < timers.length && isBefore(timers[left + 1]!, timers[left]!) ? left + 1 : left;
      if (!isBefore(timers[least]!, timers[place]!)) return;
      [timers[place], timers[least]] = [timers[least]!, timers[place]!];
      place = least;
    }
  }
}

const isBefore = (one: Timer, other: Timer): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

/** Until everything that was let go has come to its next wait. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
