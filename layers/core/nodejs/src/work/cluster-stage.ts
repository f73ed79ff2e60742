import { parsePrincipalArn } from '../access/arn.ts';
import { IAM_PATH } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant, IdentityProvider } from '../access/policy.ts';
import { grantSubject, memberOf, parseSubject, type Subject } from '../access/subject.ts';
import {
  connectionTarget,
  parseTarget,
  roleTarget,
  type Target,
  userTarget,
  verificationTarget,
} from '../access/target.ts';
import { providersOf, sharedSubjects, wayOf } from '../access/way.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { bindingsOf } from '../plan/bindings.ts';
import { desiredConnector } from '../plan/connector-manifests.ts';
import {
  type DesiredOnCluster,
  desiredForGrant,
  desiredForIdentityProvider,
  desiredForMember,
  desiredForPermissionSet,
  type SessionNaming,
} from '../plan/desired.ts';
import { clusterGuards, connectedClusterGuards } from '../plan/guards.ts';
import { wantedWhilePaused } from '../plan/paused.ts';
import { objectId, type TurnClaims, unwantedClaims } from '../plan/turn-claims.ts';
import { allClusters, identityProviderOf, selects } from '../policy/selection.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import type { TableReader } from '../ports/table.ts';
import type { ClusterPorts } from '../ports/world.ts';
import { awsAuthKind } from '../resources/aws-auth/kind.ts';
import { AWS_AUTH_OBJECT } from '../resources/aws-auth/model.ts';
import type { ConnectorClusterPorts } from '../resources/connector-object/model.ts';
import { identityProviderKind } from '../resources/identity-provider/kind.ts';
import type { IdentityProviderPorts } from '../resources/identity-provider/model.ts';
import { CLUSTER_KINDS, CONNECTED_CLUSTER_KINDS } from '../resources/kinds.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import { roleBindingKind } from '../resources/role-binding/kind.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import type { Result, Scene } from './carry-out.ts';
import type { CauseOf } from './causes.ts';
import { accountById, clusterOf, discoveredClusters } from './clusters.ts';
import { readRegistration } from './connection-stage.ts';
import { untilDeadline } from './deadline.ts';
import { identityProviderPorts } from './identity-provider-ports.ts';
import { putExpansion } from './intake.ts';
import { shardKey } from './keys.ts';
import { type Mark, putMark } from './marks.ts';
import { readMemberFacts, roleOfPermissionSet, sessionNamingOf } from './member-facts.ts';
import { placeBindings } from './place-bindings.ts';
import { readRecord } from './records.ts';
import type { Stage, StageRequest } from './stage.ts';
import { keepForVerification } from './verification-memory.ts';

/**
 * Sets the stage for a turn on a cluster: derives what its subjects must have there, and reads what is recorded for them.
 * Whoever wants something brings along what the members of the grant share, so that every grant also mends its own Role
 * and door.
 */
export async function setClusterStage(request: StageRequest): Promise<Stage> {
  const { ports, reader, policy, target } = request;
  const parts = parseTarget(target);
  if (parts.type !== 'cluster') throw new TypeError(`${target} is not a cluster`);
  const discovered = await discoveredClusters(reader);
  const cluster = await clusterOf(reader, policy, parts.arn);
  const isKnown = allClusters(policy, discovered).some(({ arn }) => arn === cluster.arn);
  const grants = isKnown ? policy.grants.filter((grant) => selects(grant, cluster)) : [];
  const account = await accountById(reader, policy, cluster.account);
  const isElsewhere = cluster.connected !== undefined;
  const provider = isKnown ? identityProviderOf(policy, cluster) : undefined;

  const members = await desiredForMembers(request, policy, cluster, grants);
  const wantedGrants = new Set([...members.claims, ...members.bindings].flatMap(({ grant }) => grant ?? []));
  const subjects = new Set([
    ...request.subjects,
    ...grants.filter(({ name }) => wantedGrants.has(name)).flatMap(sharedSubjects),
    // Whether groups may be bound depends on whose the cluster's identity provider is.
    ...grants.filter(({ name }) => request.subjects.includes(grantSubject(name))).flatMap(providersOf),
  ]);
  const desired = together(members, ...(await desiredForShared(request, subjects, cluster, grants, provider)));
  const recorded = (await eachAtOnce(subjects, (subject) => readRecord(ports.table, target, subject))).flat();

  const removals = new Set<Subject>();
  const staged = (scene: Pick<Scene, 'ports' | 'claims' | 'observed'>): Stage => ({
    scene: {
      target,
      chain: target,
      kinds: isElsewhere ? CONNECTED_CLUSTER_KINDS : CLUSTER_KINDS,
      findings: desired.findings,
      guards: isElsewhere ? connectedClusterGuards(policy) : clusterGuards(policy),
      beforeForgetting: async (gone, causeOf) => {
        for (const subject of await markRemovals(request, cluster, gone, causeOf)) removals.add(subject);
      },
      ...scene,
    },
    mode: cluster.mode,
    dependents: [],
    confirmAfter: async () => undefined,
    follow: (result, marks, causeOf) => follow(request, cluster, scene.claims, { result, removals }, marks, causeOf),
  });
  const isUntouched = desired.claims.length === 0 && desired.bindings.length === 0 && recorded.length === 0;
  // Nobody need reach a cluster elsewhere to find that nothing is there to be done, least of all one that has left.
  if (isElsewhere && isUntouched) return staged({ ports: {}, claims: { wanted: [], recorded }, observed: new Map() });

  const opened = await ports.world.cluster(account, cluster);
  const clusterPorts: ClusterPorts & IdentityProviderPorts & Partial<ConnectorClusterPorts> = {
    kubernetes: untilDeadline(opened.kubernetes, ports.clock, request.callsUntil),
    ...identityProviderPorts(ports, account, cluster, provider, request.callsUntil),
    ...(isElsewhere ? { secrets: untilDeadline(ports.world.secrets, ports.clock, request.callsUntil) } : {}),
  };

  const observed = new Map<string, unknown>();
  const placed = await placeBindings(ports.table, target, clusterPorts, desired.bindings, recorded, observed);
  const all = [...desired.claims, ...placed];
  const wanted = cluster.mode === 'paused' ? wantedWhilePaused(all, recorded) : all;
  const claims: TurnClaims = { wanted, recorded };
  if (!isElsewhere && unwantedClaims(claims).some(({ claim }) => isAdministration(claim))) {
    // The guard against a lock-out must see who else administers the cluster.
    observed.set(
      objectId({ kind: awsAuthKind.name, object: AWS_AUTH_OBJECT }),
      await awsAuthKind.observe(clusterPorts, AWS_AUTH_OBJECT),
    );
    for (const object of await adminBindings(ports.table, target, grants)) {
      const id = objectId({ kind: roleBindingKind.name, object });
      if (!observed.has(id)) observed.set(id, await roleBindingKind.observe(clusterPorts, object));
    }
  }
  return staged({ ports: clusterPorts, claims, observed });
}

