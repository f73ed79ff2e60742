import { parsePrincipalArn } from '../access/arn.ts';
import { isToGroup, isToSubject, machinesIn, subjectOf } from '../access/grantee.ts';
import { canonicalJson, sameJson } from '../access/json.ts';
import { ENVIRONMENT_LABEL, permissionSetOf } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant, Grantee } from '../access/policy.ts';
import {
  connectionSubject,
  grantSubject,
  identityProviderSubject,
  machineSubject,
  memberOf,
  parseSubject,
  permissionSetSubject,
  principalSubject,
  type Subject,
  userSubject,
} from '../access/subject.ts';
import {
  clusterTarget,
  connectionTarget,
  lookUpTarget,
  parseTarget,
  permissionSetTarget,
  policyTarget,
  roleTarget,
  type Target,
  userTarget,
} from '../access/target.ts';
import { roleOf, sharedSubjects, wayOf } from '../access/way.ts';
import { clearDirty } from '../directory/dirty.ts';
import type { Cause, RegistrationSpec } from '../directory/fact.ts';
import { peopleOf } from '../directory/grantee-people.ts';
import {
  type ClusterItem,
  type EnvironmentItem,
  type GroupItem,
  type MembershipItem,
  ONBOARDED,
  type OnboardedItem,
  type PrincipalItem,
  type RegistrationItem,
  type UserItem,
} from '../directory/items.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { applicationsOf, readOnboarded } from '../directory/onboarded.ts';
import { groupsOf, isLiveMember, readGroup, readMembership, readUser } from '../directory/read.ts';
import { isManagedPrincipal, machineNamed, machinePolicyName } from '../plan/principals.ts';
import { trustedAsMachines } from '../plan/role-trust.ts';
import { type PolicyInForce, policyInForce } from '../policy/in-force.ts';
import { clustersEver, earlierOnboarded, grantsEver, rivalsOf, withOnboarded } from '../policy/onboarding.ts';
import {
  changedRegistrations,
  markRegistrationsPlanned,
  putRegistration,
  REGISTRATIONS_KEY,
  removeRegistration,
  withRegistrations,
} from '../policy/registrations.ts';
import { allClusters, clustersOf, identityProviderOf, selectsDiscovery } from '../policy/selection.ts';
import { markPolicyPlanned, policiesBefore, previousPolicy } from '../policy/versions.ts';
import { EMPTY_POLICY } from '../policy/widening.ts';
import { allItems } from '../ports/all-items.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { Item, Key } from '../ports/table.ts';
import type { World } from '../ports/world.ts';
import {
  accountById,
  discoveredClusters,
  forgetDiscovered,
  keepDiscovered,
  rememberAccounts,
  rememberConnected,
} from './clusters.ts';
import { heedDeletion } from './iam-belief.ts';
import { type Expansion, type IntakePorts, putExpansion } from './intake.ts';
import { MARK_PREFIX, targetPk, type Urgency } from './keys.ts';
import { type MarkRequest, putMark, readMark } from './marks.ts';
import { principalFor } from './member-facts.ts';
import { readRecords, targetsOf } from './records.ts';
import { lookUpsLeft, noteLeftTargets, noteTarget } from './sweep.ts';
import { wake } from './wake.ts';

/** What planning takes. */
export interface PlannerPorts extends IntakePorts {
  readonly world: Pick<World, 'eks'>;
}

/** What became of some facts. */
export interface Planned {
  /** Facts that were dirty and are planned now. */
  readonly planned: number;
  /** Marks written. */
  readonly marks: number;
  /** Facts that are left for another run, because time was over or they changed meanwhile. */
  readonly unfinished: readonly Key[];
  /** Facts that could not be planned, and why. They stay dirty. */
  readonly failed: readonly { readonly key: Key; readonly error: unknown }[];
}

/**
 * Turns dirty facts into marks on targets, and wakes the targets. What a fact says is read again here; the message that
 * named it is only a hint. A fact is clean only when all its marks are written, and only if it is still the same. One that
 * fails (a new cluster in an account that cannot be entered, say) keeps no other waiting.
 *
 * @param until milliseconds UTC after which no more facts are begun.
 */
