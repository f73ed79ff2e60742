import { type Cell, columns } from './columns.ts';
import type { Output } from './terminal.ts';

/** Something that is told beside its label; left out where there is nothing to tell. */
export type Fact = readonly [label: string, told: Cell | undefined];

/** Facts below each other, their labels dim. */
export function writeFacts(output: Output, facts: readonly Fact[], indent = 0): void {
  const { style, width } = output;
  const rows = facts.flatMap(([text, told]): Cell[][] =>
    told === undefined ? [] : [[{ text, paint: style.dim }, told]],
  );
  output.write(columns(rows, { style, width, indent }));
}

/** What is wrong, and what to do: a finding, a failure, a trouble. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** Why something is as it is, and what to do about it, below a line of its own. */
export function writeReason(output: Output, { message, remedy }: Reason, indent = 2): void {
  writeFacts(
    output,
    [
      ['why', message],
      ['try', remedy],
    ],
    indent,
  );
}
