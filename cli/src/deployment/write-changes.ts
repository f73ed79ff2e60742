import type { StackEvent } from '@aws-sdk/client-cloudformation';
import { type Cell, columns } from '../terminal/columns.ts';
import type { Output } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';
import type { ResourceChange } from './change-set.ts';
import type { Statement } from './iam-changes.ts';

const SIGNS = { add: '+', modify: '~', remove: '-' } as const;
const REPLACED = { no: '', maybe: 'may be made anew', yes: 'is made anew' } as const;

/** A change set for people: what comes, changes and goes; what may do more than before, in a block of its own; one summary. */
export function writeChanges(
  output: Output,
  stack: string,
  changes: readonly ResourceChange[],
  broadens: readonly Statement[],
): void {
  const { style, width } = output;
  const paintOf = (action: ResourceChange['action']) =>
    action === 'add' ? style.good : action === 'remove' ? style.bad : style.warn;
  const sorted = changes.toSorted((a, b) => orderOf(a) - orderOf(b) || (a.logicalId < b.logicalId ? -1 : 1));
  output.write(`${style.bold(`Stack ${printable(stack)}`)}\n\n`);
  output.write(
    columns(
      sorted.map(({ action, logicalId, type, replacement, kept, properties }): Cell[] => [
        { text: SIGNS[action], paint: paintOf(action) },
        logicalId,
        { text: type.replace(/^AWS::/, ''), paint: style.dim },
        replacement === 'no'
          ? [kept ? 'stays, outside of the stack' : '', properties.join(', ')].filter(Boolean).join(': ')
          : {
              text: [REPLACED[replacement], properties.join(', ')].filter(Boolean).join(': '),
              paint: replacement === 'yes' ? style.bad : style.warn,
            },
      ]),
      { style, width, indent: 2 },
    ),
  );
  writeBroadening(output, broadens);
  const count = (action: ResourceChange['action']) => changes.filter((one) => one.action === action).length;
  const anew = changes.filter(({ replacement }) => replacement === 'yes').length;
  const summary = [
    `${count('add')} to make`,
    `${count('modify')} to change${anew === 0 ? '' : ` (${anew} made anew)`}`,
    `${count('remove')} to remove`,
  ];
  output.write(`\n${style.bold(`${counted(changes.length, 'resource')}: ${summary.join(', ')}.`)}\n`);
}

/** Creation first, and what goes last. */
const orderOf = ({ action }: ResourceChange): number => Object.keys(SIGNS).indexOf(action);

function writeBroadening(output: Output, broadens: readonly Statement[]): void {
  if (broadens.length === 0) return;
  const { style, width } = output;
  output.write(`\n${style.warn(style.bold('May do more than before'))}\n`);
  const lines = Map.groupBy(broadens, ({ of, effect, principal, resource, condition }) =>
    JSON.stringify([of, effect, principal, resource, condition]),
  );
  const rows = [...lines.values()].map((group): Cell[] => {
    const { of, effect, principal, resource, condition } = group[0]!;
    const who = principal === undefined ? of : `${of} <- ${principal}`;
    const what = group.map(({ action }) => action).join(' ');
    return [
      { text: effect === 'Allow' ? '+' : '-', paint: style.warn },
      who,
      effect === 'Allow' ? what : `no longer denied: ${what}`,
      condition === undefined ? `on ${resource}` : `on ${resource} if ${condition}`,
    ];
  });
  for (const [sign, who, what, on] of rows) {
    output.write(columns([[sign!, who!, what!]], { style, width, indent: 2 }));
    output.write(
      columns([[on!].map((text) => ({ text: String(text), paint: style.dim }))], { style, width, indent: 7 }),
    );
  }
}

/** One step of CloudFormation, as a line. */
export function writeEvent(
  output: Output,
  { LogicalResourceId, ResourceType, ResourceStatus, ResourceStatusReason }: StackEvent,
): void {
  const status = ResourceStatus ?? '';
  const { style } = output;
  const paint = status.endsWith('_FAILED') ? style.bad : status.endsWith('_COMPLETE') ? style.good : style.dim;
  const why = status.endsWith('_FAILED') && ResourceStatusReason ? `  ${printable(ResourceStatusReason)}` : '';
  const type = (ResourceType ?? '').replace(/^AWS::/, '');
  output.write(
    `${style.dim('...')}  ${paint(status.padEnd(20))}  ${printable(LogicalResourceId ?? '')}  ${style.dim(type)}${why}\n`,
  );
}