export async function planFacts(ports: PlannerPorts, keys: readonly Key[], until: number): Promise<Planned> {
  const planner = new Planner(ports, until);
  const unfinished: Key[] = [];
  const failed: { key: Key; error: unknown }[] = [];
  let planned = 0;
  const distinct = new Map(keys.map((key) => [`${key.pk} ${key.sk}`, key]));
  const plan = async (key: Key) => {
    if (ports.clock.now() >= until) {
      unfinished.push(key);
      return;
    }
    try {
      const outcome = await planner.plan(key);
      if (outcome === 'planned') planned += 1;
      if (outcome === 'unfinished') unfinished.push(key);
    } catch (error) {
      failed.push({ key, error });
    }
  };
  // What is said of different people has nothing to do with each other; all else keeps its order.
  await eachAtOnce(Map.groupBy(distinct.values(), personIn).values(), async (ofOne) => {
    for (const key of ofOne) await plan(key);
  });
  const overtaken = await planner.finish();
  unfinished.push(...overtaken);
  await nudgePlanner(ports, unfinished);
  return { planned: planned - overtaken.length, marks: planner.marks, unfinished, failed };
}

/** Whom a fact is about; of what is about nobody, one text. */
function personIn({ pk, sk }: Key): string {
  const [kind, source] = pk.split('#', 2);
  if (kind === 'user') return pk;
  return kind === 'group' && sk.startsWith('member#') ? `user#${source}#${sk.slice('member#'.length)}` : '';
}

interface Fact {
  readonly item: Item;
  readonly token: string;
  readonly cause: Cause;
}

const PAGE = 200;
class Planner {
  readonly #ports: PlannerPorts;
  readonly #until: number;
  readonly #targets = new Set<Target>();
  readonly #clean: { key: Key; token: string }[] = [];
  readonly #expansions: Key[] = [];
  #policy: PolicyInForce | undefined;
  #discovered: readonly Cluster[] = [];
  #ready: Promise<void> | undefined;
  marks = 0;

  constructor(ports: PlannerPorts, until: number) {
    this.#ports = ports;
    this.#until = until;
  }

  async plan(key: Key): Promise<'planned' | 'clean' | 'unfinished'> {
    const item = await this.#ports.table.get(key);
    if (typeof item?.dirty !== 'string') return 'clean';
    this.#ready ??= this.#prepare();
    await this.#ready;
    const fact: Fact = { item, token: item.dirty, cause: item.cause as unknown as Cause };
    const done = await this.#planItem(key, fact);
    if (!done) return 'unfinished';
    this.#clean.push({ key, token: fact.token });
    return 'planned';
  }

