import { InvalidArgumentError, Option } from 'commander';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A span of time as people write it, in milliseconds: `90s`, `30m`, `2h`, `7d`; undefined where it is none. */
export function spanIn(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(number) * UNITS[unit]!;
}

/** A span of time in seconds; a number alone is seconds. @throws InvalidArgumentError where it is none, or nothing. */
export function readSeconds(text: string): number {
  const seconds = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : (spanIn(text) ?? 0) / 1_000;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds, or a time like 90s, 15m or 2h.');
}

/** `--timeout`: how long something is followed. Its value is in seconds. */
export function timeoutOption(means: string, usual: string): Option {
  return new Option('--timeout <time>', `${means}: seconds, or 90s, 15m, 2h`)
    .argParser(readSeconds)
    .default(readSeconds(usual), usual);
}

/** A parser of a whole number within bounds. It throws an InvalidArgumentError that says them. */
export function wholeNumber(from: number, to: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const bounds = to === Number.MAX_SAFE_INTEGER ? `of ${from} or more` : `from ${from} to ${to}`;
  return (text) => {
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`It must be a whole number ${bounds}.`);
  };
}
