import type { Progress } from './progress.ts';
import { type Style, styleFor } from './style.ts';

/** What a verb writes to. */
export interface Output {
  write(text: string): void;
  readonly style: Style;
  /** Places in a line of a terminal; undefined where it is a pipe or a file. */
  readonly width: number | undefined;
}

/** The world of a verb: where it writes, what it was started with, and how it ends. */
export interface Terminal {
  /** For what was asked. */
  readonly out: Output;
  /** For errors and for what accompanies the answer. */
  readonly err: Output;
  /** For what takes longer than a second. */
  readonly progress: Progress;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks a person; undefined where there is none. The signal breaks the question off. */
  readonly ask: ((question: string, signal?: AbortSignal) => Promise<string>) | undefined;
  /** 0 fine; 1 error; 2 changes pending; 3 answered "no". */
  exitCode: 0 | 1 | 2 | 3;
}

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** An output over a stream. */
export function outputOn(stream: Stream, env: Terminal['env']): Output {
  return {
    write: (text) => void stream.write(text),
    style: styleFor(stream.isTTY === true, env),
    get width() {
      // A terminal without a size, as some pseudo-terminals are, has the usual one.
      return stream.isTTY ? stream.columns || 80 : undefined;
    },
  };
}

/** Writes a value as JSON: indented on a terminal, one line elsewhere. */
export function writeJson(output: Output, value: unknown): void {
  output.write(`${JSON.stringify(value, null, output.width === undefined ? 0 : 2)}\n`);
}
