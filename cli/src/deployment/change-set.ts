import {
  type Change,
  type CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetOutput,
  ExecuteChangeSetCommand,
  paginateListChangeSets,
} from '@aws-sdk/client-cloudformation';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { orFailure } from '@gatehouse/core/aws/failures';
import type { Pace } from './pace.ts';
import { describeStack } from './stack.ts';

/** What a change set does to one resource. */
export interface ResourceChange {
  readonly action: 'add' | 'modify' | 'remove';
  readonly logicalId: string;
  readonly type: string;
  /** Whether the resource is made anew, under another identity. `maybe`: CloudFormation finds out while it does it. */
  readonly replacement: 'no' | 'maybe' | 'yes';
  /** Removed from the stack, and kept. */
  readonly kept: boolean;
  /** What changes of it: `Timeout 10 -> 30`, where both are known. */
  readonly properties: readonly string[];
}

/** A change set that is asked for. */
export interface Asked {
  readonly stackName: string;
  /** Of this change set alone: letters, digits and hyphens. */
  readonly name: string;
  /** The stack is made by it. */
  readonly creates: boolean;
  /** A stack of this name was there before, be it one that somebody else's change set is to make. */
  readonly wasThere: boolean;
  readonly template: { readonly TemplateBody: string } | { readonly TemplateURL: string };
  readonly parameters: readonly {
    readonly ParameterKey: string;
    readonly ParameterValue?: string;
    readonly UsePreviousValue?: boolean;
  }[];
}

/** A change set that is there, and is executed or discarded. */
export interface Pending extends Pick<Asked, 'name' | 'stackName' | 'creates' | 'wasThere'> {
  /** Undefined where it is not known whether it came about at all. */
  readonly stackId?: string;
}

/** A change set that CloudFormation has worked out. */
export interface ChangeSet extends Pending {
  readonly stackId: string;
  readonly changes: readonly ResourceChange[];
  readonly parameters: ReadonlyMap<string, string>;
}

const OFTEN_MS = 1_000;
const NOTHING = /didn't contain changes|no updates are to be performed/i;

/**
 * Asks CloudFormation for a change set. Where it is not known whether it came about, it is discarded.
 * @throws Failure what CloudFormation refuses.
 */
export async function beginChangeSet(cloud: CloudFormationClient, asked: Asked): Promise<Pending> {
  const { stackName, name, creates, wasThere, template, parameters } = asked;
  const pending = { name, stackName, creates, wasThere };
  const call = new CreateChangeSetCommand({
    StackName: stackName,
    ChangeSetName: name,
    // The client asks again after a broken connection, and would be told that there is one of this name.
    ClientToken: name,
    ChangeSetType: creates ? 'CREATE' : 'UPDATE',
    Description: 'gatehouse deploy',
    Parameters: [...parameters],
    Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    ...template,
  });
  try {
    const { StackId } = await orFailure(`asking for a change set of the stack ${stackName}`, () => cloud.send(call));
    return { ...pending, ...(StackId === undefined ? {} : { stackId: StackId }) };
  } catch (error) {
    if (isFailure(error, 'ambiguous')) await discard(cloud, pending).catch(() => {});
    throw error;
  }
}

/**
 * Waits until a change set is worked out.
 * @param signal breaks the waiting off.
 * @returns undefined where it would change nothing. @throws Failure with CloudFormation's reason.
 */
export async function workedOut(
  cloud: CloudFormationClient,
  pending: Pending,
  pace: Pace,
  signal?: AbortSignal,
): Promise<ChangeSet | undefined> {
  for (;;) {
    const page = await describe(cloud, pending);
    if (page.Status === 'CREATE_COMPLETE') return whole(cloud, pending, page);
    if (page.Status === 'FAILED') {
      const reason = page.StatusReason ?? '';
      if (NOTHING.test(reason)) return undefined;
      throw new Failure('invalid', `CloudFormation refuses the change set of ${pending.stackName}: ${reason}`, {
        remedy: 'mend what it names: a parameter, or the template',
      });
    }
    await pace.pause(OFTEN_MS, signal);
  }
}

