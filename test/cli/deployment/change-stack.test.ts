import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  ListChangeSetsCommand,
} from '@aws-sdk/client-cloudformation';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { changeStack } from '../../../cli/src/deployment/change-stack.ts';
import type { Pace } from '../../../cli/src/deployment/pace.ts';
import { PLAIN } from '../../../cli/src/terminal/style.ts';
import type { Terminal } from '../../../cli/src/terminal/terminal.ts';
import { described, STACK_ID } from './described-stack.ts';

/* Whatever ends a deployment before its change set is executed takes the change set away, and the empty stack that it made. */

const cloud = mockClient(CloudFormationClient);
const cloudFormation = new CloudFormationClient({ region: 'eu-west-1' });
const ASKED = {
  ...{ stackName: 'gatehouse', name: 'gatehouse-1', creates: true, wasThere: false },
  ...{ template: { TemplateBody: '{}' }, parameters: [] },
};

describe('a stack that is changed', () => {
  let told: string;
  let broken: AbortController;
  beforeEach(() => {
    cloud.reset();
    [told, broken] = ['', new AbortController()];
    cloud.on(CreateChangeSetCommand).resolves({ Id: 'set', StackId: STACK_ID });
    cloud.on(DescribeChangeSetCommand).resolves({ Status: 'CREATE_COMPLETE', StackId: STACK_ID, Changes: [] });
    cloud.on(GetTemplateCommand).resolves({ TemplateBody: '{"Resources": {}}' });
    cloud.on(DescribeStackEventsCommand).resolves({ StackEvents: [] });
    cloud.on(ExecuteChangeSetCommand).resolves({});
    cloud.on(DescribeStacksCommand).resolves(described('REVIEW_IN_PROGRESS'));
    cloud.on(ListChangeSetsCommand).resolves({ Summaries: [] });
  });
  const pace: Pace = {
    now: () => 0,
    pause: async (_milliseconds, signal) => {
      broken.abort();
      signal?.throwIfAborted();
    },
  };
  const change = (ask?: Terminal['ask'], options: { yes?: boolean; dryRun?: boolean } = { yes: ask === undefined }) => {
    const write = (text: string) => {
      told += text;
    };
    const output = { write, style: PLAIN, width: undefined };
    const terminal = { out: output, err: output, env: {}, ask, exitCode: 0, progress: undefined as never } as const;
    const here = { cloudFormation, s3: undefined as never, account: '111122223333', region: 'eu-west-1' };
    return changeStack(terminal, here, ASKED, { ...options, forPeople: true }, { pace, signal: broken.signal });
  };
  const called = () => ({
    executed: cloud.commandCalls(ExecuteChangeSetCommand).length,
    discarded: cloud.commandCalls(DeleteChangeSetCommand).length,
    stacks: cloud.commandCalls(DeleteStackCommand).length,
  });
  const refuse = (message: string) => Object.assign(new Error(message), { name: 'ThrottlingException' });

  it.each<[string, () => unknown, RegExp]>([
    ['the change set cannot be read', () => cloud.on(DescribeChangeSetCommand).rejects(refuse('slow')), /slow/],
    [
      'CloudFormation refuses the change set',
      () => cloud.on(DescribeChangeSetCommand).resolves({ Status: 'FAILED', StatusReason: 'no code' }),
      /no code/,
    ],
    ['the template cannot be read', () => cloud.on(GetTemplateCommand).rejects(refuse('slow')), /slow/],
    ['the template cannot be parsed', () => cloud.on(GetTemplateCommand).resolves({ TemplateBody: '{' }), /JSON/],
    ['the events cannot be read', () => cloud.on(DescribeStackEventsCommand).rejects(refuse('slow')), /slow/],
    ['it may not be executed', () => cloud.on(ExecuteChangeSetCommand).rejects(refuse('slow')), /slow/],
  ])('is left as it was where %s', async (_what, wrong, message) => {
    wrong();
    await expect(change()).rejects.toThrow(message);
    expect(called()).toMatchObject({ discarded: 1, stacks: 1 });
  });

  it.each<[string, Terminal['ask']]>([
    ['no', async () => 'no'],
    ['nobody', undefined],
    ['a question that fails', () => Promise.reject(new Error('the terminal is gone'))],
  ])('is left as it was where the answer is %s', async (_what, ask) => {
    await expect(change(ask, {})).rejects.toThrow();
    expect(called()).toEqual({ executed: 0, discarded: 1, stacks: 1 });
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'while the change set is worked out',
      () => {
        cloud.on(DescribeChangeSetCommand).resolves({ Status: 'CREATE_IN_PROGRESS' });
        return change();
      },
    ],
    [
      'during a call, though it answers',
      () => {
        cloud.on(GetTemplateCommand).callsFake(() => {
          broken.abort();
          return { TemplateBody: '{"Resources": {}}' };
        });
        return change();
      },
    ],
    [
      'while a person is asked',
      () =>
        change((_question, signal) => {
          const asked = new Promise<string>((_, reject) =>
            signal?.addEventListener('abort', () => reject(new Error('AbortError'))),
          );
          broken.abort();
          return asked;
        }),
    ],
  ])('is left as it was where it is broken off %s', async (_when, broke) => {
    await expect(broke()).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('broken off') });
    expect(called()).toEqual({ executed: 0, discarded: 1, stacks: 1 });
    expect(told).toContain('broken off: deleting the change set');
  });

  it('says what is left where that cannot be taken away, and why it failed in the first place', async () => {
    cloud.on(GetTemplateCommand).rejects(refuse('slow'));
    cloud.on(DeleteChangeSetCommand).rejects(new Error('no DeleteChangeSet'));
    await expect(change()).rejects.toThrow('slow');
    expect(told).toContain('no DeleteChangeSet');
    expect(told).toContain('describe-change-set --stack-name gatehouse --change-set-name gatehouse-1');
  });

  it('goes on without the one who breaks it off once it is executed, and keeps its change set', async () => {
    cloud.on(DescribeStacksCommand).resolves(described('CREATE_IN_PROGRESS'));
    await expect(change()).rejects.toMatchObject({
      code: 'ambiguous',
      remedy: expect.stringContaining('describe-stacks'),
    });
    expect(called()).toEqual({ executed: 1, discarded: 0, stacks: 0 });
  });

  it('is left as it was by a dry run', async () => {
    expect(await change(undefined, { dryRun: true })).toMatchObject({ state: 'planned' });
    expect(called()).toEqual({ executed: 0, discarded: 1, stacks: 1 });
  });
});
