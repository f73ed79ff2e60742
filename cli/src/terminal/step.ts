import type { Output } from './terminal.ts';
import { printable } from './text.ts';

/** Tells a step of work that takes several, as a line beside the answer that stays. */
export function writeStep(err: Output, line: string): void {
  err.write(`${err.style.dim('...')}  ${printable(line)}\n`);
}
