import { parseClusterArn } from '@gatehouse/core/access/arn';
import { Failure, isFailure } from '@gatehouse/core/access/failure';
import { clusterTarget, parseTarget, type Target } from '@gatehouse/core/access/target';
import type { RunOperation } from './run-operation.ts';
import type { StatusOutcome } from './status-outcome.ts';

/**
 * What a person means by a target: the target itself (`cluster/<arn>`, `iam/<account>/role/<name>`), a cluster's ARN, or the
 * name of a cluster of the policy in force.
 * @throws Failure `not-found` (with the names that there are), `invalid` where two clusters have the name.
 */
export async function targetOf(text: string, run: RunOperation): Promise<Target> {
  if (text.startsWith('arn:')) return clusterTarget(requireArn(text));
  if (text.includes('/')) {
    try {
      parseTarget(text);
      return text as Target;
    } catch (error) {
      if (!isFailure(error)) throw error;
      const remedy =
        'write cluster/<arn>, iam/<account>/role/<name>, iam/<account>/user/<name>, or the name of a cluster';
      throw new Failure('invalid', error.message, { remedy });
    }
  }
  const { clusters } = await run<StatusOutcome>({ operation: 'status' });
  const found = clusters.filter(({ name }) => name === text);
  if (found.length > 1) {
    throw new Failure('invalid', `"${text}" is the name of ${found.length} clusters`, {
      remedy: `name it by its ARN: ${found.map(({ arn }) => arn).join(' or ')}`,
    });
  }
  const [cluster] = found;
  if (cluster) return clusterTarget(cluster.arn);
  throw new Failure('not-found', `the policy in force names no cluster "${text}"`, {
    remedy:
      clusters.length === 0 ? 'activate a policy first' : `it names ${clusters.map(({ name }) => name).join(', ')}`,
  });
}

function requireArn(arn: string): string {
  parseClusterArn(arn);
  return arn;
}

/** A target as people call it: a cluster by its name and Region. */
export function shortTarget(target: string): string {
  const parts = parseTarget(target);
  if (parts.type === 'iam') return `${parts.principal} ${parts.name} (${parts.account})`;
  const [, , , region, , resource = ''] = parts.arn.split(':');
  const cluster = `${resource.replace(/^cluster\//, '')} (${region})`;
  return parts.type === 'verify' ? `verification of ${cluster}` : cluster;
}
