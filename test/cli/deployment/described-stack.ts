import type { DescribeStacksOutput, Stack, StackStatus } from '@aws-sdk/client-cloudformation';

/** The id of the stack of {@link described}. */
export const STACK_ID = 'arn:aws:cloudformation:eu-west-1:111122223333:stack/gatehouse/1';

/** What CloudFormation answers of the stack `gatehouse` in a state. */
export function described(status: string, more: Partial<Stack> = {}): DescribeStacksOutput {
  const about = { StackId: STACK_ID, StackName: 'gatehouse', CreationTime: new Date(0) };
  return { Stacks: [{ ...about, StackStatus: status as StackStatus, ...more }] };
}

/** What it answers where there is none: its error has no name of its own. */
export function noStack(): Error {
  return Object.assign(new Error('Stack with id gatehouse does not exist'), { name: 'ValidationError' });
}
