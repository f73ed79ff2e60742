import { awsAuthArn, parsePrincipalArn, partitionOf } from '../access/arn.ts';
import { Failure, isFailure } from '../access/failure.ts';
import { machinesIn } from '../access/grantee.ts';
import { IAM_PATH } from '../access/names.ts';
import type { Account, Cluster, Grant } from '../access/policy.ts';
import { grantSubject, machineSubject, memberOf, type Subject } from '../access/subject.ts';
import { clusterTarget, parseTarget, policyTarget, type Target, userTarget } from '../access/target.ts';
import { roleOf, wayOf } from '../access/way.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { clusterPolicy, lookUpPolicy, viewPolicy } from '../plan/cluster-policy.ts';
import { iamGuards } from '../plan/iam-guards.ts';
import { grantRoleArn, machineNamed, machinePolicyArn, machinePolicyName, machineUserArn } from '../plan/principals.ts';
import { objectId } from '../plan/turn-claims.ts';
import { clustersOf } from '../policy/selection.ts';
import type { Table } from '../ports/table.ts';
import type { AccountPorts } from '../ports/world.ts';
import type { IamPolicyClaim } from '../resources/iam-policy/model.ts';
import type { IamRoleClaim } from '../resources/iam-role/model.ts';
import { closedTrust, trustInBoth } from '../resources/iam-role/trust.ts';
import type { IamUserClaim } from '../resources/iam-user/model.ts';
import { IAM_KINDS } from '../resources/kinds.ts';
import { CLUSTER_POLICY } from '../resources/managed-principal.ts';
import type { Claim, Finding, Kind, OwnedClaim } from '../resources/resource.ts';
import type { CauseOf } from './causes.ts';
import { accountById, discoveredClusters } from './clusters.ts';
import { untilDeadline } from './deadline.ts';
import { beginWrite, believe, CONFIRM_AFTER, endWrite } from './iam-belief.ts';
import { type Finds, lookUpPermissionSet, lookUpPrincipals } from './iam-look-up.ts';
import { putExpansion } from './intake.ts';
import { forgetRotation, readRotation } from './key-rotation.ts';
import { trustKey } from './keys.ts';
import { type Mark, type MarkRequest, putMark } from './marks.ts';
import { grantsOf, principalFor } from './member-facts.ts';
import { readRecords, targetsNaming } from './records.ts';
import { decideTrust, membersAreTold } from './role-members.ts';
import type { Stage, StageRequest } from './stage.ts';

/** More subjects than this never share one IAM principal's target. */
const MOST_RECORDS = 1000;

/** How often a principal that is closed and still named by a cluster is looked at, in milliseconds. */
const CLOSED_LOOK_AGAIN = 300_000;

/** What shall be of one IAM principal. */
interface Desired {
  readonly wanted: readonly OwnedClaim[];
  readonly findings: readonly Finding[];
  /** The grants that come in by this principal, and their clusters in reach. */
  readonly grants: readonly { readonly grant: Grant; readonly clusters: readonly Cluster[] }[];
  /** Grants whose members get other session names from now on: all of them must be looked at. */
  readonly renamed: readonly Grant[];
  /** What was looked up because somebody else makes it. */
  readonly finds: Finds;
  /** The users that come next where this is their policy, by whose they are. */
  readonly users?: ReadonlyMap<Subject, Target>;
}

const NOTHING: Desired = { wanted: [], findings: [], grants: [], renamed: [], finds: new Map() };

/**
 * Sets the stage for a turn on an IAM role, user or policy. Its documents are rendered whole from policy and directory, because IAM
 * has no compare-and-swap; a principal that nothing wants any more is closed at once, and deleted when no cluster names it.
 */
