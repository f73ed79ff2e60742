import type { StackEvent } from '@aws-sdk/client-cloudformation';
import { type Cell, columns } from '../terminal/columns.ts';
import type { Output } from '../terminal/terminal.ts';
import { counted, printable } from '../terminal/text.ts';
import type { ChangeSet, ResourceChange } from './change-set.ts';
import type { Statement } from './iam-changes.ts';

const SIGNS = { add: '+', modify: '~', remove: '-' } as const;
const REPLACED = { no: '', maybe: 'may be made anew', yes: 'is made anew' } as const;

/** A change set for people: what comes, changes and goes; what may do more than before, in a block of its own; one summary. */
export function writeChanges(
  output: Output,
  { stackName, changes, creates }: Pick<ChangeSet, 'stackName' | 'changes' | 'creates'>,
  broadens: readonly Statement[],
): void {
  const { style, width } = output;
  const paintOf = (action: ResourceChange['action']) =>
    action === 'add' ? style.good : action === 'remove' ? style.bad : style.warn;
  const sorted = changes.toSorted((a, b) => orderOf(a) - orderOf(b) || (a.logicalId < b.logicalId ? -1 : 1));
  output.write(`${style.bold(`Stack ${printable(stackName)}`)}\n\n`);
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
  writeBroadening(output, broadens, creates ? 'What its roles may do' : 'May do more than before');
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

function writeBroadening(output: Output, broadens: readonly Statement[], title: string): void {
  if (broadens.length === 0) return;
  const { style, width } = output;
  output.write(`\n${style.warn(style.bold(title))}\n`);
  for (const { of, effect, principal, condition, actions, resources } of grouped(broadens)) {
    const who = principal === undefined ? of : `${of} <- ${principal}`;
    const what = effect === 'Allow' ? actions.join(' ') : `no longer denied: ${actions.join(' ')}`;
    output.write(columns([[{ text: '+', paint: style.warn }, who, what]], { style, width, indent: 2 }));
    const about = [...resources.map((one) => `on ${one}`), ...(condition === undefined ? [] : [`if ${condition}`])];
    output.write(
      columns(
        about.map((text) => [{ text, paint: style.dim }]),
        { style, width, indent: 7 },
      ),
    );
  }
}

type Group = Omit<Statement, 'action' | 'resource'> & {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
};

/** As a statement of a policy would say it: the actions on the same resource together, then the resources of the same actions. */
function grouped(statements: readonly Statement[]): readonly Group[] {
  const alike = ({ of, effect, principal, condition }: Statement) => [of, effect, principal, condition];
  const byResource = Map.groupBy(statements, (one) => JSON.stringify([...alike(one), one.resource]));
  const single = [...byResource.values()].map((group) => ({
    first: group[0]!,
    actions: group.map(({ action }) => action),
  }));
  const byActions = Map.groupBy(single, ({ first, actions }) => JSON.stringify([...alike(first), actions]));
  return [...byActions.values()].map((group) => {
    const { action: _action, resource: _resource, ...about } = group[0]!.first;
    return { ...about, actions: group[0]!.actions, resources: group.map(({ first }) => first.resource) };
  });
}

/** One step of CloudFormation, as a line; that a resource is begun with is not told. */
export function writeEvent(
  output: Output,
  { LogicalResourceId, ResourceType, ResourceStatus, ResourceStatusReason }: StackEvent,
): void {
  const status = ResourceStatus ?? '';
  if (status.endsWith('_IN_PROGRESS') && ResourceType !== 'AWS::CloudFormation::Stack') return;
  const { style } = output;
  const paint = status.endsWith('_FAILED') ? style.bad : status.endsWith('_COMPLETE') ? style.good : style.dim;
  const why = status.endsWith('_FAILED') && ResourceStatusReason ? `  ${printable(ResourceStatusReason)}` : '';
  const type = (ResourceType ?? '').replace(/^AWS::/, '');
  output.write(
    `${style.dim('...')}  ${paint(status.padEnd(20))}  ${printable(LogicalResourceId ?? '')}  ${style.dim(type)}${why}\n`,
  );
}
