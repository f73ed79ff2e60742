import { setTimeout as pause } from 'node:timers/promises';
import type { EventEntry } from '@gatehouse/core/directory/event-log';
import type { Operation } from '@gatehouse/core/operations/operation';
import { type Command, InvalidArgumentError } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { factText, outcomeCell, saidText, timeText } from '../events/event-text.ts';
import { readSince, type Since, sinceTime } from '../events/span.ts';
import { type Column, type Format, withFormats, writeAnswer, writeListing } from '../terminal/answer.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { counted } from '../terminal/text.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly since: Since;
  readonly source?: string;
  readonly ignored?: boolean;
  readonly subject?: string;
  readonly user?: string;
  readonly limit: number;
  readonly follow?: boolean;
}

interface Answer {
  readonly events: readonly EventEntry[];
  readonly more: boolean;
}

const COLUMNS: readonly Column<EventEntry>[] = [
  {
    head: 'TIME',
    cell: ({ receivedAt }, style) => ({ text: timeText(receivedAt), paint: style.dim }),
    value: ({ receivedAt }) => new Date(receivedAt).toISOString(),
  },
  { head: 'SOURCE', cell: ({ source }) => source },
  { head: 'TYPE', cell: ({ type }) => type },
  { head: 'EVENT', cell: ({ event }, style) => ({ text: event, paint: style.name }) },
  { head: 'OUTCOME', cell: outcomeCell },
  { head: 'SAYS', cell: saidText, value: ({ facts }) => facts.map(factText).join('; ') },
];

/** `events`: what came in, and what became of it. */
export function addEvents(program: Command, terminal: Terminal): void {
  const verb = program
    .command('events')
    .description('list the events that came in, the newest last, and what became of each (kept for 14 days)')
    .option('--since <time>', 'how far back: 30m, 2h, 7d, or a time like 2026-01-15T12:00:00Z', readSince, {
      ago: 86_400_000,
    })
    .option('--source <name>', 'only of one source: okta, standard, cognito, aws')
    .option('--ignored', 'only those of which nothing is done, with the reason')
    .option('--subject <subject>', 'only about somebody: user/<source>/<id>')
    .option('--user <text>', 'only about a user with this id, login or mail address')
    .option('--limit <number>', 'at most so many, the newest', readLimit, 50)
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

function readLimit(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 500) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 500.');
}

async function events(terminal: Terminal, options: Options): Promise<void> {
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
  const list = (since: number) => run<Answer>({ ...query, since });
  const since = sinceTime(options.since, Date.now());
  if (!options.follow) {
    const answer = await list(since);
    await writeAnswer(terminal.out, output, { value: answer, listing: listingOf(answer.events) });
    if (answer.more) terminal.err.write(`older ones are left out: these are ${counted(limit, 'event')} (--limit)\n`);
    return;
  }
  const tell = (fresh: readonly EventEntry[]) => {
    if (output === 'json') for (const event of fresh) terminal.out.write(`${JSON.stringify(event)}\n`);
    else writeListing(terminal.out, listingOf(fresh), { wide: output === 'wide' });
  };
  const time = { now: Date.now, pause: (milliseconds: number) => pause(milliseconds, true) };
  await followEvents(async (from) => (await list(from)).events, tell, since, time);
}

const listingOf = (rows: readonly EventEntry[]) => ({ columns: COLUMNS, rows, none: 'No event came in.' });
