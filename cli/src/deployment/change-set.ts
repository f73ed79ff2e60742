import {
  type Change,
  type CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetOutput,
  ExecuteChangeSetCommand,
} from '@aws-sdk/client-cloudformation';
import { Failure } from '@gatehouse/core/access/failure';
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

/** A change set that CloudFormation has worked out. */
export interface ChangeSet {
  readonly id: string;
  readonly stackId: string;
  readonly stackName: string;
  readonly changes: readonly ResourceChange[];
  readonly parameters: ReadonlyMap<string, string>;
  /** The stack is made by it. */
  readonly creates: boolean;
}

/** A change set that is asked for. */
export interface Asked {
  readonly stackName: string;
  readonly name: string;
  readonly creates: boolean;
  readonly template: { readonly TemplateBody: string } | { readonly TemplateURL: string };
  readonly parameters: readonly {
    readonly ParameterKey: string;
    readonly ParameterValue?: string;
    readonly UsePreviousValue?: boolean;
  }[];
}

const OFTEN_MS = 1_000;
const NOTHING = /didn't contain changes|no updates are to be performed/i;

/**
 * Has a change set worked out, and waits for it.
 * @returns undefined where it would change nothing; it is deleted then. @throws Failure with CloudFormation's reason.
 */
export async function createChangeSet(
  cloud: CloudFormationClient,
  { stackName, name, creates, template, parameters }: Asked,
  pace: Pace,
): Promise<ChangeSet | undefined> {
  const { Id = '' } = await orFailure(`asking for a change set of the stack ${stackName}`, () =>
    cloud.send(
      new CreateChangeSetCommand({
        StackName: stackName,
        ChangeSetName: name,
        ChangeSetType: creates ? 'CREATE' : 'UPDATE',
        Description: 'gatehouse deploy',
        Parameters: [...parameters],
        Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
        ...template,
      }),
    ),
  );
  for (;;) {
    const page = await describe(cloud, stackName, Id);
    if (page.Status === 'CREATE_COMPLETE') return whole(cloud, stackName, Id, page, creates);
    if (page.Status === 'FAILED') {
      const reason = page.StatusReason ?? '';
      await discard(cloud, { id: Id, stackName, creates });
      if (NOTHING.test(reason)) return undefined;
      throw new Failure('invalid', `CloudFormation refuses the change set of ${stackName}: ${reason}`, {
        remedy: 'mend what it names: a parameter, or the template',
      });
    }
    await pace.pause(OFTEN_MS);
  }
}

const describe = (cloud: CloudFormationClient, StackName: string, ChangeSetName: string, NextToken?: string) =>
  orFailure(`reading the change set of ${StackName}`, () =>
    cloud.send(
      new DescribeChangeSetCommand({
        StackName,
        ChangeSetName,
        IncludePropertyValues: true,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    ),
  );

async function whole(
  cloud: CloudFormationClient,
  stackName: string,
  id: string,
  first: DescribeChangeSetOutput,
  creates: boolean,
): Promise<ChangeSet> {
  const changes = [...(first.Changes ?? [])];
  let token = first.NextToken;
  while (token !== undefined) {
    const page = await describe(cloud, stackName, id, token);
    changes.push(...(page.Changes ?? []));
    token = page.NextToken;
  }
  return {
    id,
    stackId: first.StackId ?? stackName,
    stackName,
    changes: changes.flatMap(changeOf),
    parameters: new Map(
      (first.Parameters ?? []).map(({ ParameterKey = '', ParameterValue = '' }) => [ParameterKey, ParameterValue]),
    ),
    creates,
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
export async function execute(cloud: CloudFormationClient, { id, stackName }: ChangeSet): Promise<void> {
  await orFailure(`executing the change set of ${stackName}`, () =>
    cloud.send(new ExecuteChangeSetCommand({ ChangeSetName: id, StackName: stackName, RetainExceptOnCreate: true })),
  );
}

/**
 * Deletes a change set that nobody executes, and with it the empty stack that it would have made: unless somebody else has made
 * the stack meanwhile.
 */
export async function discard(
  cloud: CloudFormationClient,
  { id, stackName, creates }: Pick<ChangeSet, 'id' | 'stackName' | 'creates'>,
): Promise<void> {
  await orFailure(`deleting the change set of ${stackName}`, async () => {
    await cloud.send(new DeleteChangeSetCommand({ ChangeSetName: id, StackName: stackName }));
    const stack = creates ? await describeStack(cloud, stackName) : undefined;
    if (stack?.status === 'REVIEW_IN_PROGRESS') await cloud.send(new DeleteStackCommand({ StackName: stack.id }));
  });
}
