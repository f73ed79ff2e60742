import { parsePrincipalArn } from '../access/arn.ts';
import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy } from '../access/policy.ts';
import {
  connectionSubject,
  identityProviderSubject,
  machineSubject,
  permissionSetSubject,
  principalSubject,
  type Subject,
} from '../access/subject.ts';
import {
  clusterTarget,
  connectionTarget,
  lookUpTarget,
  permissionSetTarget,
  policyTarget,
  roleTarget,
  type Target,
  userTarget,
} from '../access/target.ts';
import { roleOf, sharedSubjects, wayOf } from '../access/way.ts';
import type { Cause } from '../directory/fact.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { machineNamed, machinePolicyName } from '../plan/principals.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allClusters, clustersOf, identityProviderOf, selects } from '../policy/selection.ts';
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
    const role = roleOf(grant);
    for (const { account, region } of clustersOf(policy, grant, discovered)) {
      if (role !== undefined) targets.add(roleTarget(account, role));
      if (wayOf(grant) !== 'own-user') continue;
      for (const machine of machinesIn(grant)) {
        const principal = await principalFor(reader, policy, machineSubject(machine), account, region);
        if ('arn' in principal) targets.add(userTarget(account, parsePrincipalArn(principal.arn).name));
        targets.add(policyTarget(account, machinePolicyName(machineNamed(policy, machine))));
      }
    }
  }
  for (const { arn, connected } of policy.clusters) if (connected) targets.add(connectionTarget(arn));
  for (const { target } of await lookUps(reader, policy)) targets.add(target);
  return [...targets];
}

/** Something in IAM that somebody else makes, and the subject that comes in by it. */
interface LookUp {
  readonly target: Target;
  readonly subject: Subject;
}

/** What earlier policies had looked up, and this one does not: what was found of it is to be forgotten. */
export async function lookUpsLeft(
  reader: TableReader,
  before: readonly AccessPolicy[],
  now: AccessPolicy,
): Promise<readonly LookUp[]> {
  const key = ({ target, subject }: LookUp) => `${target} ${subject}`;
  const current = new Set((await lookUps(reader, now)).map(key));
  const earlier = (await Promise.all(before.map((policy) => lookUps(reader, policy)))).flat();
  return [...new Map(earlier.map((one) => [key(one), one])).values()].filter((one) => !current.has(key(one)));
}

/** What others make in IAM and grants come in by: looked up now and then, since an event may be lost. */
async function lookUps(reader: TableReader, policy: AccessPolicy): Promise<readonly LookUp[]> {
  const discovered = await discoveredClusters(reader);
  return policy.grants.flatMap((grant) => {
    const clusters = clustersOf(policy, grant, discovered);
    const accounts = [...new Set(clusters.map(({ account }) => account))];
    const { permissionSet } = grant;
    const sets =
      permissionSet === undefined
        ? []
        : accounts.map((account) => ({
            target: permissionSetTarget(account, permissionSet),
            subject: permissionSetSubject(permissionSet),
          }));
    const principals = grant.to.flatMap((grantee) =>
      'principal' in grantee && clusters.length > 0
        ? [{ target: lookUpTarget(parsePrincipalArn(grantee.principal)), subject: principalSubject(grantee.principal) }]
        : [],
    );
    return [...sets, ...principals];
  });
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
  const cause: Cause = {
    source: 'sweep',
    event: `hour ${Math.floor(scheduledAt / 3_600_000)}`,
    type: 'hour',
    receivedAt: ports.clock.now(),
  };
  for (const lookUp of await lookUps(ports.table, inForce.policy)) {
    await putMark(ports, { ...lookUp, urgency: 'revocation', cause });
  }
  await fillEmptyClusters(ports, inForce.policy, { ...cause, type: 'nothing recorded' });
  for (const target of targets) await wakeToSweep(ports, target, {}, `hour ${Math.floor(scheduledAt / 3_600_000)}`);
  return targets;
}

async function fillEmptyClusters(ports: IntakePorts, policy: AccessPolicy, cause: Cause): Promise<void> {
  const expansions: Key[] = [];
  for (const { arn, name, connected } of policy.clusters) {
    const target = connected && connectionTarget(arn);
    if (!target || (await isInUse(ports.table, target))) continue;
    await putMark(ports, { target, subject: connectionSubject(name), urgency: 'grant', cause });
    await wake(ports, [target]);
  }
  for (const cluster of allClusters(policy, await discoveredClusters(ports.table))) {
    const target = clusterTarget(cluster.arn);
    if (await isInUse(ports.table, target)) continue;
    const provider = identityProviderOf(policy, cluster);
    if (provider) {
      const subject = identityProviderSubject(provider.name);
      await putMark(ports, { target, subject, urgency: 'grant', cause });
    }
    for (const grant of policy.grants.filter((one) => selects(one, cluster))) {
      for (const subject of sharedSubjects(grant)) await putMark(ports, { target, subject, urgency: 'grant', cause });
      expansions.push(
        await putExpansion(ports, { grant: grant.name, scope: target, grantees: grant.to, urgency: 'grant', cause }),
      );
    }
    await wake(ports, [target]);
  }
  await nudgePlanner(ports, expansions);
}
