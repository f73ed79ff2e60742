import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ListChangeSetsCommand,
  type StackEvent,
} from '@aws-sdk/client-cloudformation';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { beginChangeSet, discard, workedOut } from '../../../cli/src/deployment/change-set.ts';
import type { Pace } from '../../../cli/src/deployment/pace.ts';
import { describeStack, firstFailure, followStack, remedyOf, stuck } from '../../../cli/src/deployment/stack.ts';
import { deleteStack } from '../../../cli/src/deployment/uninstall.ts';
import { writeChanges } from '../../../cli/src/deployment/write-changes.ts';
import { PLAIN } from '../../../cli/src/terminal/style.ts';
import { described, noStack, STACK_ID } from './described-stack.ts';

/*
 * What the emulator of the real tier does not do as AWS does: change sets that are worked out for a while, that replace, that
 * come in pages, that fail; stacks that fail in the middle; a policy that IAM does not delete.
 */

const cloud = mockClient(CloudFormationClient);
const client = new CloudFormationClient({ region: 'eu-west-1' });
/** A pace at which nothing is waited for, and that counts. */
function pace(): Pace & { pauses: number } {
  return {
    pauses: 0,
    now: () => 0,
    async pause() {
      this.pauses += 1;
      if (this.pauses > 50) throw new Error('it waits for ever');
    },
  };
}
const output = () => {
  const lines: string[] = [];
  return { lines, write: (text: string) => void lines.push(text), style: PLAIN, width: undefined };
};
beforeEach(() => cloud.reset());

const ASKED = {
  ...{ stackName: 'gatehouse', name: 'one', creates: false, wasThere: true },
  ...{ template: { TemplateBody: '{}' }, parameters: [] },
};

describe('a change set', () => {
  beforeEach(() => cloud.on(CreateChangeSetCommand).resolves({ Id: 'set', StackId: STACK_ID }));

  it('is waited for, and read to its last page', async () => {
    cloud
      .on(DescribeChangeSetCommand)
      .resolvesOnce({ Status: 'CREATE_PENDING' })
      .resolvesOnce({ Status: 'CREATE_IN_PROGRESS' })
      .resolvesOnce({
        Status: 'CREATE_COMPLETE',
        StackId: STACK_ID,
        Parameters: [{ ParameterKey: 'LogLevel', ParameterValue: 'INFO' }],
        Changes: [
          { ResourceChange: { Action: 'Add', LogicalResourceId: 'A', ResourceType: 'AWS::SQS::Queue' } },
          {
            ResourceChange: {
              Action: 'Modify',
              LogicalResourceId: 'B',
              ResourceType: 'AWS::Lambda::Function',
              Replacement: 'False',
              Details: [
                { Target: { Attribute: 'Properties', Name: 'Timeout', BeforeValue: '10', AfterValue: '30' } },
                { Target: { Attribute: 'Properties', Name: 'Code', BeforeValue: 'x'.repeat(99), AfterValue: 'y' } },
                { Target: { Attribute: 'Tags' } },
              ],
            },
          },
        ],
        NextToken: 'more',
      })
      .resolvesOnce({
        Changes: [
          {
            ResourceChange: {
              Action: 'Modify',
              LogicalResourceId: 'C',
              ResourceType: 'AWS::IAM::Role',
              Replacement: 'True',
              Details: [{ Target: { Attribute: 'Properties', Name: 'RoleName' } }],
            },
          },
          {
            ResourceChange: {
              Action: 'Remove',
              LogicalResourceId: 'D',
              ResourceType: 'AWS::DynamoDB::Table',
              PolicyAction: 'Retain',
            },
          },
        ],
      });
    const waited = pace();
    const set = (await workedOut(client, await beginChangeSet(client, ASKED), waited))!;
    expect(waited.pauses).toBe(2);
    expect(set.parameters).toEqual(new Map([['LogLevel', 'INFO']]));
    const [{ args }] = cloud.commandCalls(CreateChangeSetCommand) as unknown as [{ args: [{ input: object }] }];
    expect(args[0].input).toMatchObject({
      ChangeSetType: 'UPDATE',
      Capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    });
    const written = output();
    writeChanges(written, set, []);
    expect(written.lines.join('')).toBe(`Stack gatehouse

  +  A  SQS::Queue
  ~  B  Lambda::Function  Timeout 10 -> 30, Code, Tags
  ~  C  IAM::Role         is made anew: RoleName
  -  D  DynamoDB::Table   stays, outside of the stack

4 resources: 1 to make, 2 to change (1 made anew), 1 to remove.
`);
  });

  it.each([
    "The submitted information didn't contain changes. Submit different information to create a change set.",
    'No updates are to be performed.',
  ])('that would change nothing is none: %s', async (StatusReason) => {
    cloud.on(DescribeChangeSetCommand).resolves({ Status: 'FAILED', StatusReason });
    expect(await workedOut(client, ASKED, pace())).toBeUndefined();
  });

  it('that CloudFormation refuses says why', async () => {
    cloud.on(DescribeChangeSetCommand).resolves({ Status: 'FAILED', StatusReason: 'Transform failed: no such code' });
    await expect(workedOut(client, ASKED, pace())).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('Transform failed: no such code'),
    });
  });

  it.each([
    ['of which nobody knows whether it came about is deleted', new Error('socket hang up'), 'ECONNRESET', 1],
    ['that was refused is left: it may be somebody else`s', new Error('AlreadyExists'), undefined, 0],
  ])('%s', async (_what, error, code, deleted) => {
    cloud.on(CreateChangeSetCommand).rejects(Object.assign(error, { code }));
    await expect(beginChangeSet(client, ASKED)).rejects.toThrow(error.message);
    expect(cloud.commandCalls(DeleteChangeSetCommand)).toHaveLength(deleted);
  });
});

