import type { Command } from 'commander';

/** How a person says as whom and where a verb works; what is left out follows the usual chain of the AWS tools. */
export interface AwsOptions {
  readonly profile?: string;
  readonly region?: string;
}

/** Adds the options of {@link AwsOptions} to a verb. */
export function withAwsOptions(command: Command): Command {
  return command
    .option('--profile <name>', 'profile of the AWS configuration (default: AWS_PROFILE)')
    .option('--region <region>', 'AWS Region where Gatehouse runs (default: AWS_REGION)');
}
