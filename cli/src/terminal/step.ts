import type { Output } from './terminal.ts';
import { printable } from './text.ts';

/** Tells a step of work that takes its time, in a line of its own. */
export function tellStep(err: Output, line: string): void {
  err.write(`${err.style.dim('...')}  ${printable(line)}\n`);
}
