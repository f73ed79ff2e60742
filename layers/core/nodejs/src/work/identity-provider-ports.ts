import type { Json } from '../access/json.ts';
import type { Account, Cluster, IdentityProvider } from '../access/policy.ts';
import { clusterTarget, type Target } from '../access/target.ts';
import type { Key, Table } from '../ports/table.ts';
import { type Attempt, claimOf, type IdentityProviderPorts } from '../resources/identity-provider/model.ts';
import { untilDeadline } from './deadline.ts';
import { targetPk } from './keys.ts';
import type { TurnPorts } from './turn-ports.ts';

/** How long an association that failed is not tried again by itself. */
const FAILED_FOR_MS = 60 * 60 * 1000;

/**
 * What the kinds of EKS's own settings work on. EKS is entered only where one of them is concerned.
 * @param callsUntil milliseconds UTC after which no call to EKS may start.
 */
export function identityProviderPorts(
  { table, world, clock, web }: Pick<TurnPorts, 'table' | 'world' | 'clock' | 'web'>,
  account: Account,
  cluster: Cluster,
  provider: IdentityProvider | undefined,
  callsUntil: number,
): IdentityProviderPorts {
  const key = attemptKey(clusterTarget(cluster.arn));
  return {
    cluster: cluster.name,
    eks: async () => untilDeadline(await world.eks(account, cluster.region), clock, callsUntil),
    web,
    ...(provider === undefined ? {} : { wanted: claimOf(provider).config }),
    attempts: {
      async last() {
        const item = await table.get(key);
        const attempt = item?.attempt as Attempt | undefined;
        return attempt && clock.now() - attempt.at < FAILED_FOR_MS ? attempt : undefined;
      },
      async note(attempt) {
        await table.put({ ...key, attempt: { ...attempt, at: clock.now() } as unknown as Json });
      },
    },
  };
}

/** Has an association tried again at once that failed. */
export async function forgetAttempt(table: Table, target: Target): Promise<void> {
  await table.delete(attemptKey(target));
}

const attemptKey = (target: Target): Key => ({ pk: targetPk(target), sk: 'identity-provider-attempt' });