export async function setIamStage(request: StageRequest): Promise<Stage> {
  const { ports, policy, target } = request;
  const parts = parseTarget(target);
  if (parts.type !== 'iam') throw new TypeError(`${target} is not an IAM principal`);
  const account = await accountById(request.reader, policy, parts.account);
  const opened = await ports.world.account(account);
  const accountPorts: AccountPorts = {
    iam: untilDeadline(opened.iam, ports.clock, request.callsUntil),
    secrets: untilDeadline(opened.secrets, ports.clock, request.callsUntil),
  };
  const belief = believingKinds(
    ports,
    target,
    IAM_KINDS.map((kind) => kind.name),
    IAM_KINDS,
  );
  const records = await readRecords(ports.table, target, undefined, MOST_RECORDS);
  const recorded = [...records.records.values()].flat();
  const desired = await desiredOn(request, account, accountPorts, [...records.records.keys()]);
  const isOpen = desired.grants.some(({ clusters }) => clusters.some(({ mode }) => mode === 'enforce'));
  const wanted = isOpen || recorded.length === 0 ? desired.wanted : asRecorded(desired.wanted, recorded);
  const closing = await stillNamed(request, recorded, wanted);
  return {
    scene: {
      target,
      chain: `iam/${parts.account}`,
      kinds: belief.kinds,
      ports: accountPorts,
      claims: { wanted: [...wanted, ...closing], recorded },
      findings: desired.findings,
      observed: new Map(),
      guards: iamGuards(policy),
    },
    // Nothing is made for clusters that nothing is given on; what was made before goes on to be narrowed and closed.
    mode: isOpen || recorded.length > 0 || wanted.length === 0 ? 'enforce' : 'observe',
    // Whoever comes in by this principal depends on it.
    dependents: desired.wanted.flatMap((owned) => request.subjects.map((subject) => ({ ...owned, subject }))),
    confirmAfter: async (result) => {
      if (result.applied.length > 0) return CONFIRM_AFTER;
      const isTroubled = result.failed.size > 0 || result.findings.some(({ severity }) => severity === 'blocks');
      const kept = isTroubled ? undefined : await keptKey(request, wanted);
      if (kept !== undefined) return kept;
      // The word that a cluster let go may be lost with a worker: what waits to be deleted asks for itself.
      return belief.lookAgainAfter() ?? (closing.length > 0 ? CLOSED_LOOK_AGAIN : undefined);
    },
    gone: new Set(
      [...desired.finds].flatMap(([subject, { finding, changed }]) => (finding && changed ? [subject] : [])),
    ),
    follow: async (result, marks, causeOf) => [
      ...(desired.users
        ? await passToUsers(request, desired.users, marks)
        : await follow(request, desired, marks, causeOf)),
      ...(await letGo(request, recorded, result.released, causeOf)),
    ],
  };
}

/** How long an old key is still kept, in milliseconds. A rotation that is over, or whose user goes, is forgotten. */
async function keptKey({ ports, target }: StageRequest, wanted: readonly OwnedClaim[]): Promise<number | undefined> {
  const parts = parseTarget(target);
  if (parts.type !== 'iam' || parts.principal !== 'user') return undefined;
  const rotation = await readRotation(ports.table, target);
  if (!rotation) return undefined;
  const left = rotation.until - ports.clock.now();
  if (left > 0 && wanted.length > 0) return left;
  await forgetRotation(ports.table, target);
  return undefined;
}

async function desiredOn(
  request: StageRequest,
  account: Account,
  accountPorts: AccountPorts,
  recordedFor: readonly Subject[],
): Promise<Desired> {
  const parts = parseTarget(request.target);
  if (parts.type !== 'iam') return NOTHING;
  const { principal, name } = parts;
  if (principal === 'permission-set') return foundOnly(request, await lookUpPermissionSet(request, name, accountPorts));
  if (principal === 'policy') return desiredPolicy(request, account, name);
  if (principal !== 'role' && principal !== 'user') return NOTHING;
  const made =
    principal === 'role'
      ? await desiredRole(request, account, name, accountPorts)
      : await desiredUsers(request, account, name, recordedFor);
  const found = await foundOnly(request, await lookUpPrincipals(request, principal, name, accountPorts));
  return {
    ...made,
    findings: [...made.findings, ...found.findings],
    grants: [...made.grants, ...found.grants],
    finds: found.finds,
  };
}

