import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import type { Scene as PlainScene } from '../../scenario.ts';
import type { Delivery } from '../../webhooks.ts';

/** What an act of the main story works with. */
export interface Scene extends PlainScene {
  readonly memory: Memory;
}

/** What a later act needs of an earlier one. */
export interface Memory {
  /** `data` of prod-eu's aws-auth before Gatehouse's first write. */
  awsAuthBefore?: Readonly<Record<string, string>>;
  /** Both deliveries of the second act. */
  deliveries?: readonly Delivery[];
  /** A session of the role, that Mia began while she was a member. */
  miaSession?: AwsCredentials;
}
