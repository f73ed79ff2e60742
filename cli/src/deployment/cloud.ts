import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { S3Client } from '@aws-sdk/client-s3';
import { callerOf, identityOf } from '../aws/caller.ts';
import type { AwsOptions } from '../aws/options.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The account and Region in which a stack stands, and how it is reached. */
export interface Cloud {
  readonly cloudFormation: CloudFormationClient;
  readonly s3: S3Client;
  readonly account: string;
  readonly region: string;
}

/** An upload of some megabytes over a slow line takes longer than a function would wait for anything. */
const PATIENT = {
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 120_000, throwOnRequestTimeout: true },
} as const;

/** As whom and where the usual chain of the AWS tools says. @throws Failure where it says nothing. */
export async function cloudOf(options: AwsOptions, { env }: Pick<Terminal, 'env'>): Promise<Cloud> {
  const { region, credentials, sts } = await callerOf(options);
  const { account } = await identityOf(sts);
  const where = { ...PATIENT, region, credentials };
  // What plays AWS on one host has no host for each bucket.
  const forcePathStyle = Boolean(env.AWS_ENDPOINT_URL || env.AWS_ENDPOINT_URL_S3);
  return {
    cloudFormation: new CloudFormationClient(where),
    s3: new S3Client({ ...where, forcePathStyle }),
    account,
    region,
  };
}
