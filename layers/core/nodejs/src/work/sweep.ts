import { parsePrincipalArn } from '../access/arn.ts';
import { iamRoleName } from '../access/names.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { machineSubject } from '../access/subject.ts';
import { clusterTarget, roleTarget, type Target, userTarget } from '../access/target.ts';
import { allClusters, clustersOf } from '../policy/selection.ts';
import { policyInForce } from '../policy/versions.ts';
import type { TableReader } from '../ports/table.ts';
import { discoveredClusters } from './clusters.ts';
import { principalFor } from './member-facts.ts';
import { type WakePorts, wakeToSweep } from './wake.ts';

/** Every target that the policy in force speaks of, as far as it can be told without reading the directory. */
export async function targetsOfPolicy(reader: TableReader, policy: AccessPolicy): Promise<readonly Target[]> {
  const discovered = await discoveredClusters(reader);
  const targets = new Set<Target>(allClusters(policy, discovered).map(({ arn }) => clusterTarget(arn)));
  for (const grant of policy.grants) {
    for (const { account, region } of clustersOf(policy, grant, discovered)) {
      if (grant.through === 'role') targets.add(roleTarget(account, iamRoleName(grant.name)));
      else if ('machine' in grant.to) {
        const principal = await principalFor(reader, policy, machineSubject(grant.to.machine), account, region);
        if ('arn' in principal) targets.add(userTarget(account, parsePrincipalArn(principal.arn).name));
      }
    }
  }
  return [...targets];
}

/**
 * The hour's full look: asks the worker of every target of the policy to go through all that is recorded there, page by
 * page, behind whatever is marked. What somebody changed by hand is put right, and what is parked is tried again.
 */
export async function sweep(ports: WakePorts, scheduledAt: number): Promise<readonly Target[]> {
  const inForce = await policyInForce(ports.table);
  if (!inForce) return [];
  const targets = await targetsOfPolicy(ports.table, inForce.policy);
  for (const target of targets) await wakeToSweep(ports, target, {}, `hour ${Math.floor(scheduledAt / 3_600_000)}`);
  return targets;
}
