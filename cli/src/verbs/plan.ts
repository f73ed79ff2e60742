import type { Subject } from '@gatehouse/core/access/subject';
import type { Plan } from '@gatehouse/core/plan/plan';
import type { Command } from 'commander';
import { type AwsOptions, withAwsOptions } from '../aws/options.ts';
import { type Format, type Listing, withFormats, writeAnswer } from '../terminal/answer.ts';
import { columns } from '../terminal/columns.ts';
import { withExamples, withExitCodes } from '../terminal/help.ts';
import type { Paint, Style } from '../terminal/style.ts';
import type { Output, Terminal } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';
import { shortTarget } from './status.ts';

interface Options extends AwsOptions {
  readonly output: Format;
  readonly subject?: readonly Subject[];
  readonly detailedExitcode?: boolean;
}

/** `plan`: what a turn on a target would do now. */
export function addPlan(program: Command, terminal: Terminal): void {
  const verb = program
    .command('plan <target>')
    .description('show what a turn on a cluster or IAM principal would change now, and change nothing')
    .option('--subject <subject...>', 'only for these: user/<source>/<id>, machine/<name>, grant/<name>')
    .option('--detailed-exitcode', 'exit with 2 where something would change');
  withFormats(withAwsOptions(verb)).action((target: string, options: Options) => plan(terminal, target, options));
  withExamples(verb, [
    ['gatehouse plan prod-eu', 'a cluster by its name'],
    ['gatehouse plan iam/111122223333/role/gatehouse-platform-admins', 'an IAM principal'],
    ['gatehouse plan prod-eu --detailed-exitcode', 'for pipelines: 0 nothing to do, 2 changes are pending'],
  ]);
  withExitCodes(verb, { 2: 'changes are pending (--detailed-exitcode)' });
}

async function plan(terminal: Terminal, text: string, options: Options): Promise<void> {
  const [{ operationsOf }, { targetOf }] = await Promise.all([
    import('../aws/run-operation.ts'),
    import('../aws/targets.ts'),
  ]);
  const run = await operationsOf(options, terminal);
  const target = await targetOf(text, run);
  const subjects = options.subject === undefined ? {} : { subjects: [...options.subject] };
  const planned = await run<Plan>({ operation: 'plan', target, ...subjects });
  await showPlan(terminal, target, planned, options);
}

/** Shows a plan in the format that was asked for; exit code 2 where changes are pending and that was asked. */
export async function showPlan(
  terminal: Terminal,
  target: string,
  planned: Plan,
  { output: format, detailedExitcode }: { readonly output: Format; readonly detailedExitcode?: boolean },
  value: object = { target, ...planned },
): Promise<void> {
  await writeAnswer(terminal.out, format, {
    value,
    listing: planListing(target, planned),
    text: (output) => writePlan(output, target, planned),
  });
  if (detailedExitcode && planned.changes.length > 0) terminal.exitCode = 2;
}

/** A line of a change, or a finding. */
interface Row {
  readonly action: string;
  readonly kind: string;
  readonly object: string;
  readonly sign?: string;
  readonly text: string;
  readonly subject?: string | undefined;
  readonly remedy?: string;
}

/** Signs are formulas to a spreadsheet. */
const LINE_WORDS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '~': 'changed' };

function planListing(target: string, { changes, findings }: Plan): Listing<Row> {
  const changed = changes.flatMap(({ change: { action, kind, object, lines } }): Row[] =>
    lines.map(({ sign, text, subject }) => ({ action, kind, object, sign, text, subject })),
  );
  const found = findings.map(
    ({ severity, code, object, subject, message, remedy }): Row => ({
      action: severity,
      kind: code,
      object,
      subject,
      text: message,
      remedy,
    }),
  );
  return {
    rows: [...changed, ...found],
    columns: [
      { head: 'TARGET', cell: () => target },
      { head: 'ACTION', cell: ({ action }) => action },
      { head: 'KIND', cell: ({ kind }) => kind },
      { head: 'OBJECT', cell: ({ object }) => object },
      { head: 'LINE', cell: ({ sign }) => LINE_WORDS[sign ?? ''] ?? '' },
      { head: 'TEXT', cell: ({ text }) => text },
      { head: 'SUBJECT', cell: ({ subject }) => subject ?? '' },
      { head: 'REMEDY', cell: ({ remedy }) => remedy ?? '' },
    ],
  };
}

/** The colour of a sign. */
export function paintOfSign(sign: string, style: Style): Paint {
  return sign === '+' ? style.good : sign === '-' ? style.bad : style.warn;
}

const SIGNS = { create: '+', update: '~', delete: '-' } as const;

/** A plan for people: each object with its lines, what stands in the way, one summary. */
export function writePlan(output: Output, target: string, { changes, findings }: Plan): void {
  const { style, width } = output;
  output.write(`${style.bold(shortTarget(target))}\n`);
  for (const { change } of changes) {
    const sign = SIGNS[change.action];
    output.write(`\n  ${paintOfSign(sign, style)(sign)} ${style.name(change.kind)} ${printable(change.object)}\n`);
    output.write(
      columns(
        change.lines.map((line) => [
          { text: line.sign, paint: paintOfSign(line.sign, style) },
          line.text,
          { text: line.subject ?? '', paint: style.dim },
        ]),
        { style, indent: 6 },
      ),
    );
  }
  for (const { severity, code, object, message, remedy } of findings) {
    const paint = severity === 'blocks' ? style.bad : style.warn;
    output.write(
      `\n  ${paint(severity === 'blocks' ? 'blocked' : 'notice')} ${style.name(code)} ${printable(object)}\n`,
    );
    const label = (text: string) => ({ text, paint: style.dim });
    output.write(
      columns(
        [
          [label('why'), message],
          [label('try'), remedy],
        ],
        { style, width, indent: 6 },
      ),
    );
  }
  const count = (action: keyof typeof SIGNS) => changes.filter(({ change }) => change.action === action).length;
  const blocked = findings.filter(({ severity }) => severity === 'blocks').length;
  const held = blocked === 0 ? '' : `, ${counted(blocked, 'finding')} in the way`;
  const summary =
    changes.length === 0
      ? `Nothing to do${held}.`
      : `${counted(changes.length, 'object')}: ${count('create')} to make, ${count('update')} to change, ${count('delete')} to delete${held}.`;
  output.write(`\n${style.bold(summary)}\n`);
}