/** What follows from finding something that somebody else makes: the clusters of the grants that come in by it. */
async function foundOnly(request: StageRequest, finds: Finds): Promise<Desired> {
  const grants: Desired['grants'][number][] = [];
  for (const grant of request.policy.grants) {
    if (![...finds.values()].some(({ grants: names }) => names.includes(grant.name))) continue;
    grants.push({ grant, clusters: await clustersOfGrant(request, grant) });
  }
  return { ...NOTHING, findings: [...finds.values()].flatMap(({ finding }) => finding ?? []), grants, finds };
}

async function desiredRole(
  request: StageRequest,
  account: Account,
  name: string,
  accountPorts: AccountPorts,
): Promise<Desired> {
  const { policy } = request;
  const grant = policy.grants.find((one) => roleOf(one) === name);
  const clusters = grant ? await clustersIn(request, grant, account.id) : [];
  if (!grant || clusters.length === 0) return NOTHING;
  const partition = partitionOf(clusters[0]!.region);
  const arn = grantRoleArn(grant, account.id, partition);
  const trust = await decideTrust({ ...request, account, accountPorts, grant, roleName: name, partition });
  const claim: IamRoleClaim = {
    kind: 'iam-role',
    object: name,
    arn,
    path: IAM_PATH,
    state: 'open',
    trust: trust.document,
    policies: { [CLUSTER_POLICY]: clusterPolicy([{ grant, clusters }]) },
    ...boundaryOf(request, account),
    tags: { 'gatehouse:managed': 'true', 'gatehouse:grant': grant.name },
    maxSessionSeconds: 3600,
  };
  return {
    wanted: [{ subject: grantSubject(grant.name), grant: grant.name, claim }],
    findings: trust.findings,
    grants: [{ grant, clusters }],
    renamed: trust.renamed ? [grant] : [],
    finds: new Map(),
  };
}

async function desiredUsers(
  request: StageRequest,
  account: Account,
  name: string,
  recordedFor: readonly Subject[],
): Promise<Desired> {
  const { policy, reader, subjects } = request;
  const wanted: OwnedClaim[] = [];
  const findings: Finding[] = [];
  const grants: Desired['grants'][number][] = [];
  const owners = new Set([...recordedFor, ...subjects]);
  for (const subject of owners) {
    const type = memberOf(subject)?.type;
    if (type !== 'user' && type !== 'machine') continue;
    const granted = await grantsOf(reader, policy, subject);
    const own: Desired['grants'][number][] = [];
    for (const grant of policy.grants) {
      if (wayOf(grant) !== 'own-user' || !granted.has(grant.name)) continue;
      // A machine has a user in each account; a person has one, for the clusters of all accounts.
      const all = await clustersOfGrant(request, grant);
      const clusters = type === 'machine' ? all.filter((one) => one.account === account.id) : all;
      if (clusters.length > 0) own.push({ grant, clusters });
    }
    const first = own[0];
    if (!first) continue;
    const principal = await principalFor(reader, policy, subject, account.id, first.clusters[0]!.region);
    if ('problem' in principal) continue;
    const arn = parsePrincipalArn(principal.arn);
    if (arn.type !== 'user' || arn.account !== account.id || arn.name !== name || !arn.path.startsWith(IAM_PATH))
      continue;
    if (wanted.length > 0) {
      findings.push(sharedPrincipal(name, principal.arn, subject, wanted[0]!.subject));
      continue;
    }
    grants.push(...own);
    const claim: IamUserClaim = {
      kind: 'iam-user',
      object: name,
      arn: principal.arn,
      path: arn.path,
      state: 'open',
      ...policiesOf(request, type, subject, arn.partition, own),
      ...boundaryOf(request, account),
      tags: {
        'gatehouse:managed': 'true',
        'gatehouse:grant': own
          .map(({ grant }) => grant.name)
          .sort()
          .join(' ')
          .slice(0, 256),
      },
      accessKey: { secret: secretOf(account.id, name), ...(await retiredKey(request, subject)) },
    };
    wanted.push({ subject, claim });
  }
  return { ...NOTHING, wanted, findings, grants };
}

