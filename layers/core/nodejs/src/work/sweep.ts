import { parsePrincipalArn } from '../access/arn.ts';
import { iamRoleName } from '../access/names.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { grantSubject, machineSubject } from '../access/subject.ts';
import { clusterTarget, roleTarget, type Target, userTarget } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { allClusters, clustersOf, selects } from '../policy/selection.ts';
import { policyInForce } from '../policy/versions.ts';
import { allItems } from '../ports/all-items.ts';
import type { Key, Table, TableReader } from '../ports/table.ts';
import { discoveredClusters } from './clusters.ts';
import { type IntakePorts, putExpansion } from './intake.ts';
import { MARK_PREFIX, RECORD_PREFIX, targetPk } from './keys.ts';
import { putMark } from './marks.ts';
import { principalFor } from './member-facts.ts';
import { wake, wakeToSweep } from './wake.ts';

const NOTED = 'noted-targets';
/** Targets that are asked about at once. */
const AT_ONCE = 25;

/**
 * Notes a target that the policy in force does not name, and to which the sweep must come all the same as long as anything is
 * recorded or marked there: the IAM user of a person is known to the directory alone.
 */
export async function noteTarget(table: Table, target: Target): Promise<void> {
  const key = { pk: NOTED, sk: target };
  if (!(await table.get(key))) await table.put(key);
}

/**
 * Notes the targets that earlier policies spoke of and this one does not: what was made there has to go, and whatever keeps it
 * from going must still be tried again and told.
 */
export async function noteLeftTargets(table: Table, before: readonly AccessPolicy[], now: AccessPolicy): Promise<void> {
  const current = new Set(await targetsNamed(table, now));
  for (const policy of before) {
    for (const target of await targetsNamed(table, policy)) {
      if (!current.has(target)) await noteTarget(table, target);
    }
  }
}

/** The targets that were noted, as far as anything is recorded or marked there. */
async function notedTargets(reader: TableReader): Promise<Target[]> {
  const targets = (await allItems(reader, NOTED)).map(({ sk }) => sk as Target);
  const noted: Target[] = [];
  for (let start = 0; start < targets.length; start += AT_ONCE) {
    const some = targets.slice(start, start + AT_ONCE);
    const inUse = await Promise.all(some.map((target) => isInUse(reader, target)));
    noted.push(...some.filter((_target, index) => inUse[index]));
  }
  return noted;
}

async function isInUse(reader: TableReader, target: Target): Promise<boolean> {
  for (const prefix of [RECORD_PREFIX, MARK_PREFIX]) {
    if ((await reader.query(targetPk(target), { prefix, limit: 1 })).items.length > 0) return true;
  }
  return false;
}

/**
 * Every target that the policy in force speaks of, as far as it can be told without reading the directory, and those that were
 * noted: left behind by an earlier policy, or of one person alone.
 */
export async function targetsOfPolicy(reader: TableReader, policy: AccessPolicy): Promise<readonly Target[]> {
  return [...new Set([...(await targetsNamed(reader, policy)), ...(await notedTargets(reader))])];
}

async function targetsNamed(reader: TableReader, policy: AccessPolicy): Promise<readonly Target[]> {
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
 * page, behind whatever is marked. What somebody changed by hand is put right, and what is parked is tried again. Where
 * nothing is recorded on a cluster at all, everything that it should have is marked: it may have been made meanwhile, and
 * nobody may have told.
 */
export async function sweep(ports: IntakePorts, scheduledAt: number): Promise<readonly Target[]> {
  const inForce = await policyInForce(ports.table);
  if (!inForce) return [];
  const targets = await targetsOfPolicy(ports.table, inForce.policy);
  await fillEmptyClusters(ports, inForce.policy, scheduledAt);
  for (const target of targets) await wakeToSweep(ports, target, {}, `hour ${Math.floor(scheduledAt / 3_600_000)}`);
  return targets;
}

async function fillEmptyClusters(ports: IntakePorts, policy: AccessPolicy, scheduledAt: number): Promise<void> {
  const cause: Cause = {
    source: 'sweep',
    event: `hour ${Math.floor(scheduledAt / 3_600_000)}`,
    type: 'nothing recorded',
    receivedAt: ports.clock.now(),
  };
  const expansions: Key[] = [];
  for (const cluster of allClusters(policy, await discoveredClusters(ports.table))) {
    const target = clusterTarget(cluster.arn);
    if (await isInUse(ports.table, target)) continue;
    for (const grant of policy.grants.filter((one) => selects(one, cluster))) {
      await putMark(ports, { target, subject: grantSubject(grant.name), urgency: 'grant', cause });
      expansions.push(
        await putExpansion(ports, { grant: grant.name, scope: target, grantees: [grant.to], urgency: 'grant', cause }),
      );
    }
    await wake(ports, [target]);
  }
  await nudgePlanner(ports, expansions);
}
