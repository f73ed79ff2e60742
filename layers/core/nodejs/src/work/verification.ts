import { isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import { USERNAME_PREFIX } from '../access/names.ts';
import type { AccessPolicy, Cluster, Grant } from '../access/policy.ts';
import { memberOf, parseSubject, type Subject } from '../access/subject.ts';
import { clusterTarget, parseTarget, type Target } from '../access/target.ts';
import { wayOf } from '../access/way.ts';
import { appendEntry } from '../ledger/ledger.ts';
import { type BindingWish, fulfils, wideRoleName } from '../plan/bindings.ts';
import { type DesiredOnCluster, desiredForGrant, desiredForMember } from '../plan/desired.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allClusters, identityProviderOf, selects } from '../policy/selection.ts';
import type { Kubernetes } from '../ports/kubernetes.ts';
import { type Bound, boundName, type RoleBindingClaim } from '../resources/role-binding/model.ts';
import { questionsFor } from '../verify/questions.ts';
import type { Holding } from '../verify/rule-match.ts';
import { type Verification, verify } from '../verify/verify.ts';
import { accountById, clusterOf, discoveredClusters, isGone } from './clusters.ts';
import { untilDeadline } from './deadline.ts';
import { FactReader } from './fact-reader.ts';
import { clearMark, type Mark, type MarkFailure, postponeMark, takeMarks } from './marks.ts';
import { readMemberFacts, sessionNamingOf } from './member-facts.ts';
import { readRecord } from './records.ts';
import { backOff } from './settle.ts';
import type { TurnLimits, TurnPorts } from './turn-ports.ts';
import { forgetAfterVerification, recallForVerification } from './verification-memory.ts';
import { wake, wakeLater } from './wake.ts';

/** How a verification went, for logs and tests. */
export interface VerificationReport {
  readonly verified: number;
  readonly contradicted: number;
  readonly postponed: number;
}

/** After so many contradictions in a row the ledger is told; before, the cluster may just not have caught up. */
const PATIENCE = 5;

/**
 * Proves on the cluster what its turns did: asks it, for each marked subject, what must be allowed and what must be denied.
 * It changes nothing, so it needs no lease; a mark is cleared when the cluster agrees and the ledger holds the evidence.
 */
export async function verifyCluster(ports: TurnPorts, limits: TurnLimits, target: Target): Promise<VerificationReport> {
  const parts = parseTarget(target);
  if (parts.type !== 'verify') throw new TypeError(`${target} is not a verification`);
  const begun = ports.clock.now();
  const report = { verified: 0, contradicted: 0, postponed: 0 };
  const marks = [
    ...(await takeMarks(ports, target, 'revocation', limits.subjects)),
    ...(await takeMarks(ports, target, 'grant', limits.subjects)),
  ];
  if (marks.length === 0) return report;
  const reader = new FactReader(ports.table);
  const inForce = await policyInForce(reader);
  if (!inForce) return report;
  const discovered = await discoveredClusters(reader);
  const cluster = await clusterOf(reader, inForce.policy, parts.arn);
  const isKnown = allClusters(inForce.policy, discovered).some(({ arn }) => arn === cluster.arn);
  const grants = isKnown ? inForce.policy.grants.filter((grant) => selects(grant, cluster)) : [];
  let retryAt: number | undefined;
  const postpone = async (mark: Mark, failure: MarkFailure) => {
    const at = ports.clock.now() + backOff(mark.attempts, ports.random.fraction());
    await postponeMark(ports, mark, at, failure);
    retryAt = Math.min(retryAt ?? at, at);
    report.postponed += 1;
  };
  let kubernetes: Kubernetes | undefined;
  for (const mark of marks) {
    if (ports.clock.now() >= begun + limits.work) {
      await wake(ports, [target]);
      break;
    }
    try {
      kubernetes ??= (await ports.world.cluster(await accountById(reader, inForce.policy, cluster.account), cluster))
        .kubernetes;
      const bounded = untilDeadline(kubernetes, ports.clock, begun + limits.calls);
      const gone = await recallForVerification(ports.table, target, mark.subject);
      const outcome = await verifySubject(gone.claims, reader, inForce.policy, cluster, grants, mark.subject, bounded);
      if (!outcome.ok) report.contradicted += 1;
      // Told once: a contradiction that lasts is in the status, and fills no ledger.
      if (!outcome.ok && mark.attempts !== PATIENCE) {
        await postpone(mark, contradiction(outcome));
        continue;
      }
      if (outcome.results.length > 0) {
        await appendEntry(ports, `cluster/${cluster.arn}`, {
          kind: 'verified',
          run: `${target}#${mark.token}`,
          target,
          policyVersion: { version: inForce.version, digest: inForce.digest },
          causes: [mark.cause],
          changes: [],
          subjects: [mark.subject],
          evidence: evidenceOf(outcome),
        });
      }
      if (!outcome.ok) {
        await postpone(mark, contradiction(outcome));
        continue;
      }
      report.verified += 1;
      // Cleared first: where more came since, the mark stays, and so does what it is to prove.
      if (await clearMark(ports, mark)) await forgetAfterVerification(ports.table, target, mark.subject, gone);
    } catch (error) {
      if (!isFailure(error)) throw error;
      // A cluster that is gone grants nothing: there is nothing left to prove.
      if (error.code === 'not-found' && (await isGone(ports.world, reader, inForce.policy, cluster.arn))) {
        await clearMark(ports, mark);
      } else await postpone(mark, error);
    }
  }
  if (retryAt !== undefined) await wakeLater(ports, target, retryAt);
  return report;
}

/** That a cluster answers otherwise than the policy says: how often, and the first question. */
function contradiction({ results }: Verification): MarkFailure {
  const wrong = results.filter(({ expectation, allowed }) => allowed !== expectation.allowed);
  const [{ expectation, allowed } = { expectation: undefined, allowed: false }] = wrong;
  const { user = '', verb = '', resource = '', namespace } = expectation?.question ?? {};
  const where = namespace === undefined ? 'in the whole cluster' : `in ${namespace}`;
  return {
    code: 'conflict',
    message: `the cluster gave ${wrong.length} of ${results.length} answers otherwise than the policy: ${user} ${allowed ? 'may' : 'may not'} ${verb} ${resource} ${where}`,
    remedy: 'look for bindings of others that give or lack it; gatehouse plan shows what Gatehouse would change',
  };
}

/** What the ledger keeps of a verification: every question with its answer, and the grade of the evidence. */
function evidenceOf(outcome: Verification): Json {
  return {
    grade: outcome.evidence,
    ok: outcome.ok,
    answers: outcome.results.map(({ expectation: { question, allowed: expected, because }, allowed }) => ({
      user: question.user,
      verb: question.verb,
      resource: `${question.resource}${question.subresource ? `/${question.subresource}` : ''}${question.group ? `.${question.group}` : ''}`,
      ...(question.namespace === undefined ? {} : { namespace: question.namespace }),
      ...(question.name === undefined ? {} : { name: question.name }),
      expected,
      allowed,
      because,
    })),
  };
}

async function verifySubject(
  gone: readonly RoleBindingClaim[],
  reader: FactReader,
  policy: AccessPolicy,
  cluster: Cluster,
  grants: readonly Grant[],
  subject: Subject,
  kubernetes: Kubernetes,
): Promise<Verification> {
  const wishes = await bindingsWanted(reader, policy, cluster, grants, subject);
  // What a turn held back, or a pause, is no promise yet: only what was made is proven.
  const made = (await readRecord(reader, clusterTarget(cluster.arn), subject)).flatMap(({ claim }) =>
    claim.kind === 'role-binding' ? [claim as RoleBindingClaim] : [],
  );
  const bindings = wishes.filter((wish) => made.some((claim) => fulfils(claim, wish)));
  const access = new Map<string, { bound: Bound; has: Holding[]; had: Holding[] }>();
  const of = (bound: Bound) => {
    const known = access.get(boundName(bound)) ?? { bound, has: [], had: [] };
    access.set(boundName(bound), known);
    return known;
  };
  const holds = new Set<string>();
  for (const wish of bindings) {
    const grant = grants.find(({ name }) => name === wish.grant);
    const holding = grant && holdingOf(grant, wish);
    // One holding speaks for all namespaces of its grant.
    const key = `${boundName(wish)} ${wish.grant} ${wish.roleRef.name}`;
    if (!holding || holds.has(key)) continue;
    holds.add(key);
    of(wish).has.push(holding);
  }
  for (const claim of gone) {
    const grant = policy.grants.find((one) => one.name === claim.grant);
    // Where the member still has as much by what is left, the questions leave it out.
    const { level } = (grant && holdingOf(grant, claim)) ?? { level: levelOf(claim) };
    of(claim).had.push({ level, namespaces: namespacesOf(claim), because: `grant ${claim.grant}` });
  }
  return verify(
    kubernetes,
    [...access.values()].flatMap(({ bound, has, had }) => questionsFor({ ...askedAs(bound), has, had })),
  );
}

/** What binds a subject on a cluster by the policy: one wish for every binding that shall name them. */
export async function bindingsWanted(
  reader: FactReader,
  policy: AccessPolicy,
  cluster: Cluster,
  grants: readonly Grant[],
  subject: Subject,
): Promise<DesiredOnCluster['bindings']> {
  if (memberOf(subject) === undefined) {
    const parts = parseSubject(subject);
    const grant = parts.type === 'grant' ? grants.find(({ name }) => name === parts.name) : undefined;
    return grant ? desiredForGrant(grant, cluster, identityProviderOf(policy, cluster)).bindings : [];
  }
  const member = await readMemberFacts(reader, policy, subject, cluster);
  const namings = new Map<string, Awaited<ReturnType<typeof sessionNamingOf>>>();
  for (const grant of grants) {
    if (wayOf(grant) === 'shared-role') namings.set(grant.name, await sessionNamingOf(reader, grant, cluster.account));
  }
  return desiredForMember(policy, member, grants, (grant) => namings.get(grant.name) ?? 'user-name').bindings;
}

/** Nobody's name: with it the cluster is asked what a group has, apart from any user. */
const SOMEBODY = `${USERNAME_PREFIX}verification`;

function askedAs({ username, group }: Bound): { username: string; groups?: readonly string[] } {
  return username === undefined ? { username: SOMEBODY, groups: [group] } : { username };
}

/** What a binding of a grant gives: its level, or the part of it that is for the whole cluster. */
export function holdingOf(grant: Grant, { roleRef }: Pick<BindingWish, 'roleRef'>): Holding {
  const { level, namespaces, name } = grant;
  const because = `grant ${name}`;
  const { clusterWide, ...main } = level;
  return clusterWide && roleRef.name === wideRoleName(grant)
    ? { level: { name: level.name, rules: clusterWide }, namespaces: [], because }
    : { level: main, namespaces, because };
}

/** The level of a grant that the policy no longer has, as far as its binding tells. */
function levelOf({ grant, roleRef: { kind, name } }: RoleBindingClaim): Grant['level'] {
  const isOwn = kind === 'Role' || name.startsWith(`${USERNAME_PREFIX}${grant}`);
  return isOwn ? { name: grant, rules: [] } : { name: grant, clusterRole: name };
}

function namespacesOf(claim: RoleBindingClaim): string[] {
  const [kind, namespace = ''] = claim.object.split('/');
  return kind === 'RoleBinding' ? [namespace] : [];
}