/**
 * A managed policy, rendered whole for all machines that share it: its document is the same whichever of them a turn is about.
 * A machine that shares it with others may look up their clusters, too; who minds names policies of their own.
 */
async function desiredPolicy(request: StageRequest, account: Account, name: string): Promise<Desired> {
  const { policy } = request;
  const grants: Desired['grants'][number][] = [];
  const users = new Map<Subject, Target>();
  const arns = new Set<string>();
  for (const grant of policy.grants) {
    if (wayOf(grant) !== 'own-user') continue;
    const clusters = await clustersIn(request, grant, account.id);
    if (clusters.length === 0) continue;
    const partition = partitionOf(clusters[0]!.region);
    for (const machine of machinesIn(grant).map((one) => machineNamed(policy, one))) {
      if (machinePolicyName(machine) !== name) continue;
      arns.add(machinePolicyArn(machine, account.id, partition));
      grants.push({ grant, clusters });
      const user = parsePrincipalArn(machineUserArn(machine, account.id, partition)).name;
      users.set(machineSubject(machine.name), userTarget(account.id, user));
    }
  }
  const [arn] = arns;
  if (arn === undefined) return NOTHING;
  const claim: IamPolicyClaim = {
    kind: 'iam-policy',
    object: arn,
    arn,
    path: IAM_PATH,
    name,
    document: lookUpPolicy(grants),
    tags: { 'gatehouse:managed': 'true' },
  };
  return { ...NOTHING, wanted: [...users.keys()].map((subject) => ({ subject, claim })), grants, users };
}

/** While a principal's clusters only observe, or are paused: as it was made, with whoever left out. Nothing is made or widened. */
function asRecorded(wanted: readonly OwnedClaim[], recorded: readonly OwnedClaim[]): OwnedClaim[] {
  return wanted.flatMap((owned) => {
    const known = recorded.find(
      ({ subject, claim }) => subject === owned.subject && objectId(claim) === objectId(owned.claim),
    );
    if (known?.claim.kind === 'iam-user') {
      // A key that leaked gives way whatever the clusters' modes: nobody gets more by it.
      const { accessKey } = owned.claim as IamUserClaim;
      return [{ ...known, claim: { ...known.claim, ...(accessKey ? { accessKey } : {}) } as Claim }];
    }
    if (known?.claim.kind !== 'iam-role') return known ? [known] : [];
    const claim = known.claim as IamRoleClaim;
    const trust = trustInBoth(claim.trust, (owned.claim as IamRoleClaim).trust);
    return [{ ...known, claim: { ...claim, trust } as Claim }];
  });
}

/** A person's user looks its clusters up by a policy of its own; a machine's by the managed one, which others can see and audit. */
function policiesOf(
  { policy }: StageRequest,
  type: 'user' | 'machine',
  subject: Subject,
  partition: string,
  own: Desired['grants'],
): Pick<IamUserClaim, 'policies' | 'attached'> {
  if (type === 'user') return { policies: { [CLUSTER_POLICY]: clusterPolicy(own) } };
  const account = own[0]!.clusters[0]!.account;
  const machine = machineNamed(policy, subject.slice(subject.indexOf('/') + 1));
  const viewing = viewPolicy(own);
  return {
    policies: viewing === undefined ? {} : { [CLUSTER_POLICY]: viewing },
    attached: [machinePolicyArn(machine, account, partition)],
  };
}