async function desiredForMembers(
  { reader, subjects }: StageRequest,
  policy: AccessPolicy,
  cluster: Cluster,
  grants: readonly Grant[],
): Promise<DesiredOnCluster> {
  const namings = new Map<string, SessionNaming>();
  for (const grant of grants) {
    if (wayOf(grant) === 'shared-role') namings.set(grant.name, await sessionNamingOf(reader, grant, cluster.account));
  }
  const desired = await eachAtOnce(subjects.filter(isMember), async (subject) => {
    const member = await readMemberFacts(reader, policy, subject, cluster);
    return desiredForMember(policy, member, grants, (grant) => namings.get(grant.name) ?? 'user-name');
  });
  return together(...desired);
}

const isMember = (subject: Subject): boolean => memberOf(subject) !== undefined;

/** What the subjects want that several share. */
async function desiredForShared(
  { reader, policy, ports }: StageRequest,
  subjects: ReadonlySet<Subject>,
  cluster: Cluster,
  grants: readonly Grant[],
  provider: IdentityProvider | undefined,
): Promise<DesiredOnCluster[]> {
  const desired: DesiredOnCluster[] = [];
  for (const subject of subjects) {
    const parts = parseSubject(subject);
    if (parts.type === 'grant') {
      const grant = grants.find(({ name }) => name === parts.name);
      if (grant) desired.push(desiredForGrant(grant, cluster, provider));
    } else if (parts.type === 'identity-provider') {
      if (provider?.name === parts.name) desired.push(desiredForIdentityProvider(provider));
    } else if (parts.type === 'permission-set') {
      const role = await roleOfPermissionSet(reader, cluster.account, parts.name);
      desired.push(desiredForPermissionSet(parts.name, grants, role));
    } else if (parts.type === 'connection' && isNamed(policy, cluster)) {
      const registration = await readRegistration(ports.table, connectionTarget(cluster.arn));
      // Until it is registered there is no activation; the turn that registers it marks this cluster.
      if (registration?.expiry === undefined) continue;
      desired.push({ claims: desiredConnector(cluster, registration.expiry), bindings: [], findings: [] });
    }
  }
  return desired;
}

/** Whether the policy has the cluster elsewhere still; what is only remembered is on its way out. */
function isNamed(policy: AccessPolicy, { arn }: Cluster): boolean {
  return policy.clusters.some((cluster) => cluster.arn === arn && cluster.connected !== undefined);
}

function together(...parts: readonly DesiredOnCluster[]): DesiredOnCluster {
  return {
    claims: parts.flatMap(({ claims }) => claims),
    bindings: parts.flatMap(({ bindings }) => bindings),
    findings: parts.flatMap(({ findings }) => findings),
  };
}