describe('a change set that is discarded', () => {
  const pending = { name: 'one', stackName: 'gatehouse', creates: true, wasThere: false, stackId: STACK_ID };
  const deleted = () => ({
    sets: cloud.commandCalls(DeleteChangeSetCommand).map(({ args }) => args[0].input.ChangeSetName),
    stacks: cloud.commandCalls(DeleteStackCommand).map(({ args }) => args[0].input.StackName),
  });
  beforeEach(() => {
    cloud.on(DescribeStacksCommand).resolves(described('REVIEW_IN_PROGRESS'));
    // The deleted one may still be listed for a moment.
    cloud.on(ListChangeSetsCommand).resolves({ Summaries: [{ ChangeSetName: 'one' }] });
  });

  it('goes with the empty stack that it made', async () => {
    await discard(client, pending);
    expect(deleted()).toEqual({ sets: ['one'], stacks: [STACK_ID] });
  });

  it.each<[string, () => unknown, object?]>([
    ['is being made by somebody', () => cloud.on(DescribeStacksCommand).resolves(described('CREATE_IN_PROGRESS'))],
    ['was made by somebody', () => cloud.on(DescribeStacksCommand).resolves(described('CREATE_COMPLETE'))],
    ['was there before, as empty', () => {}, { wasThere: true }],
    ['is another of the same name', () => {}, { stackId: `${STACK_ID}0` }],
    [
      'somebody has prepared another change set for',
      () =>
        cloud
          .on(ListChangeSetsCommand)
          .resolvesOnce({ Summaries: [{ ChangeSetName: 'one' }], NextToken: 'more' })
          .resolvesOnce({ Summaries: [{ ChangeSetName: 'of-somebody' }] }),
    ],
    ['is gone', () => cloud.on(DescribeStacksCommand).rejects(noStack())],
  ])('leaves a stack that %s', async (_what, meanwhile, about = {}) => {
    meanwhile();
    await discard(client, { ...pending, ...about });
    expect(deleted()).toEqual({ sets: ['one'], stacks: [] });
  });

  it('takes no stack where it is executed already, or other change sets cannot be seen', async () => {
    cloud.on(ListChangeSetsCommand).rejects(new Error('no ListChangeSets'));
    await expect(discard(client, pending)).rejects.toThrow('no ListChangeSets');
    cloud.on(DeleteChangeSetCommand).rejects(new Error('InvalidChangeSetStatus'));
    await expect(discard(client, pending)).rejects.toThrow('InvalidChangeSetStatus');
    expect(deleted().stacks).toEqual([]);
  });
});