/** The name of the secret with the access key of a user. */
export function secretOf(account: string, user: string): string {
  return `gatehouse/keys/${account}/${user}`;
}

async function retiredKey(
  { reader, target, ports }: StageRequest,
  subject: Subject,
): Promise<Pick<NonNullable<IamUserClaim['accessKey']>, 'retired'>> {
  const rotation = await readRotation(reader, target);
  if (rotation?.subject !== subject) return {};
  return { retired: { keyId: rotation.keyId, kept: ports.clock.now() < rotation.until } };
}

/** The permissions boundary of what is made in an account. */
export function boundaryOf({ ports }: StageRequest, account: Account): { boundary?: string } {
  // Gatehouse's own boundary is of its own account; another account has its own, or none.
  const boundary =
    account.permissionsBoundary ?? (account.roleArn === undefined ? ports.permissionsBoundary : undefined);
  return boundary === undefined ? {} : { boundary };
}

function sharedPrincipal(object: string, arn: string, subject: Subject, owner: Subject): Finding {
  return {
    code: 'shared-principal',
    severity: 'blocks',
    object,
    subject,
    message: `the policy maps ${subject} and ${owner} to the same IAM user, ${arn}`,
    remedy: 'give one of them another IAM user under identities in the access policy',
  };
}

async function clustersOfGrant({ reader, policy }: StageRequest, grant: Grant): Promise<Cluster[]> {
  return clustersOf(policy, grant, await discoveredClusters(reader));
}

async function clustersIn(request: StageRequest, grant: Grant, account: string): Promise<Cluster[]> {
  return (await clustersOfGrant(request, grant)).filter((cluster) => cluster.account === account);
}

/** What nobody wants but something still names: closed, so that it opens nothing, and kept until all let go. */
async function stillNamed(
  { ports }: StageRequest,
  recorded: readonly OwnedClaim[],
  wanted: readonly OwnedClaim[],
): Promise<OwnedClaim[]> {
  const closing: OwnedClaim[] = [];
  for (const owned of recorded) {
    if (wanted.some(({ claim }) => claim.object === owned.claim.object)) continue;
    if (owned.claim.kind === 'iam-policy') {
      if ((await targetsNaming(ports.table, (owned.claim as IamPolicyClaim).arn)).length > 0) closing.push(owned);
      continue;
    }
    const { attached: _, ...principal } = owned.claim as Claim as (IamRoleClaim | IamUserClaim) & {
      attached?: unknown;
    };
    if ((await targetsNaming(ports.table, awsAuthArn(principal.arn))).length === 0) continue;
    closing.push({
      ...owned,
      claim: {
        ...principal,
        state: 'closed',
        policies: {},
        ...(principal.kind === 'iam-role' ? { trust: closedTrust() } : {}),
      } as IamRoleClaim | IamUserClaim,
    });
  }
  return closing;
}

/** Kinds of which those named go over what is believed instead of over what was read, and tell what they write. */
export function believingKinds(
  { table, clock }: StageRequest['ports'],
  target: Target,
  names: readonly string[],
  all: readonly Kind[],
) {
  let lookAgainAfter: number | undefined;
  const kinds = all.map((kind): Kind => {
    if (!names.includes(kind.name)) return kind;
    return {
      ...kind,
      async observe(ports, object) {
        const belief = await believe(table, target, object, await kind.observe(ports, object), clock.now());
        if (belief.lookAgainAfter !== undefined) lookAgainAfter = Math.max(lookAgainAfter ?? 0, belief.lookAgainAfter);
        return belief.state;
      },
      diff: (object, observed, claims) => kind.diff(object, observed, claims),
      async apply(ports, change) {
        await beginWrite(table, target, change.object, clock.now());
        const after = await kind.apply(ports, change).catch((error: unknown) => recheckTrust(table, target, error));
        await endWrite(table, target, change, after, clock.now());
        return after;
      },
    };
  });
  return { kinds, lookAgainAfter: () => lookAgainAfter };
}