const describe = (cloud: CloudFormationClient, { stackName, name }: Pending, NextToken?: string) =>
  orFailure(`reading the change set of ${stackName}`, () =>
    cloud.send(
      new DescribeChangeSetCommand({
        StackName: stackName,
        ChangeSetName: name,
        IncludePropertyValues: true,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    ),
  );

async function whole(
  cloud: CloudFormationClient,
  pending: Pending,
  first: DescribeChangeSetOutput,
): Promise<ChangeSet> {
  const changes = [...(first.Changes ?? [])];
  let token = first.NextToken;
  while (token !== undefined) {
    const page = await describe(cloud, pending, token);
    changes.push(...(page.Changes ?? []));
    token = page.NextToken;
  }
  return {
    ...pending,
    stackId: first.StackId ?? pending.stackId ?? pending.stackName,
    changes: changes.flatMap(changeOf),
    parameters: new Map(
      (first.Parameters ?? []).map(({ ParameterKey = '', ParameterValue = '' }) => [ParameterKey, ParameterValue]),
    ),
  };
}

const ACTIONS: Readonly<Record<string, ResourceChange['action']>> = {
  Add: 'add',
  Import: 'add',
  Modify: 'modify',
  // CloudFormation cannot say before it does it.
  Dynamic: 'modify',
  SyncWithActual: 'modify',
  Remove: 'remove',
};
const REPLACEMENTS: Readonly<Record<string, ResourceChange['replacement']>> = { True: 'yes', Conditional: 'maybe' };
/** Longer values are named, not shown. */
const SHOWN = 40;

function changeOf({ ResourceChange: change }: Change): ResourceChange[] {
  if (!change) return [];
  const properties = (change.Details ?? []).map(({ Target = {} }) => {
    const name = Target.Name ?? Target.Attribute ?? 'something';
    const { BeforeValue: before, AfterValue: after } = Target;
    const isShort = before !== undefined && after !== undefined && before.length <= SHOWN && after.length <= SHOWN;
    return isShort && before !== after ? `${name} ${before} -> ${after}` : name;
  });
  return [
    {
      action: ACTIONS[change.Action ?? ''] ?? 'modify',
      logicalId: change.LogicalResourceId ?? '',
      type: change.ResourceType ?? '',
      replacement: REPLACEMENTS[change.Replacement ?? ''] ?? 'no',
      kept: change.PolicyAction === 'Retain',
      properties: [...new Set(properties)],
    },
  ];
}

/** Has a change set done. What a new stack's failure leaves is removed, also what is kept otherwise. */
export async function execute(cloud: CloudFormationClient, { name, stackName }: Pending): Promise<void> {
  await orFailure(`executing the change set of ${stackName}`, () =>
    cloud.send(
      new ExecuteChangeSetCommand({
        ChangeSetName: name,
        StackName: stackName,
        ClientRequestToken: name,
        RetainExceptOnCreate: true,
      }),
    ),
  );
}

/**
 * Deletes a change set that nobody executes, and with it the empty stack that it made: unless that was there before, or somebody
 * else has executed or prepared something on it meanwhile.
 * @throws Failure where CloudFormation refuses; what is executed already stays so.
 */
export async function discard(cloud: CloudFormationClient, pending: Pending): Promise<void> {
  const { name, stackName, stackId, wasThere } = pending;
  await orFailure(`deleting the change set ${name} of ${stackName}`, () =>
    cloud.send(new DeleteChangeSetCommand({ ChangeSetName: name, StackName: stackName })),
  );
  if (wasThere || (await hasOthers(cloud, pending))) return;
  const stack = await describeStack(cloud, stackName);
  if (stack?.status !== 'REVIEW_IN_PROGRESS' || stack.id !== (stackId ?? stack.id)) return;
  await orFailure(`deleting the stack ${stackName}, which is empty`, () =>
    cloud.send(new DeleteStackCommand({ StackName: stack.id })),
  );
}

/** Whether there are other change sets for the stack. */
async function hasOthers(cloud: CloudFormationClient, { name, stackName }: Pending): Promise<boolean> {
  return orFailure(`listing the change sets of ${stackName}`, async () => {
    for await (const { Summaries = [] } of paginateListChangeSets({ client: cloud }, { StackName: stackName })) {
      if (Summaries.some(({ ChangeSetName }) => ChangeSetName !== name)) return true;
    }
    return false;
  });
}
