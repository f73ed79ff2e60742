import { styleText } from 'node:util';

/** Colours a text, or leaves it as it is where colours are off. */
export type Paint = (text: string) => string;

/** The few colours that Gatehouse uses. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly name: Paint;
}

type Format = Parameters<typeof styleText>[0];

const paint =
  (format: Format): Paint =>
  (text) =>
    text === '' ? '' : styleText(format, text, { validateStream: false });
const plain: Paint = (text) => text;

const COLOURED: Style = {
  bold: paint('bold'),
  dim: paint('dim'),
  good: paint('green'),
  bad: paint('red'),
  warn: paint('yellow'),
  name: paint('cyan'),
};

/** No colours at all. */
export const PLAIN: Style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, name: plain };

/**
 * Colours on a terminal only. `NO_COLOR` (any value but the empty one) and `TERM=dumb` turn them off, `FORCE_COLOR` on.
 * @see https://no-color.org
 */
export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  if (env.NO_COLOR) return PLAIN;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0') return COLOURED;
  return isTerminal && env.TERM !== 'dumb' ? COLOURED : PLAIN;
}
