import { canonicalJson, sameJson } from '@gatehouse/core/access/json';
import { type Cell, columns } from '../terminal/columns.ts';
import type { Output } from '../terminal/terminal.ts';
import { printable } from '../terminal/text.ts';

/** Writes the demo: acts, steps with their times, tables, and what was expected. */
export class Show {
  readonly output: Output;
  held = 0;
  failed = 0;
  #since = performance.now();

  constructor(output: Output) {
    this.output = output;
  }

  /** Begins an act. */
  act(number: number, title: string): void {
    const { style } = this.output;
    this.output.write(`\n${style.bold(style.name(`${number}`))}  ${style.bold(title)}\n`);
  }

  /** A sentence that explains. */
  note(text: string): void {
    this.output.write(`   ${this.output.style.dim(text)}\n`);
  }

  /** From now on, the times of steps are counted. */
  startClock(): void {
    this.#since = performance.now();
  }

  /** Milliseconds since the clock was started. */
  get elapsed(): number {
    return performance.now() - this.#since;
  }

  /** One step, with its time since the clock was started. */
  step(word: string, where: string, text: string, trouble = false): void {
    const { style } = this.output;
    const time = `${Math.round(this.elapsed).toLocaleString('en-US')} ms`.padStart(9);
    const paint = trouble ? style.bad : word === 'verified' ? style.good : style.bold;
    const place = style.name(printable(where).padEnd(34));
    this.output.write(`  ${style.dim(time)}  ${paint(word.padEnd(9))} ${place} ${printable(text)}\n`);
  }

  /** A table. */
  table(head: readonly string[], rows: readonly (readonly Cell[])[], right: readonly number[] = []): void {
    const { style, width } = this.output;
    this.output.write(`\n${columns(rows, { head, style, width, indent: 3, right })}\n`);
  }

  /** Lines as they are, each behind the margin. */
  lines(lines: readonly string[]): void {
    for (const line of lines) this.output.write(`   ${line}\n`.replace(/[ \t]+\n$/, '\n'));
  }

  /** Says whether something is as expected; both values are shown where it is not. */
  expect(text: string, actual: unknown, expected: unknown): void {
    const { style } = this.output;
    if (sameJson(actual, expected)) {
      this.held += 1;
      this.output.write(`   ${style.good('✓')} ${printable(text)}\n`);
      return;
    }
    this.failed += 1;
    this.output.write(`   ${style.bad('✗')} ${style.bold(printable(text))}\n`);
    this.output.write(
      columns(
        [
          [{ text: 'expected', paint: style.dim }, shown(expected)],
          [
            { text: 'actual', paint: style.dim },
            { text: shown(actual), paint: style.bad },
          ],
        ],
        { style, indent: 7 },
      ),
    );
  }
}

const MOST_SHOWN = 600;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : canonicalJson(value ?? null);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
}
