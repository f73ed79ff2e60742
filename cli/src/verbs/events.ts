import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '@gatehouse/core/access/failure';
import type { EventEntry } from '@gatehouse/core/directory/event-log';
import type { Events } from '@gatehouse/core/operations/events';
import type { Operation } from '@gatehouse/core/operations/operation';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { factText, outcomeCell, saidText } from '../events/event-text.ts';
import type { AskedSpan } from '../events/follow-events.ts';
import { readSince, type Since, sinceTime } from '../events/span.ts';
import { type Column, type Format, rowWriter, withFormats, writeAnswer } from '../terminal/answer.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import { wholeNumber } from '../terminal/option-values.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted, timeText } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly since: Since;
  readonly until?: Since;
  readonly source?: string;
  readonly ignored?: boolean;
  readonly subject?: string;
  readonly user?: string;
  readonly limit: number;
  readonly follow?: boolean;
}

/** So much of an id is shown; `trace` and `replay` take a beginning for the whole. */
const BEGINNING = 13;

const COLUMNS: readonly Column<EventEntry>[] = [
  {
    head: 'TIME',
    cell: ({ receivedAt }, style) => ({ text: timeText(receivedAt), paint: style.dim }),
    value: ({ receivedAt }) => new Date(receivedAt).toISOString(),
  },
  { head: 'SOURCE', cell: ({ source }) => source },
  { head: 'TYPE', cell: ({ type }) => type },
  {
    head: 'EVENT',
    cell: ({ event }, style, wide) => ({ text: wide ? event : event.slice(0, BEGINNING), paint: style.name }),
    value: ({ event }) => event,
  },
  { head: 'OUTCOME', cell: ({ outcome }, style) => outcomeCell({ outcome }, style) },
  { head: 'REASON', cell: ({ reason = '' }) => reason, wide: true },
  {
    head: 'SAYS',
    cell: (event, _, wide) => (event.reason === undefined || wide ? saidText(event) : `(${event.reason})`),
    value: ({ facts }) => facts.map(factText).join('; '),
  },
];

/** `events`: what came in, and what became of it. */
export function addEvents(program: Command, terminal: Terminal): void {
  const verb = program
    .command('events')
    .description('list the events that came in, the newest last, and what became of each (kept for 14 days)')
    .option('--since <time>', 'how far back: 30m, 2h, 7d, or a time like 2026-01-15T12:00:00Z', readSince, {
      ago: 86_400_000,
    })
    .option('--until <time>', 'only those before: as --since', readSince)
    .option('--source <name>', 'only of one source: okta, standard, cognito, aws')
    .option('--ignored', 'only those of which nothing is done, with the reason')
    .option('--subject <subject>', 'only about somebody: user/<source>/<id>')
    .option('--user <text>', 'only about a user with this id, login or mail address')
    .option('--limit <number>', 'at most so many, the newest', wholeNumber(1, 500), 50)
    .option('-f, --follow', 'go on listing what comes in');
  verb.options.find(({ long }) => long === '--since')!.default({ ago: 86_400_000 }, '24h');
  withFormats(withAwsOptions(verb)).action((options: Options) => events(terminal, options));
  withExamples(verb, [
    ['gatehouse events --since 1h --source okta', 'what Okta sent in the last hour'],
    ['gatehouse events --ignored', 'what nothing was done about; the guide explains each reason'],
    ['gatehouse events --user jo@example.com -o json', 'all about one person, for scripts'],
    ['gatehouse events --follow', 'as it comes in'],
  ]);
  withExitCodes(verb);
}

async function events(terminal: Terminal, options: Options): Promise<void> {
  if (options.follow && options.until !== undefined) {
    throw new Failure('invalid', '--until does not go with --follow', { remedy: 'leave one of them away' });
  }
  const [{ operationsOf }, { followEvents }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../events/follow-events.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  const { source, ignored, subject, user, limit, output } = options;
  const query = {
    operation: 'events',
    ...(source === undefined ? {} : { source }),
    ...(ignored === undefined ? {} : { ignored }),
    ...(subject === undefined ? {} : { subject: subject as `user/${string}/${string}` }),
    ...(user === undefined ? {} : { user }),
    limit,
  } as const satisfies Operation;
  const list = (span: AskedSpan) => run<Events>({ ...query, ...span });
  const now = Date.now();
  const since = sinceTime(options.since, now);
  if (!options.follow) {
    const until = options.until === undefined ? {} : { until: sinceTime(options.until, now) };
    const answer = await list({ since, ...until });
    await writeAnswer(terminal.out, output, { value: answer, listing: listingOf(answer.events) });
    if (answer.more) terminal.err.write(leftOut(answer, limit));
    return;
  }
  const time = { now: Date.now, pause: (milliseconds: number) => pause(milliseconds, true) };
  await followEvents(list, rowWriter(terminal.out, output, COLUMNS), since, time, (at) =>
    terminal.err.write(`more came in at ${new Date(at).toISOString()} than can be listed; some are left out\n`),
  );
}

/** What is said where not all that fits was listed. */
function leftOut({ events: { length }, lookedBackTo }: Events, limit: number): string {
  const goOn = lookedBackTo === undefined ? '' : `; for those: --until ${new Date(lookedBackTo).toISOString()}`;
  if (length >= limit || lookedBackTo === undefined) {
    return `older ones are left out: these are ${counted(limit, 'event')} (--limit)${goOn}\n`;
  }
  const back = new Date(lookedBackTo).toISOString();
  return `so many came in that they were looked through back to ${back} only; older ones may fit, too${goOn}\n`;
}

const listingOf = (rows: readonly EventEntry[]) => ({ columns: COLUMNS, rows, none: 'No event came in.' });