const event = (id: string, LogicalResourceId: string, ResourceStatus: string, ResourceStatusReason = '') =>
  ({
    EventId: id,
    LogicalResourceId,
    ResourceStatus,
    ResourceStatusReason,
    ResourceType: LogicalResourceId === 'gatehouse' ? 'AWS::CloudFormation::Stack' : 'AWS::SQS::Queue',
  }) as StackEvent;

describe('a stack', () => {
  it('that is not there is none; what else is refused stays an error', async () => {
    cloud.on(DescribeStacksCommand).rejectsOnce(noStack()).rejectsOnce(new Error('ValidationError: broken'));
    expect(await describeStack(client, 'gatehouse')).toBeUndefined();
    await expect(describeStack(client, 'gatehouse')).rejects.toThrow(/broken/);
    const sandbox = new Error('the sandbox does not play the service cloudformation');
    cloud.on(DescribeStacksCommand).rejects(Object.assign(sandbox, { name: 'NotImplemented' }));
    await expect(describeStack(client, 'gatehouse')).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('is followed to its end: each event once, in order, over pages, and none from before', async () => {
    cloud
      .on(DescribeStacksCommand)
      // As it was before: the update has begun already.
      .resolvesOnce(described('CREATE_COMPLETE'))
      .resolvesOnce(described('UPDATE_ROLLBACK_IN_PROGRESS'))
      .resolves(described('UPDATE_ROLLBACK_COMPLETE'));
    cloud
      .on(DescribeStackEventsCommand)
      .resolvesOnce({ StackEvents: [event('2', 'A', 'UPDATE_IN_PROGRESS'), event('1', 'old', 'CREATE_COMPLETE')] })
      .resolvesOnce({ StackEvents: [event('4', 'B', 'UPDATE_FAILED', 'Resource update cancelled')], NextToken: 'more' })
      .resolvesOnce({
        StackEvents: [event('3', 'A', 'UPDATE_FAILED', 'it is too long'), event('2', 'A', 'UPDATE_IN_PROGRESS')],
      })
      .resolves({
        StackEvents: [
          event('5', 'gatehouse', 'UPDATE_ROLLBACK_COMPLETE'),
          event('4', 'B', 'UPDATE_FAILED', 'Resource update cancelled'),
        ],
      });
    const told: (string | undefined)[] = [];
    const waited = pace();
    const ended = await followStack(client, STACK_ID, '1', waited, ({ EventId }) => told.push(EventId));
    expect(told).toEqual(['2', '3', '4', '5']);
    expect(ended).toEqual({
      status: 'UPDATE_ROLLBACK_COMPLETE',
      failure: { logicalId: 'A', type: 'AWS::SQS::Queue', reason: 'it is too long' },
    });
    expect(waited.pauses).toBe(2);
  });

  it('has failed for what failed first, not for what was cancelled, nor for its own summary', () => {
    const of = [
      event('1', 'A', 'CREATE_FAILED', 'Resource creation cancelled'),
      event('2', 'B', 'CREATE_FAILED', 'Rate exceeded'),
      event('3', 'gatehouse', 'ROLLBACK_IN_PROGRESS', 'The following resource(s) failed to create: [B]'),
    ];
    expect(firstFailure(of)).toMatchObject({ logicalId: 'B', reason: 'Rate exceeded' });
    expect(firstFailure([event('1', 'A', 'CREATE_COMPLETE')])).toBeUndefined();
  });

  it.each([
    ['gatehouse-boundary already exists in stack x', /rename or delete/],
    ['User is not authorized to perform: iam:CreateRole', /administrator/],
    ['AccessDenied', /administrator/],
    ['The specified KMS key does not exist or is not allowed to be used', /docs\/deploy.md/],
    ['Cannot exceed quota for RolesPerAccount: 1000', /docs\/scale.md/],
    ['Rate exceeded', /deploy again/],
    ['Something nobody has seen', /mend what it names/],
  ])('that failed for "%s" says what to do', (reason, remedy) => {
    expect(remedyOf({ logicalId: 'A', type: 'T', reason })).toMatch(remedy);
  });

  it.each([
    ['CREATE_COMPLETE', undefined],
    ['UPDATE_COMPLETE', undefined],
    ['UPDATE_ROLLBACK_COMPLETE', undefined],
    ['REVIEW_IN_PROGRESS', undefined],
    ['UPDATE_IN_PROGRESS', /wait/],
    ['DELETE_IN_PROGRESS', /wait/],
    ['ROLLBACK_COMPLETE', /delete-stack/],
    ['ROLLBACK_FAILED', /delete-stack/],
    ['CREATE_FAILED', /delete-stack/],
    ['DELETE_FAILED', /uninstall/],
    ['UPDATE_ROLLBACK_FAILED', /continue-update-rollback/],
    ['UPDATE_FAILED', /rollback-stack/],
  ])('that is %s is deployed over, or says what to do first', (state, remedy) => {
    const stack = {
      id: STACK_ID,
      name: 'gatehouse',
      status: state,
      parameters: new Map(),
      outputs: {},
      isProtected: false,
    };
    const failure = { logicalId: 'A', type: 'AWS::SQS::Queue', reason: 'it is too long' };
    const problem = stuck(stack, failure);
    if (remedy === undefined) expect(problem).toBeUndefined();
    else {
      expect(problem?.remedy).toMatch(remedy);
      if (!state.endsWith('_IN_PROGRESS')) expect(problem?.message).toContain('it is too long');
    }
  });
});

describe('a stack that is deleted', () => {
  const stack = {
    id: STACK_ID,
    name: 'gatehouse',
    status: 'CREATE_COMPLETE',
    parameters: new Map(),
    outputs: {},
    isProtected: false,
  };
  const remove = () =>
    deleteStack(
      { cloudFormation: client, s3: undefined as never, account: '1', region: 'r' },
      stack,
      { err: output() },
      pace(),
    );

  it('leaves its permissions boundary to those who hold it', async () => {
    cloud.on(DescribeStacksCommand).resolvesOnce(described('DELETE_FAILED')).resolvesOnce(described('DELETE_COMPLETE'));
    cloud
      .on(DescribeStackEventsCommand)
      .resolvesOnce({ StackEvents: [] })
      .resolvesOnce({
        StackEvents: [
          event(
            '1',
            'gatehouse',
            'DELETE_FAILED',
            'The following resource(s) failed to delete: [PermissionsBoundary].',
          ),
          event('0', 'PermissionsBoundary', 'DELETE_FAILED', 'Cannot delete a policy attached to entities'),
        ],
      })
      .resolvesOnce({ StackEvents: [event('1', 'gatehouse', 'DELETE_FAILED')] })
      .resolves({ StackEvents: [event('2', 'gatehouse', 'DELETE_COMPLETE')] });
    expect(await remove()).toEqual({ boundaryStays: true });
    expect(cloud.commandCalls(DeleteStackCommand).map(({ args }) => args[0].input.RetainResources)).toEqual([
      undefined,
      ['PermissionsBoundary'],
    ]);
  });

  it('and does not go says what keeps it', async () => {
    cloud.on(DescribeStacksCommand).resolves(described('DELETE_FAILED'));
    cloud
      .on(DescribeStackEventsCommand)
      .resolvesOnce({ StackEvents: [] })
      .resolves({
        StackEvents: [event('1', 'gatehouse', 'DELETE_FAILED'), event('0', 'Queue', 'DELETE_FAILED', 'AccessDenied')],
      });
    await expect(remove()).rejects.toMatchObject({
      message: expect.stringContaining('Queue (AWS::SQS::Queue): AccessDenied'),
      remedy: expect.stringContaining('administrator'),
    });
  });
});
