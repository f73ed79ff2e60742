import { partitionOf } from '@gatehouse/core/access/arn';
import { Failure } from '@gatehouse/core/access/failure';
import { agree } from '../terminal/agree.ts';
import { writeStep } from '../terminal/step.ts';
import type { Terminal } from '../terminal/terminal.ts';
import {
  type Asked,
  beginChangeSet,
  type ChangeSet,
  discard,
  execute,
  type Pending,
  type ResourceChange,
  workedOut,
} from './change-set.ts';
import type { Cloud } from './cloud.ts';
import { broadening, type Statement } from './iam-changes.ts';
import type { Pace } from './pace.ts';
import {
  describeStack,
  failureText,
  followStack,
  newestEvent,
  processedTemplate,
  remedyOf,
  type StackState,
} from './stack.ts';
import { writeChanges, writeEvent } from './write-changes.ts';

/** How a stack is changed. */
export interface ChangeOptions {
  /** The stack as it is; undefined where it is still to be made. */
  readonly before?: StackState | undefined;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  /** For people, the change set is written to the answer where it is all that was asked for. */
  readonly forPeople: boolean;
}

/** What came of it. */
export interface Changed {
  /** `planned`: a dry run that would change something. */
  readonly state: 'planned' | 'unchanged' | 'deployed';
  readonly changes: readonly ResourceChange[];
  readonly broadens: readonly Statement[];
  readonly outputs: Readonly<Record<string, string>>;
}

/** How it waits, and what breaks it off. */
interface Waiting {
  readonly pace: Pace;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has a change set worked out, shows it, asks, has it done and follows it. Whatever ends it before it is executed, an error, a "no"
 * or the signal, leaves neither the change set nor the empty stack that it made.
 * @throws Failure with the first thing that failed; `ambiguous` where it was broken off while CloudFormation goes on.
 */
export async function changeStack(
  terminal: Terminal,
  cloud: Cloud,
  asked: Asked,
  options: ChangeOptions,
  waiting: Waiting,
): Promise<Changed> {
  const { cloudFormation } = cloud;
  const pending = await beginChangeSet(cloudFormation, asked);
  const reviewed = await orDiscarded(terminal, cloud, pending, waiting, () =>
    review(terminal, cloud, pending, options, waiting),
  );
  const outputs = options.before?.outputs ?? {};
  if (!reviewed || options.dryRun) {
    await discard(cloudFormation, pending);
    if (!reviewed) return { state: 'unchanged', changes: [], broadens: [], outputs };
    return { state: 'planned', changes: reviewed.set.changes, broadens: reviewed.broadens, outputs };
  }
  const { set, broadens, known } = reviewed;
  return {
    state: 'deployed',
    changes: set.changes,
    broadens,
    outputs: await followed(terminal, cloud, set, known, waiting),
  };
}

interface Reviewed {
  readonly set: ChangeSet;
  readonly broadens: readonly Statement[];
  /** The newest event before it was executed. */
  readonly known?: string | undefined;
}

/** Until it is executed, or would be. @returns undefined where it would change nothing. */
async function review(
  terminal: Terminal,
  cloud: Cloud,
  pending: Pending,
  { before, dryRun, yes, forPeople }: ChangeOptions,
  { pace, signal }: Waiting,
): Promise<Reviewed | undefined> {
  const { cloudFormation, account, region } = cloud;
  const set = await workedOut(cloudFormation, pending, pace, signal);
  signal?.throwIfAborted();
  if (!set) return undefined;
  const known = (parameters: ReadonlyMap<string, string>) =>
    new Map([...parameters, ...pseudoParameters(pending.stackName, account, region)]);
  const broadens = broadening(
    before && {
      template: await processedTemplate(cloudFormation, before.name),
      parameters: known(before.parameters),
    },
    {
      template: await processedTemplate(cloudFormation, pending.stackName, pending.name),
      parameters: known(set.parameters),
    },
  );
  if (dryRun) {
    if (forPeople) writeChanges(terminal.out, set, broadens);
    return { set, broadens };
  }
  writeChanges(terminal.err, set, broadens);
  const wider = broadens.length === 0 ? '' : ' It allows more than is allowed now.';
  await agree(terminal, yes, {
    question: `Deploy this to account ${account}, ${region}?${wider}`,
    otherwise: 'nothing was deployed',
    remedy: 'to agree without being asked: gatehouse deploy --yes',
    signal,
  });
  const newest = await newestEvent(cloudFormation, set.stackId);
  signal?.throwIfAborted();
  await execute(cloudFormation, set);
  return { set, broadens, known: newest };
}

/** Does what comes before a change set is executed. What ends it otherwise discards the change set, and is thrown on. */
async function orDiscarded<Result>(
  { err }: Pick<Terminal, 'err'>,
  { cloudFormation }: Cloud,
  pending: Pending,
  { signal }: Waiting,
  work: () => Promise<Result>,
): Promise<Result> {
  const tell = (line: string) => writeStep(err, line);
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) tell('broken off: deleting the change set; Ctrl-C once more ends at once, and leaves it');
    const { stackName, name } = pending;
    await discard(cloudFormation, pending).catch((left: unknown) => {
      const why = left instanceof Error ? left.message : String(left);
      tell(`something of it may be left: ${why}`);
      tell(`look: aws cloudformation describe-change-set --stack-name ${stackName} --change-set-name ${name}`);
    });
    throw signal?.aborted ? new Failure('forbidden', 'it was broken off, so nothing was deployed') : error;
  }
}

/** What CloudFormation itself says of a stack's place. */
function pseudoParameters(stack: string, account: string, region: string): readonly (readonly [string, string])[] {
  return [
    ['AWS::AccountId', account],
    ['AWS::Partition', partitionOf(region)],
    ['AWS::Region', region],
    ['AWS::StackName', stack],
  ];
}

/** Follows a change set that is executed. @throws Failure `invalid` where the stack ends up as it was, or in pieces. */
async function followed(
  { err }: Terminal,
  { cloudFormation }: Cloud,
  set: ChangeSet,
  known: string | undefined,
  { pace, signal }: Waiting,
): Promise<Changed['outputs']> {
  const { status, failure } = await followStack(
    cloudFormation,
    set.stackId,
    known,
    pace,
    (event) => writeEvent(err, event),
    signal,
  ).catch((error: unknown) => {
    if (!signal?.aborted) throw error;
    throw new Failure('ambiguous', `it was broken off, and CloudFormation goes on with ${set.stackName}`, {
      remedy: `aws cloudformation describe-stacks --stack-name ${set.stackName} says how it ends`,
    });
  });
  if (/^(CREATE|UPDATE)_COMPLETE$/.test(status)) {
    return (await describeStack(cloudFormation, set.stackId))?.outputs ?? {};
  }
  const first = failureText(failure);
  const state = status === 'UPDATE_ROLLBACK_COMPLETE' ? 'everything is as it was before' : `the stack is ${status}`;
  const clear = set.creates
    ? `; what is left is removed by: aws cloudformation delete-stack --stack-name ${set.stackName}`
    : '';
  throw new Failure('invalid', `${set.stackName} was not deployed, and ${state}. The first that failed was ${first}`, {
    remedy: `${failure ? remedyOf(failure) : 'look into the events of the stack'}${clear}`,
  });
}
