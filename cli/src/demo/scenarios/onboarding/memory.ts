import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';

/** What one act hands on to the next. */
export interface Memory {
  awsAuthBefore?: Readonly<Record<string, string>>;
  objectsBefore?: readonly string[];
  miaSession?: AwsCredentials;
}
