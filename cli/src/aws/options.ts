import type { Command } from 'commander';
import type { Caller } from './caller.ts';

/** How a person says as whom and where a verb works; what is left out follows the usual chain of the AWS tools. */
export interface AwsOptions {
  readonly profile?: string;
  readonly region?: string;
  /** Who and where that came to, where a verb has found it out already. */
  readonly caller?: Caller;
}

/** Adds the options of {@link AwsOptions} to a verb. */
export function withAwsOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'profile of the AWS configuration (default: AWS_PROFILE)')
    .option('--region <region>', 'AWS Region where Gatehouse runs (default: AWS_REGION)');
}
