import type { RotatedKey } from '@gatehouse/core/operations/rotate-key';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Column, type Format, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import { spanIn } from '../terminal/option-values.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { timeText } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  /** Seconds. */
  readonly overlap?: number;
}

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
  withDryRun(verb, 'tell which keys would be replaced, and replace none');
  withFormats(withAwsOptions(verb)).action((machine: string, options: Options) => rotate(terminal, machine, options));
  withExamples(verb, [
    ['gatehouse rotate-key payments-ci', 'the old key works for another 24 hours'],
    ['gatehouse rotate-key payments-ci --overlap 0', 'it leaked: it goes as soon as the new one is there'],
    ['gatehouse rotate-key payments-ci --dry-run', 'which key that would be'],
  ]);
  withExitCodes(verb, { 2: 'a key would be replaced, or go earlier (--dry-run --detailed-exitcode)' });
}

/** A time as people write it, in whole seconds. @throws InvalidArgumentError. */
function readOverlap(text: string): number {
  const seconds = text === '0' ? 0 : (spanIn(text) ?? Number.NaN) / 1_000;
  if (Number.isInteger(seconds) && seconds <= LONGEST_DAYS * DAY) return seconds;
  throw new InvalidArgumentError('It must be a time like 30m, 24h or 7d (at most 7d), or 0.');
}

async function rotate(
  terminal: Terminal,
  machine: string,
  { overlap = DAY, dryRun = false, detailedExitcode, ...options }: Options,
): Promise<void> {
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const { users } = await run<{ users: readonly RotatedKey[] }>({
    operation: 'rotate-key',
    machine,
    overlapSeconds: overlap,
    ...(dryRun ? { dryRun } : {}),
  });
  const listing = { columns: columnsOf(dryRun ? WOULD_BE : STATES), rows: users };
  await writeAnswer(terminal.out, options.output, {
    value: { machine, ...(dryRun ? { dryRun } : {}), users },
    listing,
    text: (output, wide) => {
      const { style } = output;
      writeListing(output, listing, { wide });
      if (users.some(({ state }) => state === 'under-way')) {
        output.write(
          `AWS allows two keys a user, so another one can be made only when the old one is gone; to end the overlap now: ` +
            `gatehouse rotate-key ${machine} --overlap 0\n`,
        );
      }
      const next = dryRun
        ? 'nothing was replaced'
        : `"gatehouse status" shows what is left; pipelines read the key from the secret`;
      output.write(style.dim(`${next}\n`));
    },
  });
  if (dryRun && detailedExitcode && users.some(({ state }) => state !== 'under-way')) terminal.exitCode = 2;
}

const STATES: Readonly<Record<RotatedKey['state'], string>> = {
  begun: 'begun',
  'under-way': 'under way already',
  shortened: 'ends earlier',
};

const WOULD_BE: typeof STATES = {
  begun: 'would begin',
  'under-way': 'under way already',
  shortened: 'would end earlier',
};

const columnsOf = (states: typeof STATES): readonly Column<RotatedKey>[] => [
  { head: 'USER', cell: ({ user }) => user },
  {
    head: 'ROTATION',
    cell: ({ state }, style) => ({ text: states[state], paint: state === 'under-way' ? style.warn : style.good }),
    value: ({ state }) => state,
  },
  { head: 'OLD KEY', cell: ({ replaces }) => replaces },
  { head: 'WORKS UNTIL', cell: ({ until }) => timeText(until) },
  { head: 'ACCOUNT', cell: ({ account }) => account, wide: true },
  { head: 'SECRET', cell: ({ secret }) => secret },
];
