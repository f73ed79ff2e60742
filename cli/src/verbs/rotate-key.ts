import type { RotatedKey } from '@gatehouse/core/operations/rotate-key';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { columns } from '../terminal/columns.ts';
import { COMMAND, withExamples, withOutput } from '../terminal/help.ts';
import { type Terminal, writeJson } from '../terminal/terminal.ts';

interface Options extends AwsOptions {
  readonly output: string;
  /** Seconds. */
  readonly overlap?: number;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** How long both keys work, unless told: seconds. */
const DAY = 86_400;
const LONGEST_DAYS = 7;

/** `rotate-key`: a machine's access key gives way to a new one. */
export function addRotateKey(program: Command, terminal: Terminal): void {
  const verb = program
    .command('rotate-key <machine>')
    .description(
      'replace the access key of a machine: the new one goes straight into its secret, the old one stays for the overlap',
    )
    .option(
      '--overlap <time>',
      'how long the old key still works: 30m, 24h, 7d at most; 0 for not at all (default: 24h)',
      readOverlap,
    );
  withOutput(withAwsOptions(verb)).action((machine: string, options: Options) => rotate(terminal, machine, options));
  withExamples(verb, [
    ['gatehouse rotate-key payments-ci', 'the old key works for another 24 hours'],
    ['gatehouse rotate-key payments-ci --overlap 0', 'it leaked: it goes as soon as the new one is there'],
  ]);
}

/** A time as people write it, in seconds. @throws InvalidArgumentError. */
export function readOverlap(text: string): number {
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = text === '0' ? 0 : Number(number) * (SECONDS[unit ?? ''] ?? Number.NaN);
  if (Number.isInteger(seconds) && seconds <= LONGEST_DAYS * 86_400) return seconds;
  throw new InvalidArgumentError('It must be a time like 30m, 24h or 7d (at most 7d), or 0.');
}

async function rotate(
  terminal: Terminal,
  machine: string,
  { output, overlap = DAY, ...options }: Options,
): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const { users } = await run<{ users: readonly RotatedKey[] }>({
    operation: 'rotate-key',
    machine,
    overlapSeconds: overlap,
  });
  if (output === 'json') {
    writeJson(terminal.out, { schemaVersion: 1, machine, users });
    return;
  }
  const { style, width } = terminal.out;
  const rows = users.map(({ account, user, secret, replaces, until, state }) => [
    user,
    account,
    { text: STATES[state], paint: state === 'under-way' ? style.warn : style.good },
    replaces,
    new Date(until).toISOString(),
    secret,
  ]);
  terminal.out.write(
    columns(rows, { head: ['USER', 'ACCOUNT', 'ROTATION', 'OLD KEY', 'WORKS UNTIL', 'SECRET'], style, width }),
  );
  if (users.some(({ state }) => state === 'under-way')) {
    terminal.out.write(
      `AWS allows two keys a user, so another one can be made only when the old one is gone; to end the overlap now: ` +
        `${COMMAND} rotate-key ${machine} --overlap 0\n`,
    );
  }
  terminal.out.write(style.dim(`"${COMMAND} status" shows what is left; pipelines read the key from the secret\n`));
}

const STATES: Readonly<Record<RotatedKey['state'], string>> = {
  begun: 'begun',
  'under-way': 'under way already',
  shortened: 'ends earlier',
};
