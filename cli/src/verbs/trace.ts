import type { Trace, TracedFact, TracedMark, TracedRun } from '@gatehouse/core/operations/trace';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { shortTarget } from '../aws/targets.ts';
import { factText, outcomeCell } from '../events/event-text.ts';
import { type Format, withFormats, writeAnswer } from '../terminal/answer.ts';
import { type Cell, columns } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Style } from '../terminal/style.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, duration, printable, timeText } from '../terminal/text.ts';

/** `trace`: what an event came to, step by step. */
export function addTrace(program: Command, terminal: Terminal): void {
  const verb = program
    .command('trace <event>')
    .description('follow an event, or a run, to what it came to: facts, what waits, each turn, and what is missing')
    .addHelpText(
      'after',
      '\nAn event is its id, a beginning of it that no other has, or <source>/<id>; a run is as the ledger names it.',
    );
  withFormats(withAwsOptions(verb)).action(async (event: string, options: AwsOptions & { readonly output: Format }) => {
    const { operationsOf } = await import('../aws/run-operation.ts');
    const run = await operationsOf(options, terminal);
    const answer = await run<Trace>({ operation: 'trace', of: event });
    await writeAnswer(terminal.out, options.output, {
      value: answer,
      listing: { columns: STEP_COLUMNS, rows: stepsOf(answer) },
      text: (output) => writeTrace(output, answer),
    });
  });
  withExamples(verb, [
    ['gatehouse trace 5f0e8c1a', 'by the beginning of its id, as gatehouse events lists it'],
    ['gatehouse trace okta/5f0e8c1a-0000-11f1-8000-000000000001 -o json', 'for scripts'],
  ]);
  withExitCodes(verb);
}

/** One entry of the ledger, for a spreadsheet. */
interface Step {
  readonly at: number;
  readonly after: number;
  readonly target: string;
  readonly kind: string;
  readonly run: string;
  readonly text: string;
}

const STEP_COLUMNS = [
  { head: 'TIME', cell: ({ at }: Step) => new Date(at).toISOString() },
  { head: 'AFTER', cell: ({ after }: Step) => String(after) },
  { head: 'TARGET', cell: ({ target }: Step) => target },
  { head: 'WHAT', cell: ({ kind }: Step) => kind },
  { head: 'RUN', cell: ({ run }: Step) => run },
  { head: 'CHANGES', cell: ({ text }: Step) => text },
];

function stepsOf({ runs, from }: Trace): readonly Step[] {
  return runs.flatMap(({ target, run, entries }) =>
    entries.map((entry) => ({
      ...{ at: entry.at, after: entry.at - from, target, kind: entry.kind, run },
      text: entryText(entry),
    })),
  );
}

/** The trace for people. */
export function writeTrace(
  output: Output,
  { events, causes, deliveries, from, facts, waiting, runs, missing }: Trace,
): void {
  const { style, width } = output;
  const table = (rows: readonly (readonly Cell[])[]) => output.write(columns(rows, { style, width, indent: 2 }));
  const head = (text: string) => output.write(`\n${style.bold(text)}\n`);
  for (const cause of causes) {
    const name = style.bold(printable(`${cause.source}/${cause.event}`));
    output.write(`${name}  ${printable(cause.type)}, received ${timeText(cause.receivedAt)}\n`);
    const outcomes = events.filter(({ source, event }) => source === cause.source && event === cause.event);
    const times = events.length === outcomes.length && deliveries > 1 ? `delivered ${deliveries} times` : '';
    table(outcomes.map((event, index) => ['outcome', outcomeCell(event, style), index === 0 ? times : '']));
  }
  if (facts.length > 0) {
    head('facts');
    table(
      facts.map((fact) => [...factCells(fact), ...(causes.length > 1 ? [{ text: fact.event, paint: style.dim }] : [])]),
    );
  }
  if (waiting.length > 0) {
    head('waiting');
    table(waiting.map((mark) => markCells(mark, from, style)));
  }
  if (runs.length > 0) {
    head('done');
    for (const run of runs) {
      output.write(`  ${style.name(printable(shortTarget(run.target)))}  ${style.dim(`run ${printable(run.run)}`)}\n`);
      output.write(columns(runCells(run, from, style), { style, width, indent: 4 }));
    }
  }
  head('missing');
  table(missing.length === 0 ? [[{ text: 'nothing', paint: style.good }]] : missing.map((sentence) => [sentence]));
}

function factCells({ fact, now, by }: TracedFact): readonly Cell[] {
  const says = {
    dirty: 'the planner has not looked at it yet',
    stands: 'stands',
    known: by ? `stands as ${by.source}/${by.event} left it` : 'stands as an earlier event left it',
    gone: 'is not in the directory',
  }[now];
  return [factText(fact), says];
}

function markCells(
  { target, subject, urgency, since, finding, failure, confirming }: TracedMark,
  from: number,
  style: Style,
): readonly Cell[] {
  const why = finding?.code ?? failure?.code ?? (confirming ? 'to be seen once more' : '');
  return [target, subject, urgency, { text: `after ${duration(Math.max(0, since - from))}`, paint: style.dim }, why];
}

function runCells({ entries }: TracedRun, from: number, style: Style): readonly (readonly Cell[])[] {
  return entries.map((entry) => [
    { text: `after ${duration(Math.max(0, entry.at - from))}`, paint: style.dim },
    { text: entry.kind, paint: entry.kind === 'verified' ? style.good : style.bold },
    entryText(entry),
    { text: `entry ${entry.sequence}`, paint: style.dim },
  ]);
}

/** What an entry tells: whom it is about, and how many changes or failures of what. */
function entryText({ changes, failures = [], finding, subjects = [] }: TracedRun['entries'][number]): string {
  const objects = changes.map(({ action, object }) => `${action} ${object}`);
  return [
    ...objects.slice(0, 3),
    ...(objects.length > 3 ? [`and ${objects.length - 3} more`] : []),
    ...(failures.length > 0 ? [counted(failures.length, 'failure')] : []),
    ...(finding ? [`${finding.code}: ${finding.message}`] : []),
    ...(changes.length === 0 ? subjects : []),
  ].join('; ');
}
