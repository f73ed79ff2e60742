import type { Output } from '../terminal/terminal.ts';

/** One line on a terminal that tells how far something is; nothing at all elsewhere, and nothing for what takes under a second. */
export interface Progress {
  tell(text: string): void;
  /** Takes the line away. */
  end(): void;
}

/** Starts to tell. @param now milliseconds, of any origin. */
export function progressOn({ write, width }: Output, now: () => number): Progress {
  const begun = now();
  let shown = 0;
  const clear = () => (shown === 0 ? '' : `\r${' '.repeat(shown)}\r`);
  return {
    tell(text) {
      if (width === undefined || now() - begun < 1_000) return;
      const line = text.slice(0, width - 1);
      write(`${clear()}${line}`);
      shown = line.length;
    },
    end() {
      if (shown > 0) write(clear());
      shown = 0;
    },
  };
}
