import { stripVTControlCharacters } from 'node:util';

/** Takes two places on a terminal: East Asian wide and full-width characters, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
/** Takes none: what combines with the character before. */
const NARROW = /\p{Mn}|\p{Me}|\u200d/u;

/** How many places a text takes on a terminal, colours not counted. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (!NARROW.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/**
 * A text from outside, safe to print: what would move the cursor, change colours or hide is written out as `\u{...}`. Line
 * breaks go the same way, so that a name stays in its line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** A text in lines of at most `width` places, cut at blanks where there are any. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  const [first = '', ...words] = text.split(' ');
  let line = first;
  for (const word of words) {
    const longer = `${line} ${word}`;
    if (widthOf(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** `1 mark`, `2 marks`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** A duration in milliseconds as people read it: `240 ms`, `3.2 s`, `4 min`, `3 h`, `2 d`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  if (milliseconds < 3_600_000) return `${Math.round(milliseconds / 60_000)} min`;
  if (milliseconds < 48 * 3_600_000) return `${Math.round(milliseconds / 3_600_000)} h`;
  return `${Math.round(milliseconds / 86_400_000)} d`;
}

/** A moment in milliseconds UTC as ISO 8601, without fractions of a second: `2026-11-26T12:00:00Z`. */
export function timeText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
