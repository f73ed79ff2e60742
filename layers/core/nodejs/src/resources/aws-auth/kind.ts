import type { ClusterPorts } from '../../ports/world.ts';
import type { Kind } from '../resource.ts';
import { apply, observe } from './apply.ts';
import { diff } from './diff.ts';
import type { AwsAuthClaim, AwsAuthObserved } from './model.ts';

/** The entries of the `aws-auth` ConfigMap: who may come into a cluster, and under which username. */
export const awsAuthKind: Kind<AwsAuthClaim, AwsAuthObserved, ClusterPorts> = {
  name: 'aws-auth',
  iamActions: [],
  keepsSnapshot: true,
  observe,
  diff,
  apply,
};