  /**
   * Wakes the targets of all marks, and only then takes the facts off the list. Where the policy changed since it was read,
   * somebody may have planned it before these facts were there: they stay on the list. Answers them.
   */
  async finish(): Promise<readonly Key[]> {
    await wake(this.#ports, this.#targets);
    await nudgePlanner(this.#ports, this.#expansions);
    if (this.#clean.length === 0) return [];
    const { table } = this.#ports;
    const policy = await policyInForce(table);
    const sameClusters = sameJson(await discoveredClusters(table), this.#discovered);
    if (policy?.basis !== this.#policy?.basis || !sameClusters) return this.#clean.map(({ key }) => key);
    await eachAtOnce(this.#clean, async ({ key, token }) => {
      if (key.pk === 'registrations') {
        if (this.#policy) await markRegistrationsPlanned(table, this.#policy.registrations);
      } else if (key.pk !== 'policy') await clearDirty(table, key, token);
      else if (this.#policy) await markPolicyPlanned(table, this.#policy);
    });
    return [];
  }

  async #prepare(): Promise<void> {
    this.#policy = await policyInForce(this.#ports.table);
    this.#discovered = await discoveredClusters(this.#ports.table);
  }

  get #rules(): AccessPolicy | undefined {
    return this.#policy?.policy;
  }

  async #planItem(key: Key, fact: Fact): Promise<boolean> {
    const kind = key.pk.slice(0, key.pk.indexOf('#'));
    if (key.pk === 'policy') return this.#planPolicy(fact);
    if (key.pk === ONBOARDED) return this.#planOnboarded(fact);
    if (key.pk === 'registrations') return this.#planRegistrations(fact);
    if (kind === 'group' && key.sk === 'group') return this.#planGroup(fact);
    if (kind === 'group') return this.#planMembership(fact);
    if (kind === 'user') return this.#planUser(fact);
    if (kind === 'cluster') return this.#planCluster(fact);
    if (kind === 'principal') return this.#planPrincipal(fact);
    if (kind === 'registration') return this.#planRegistration(fact);
    if (kind === 'expansion') return this.#planExpansion(key, fact);
    throw new TypeError(`${key.pk} is no fact`);
  }

  async #planMembership({ item, cause }: Fact): Promise<boolean> {
    const membership = item as MembershipItem;
    const { source, group, user } = membership;
    const subject = userSubject(source, user);
    const live = isLiveMember(
      await readGroup(this.#ports.table, source, group),
      membership,
      await readUser(this.#ports.table, source, user),
    );
    for (const grant of this.#grantsTo((one) => isToGroup(one, source, group))) {
      await this.#markGrantee(subject, grant, live ? 'grant' : 'revocation', cause);
    }
    // Also where the policy no longer speaks of the group: what is recorded must go.
    if (!live) await this.#markRecorded(subject, 'revocation', cause);
    return true;
  }

  async #planUser({ item, cause }: Fact): Promise<boolean> {
    const { source, user, active } = item as UserItem;
    const subject = userSubject(source, user);
    const groups = new Set(await groupsOf(this.#ports.table, source, user));
    const ofGroup = (grant: Grant) => [...groups].filter((group) => isToGroup(grant, source, group));
    for (const grant of this.#grantsTo((one) => isToSubject(one, subject) || ofGroup(one).length > 0)) {
      const isNamed = isToSubject(grant, subject);
      const isLive = active !== false && (isNamed || (await this.#isLiveInAny(ofGroup(grant), source, user)));
      if (isLive || active === false) await this.#markGrantee(subject, grant, isLive ? 'grant' : 'revocation', cause);
    }
    // A new login may be another IAM principal, and the old one must go as fast as anything.
    await this.#markRecorded(subject, 'revocation', cause);
    return true;
  }

  async #isLiveInAny(groups: readonly string[], source: string, user: string): Promise<boolean> {
    const { table } = this.#ports;
    const known = await readUser(table, source, user);
    for (const group of groups) {
      const membership = await readMembership(table, source, group, user);
      if (isLiveMember(await readGroup(table, source, group), membership, known)) return true;
    }
    return false;
  }

  async #planGroup({ item, cause }: Fact): Promise<boolean> {
    const { source, group, state } = item as GroupItem;
    for (const grant of this.#grantsTo((one) => isToGroup(one, source, group))) {
      await this.#expand({
        grant: grant.name,
        scope: 'everywhere',
        grantees: [{ group, source }],
        urgency: state === 'deleted' ? 'revocation' : 'grant',
        cause,
      });
    }
    return true;
  }

  async #planCluster({ item, cause }: Fact): Promise<boolean> {
    const { arn, state } = item as ClusterItem;
    // Whoever registers or deregisters a cluster elsewhere by hand: what stands is looked at again.
    const elsewhere = this.#rules?.clusters.find((cluster) => cluster.arn === arn && cluster.connected);
    if (elsewhere) {
      const subject = connectionSubject(elsewhere.name);
      await this.#mark({ target: connectionTarget(arn), subject, urgency: 'grant', cause });
      return true;
    }
    if (state === 'deleted') {
      await this.#markRecordsOf(clusterTarget(arn), 'revocation', cause);
      return true;
    }
    const policy = this.#rules;
    if (!policy) return true;
    const cluster = allClusters(policy, this.#discovered).find((one) => one.arn === arn) ?? (await this.#discover(arn));
    if (cluster) await this.#joinCluster(policy, cluster, cause);
    return true;
  }

  /** All that the policy grants on a cluster is given there. */
  async #joinCluster(policy: AccessPolicy, cluster: Cluster, cause: Cause): Promise<void> {
    await this.#markProviders([cluster], cause);
    for (const grant of policy.grants) {
      if (!clustersOf(policy, grant, [...this.#discovered, cluster]).some(({ arn }) => arn === cluster.arn)) continue;
      await this.#markShared(grant, [cluster], 'grant', cause);
      // The members of a shared role follow when the role knows the cluster.
      if (roleOf(grant) === undefined) {
        await this.#expand(this.#expansion(grant, clusterTarget(cluster.arn), 'grant', cause));
      }
    }
  }

  /**
   * What follows from an environment or application is looked at again, whatever it was before: what stands recorded for it is
   * a removal until a turn finds otherwise.
   */
  async #planOnboarded({ item, cause }: Fact): Promise<boolean> {
    const inForce = this.#policy;
    if (!inForce) return true;
    const { policy } = inForce;
    const onboarded = item as OnboardedItem;
    const before = await policiesBefore(this.#ports.table, inForce);
    const rules = [inForce.written, ...before];
    if (onboarded.type === 'application') {
      await this.#planDerived(policy, onboarded, rules, cause);
      return true;
    }
    // A cluster that one of them gives up may be another's now.
    for (const environment of [onboarded, ...rivalsOf(onboarded, inForce.onboarded)]) {
      await this.#planEnvironment(policy, environment, rules, cause);
    }
    return true;
  }

  async #planEnvironment(
    policy: AccessPolicy,
    environment: EnvironmentItem,
    rules: readonly AccessPolicy[],
    cause: Cause,
  ): Promise<void> {
    await this.#planDerived(policy, environment, rules, cause);
    for (const application of await applicationsOf(this.#ports.table, environment.name)) {
      await this.#planDerived(policy, application, rules, cause);
    }
    const cluster = policy.clusters.find(({ labels }) => labels[ENVIRONMENT_LABEL] === environment.name);
    for (const arn of clustersEver(environment)) if (arn !== cluster?.arn) await this.#leaveCluster(arn, cause);
    if (cluster) await this.#joinCluster(policy, cluster, cause);
  }

  async #planDerived(
    policy: AccessPolicy,
    item: OnboardedItem,
    rules: readonly AccessPolicy[],
    cause: Cause,
  ): Promise<void> {
    for (const { name, grantees } of grantsEver(item, rules)) {
      const now = policy.grants.find((grant) => grant.name === name);
      const shared = grantSubject(name);
      if (!now) await this.#noteTargets(shared);
      await this.#markRecorded(shared, 'revocation', cause);
      if (now) await this.#markShared(now, clustersOf(policy, now, this.#discovered), 'grant', cause);
      const groups: Grantee[] = [];
      for (const grantee of distinct([...grantees, ...(now?.to ?? [])])) {
        const subject = subjectOf(grantee);
        if (subject === undefined) groups.push(grantee);
        else await this.#markEverywhere(subject, now, 'revocation', cause);
        // What was found of a role that nothing is granted to is to be forgotten.
        if (
          'principal' in grantee &&
          !policy.grants.some((grant) => isToSubject(grant, principalSubject(grantee.principal)))
        ) {
          const target = lookUpTarget(parsePrincipalArn(grantee.principal));
          await this.#mark({ target, subject: principalSubject(grantee.principal), urgency: 'revocation', cause });
        }
      }
      if (groups.length > 0) {
        await this.#expand({ grant: name, scope: 'everywhere', grantees: groups, urgency: 'revocation', cause });
      }
    }
  }

  /** Whoever has anything on a cluster is looked at there, and what they come in by, too: it names its clusters. */
  async #leaveCluster(arn: string, cause: Cause): Promise<void> {
    const { table } = this.#ports;
    const target = clusterTarget(arn);
    await noteTarget(table, target);
    for (const item of await allItems(table, targetPk(target), MARK_PREFIX)) {
      // What waits there, for a cluster that never came, say, waits no longer.
      await this.#mark({ target, subject: readMark(item).subject, urgency: 'revocation', cause });
    }
    let after: string | undefined;
    do {
      const page = await readRecords(table, target, after, PAGE);
      for (const subject of page.records.keys()) {
        const principals = (await targetsOf(table, subject)).filter((one) => parseTarget(one).type === 'iam');
        for (const one of [target, ...principals]) {
          await this.#mark({ target: one, subject, urgency: 'revocation', cause });
        }
      }
      after = page.next;
    } while (after !== undefined);
  }

  /** What no policy names any more, the sweep must still come to. */
  async #noteTargets(subject: Subject): Promise<void> {
    for (const target of await targetsOf(this.#ports.table, subject)) await noteTarget(this.#ports.table, target);
  }

  /** A new cluster that a `discover` rule lets in joins now; one that none lets in is not ours. */
  async #discover(arn: string): Promise<Cluster | undefined> {
    const policy = this.#rules;
    const found = /^arn:[^:]+:eks:([^:]+):(\d{12}):cluster\/(.+)$/.exec(arn);
    if (!policy || !found) return undefined;
    const [, region = '', account = '', name = ''] = found;
    if (!policy.discover.some((rule) => rule.account === account && rule.region === region)) return undefined;
    const eks = await this.#ports.world.eks(await accountById(this.#ports.table, policy, account), region);
    const described = await eks.describeCluster(name);
    const rule =
      described &&
      // One that is only registered has no ways in of EKS.
      described.connector === undefined &&
      policy.discover.find((one) => selectsDiscovery(one, { account, region, tags: described.tags }));
    if (!described || !rule) {
      await forgetDiscovered(this.#ports.table, arn);
      return undefined;
    }
    const cluster: Cluster = { name, account, region, arn, labels: { ...described.tags }, mode: rule.mode };
    await keepDiscovered(this.#ports.table, cluster);
    this.#discovered = await discoveredClusters(this.#ports.table);
    return cluster;
  }

  async #planPrincipal({ item, cause }: Fact): Promise<boolean> {
    const { account, principal, name, state, at } = item as PrincipalItem;
    const target = principal === 'role' ? roleTarget(account, name) : userTarget(account, name);
    if (state === 'deleted') await heedDeletion(this.#ports, target, name, at);
    await this.#markRecordsOf(target, 'grant', cause);
    for (const grant of this.#rules?.grants ?? []) await this.#markFound(grant, account, name, cause);
    return true;
  }

  /** A role of Identity Center's, an adopted one, or one that machines are trusted by, that came or went is looked up again. */
  async #markFound(grant: Grant, account: string, name: string, cause: Cause): Promise<void> {
    const policy = this.#rules;
    const isTrusted = (text: string) => {
      const arn = parsePrincipalArn(text);
      return arn.account === account && arn.name === name;
    };
    if (policy && roleOf(grant) !== undefined && trustedAsMachines(policy, grant).some(isTrusted)) {
      await this.#markShared(grant, clustersOf(policy, grant, this.#discovered), 'grant', cause);
      for (const machine of machinesIn(grant)) await this.#markGrantee(machineSubject(machine), grant, 'grant', cause);
    }
    const permissionSet = permissionSetOf(name);
    if (permissionSet !== undefined && grant.permissionSet === permissionSet) {
      const target = permissionSetTarget(account, permissionSet);
      await this.#mark({ target, subject: permissionSetSubject(permissionSet), urgency: 'revocation', cause });
    }
    for (const grantee of grant.to) {
      if (!('principal' in grantee)) continue;
      const arn = parsePrincipalArn(grantee.principal);
      if (arn.account !== account || arn.name !== name) continue;
      await this.#mark({
        target: lookUpTarget(arn),
        subject: principalSubject(grantee.principal),
        urgency: 'revocation',
        cause,
      });
    }
  }

  /** Whatever differs between the policies before and the one in force is looked at: on what was recorded, and on what is to come. */
  async #planPolicy({ cause }: Fact): Promise<boolean> {
    const current = this.#policy;
    if (!current) return true;
    const { registrations } = current.registrations;
    const before = (await this.#policiesBefore(current)).map((policy) => withRegistrations(policy, registrations));
    await this.#planDifference(before, current.policy, cause);
    return true;
  }

  /** What an event said of a cluster elsewhere stands beside the policy from now on, and is planned from there. */
  async #planRegistration({ item, cause }: Fact): Promise<boolean> {
    const { account, region, name, state, spec } = item as RegistrationItem;
    const place = { account, region, name };
    if (state === 'present') {
      const said = spec as unknown as RegistrationSpec;
      await putRegistration(this.#ports, { ...place, mode: 'enforce', ...said }, cause);
    } else await removeRegistration(this.#ports, place, cause);
    await nudgePlanner(this.#ports, [REGISTRATIONS_KEY]);
    return true;
  }

  /** What was registered by command or event, and what no longer is. */
  async #planRegistrations({ cause }: Fact): Promise<boolean> {
    const current = this.#policy;
    if (!current) return true;
    for (const { before, now } of changedRegistrations(current.unregistered, current.registrations)) {
      await this.#planDifference(before, now, cause);
    }
    return true;
  }

  /** Whatever differs between policies of before and one of now. */
  async #planDifference(before: readonly AccessPolicy[], now: AccessPolicy, cause: Cause): Promise<void> {
    await rememberAccounts(this.#ports.table, now);
    await rememberConnected(this.#ports.table, now);
    for (const change of changedGrants(before, now, this.#discovered)) {
      const { name, now: grant, existed, grantees } = change;
      const urgency: Urgency = existed ? 'revocation' : 'grant';
      if (existed) for (const subject of change.shared) await this.#markRecorded(subject, 'revocation', cause);
      if (grant) await this.#markShared(grant, clustersOf(now, grant, this.#discovered), 'grant', cause);
      await this.#expand({ grant: name, scope: 'everywhere', grantees, urgency, cause });
    }
    for (const name of changedProviders(before, now, this.#discovered)) {
      await this.#markRecorded(identityProviderSubject(name), 'revocation', cause);
    }
    await this.#markProviders(allClusters(now, this.#discovered), cause, before);
    for (const left of await lookUpsLeft(this.#ports.table, before, now)) {
      await this.#mark({ ...left, urgency: 'revocation', cause });
    }
    await noteLeftTargets(this.#ports.table, before, now);
    for (const arn of clustersAwoken(before, now, this.#discovered)) {
      // Who left while nothing was written is in no group any more: only the records know them.
      await this.#markRecordsOf(clusterTarget(arn), 'revocation', cause);
    }
    for (const { arn, name, urgency } of changedConnections(before, now)) {
      const subject = connectionSubject(name);
      for (const target of [connectionTarget(arn), clusterTarget(arn)]) {
        await this.#mark({ target, subject, urgency, cause });
      }
      // What its people have there goes with it, also where a grant is no longer for it and nobody says so.
      if (urgency === 'revocation') await this.#markRecordsOf(clusterTarget(arn), 'revocation', cause);
    }
  }

  /** While no policy was ever planned, no grant is known, also where the policy in force and one before it agree. */
  async #policiesBefore(current: PolicyInForce): Promise<readonly AccessPolicy[]> {
    const { table } = this.#ports;
    const written = await policiesBefore(table, current);
    const before = written.some(({ onboarding }) => onboarding) ? await this.#asOnboarded(written) : written;
    return (await previousPolicy(table)) ? before : [EMPTY_POLICY, ...before];
  }

  /** Policies with what was onboarded, and with what may have been while they were in force. */
  async #asOnboarded(written: readonly AccessPolicy[]): Promise<readonly AccessPolicy[]> {
    const earlier = earlierOnboarded(await readOnboarded(this.#ports.table));
    return written.flatMap((policy) =>
      policy.onboarding ? earlier.map((items) => withOnboarded(policy, items).policy) : [policy],
    );
  }

  async #planExpansion(key: Key, { item, token, cause }: Fact): Promise<boolean> {
    const { grant: name, scope, urgency } = item as unknown as Expansion;
    const grantees = item.grantees as unknown as readonly Grantee[];
    const grant = this.#rules?.grants.find((one) => one.name === name);
    const progress = item.progress as { grantee: number; after?: string } | undefined;
    for (let index = progress?.grantee ?? 0; index < grantees.length; index++) {
      let after = index === progress?.grantee ? progress.after : undefined;
      do {
        const page = await peopleOf(this.#ports.table, grantees[index]!, after, PAGE);
        for (const subject of page.subjects) {
          if (scope === 'everywhere') await this.#markEverywhere(subject, grant, urgency, cause);
          else await this.#markOn(scope, subject, grant, urgency, cause);
        }
        after = page.next;
        const isLast = after === undefined && index === grantees.length - 1;
        if (!isLast && this.#ports.clock.now() >= this.#until) {
          await this.#keepProgress(
            key,
            item,
            token,
            after === undefined ? { grantee: index + 1 } : { grantee: index, after },
          );
          return false;
        }
      } while (after !== undefined);
    }
    return true;
  }

  async #keepProgress(
    key: Key,
    item: Item,
    token: string,
    progress: { grantee: number; after?: string },
  ): Promise<void> {
    // A conflict means that it was asked for anew; then it begins anew.
    await this.#ports.table.put({ ...item, ...key, progress }, { equals: { dirty: token } }).catch(() => undefined);
  }

  async #markEverywhere(subject: Subject, grant: Grant | undefined, urgency: Urgency, cause: Cause): Promise<void> {
    if (urgency === 'revocation') await this.#markRecorded(subject, 'revocation', cause);
    if (grant) await this.#markGrantee(subject, grant, 'grant', cause);
  }

  /** Whoever comes in by an IAM principal that is made or looked up comes to a cluster when that is known: IAM first, as ever. */
  async #markOn(
    scope: Target,
    subject: Subject,
    grant: Grant | undefined,
    urgency: Urgency,
    cause: Cause,
  ): Promise<void> {
    const policy = this.#rules;
    const own =
      policy && grant && roleOf(grant) === undefined
        ? await this.#principalTargets(policy, grant, subject, clustersOf(policy, grant, this.#discovered), urgency)
        : [];
    for (const target of urgency === 'grant' && own.length > 0 ? own : [scope]) {
      await this.#mark({ target, subject, urgency, cause });
    }
  }

  /**
   * Marks where one person or machine comes in by a grant. To let somebody in, IAM comes first and marks the clusters when
   * it is done; to keep somebody out, all at once.
   */
  async #markGrantee(subject: Subject, grant: Grant, urgency: Urgency, cause: Cause): Promise<void> {
    const policy = this.#rules;
    if (!policy) return;
    const clusters = clustersOf(policy, grant, this.#discovered);
    const principals = await this.#principalTargets(policy, grant, subject, clusters, urgency);
    const targets = clusters.map(({ arn }) => clusterTarget(arn));
    const first = urgency === 'grant' && principals.length > 0 ? principals : [...principals, ...targets];
    await eachAtOnce(first, (target) => this.#mark({ target, subject, urgency, cause }));
  }

  /** What in IAM must be made, or looked up, before a subject comes in by a grant. */
  async #principalTargets(
    policy: AccessPolicy,
    grant: Grant,
    subject: Subject,
    clusters: readonly Cluster[],
    urgency: Urgency,
  ): Promise<Target[]> {
    const role = roleOf(grant);
    if (role !== undefined) return [...new Set(clusters.map(({ account }) => roleTarget(account, role)))];
    const parts = memberOf(subject);
    if (parts?.type === 'principal') return clusters.length > 0 ? [lookUpTarget(parsePrincipalArn(parts.arn))] : [];
    if (wayOf(grant) !== 'own-user') return [];
    const targets = new Set<Target>();
    if (parts?.type === 'machine') {
      const machine = machineNamed(policy, parts.name);
      for (const { account } of clusters) targets.add(policyTarget(account, machinePolicyName(machine)));
      // Its policy is what it begins with: when that is there, its turn marks the user, and the user's the clusters. Where
      // clusters only observe, nothing is ever there, and each has its plan.
      if (urgency === 'grant' && clusters.some(({ mode }) => mode !== 'observe')) return [...targets];
    }
    for (const { account, region } of clusters) {
      const principal = await principalFor(this.#ports.table, policy, subject, account, region);
      if ('problem' in principal || !isManagedPrincipal(principal.arn)) continue;
      const { account: home, name } = parsePrincipalArn(principal.arn);
      targets.add(userTarget(home, name));
    }
    if (parts?.type === 'user') {
      for (const target of targets) await noteTarget(this.#ports.table, target);
    }
    return [...targets];
  }

  /** Marks what the members of a grant share. */
  async #markShared(grant: Grant, clusters: readonly Cluster[], urgency: Urgency, cause: Cause): Promise<void> {
    const role = roleOf(grant);
    for (const subject of sharedSubjects(grant)) {
      const parts = parseSubject(subject);
      for (const { account, arn } of clusters) {
        const target =
          parts.type === 'permission-set'
            ? permissionSetTarget(account, parts.name)
            : role === undefined
              ? clusterTarget(arn)
              : roleTarget(account, role);
        await this.#mark({ target, subject, urgency, cause });
      }
    }
  }

  /** Marks the OIDC provider of each cluster; of those policies before that all meant the same by it, not. */
  async #markProviders(
    clusters: readonly Cluster[],
    cause: Cause,
    before: readonly AccessPolicy[] = [EMPTY_POLICY],
  ): Promise<void> {
    for (const cluster of clusters) {
      const provider = this.#rules && identityProviderOf(this.#rules, cluster);
      if (!provider) continue;
      if (before.every((policy) => sameJson(identityProviderOf(policy, cluster) ?? null, provider))) continue;
      const subject = identityProviderSubject(provider.name);
      await this.#mark({ target: clusterTarget(cluster.arn), subject, urgency: 'grant', cause });
    }
  }

  async #markRecorded(subject: Subject, urgency: Urgency, cause: Cause): Promise<void> {
    const targets = await targetsOf(this.#ports.table, subject);
    await eachAtOnce(targets, (target) => this.#mark({ target, subject, urgency, cause }));
  }

  async #markRecordsOf(target: Target, urgency: Urgency, cause: Cause): Promise<void> {
    let after: string | undefined;
    do {
      const page = await readRecords(this.#ports.table, target, after, PAGE);
      await eachAtOnce(page.records.keys(), (subject) => this.#mark({ target, subject, urgency, cause }));
      after = page.next;
    } while (after !== undefined);
  }

  #grantsTo(isFor: (grant: Grant) => boolean): readonly Grant[] {
    return this.#rules?.grants.filter(isFor) ?? [];
  }

  #expansion(grant: Grant, scope: Target, urgency: Urgency, cause: Cause): Expansion {
    return { grant: grant.name, scope, grantees: grant.to, urgency, cause };
  }

  async #expand(expansion: Expansion): Promise<void> {
    this.#expansions.push(await putExpansion(this.#ports, expansion));
  }

  async #mark(request: MarkRequest): Promise<void> {
    await putMark(this.#ports, request);
    this.#targets.add(request.target);
    this.marks += 1;
  }
}

/** Clusters that only observed by a policy before, and do more by the one now. */
function clustersAwoken(
  before: readonly AccessPolicy[],
  now: AccessPolicy,
  discovered: readonly Cluster[],
): readonly string[] {
  const observing = before.flatMap((policy) =>
    allClusters(policy, discovered).flatMap(({ arn, mode }) => (mode === 'observe' ? [arn] : [])),
  );
  return allClusters(now, discovered).flatMap(({ arn, mode }) =>
    mode !== 'observe' && observing.includes(arn) ? [arn] : [],
  );
}

/** Clusters elsewhere that came, went, or are registered or reached otherwise than before. */
function changedConnections(
  before: readonly AccessPolicy[],
  now: AccessPolicy,
): readonly { readonly arn: string; readonly name: string; readonly urgency: Urgency }[] {
  const connected = (policy: AccessPolicy) => policy.clusters.filter((cluster) => cluster.connected);
  const find = (policy: AccessPolicy, arn: string) => connected(policy).find((cluster) => cluster.arn === arn);
  const all = new Map([...before, now].flatMap(connected).map(({ arn, name }) => [arn, name]));
  return [...all].flatMap(([arn, name]) => {
    const current = find(now, arn);
    if (before.length > 0 && before.every((policy) => sameJson(find(policy, arn), current))) return [];
    return [{ arn, name, urgency: current ? ('grant' as const) : ('revocation' as const) }];
  });
}

/** The OIDC providers of earlier policies that this one does not have, or has otherwise, or on other clusters. */
function changedProviders(
  before: readonly AccessPolicy[],
  now: AccessPolicy,
  discovered: readonly Cluster[],
): ReadonlySet<string> {
  const meaning = (policy: AccessPolicy, name: string) => {
    const provider = policy.identityProviders.find((one) => one.name === name);
    const on = allClusters(policy, discovered).filter((cluster) => identityProviderOf(policy, cluster)?.name === name);
    return canonicalJson([provider ?? null, on.map(({ arn }) => arn)]);
  };
  const earlier = before.flatMap((policy) => policy.identityProviders.map(({ name }) => [policy, name] as const));
  return new Set(
    earlier.filter(([policy, name]) => meaning(policy, name) !== meaning(now, name)).map(([, name]) => name),
  );
}

/** A grant that is not what it was. */
interface ChangedGrant {
  readonly name: string;
  readonly now?: Grant;
  /** Whether an earlier policy had it: then something may have to go. */
  readonly existed: boolean;
  readonly grantees: readonly Grantee[];
  /** The subjects of what its members share or shared. */
  readonly shared: readonly Subject[];
}

/** The grants whose meaning differs between any of the policies before and the one now: themselves, or what they rest on. */
export function changedGrants(
  before: readonly AccessPolicy[],
  now: AccessPolicy,
  discovered: readonly Cluster[],
): ChangedGrant[] {
  const names = new Set([...before, now].flatMap(({ grants }) => grants.map(({ name }) => name)));
  const meaning = (policy: AccessPolicy, name: string): string | undefined => {
    const grant = policy.grants.find((one) => one.name === name);
    if (!grant) return undefined;
    const { accounts, identities, protected: guarded, identityProviders } = policy;
    const clusters = clustersOf(policy, grant, discovered);
    const machines = machinesIn(grant).map((machine) => machineNamed(policy, machine));
    const providers = grant.through === 'oidc' ? identityProviders : [];
    return canonicalJson([grant, clusters, accounts, identities, guarded, machines, providers]);
  };
  return [...names].flatMap((name) => {
    const current = meaning(now, name);
    const earlier = before.map((policy) => meaning(policy, name));
    if (earlier.length > 0 && earlier.every((one) => one === current)) return [];
    const grants = [...before, now].flatMap((policy) => policy.grants.find((one) => one.name === name) ?? []);
    const grant = now.grants.find((one) => one.name === name);
    return [
      {
        name,
        existed: earlier.some((one) => one !== undefined),
        grantees: distinct(grants.flatMap(({ to }) => to)),
        shared: distinct(grants.flatMap(sharedSubjects)),
        ...(grant ? { now: grant } : {}),
      },
    ];
  });
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}
