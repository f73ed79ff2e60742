import { Failure, isFailure } from '../../access/failure.ts';
import type { ClusterPorts } from '../../ports/world.ts';
import type { Change } from '../resource.ts';
import { AWS_AUTH_REF, type AwsAuthObserved } from './model.ts';

/** Reads the ConfigMap, in one call. */
export async function observe(ports: ClusterPorts): Promise<AwsAuthObserved> {
  const configMap = await ports.kubernetes.read(AWS_AUTH_REF);
  return configMap === undefined ? { present: false } : { present: true, configMap };
}

/**
 * Writes the ConfigMap, in one call: created, or replaced if it is still the version that was observed.
 * @throws Failure `conflict` where somebody else wrote it since, also where somebody else created it; nothing was written.
 * @throws Failure `invalid` for a deletion, which no diff of this kind asks for: it would lock every principal out.
 */
export async function apply(ports: ClusterPorts, change: Change<AwsAuthObserved>): Promise<AwsAuthObserved> {
  if (!change.after.present) throw new Failure('invalid', 'the ConfigMap aws-auth is never deleted');
  const { configMap } = change.after;
  if (change.before.present) return { present: true, configMap: await ports.kubernetes.replace(configMap) };
  try {
    return { present: true, configMap: await ports.kubernetes.create(configMap) };
  } catch (error) {
    if (!isFailure(error, 'already-exists')) throw error;
    throw new Failure('conflict', 'the ConfigMap aws-auth was created by somebody else meanwhile', { cause: error });
  }
}
