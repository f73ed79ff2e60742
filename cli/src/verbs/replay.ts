import { Failure } from '@gatehouse/core/access/failure';
import type { Replayed, ReplayOutcome } from '@gatehouse/core/operations/replay';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { factText } from '../events/event-text.ts';
import { readSince, type Since, sinceTime } from '../events/span.ts';
import { agree } from '../terminal/agree.ts';
import { type Column, type Format, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { type DryRunOptions, withDryRun, withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions, DryRunOptions {
  readonly output: Format;
  readonly since?: Since;
  readonly until?: Since;
  readonly source?: string;
  readonly yes?: boolean;
}

/** One fact of an event that is replayed. */
interface Row {
  readonly event: Replayed['event'];
  readonly says: string;
  readonly outcome: Replayed['outcomes'][number];
}

const COLUMNS: readonly Column<Row>[] = [
  {
    head: 'RECEIVED',
    cell: ({ event }, style) => ({ text: timeText(event.receivedAt), paint: style.dim }),
    value: ({ event }) => new Date(event.receivedAt).toISOString(),
  },
  { head: 'EVENT', cell: ({ event }, style) => ({ text: `${event.source}/${event.event}`, paint: style.name }) },
  { head: 'SAYS', cell: ({ says }) => says },
  {
    head: 'NOW',
    cell: ({ outcome }, style) => ({
      text: { recorded: 'news', unchanged: 'known already', outdated: 'overtaken' }[outcome],
      paint: outcome === 'recorded' ? style.good : style.dim,
    }),
  },
];

/** `replay`: records once more what events said, and has it looked at. */
export function addReplay(program: Command, terminal: Terminal): void {
  const verb = program
    .command('replay')
    .argument('[event]', 'id of an event, a beginning of it, or <source>/<id>')
    .description('record once more what events said, and have all of it planned again; newer facts stay as they are')
    .option('--since <time>', 'all events since: 30m, 2h, 7d, or a time like 2026-01-15T12:00:00Z', readSince)
    .option('--until <time>', 'only those before: as --since', readSince)
    .option('--source <name>', 'only of one source')
    .option('--yes', 'replay more than one event without being asked; needed where nobody can be asked');
  withDryRun(verb, 'only tell what would be news');
  withFormats(withAwsOptions(verb)).action((event: string | undefined, options: Options) =>
    replay(terminal, event, options),
  );
  withExamples(verb, [
    ['gatehouse replay 5f0e8c1a', 'one event, as gatehouse events lists it'],
    ['gatehouse replay --since 2h --source okta --dry-run', 'what of the last two hours would be news'],
    ['gatehouse replay --since 2h --yes', 'all of it, in a pipeline'],
  ]);
  withExitCodes(verb, { 2: 'some of it would be news (--dry-run --detailed-exitcode)' });
}

async function replay(terminal: Terminal, event: string | undefined, options: Options): Promise<void> {
  if ((event === undefined) === (options.since === undefined)) {
    throw new Failure('invalid', 'it is either one event or all since a time', {
      remedy: 'gatehouse replay EVENT, or: gatehouse replay --since 2h',
    });
  }
  if (event !== undefined && (options.source !== undefined || options.until !== undefined)) {
    throw new Failure('invalid', '--source and --until go with --since', { remedy: 'name one event by <source>/<id>' });
  }
  const { operationsOf } = await import('../aws/run-operation.ts');
  const run = await operationsOf(options, terminal);
  const now = Date.now();
  const { source } = options;
  const until = options.until === undefined ? now : sinceTime(options.until, now);
  const which =
    options.since === undefined
      ? { event: event! }
      : { since: sinceTime(options.since, now), until, ...(source === undefined ? {} : { source }) };
  if (!options.dryRun && !options.yes && event === undefined) {
    const foreseen = await run<ReplayOutcome>({ operation: 'replay', ...which, dryRun: true });
    if (foreseen.replayed.length > 1) await approve(terminal, foreseen);
  }
  const answer = await run<ReplayOutcome>({ operation: 'replay', ...which, dryRun: options.dryRun === true });
  if (answer.dryRun && options.detailedExitcode && newsIn(answer) > 0) terminal.exitCode = 2;
  await writeAnswer(terminal.out, options.output, {
    value: answer,
    listing: { columns: COLUMNS, rows: rowsOf(answer), none: 'There is nothing to replay.' },
    text: (output, wide) => {
      writeListing(output, { columns: COLUMNS, rows: rowsOf(answer), none: 'There is nothing to replay.' }, { wide });
      const [one, many] = [counted(answer.replayed.length, 'event'), counted(newsIn(answer), 'fact')];
      const { style } = output;
      if (answer.replayed.length === 0) return;
      output.write(
        answer.dryRun
          ? `\n${style.bold('dry run')}  of ${one}, ${many} would be news\n`
          : `\n${style.good('done')}  ${one} replayed, ${many} ${newsIn(answer) === 1 ? 'was' : 'were'} news; all that they are about is planned again\n`,
      );
    },
  });
}

async function approve(terminal: Terminal, foreseen: ReplayOutcome): Promise<void> {
  const what = counted(foreseen.replayed.length, 'event');
  if (terminal.ask) writeListing(terminal.err, { columns: COLUMNS, rows: rowsOf(foreseen) });
  await agree(terminal, false, {
    question: `${what}, of which ${counted(newsIn(foreseen), 'fact')} would be news.`,
    does: 'replays',
    otherwise: 'nothing was replayed',
    alone: `nobody is there to agree, so none of ${what} was replayed`,
    remedy: 'to replay without being asked: --yes; to see what would be news: --dry-run',
  });
}

function rowsOf({ replayed }: ReplayOutcome): readonly Row[] {
  return replayed.flatMap(({ event, outcomes }) =>
    outcomes.map((outcome, index) => ({ event, says: factText(event.facts[index]!), outcome })),
  );
}

function newsIn({ replayed }: ReplayOutcome): number {
  return replayed.flatMap(({ outcomes }) => outcomes).filter((outcome) => outcome === 'recorded').length;
}
