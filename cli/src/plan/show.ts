import type { Plan } from '@gatehouse/core/plan/plan';
import { type Format, type Listing, writeAnswer } from '../terminal/answer.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writePlan } from './text.ts';

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