/** Every binding by which a grant of the policy makes administrators of the whole cluster. */
async function adminBindings(table: TableReader, target: Target, grants: readonly Grant[]): Promise<string[]> {
  const objects: string[] = [];
  for (const grant of grants) {
    const { level, namespaces } = grant;
    if (!('clusterRole' in level) || level.clusterRole !== 'cluster-admin' || namespaces.length > 0) continue;
    for (const { binding, isNamed } of bindingsOf(grant)) {
      if (isNamed) {
        objects.push(binding);
        continue;
      }
      const open = await table.get(shardKey(target, binding));
      for (let shard = 0; shard <= Number(open?.shard ?? 0); shard++) objects.push(`${binding}:${shard}`);
    }
  }
  return objects;
}

function isAdministration(claim: OwnedClaim['claim']): boolean {
  return claim.kind === 'role-binding' && (claim as RoleBindingClaim).roleRef.name === 'cluster-admin';
}

/** Whoever lost a binding is verified, and what they lost is kept for it, before the record of it goes. */
async function markRemovals(
  { ports }: StageRequest,
  cluster: Cluster,
  gone: readonly OwnedClaim[],
  causeOf: CauseOf,
): Promise<Set<Subject>> {
  const verification = verificationTarget(cluster.arn);
  const bindings = gone.filter(({ claim }) => claim.kind === 'role-binding');
  const subjects = new Set(bindings.map(({ subject }) => subject));
  await eachAtOnce(subjects, async (subject) => {
    await keepForVerification(ports.table, verification, subject, bindings);
    await putMark(ports, {
      target: verification,
      subject,
      urgency: 'revocation',
      cause: causeOf(subject, 'revocation'),
    });
  });
  return subjects;
}

async function follow(
  { ports, policy, target }: StageRequest,
  cluster: Cluster,
  claims: TurnClaims,
  { result, removals }: { readonly result: Result; readonly removals: ReadonlySet<Subject> },
  marks: readonly Mark[],
  causeOf: CauseOf,
): Promise<Target[]> {
  const verification = verificationTarget(cluster.arn);
  const wake = new Set<Target>(removals.size > 0 ? [verification] : []);
  const urgencies = new Map(marks.map((mark) => [mark.subject, mark.urgency]));
  const changed = changedSubjects(claims, result).difference(removals);
  await eachAtOnce(changed, (subject) => {
    const urgency = urgencies.get(subject) ?? 'grant';
    return putMark(ports, { target: verification, subject, urgency, cause: causeOf(subject, urgency) });
  });
  if (changed.size > 0) wake.add(verification);
  if (result.applied.some(({ kind }) => kind === identityProviderKind.name)) {
    // What waited for the cluster's identity provider to be Gatehouse's is looked at again.
    for (const grant of policy.grants.filter((one) => one.through === 'oidc' && selects(one, cluster))) {
      await putMark(ports, {
        target,
        subject: grantSubject(grant.name),
        urgency: 'grant',
        cause: causeOf(grantSubject(grant.name), 'grant'),
      });
      wake.add(target);
    }
  }
  for (const [subject, released] of releasedPrincipals(claims, result)) {
    await putMark(ports, { target: released, subject, urgency: 'revocation', cause: causeOf(subject, 'revocation') });
    wake.add(released);
  }
  const restore = policy.grants.filter(({ name }) => result.toRestore.includes(name));
  const expansions = [];
  for (const grant of restore) {
    const cause = causeOf(grantSubject(grant.name), 'grant');
    expansions.push(
      await putExpansion(ports, { grant: grant.name, scope: target, grantees: grant.to, urgency: 'grant', cause }),
    );
  }
  await nudgePlanner(ports, expansions);
  return [...wake];
}

/** Those for whom something was written, as far as it can be verified: members, and the groups that a grant binds. */
function changedSubjects(claims: TurnClaims, { applied }: Result): Set<Subject> {
  const written = new Set(applied.map((change) => objectId(change)));
  const named = new Set(applied.flatMap(({ lines }) => lines.flatMap(({ subject }) => subject ?? [])));
  const subjects = [...claims.wanted, ...claims.recorded]
    .filter(({ subject, claim }) => memberOf(subject) !== undefined || claim.kind === 'role-binding')
    .filter(({ subject, claim }) => written.has(objectId(claim)) && (named.size === 0 || named.has(subject)))
    .map(({ subject }) => subject);
  return new Set(subjects);
}

/** Principals of Gatehouse's making that this cluster names no more: they may be deletable now. */
function releasedPrincipals(claims: TurnClaims, { released }: Result): [Subject, Target][] {
  return claims.recorded.flatMap(({ subject, claim }): [Subject, Target][] => {
    if (claim.kind !== 'aws-auth') return [];
    const { arn } = claim as OwnedClaim['claim'] & { arn: string };
    if (!released.includes(arn)) return [];
    const { account, type, name, path } = parsePrincipalArn(arn);
    // aws-auth names roles without their path; a grant's own line is always of the role that Gatehouse made for it.
    if (type === 'role' && parseSubject(subject).type === 'grant') return [[subject, roleTarget(account, name)]];
    return type === 'user' && path.startsWith(IAM_PATH) ? [[subject, userTarget(account, name)]] : [];
  });
}
