import {
  type CloudFormationClient,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
  type Stack,
  type StackEvent,
} from '@aws-sdk/client-cloudformation';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { orFailure } from '@gatehouse/core/aws/failures';
import type { Pace } from './pace.ts';
import { type Template, templateOf } from './packaged-template.ts';

/** How often CloudFormation is asked how far it is. Its API takes a few calls a second from the whole account. */
const OFTEN_MS = 2_000;

/** What CloudFormation knows of a stack. */
export interface StackState {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** Whether CloudFormation refuses to delete it until somebody lifts that. */
  readonly isProtected: boolean;
  readonly parameters: ReadonlyMap<string, string>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Where the first thing went wrong. */
export interface FirstFailure {
  readonly logicalId: string;
  readonly type: string;
  readonly reason: string;
}

/** A stack by its name, or by its id where it is deleted. Undefined where there is none. */
export async function describeStack(cloud: CloudFormationClient, name: string): Promise<StackState | undefined> {
  try {
    const { Stacks = [] } = await orFailure(`looking at the stack ${name}`, () =>
      cloud.send(new DescribeStacksCommand({ StackName: name })),
    );
    return Stacks[0] && stateOf(Stacks[0]);
  } catch (error) {
    // CloudFormation has no name of its own for it.
    if (isFailure(error) && /does not exist/.test(error.message)) return undefined;
    if (isFailure(error) && /NotImplemented/.test(error.message)) {
      throw new Failure(
        'unsupported',
        'what AWS_ENDPOINT_URL reaches plays no CloudFormation: a sandbox has its stack already',
        {
          remedy: 'unset AWS_ENDPOINT_URL to reach AWS',
          cause: error,
        },
      );
    }
    throw error;
  }
}

function stateOf({
  StackId = '',
  StackName = '',
  StackStatus,
  Parameters = [],
  Outputs = [],
  ...rest
}: Stack): StackState {
  return {
    id: StackId,
    name: StackName,
    status: StackStatus ?? '',
    isProtected: rest.EnableTerminationProtection === true,
    parameters: new Map(Parameters.map(({ ParameterKey = '', ParameterValue = '' }) => [ParameterKey, ParameterValue])),
    outputs: Object.fromEntries(Outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
  };
}

/** The template of a stack or of a change set, as the transform left it. */
export async function processedTemplate(
  cloud: CloudFormationClient,
  StackName: string,
  ChangeSetName?: string,
): Promise<Template> {
  const { TemplateBody = '{}' } = await orFailure(`reading the template of ${StackName}`, () =>
    cloud.send(
      new GetTemplateCommand({
        StackName,
        TemplateStage: 'Processed',
        ...(ChangeSetName === undefined ? {} : { ChangeSetName }),
      }),
    ),
  );
  return TemplateBody.trimStart().startsWith('{') ? (JSON.parse(TemplateBody) as Template) : templateOf(TemplateBody);
}

/** What a stack's resources are called, by logical id. */
export async function physicalIds(
  cloud: CloudFormationClient,
  StackName: string,
): Promise<ReadonlyMap<string, { readonly id: string; readonly type: string }>> {
  const found = new Map<string, { id: string; type: string }>();
  let NextToken: string | undefined;
  do {
    const page = await orFailure(`listing what the stack ${StackName} holds`, () =>
      cloud.send(new ListStackResourcesCommand({ StackName, ...(NextToken === undefined ? {} : { NextToken }) })),
    );
    for (const { LogicalResourceId = '', PhysicalResourceId = '', ResourceType = '' } of page.StackResourceSummaries ??
      []) {
      found.set(LogicalResourceId, { id: PhysicalResourceId, type: ResourceType });
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}

/** The id of the newest event; what comes after it belongs to the next operation. */
export async function newestEvent(cloud: CloudFormationClient, stack: string): Promise<string | undefined> {
  const { StackEvents = [] } = await events(cloud, stack);
  return StackEvents[0]?.EventId;
}

const events = (cloud: CloudFormationClient, StackName: string, NextToken?: string) =>
  orFailure(`reading the events of ${StackName}`, () =>
    cloud.send(new DescribeStackEventsCommand({ StackName, ...(NextToken === undefined ? {} : { NextToken }) })),
  );

/** The events after `known`, oldest first; all of them without it. */
async function eventsAfter(
  cloud: CloudFormationClient,
  stack: string,
  known: string | undefined,
): Promise<readonly StackEvent[]> {
  const newer: StackEvent[] = [];
  let token: string | undefined;
  do {
    const { StackEvents = [], NextToken } = await events(cloud, stack, token);
    for (const event of StackEvents) {
      if (event.EventId === known) return newer.reverse();
      newer.push(event);
    }
    token = NextToken;
  } while (token !== undefined);
  return newer.reverse();
}

/** How an operation on a stack ended. */
export interface Ended {
  readonly status: string;
  readonly failure?: FirstFailure;
}

/**
 * Follows an operation to its end.
 * @param stack the id of the stack: its name is gone once it is deleted. @param known the newest event before the operation.
 * @param tell is told of each event as it comes. @param signal breaks the following off, and nothing else.
 */
export async function followStack(
  cloud: CloudFormationClient,
  stack: string,
  known: string | undefined,
  pace: Pace,
  tell: (event: StackEvent) => void,
  signal?: AbortSignal,
): Promise<Ended> {
  let last = known;
  const seen: StackEvent[] = [];
  for (;;) {
    // The state before the events, so that none of the last ones is missed.
    const state = await describeStack(cloud, stack);
    const fresh = await eventsAfter(cloud, stack, last);
    for (const event of fresh) tell(event);
    seen.push(...fresh);
    last = fresh.at(-1)?.EventId ?? last;
    if (!state) return { status: 'DELETE_COMPLETE' };
    // The state of before is still told for a moment after an operation has begun: what has ended says so by an event.
    const isEnd = ({ ResourceType, ResourceStatus }: StackEvent) =>
      ResourceType === 'AWS::CloudFormation::Stack' && ResourceStatus === state.status;
    if (!state.status.endsWith('_IN_PROGRESS') && seen.some(isEnd)) {
      const failure = firstFailure(seen);
      return { status: state.status, ...(failure ? { failure } : {}) };
    }
    await pace.pause(OFTEN_MS, signal);
  }
}

/** What failed first; what others failed for after it is not the reason. Events oldest first. */
export function firstFailure(of: readonly StackEvent[]): FirstFailure | undefined {
  const failed = of.filter(
    ({ ResourceStatus = '', ResourceStatusReason = '', ResourceType }) =>
      ResourceStatus.endsWith('_FAILED') &&
      ResourceType !== 'AWS::CloudFormation::Stack' &&
      !/cancelled/i.test(ResourceStatusReason),
  );
  const [first = of.find(({ ResourceStatus = '' }) => ResourceStatus.endsWith('_FAILED'))] = failed;
  if (!first) return undefined;
  const { LogicalResourceId = '', ResourceType = '', ResourceStatusReason = 'CloudFormation gives no reason' } = first;
  return { logicalId: LogicalResourceId, type: ResourceType, reason: ResourceStatusReason };
}

/** Why the operation before this one failed, as far as its events are still kept. */
export async function lastFailure(cloud: CloudFormationClient, stack: string): Promise<FirstFailure | undefined> {
  const all = await eventsAfter(cloud, stack, undefined);
  const begin = all.findLastIndex(
    ({ ResourceType, ResourceStatus }) =>
      ResourceType === 'AWS::CloudFormation::Stack' &&
      /^(CREATE|UPDATE|DELETE)_IN_PROGRESS$/.test(ResourceStatus ?? ''),
  );
  return firstFailure(all.slice(Math.max(0, begin)));
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /already exists/i,
    'something has this name, of another stack or left by an earlier one: rename or delete it, then deploy again',
  ],
  [/kms|key policy/i, 'let the services use the key (docs/deploy.md, "Your own key"), then deploy again'],
  [/not authorized|access ?denied|forbidden/i, 'deploy as an administrator, or ask for the permission that is named'],
  [/limit|quota/i, 'raise the quota (docs/scale.md), then deploy again'],
  [/rate exceeded|throttl/i, 'deploy again: AWS was asked too often'],
];

/** What to do about it. */
export function remedyOf({ reason }: FirstFailure): string {
  return REMEDIES.find(([pattern]) => pattern.test(reason))?.[1] ?? 'mend what it names, then deploy again';
}

/** What failed first, and why. */
export function failureText(failure: FirstFailure | undefined): string {
  return failure ? `${failure.logicalId} (${failure.type}): ${failure.reason}` : 'CloudFormation gives no reason';
}

/** A stack that something is done to. */
export function busy({ name, status }: Pick<StackState, 'name' | 'status'>): Failure | undefined {
  if (!status.endsWith('_IN_PROGRESS') || status === 'REVIEW_IN_PROGRESS') return undefined;
  return new Failure('conflict', `the stack ${name} is being changed (${status})`, {
    remedy: 'wait until that has ended, then try again',
  });
}

/** A stack that is in no state to be changed. */
export function stuck(stack: StackState, failure: FirstFailure | undefined): Failure | undefined {
  const { name, status } = stack;
  const why = failure ? `: ${failure.logicalId} (${failure.type}) failed, ${failure.reason}` : '';
  const now = busy(stack);
  if (now) return now;
  const remedies: Readonly<Record<string, string>> = {
    ROLLBACK_COMPLETE: `aws cloudformation delete-stack --stack-name ${name}, which removes what never worked; then deploy again`,
    ROLLBACK_FAILED: `aws cloudformation delete-stack --stack-name ${name}; then deploy again`,
    CREATE_FAILED: `aws cloudformation delete-stack --stack-name ${name}; then deploy again`,
    DELETE_FAILED: `mend what is named, then gatehouse uninstall once more`,
    UPDATE_ROLLBACK_FAILED: `mend what is named, then aws cloudformation continue-update-rollback --stack-name ${name}`,
    UPDATE_FAILED: `mend what is named, then aws cloudformation rollback-stack --stack-name ${name}`,
  };
  const remedy = remedies[status];
  if (remedy === undefined) return undefined;
  const cause = failure ? `${remedyOf(failure)}. ` : '';
  return new Failure('invalid', `the stack ${name} is ${status}${why}`, { remedy: `${cause}${remedy}` });
}

/** Whether a stack is still to be made. */
export function isMissing(stack: StackState | undefined): boolean {
  return !stack || stack.status === 'REVIEW_IN_PROGRESS' || stack.status === 'DELETE_COMPLETE';
}
