import type { AwsCredentials } from '@gatehouse/core/aws/cluster-token';
import type { Show } from './show.ts';
import type { Stage } from './stage.ts';
import type { Delivery } from './webhooks.ts';

/** What an act works with, and what acts hand on. */
export interface Scene {
  readonly stage: Stage;
  readonly show: Show;
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