/** IAM refuses a trust document as a whole for one member that is gone: the next turn looks each of them up. */
async function recheckTrust(table: Table, target: Target, error: unknown): Promise<never> {
  if (!isFailure(error, 'invalid') || !isRole(target)) throw error;
  const key = trustKey(target);
  await table.put({ ...(await table.get(key)), ...key, recheck: true });
  throw new Failure('invalid', error.message, { cause: error, retryable: true });
}

function isRole(target: Target): boolean {
  const parts = parseTarget(target);
  return parts.type === 'iam' && parts.principal === 'role';
}

/** A policy that is in place lets its users be made. */
async function passToUsers(
  { ports }: StageRequest,
  users: ReadonlyMap<Subject, Target>,
  marks: readonly Mark[],
): Promise<Target[]> {
  const wake: Target[] = [];
  for (const { subject, urgency, cause, confirming } of marks) {
    const target = users.get(subject);
    if (target === undefined || confirming || urgency === 'revocation') continue;
    await putMark(ports, { target, subject, urgency: 'grant', cause });
    wake.push(target);
  }
  return wake;
}

/** Policies that the user has no more may be deletable now. */
async function letGo(
  { ports, target }: StageRequest,
  recorded: readonly OwnedClaim[],
  released: readonly string[],
  causeOf: CauseOf,
): Promise<Target[]> {
  const parts = parseTarget(target);
  if (parts.type !== 'iam' || parts.principal !== 'user') return [];
  const wake: Target[] = [];
  for (const { subject, claim } of recorded) {
    for (const arn of (claim as IamUserClaim).attached ?? []) {
      if (!released.includes(arn)) continue;
      const policy = policyTarget(parts.account, arn.slice(arn.lastIndexOf('/') + 1));
      await putMark(ports, { target: policy, subject, urgency: 'revocation', cause: causeOf(subject, 'revocation') });
      wake.push(policy);
    }
  }
  return wake;
}

async function follow(
  { ports, target }: StageRequest,
  desired: Desired,
  marks: readonly Mark[],
  causeOf: CauseOf,
): Promise<Target[]> {
  const wake = new Set<Target>();
  const expansions = [];
  const pass = async (cluster: Cluster, request: Pick<MarkRequest, 'subject' | 'urgency' | 'cause'>) => {
    const onCluster = clusterTarget(cluster.arn);
    await putMark(ports, { target: onCluster, ...request });
    wake.add(onCluster);
  };
  for (const mark of marks) {
    const find = desired.finds.get(mark.subject);
    if (mark.confirming || (find && !find.changed && mark.cause.source === 'sweep')) continue;
    // The clusters learn of a revocation from the planner; they wait for IAM only to let somebody in, and to hear what changed.
    if (mark.urgency === 'revocation' && !find?.changed) continue;
    for (const { grant, clusters } of desired.grants) {
      if (find && !find.grants.includes(grant.name)) continue;
      for (const cluster of clusters) {
        const urgency = find?.finding ? 'revocation' : find ? mark.urgency : 'grant';
        await pass(cluster, { subject: mark.subject, urgency, cause: mark.cause });
        if (mark.subject !== grantSubject(grant.name)) continue;
        expansions.push(
          await putExpansion(ports, {
            grant: grant.name,
            scope: clusterTarget(cluster.arn),
            grantees: grant.to,
            urgency: 'grant',
            cause: mark.cause,
          }),
        );
      }
    }
  }
  for (const grant of desired.renamed) {
    expansions.push(
      await putExpansion(ports, {
        grant: grant.name,
        scope: 'everywhere',
        grantees: grant.to,
        urgency: 'revocation',
        cause: causeOf(grantSubject(grant.name), 'revocation'),
      }),
    );
    await membersAreTold(ports.table, target);
  }
  await nudgePlanner(ports, expansions);
  return [...wake];
}
