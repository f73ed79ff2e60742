import { parsePrincipalArn } from '../access/arn.ts';
import { digest } from '../access/digest.ts';
import type { AccessPolicy, ClusterMode } from '../access/policy.ts';
import { memberOf, parseSubject, permissionSetSubject, principalSubject, type Subject } from '../access/subject.ts';
import { lookUpTarget, parseTarget, permissionSetTarget, type Target } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { readOnboarded } from '../directory/onboarded.ts';
import { readUser } from '../directory/read.ts';
import { driftIn } from '../plan/drift.ts';
import type { Plan, PlannedChange } from '../plan/plan.ts';
import { objectId, type TurnClaims } from '../plan/turn-claims.ts';
import { type PolicyInForce, policyInForce } from '../policy/in-force.ts';
import { withOnboarded } from '../policy/onboarding.ts';
import { readRegistrations, withRegistrations } from '../policy/registrations.ts';
import { requirePolicy } from '../policy/require.ts';
import { allClusters, selects } from '../policy/selection.ts';
import { type Comparison, compare } from '../policy/widening.ts';
import { allItems } from '../ports/all-items.ts';
import type { TableReader } from '../ports/table.ts';
import type { Change, ChangeLine, Finding, OwnedClaim } from '../resources/resource.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import { newestFact, newestOf } from '../work/causes.ts';
import { discoveredClusters } from '../work/clusters.ts';
import type { FactReader } from '../work/fact-reader.ts';
import { MARK_PREFIX, targetPk } from '../work/keys.ts';
import { type Mark, readMark } from '../work/marks.ts';
import { targetsOfPolicy } from '../work/sweep.ts';
import { inRehearsal, rehearseTurn } from '../work/take-turns.ts';
import type { TurnLimits, TurnPorts } from '../work/turn-ports.ts';
import { inForce, subjectsOn } from './subjects.ts';

/** One line of a planned change, and why it is there. */
export interface PlannedLine extends ChangeLine {
  /** The grants it follows from, or followed from. */
  readonly grants?: readonly string[];
  /** It puts right what somebody changed outside of Gatehouse. */
  readonly drifted?: true;
}

/** Somebody, or something, that a plan is about. */
export interface PlannedSubject {
  readonly subject: Subject;
  /** A person's login, where a source told it. */
  readonly name?: string;
  /** The event that decides: the one by which they are marked, else the newest fact about them, or the policy that came into force since. Absent under a document. */
  readonly cause?: Cause;
}

/** The plan of one target, explained. JSON-able. */
export interface TargetPlan extends Omit<Plan, 'changes'> {
  readonly target: Target;
  /** In mode `observe`, nothing of it is done. */
  readonly mode: ClusterMode;
  /** Absent where the policy is one that is thought of. */
  readonly policyVersion?: { readonly version: number; readonly digest: string };
  readonly changes: readonly (Omit<PlannedChange, 'change'> & {
    readonly change: Omit<Change, 'lines'> & { readonly lines: readonly PlannedLine[] };
  })[];
  /** Those of the lines, each once. */
  readonly subjects: readonly PlannedSubject[];
}

/** What there is to be planned. */
export interface PlanTargets {
  /** In force; null before the first. */
  readonly policyVersion: { readonly version: number; readonly digest: string } | null;
  readonly targets: readonly Target[];
  readonly clusters: readonly { readonly name: string; readonly arn: string; readonly mode: ClusterMode }[];
  /** Where a document was given: its digest, and what it widens and narrows against what is in force. */
  readonly proposed?: Comparison & { readonly digest: string };
}

/**
 * The targets that a plan without any is about: those of the policy in force, and of the document that is thought of.
 * @throws Failure `invalid` where the document is wrong; `not-found` where there is neither.
 */
export async function planTargets(ports: TurnPorts, document: string | undefined): Promise<PlanTargets> {
  const current = document === undefined ? await inForce(ports.table) : await policyInForce(ports.table);
  const thought = document === undefined ? undefined : await policyThoughtOf(ports.table, document);
  const policies = [...(current ? [current.policy] : []), ...(thought ? [thought.policy] : [])];
  const targets = new Set<Target>();
  for (const policy of policies) for (const one of await targetsOfPolicy(ports.table, policy)) targets.add(one);
  const discovered = await discoveredClusters(ports.table);
  return {
    policyVersion: current ? { version: current.version, digest: current.digest } : null,
    targets: [...targets],
    clusters: allClusters(policies.at(-1)!, discovered).map(({ name, arn, mode }) => ({ name, arn, mode })),
    ...(thought ? { proposed: { digest: thought.digest, ...compare(current?.written, thought.written) } } : {}),
  };
}

/**
 * What a turn on a target would do now, line by line with the reason; nothing is written.
 * @param asked `document`: under this policy instead of the one in force. `subjects`: only for these.
 * @throws Failure as the turn itself would; `invalid` where the document is wrong.
 */
export async function planOf(
  given: TurnPorts,
  limits: TurnLimits,
  target: Target,
  asked: { readonly subjects?: readonly Subject[] | undefined; readonly document?: string | undefined },
): Promise<TargetPlan> {
  const { table } = given;
  const current = await policyInForce(table);
  const thought = asked.document === undefined ? undefined : await policyThoughtOf(table, asked.document);
  const subjects = asked.subjects ?? (await subjectsUnder(table, target, current?.policy, thought?.policy));
  return explainedPlan(given, limits, target, subjects, thought ? { thought: thought.policy } : { current });
}

/**
 * What a turn on a target would do for some subjects under a policy that is thought of, line by line with the reason; nothing is
 * written. @throws Failure as the turn itself would.
 */
export function planUnder(
  ports: TurnPorts,
  limits: TurnLimits,
  target: Target,
  subjects: readonly Subject[],
  thought: AccessPolicy,
): Promise<TargetPlan> {
  return explainedPlan(ports, limits, target, subjects, { thought });
}

/** Under the policy that is thought of, or else the one in force. */
async function explainedPlan(
  given: TurnPorts,
  limits: TurnLimits,
  target: Target,
  subjects: readonly Subject[],
  { current, thought }: { readonly current?: PolicyInForce | undefined; readonly thought?: AccessPolicy },
): Promise<TargetPlan> {
  const ports = inRehearsal(given);
  const looked = thought ? await lookUp(ports, limits, target, thought) : [];
  const { plan, stage, reader } = await rehearseTurn(ports, limits, target, subjects, thought);
  const { kinds, claims, observed } = stage.scene;
  // What is written and only to be seen once more is made.
  const marks = (await allItems(ports.table, targetPk(target), MARK_PREFIX)).map(readMark).filter(isOpen);
  const drifted = linesOf(driftIn(kinds, claims, observed, new Set(marks.map(({ subject }) => subject))));
  const grants = grantsIn(claims);
  const changes = plan.changes.map(({ pass, change }) => ({
    pass,
    change: { ...change, lines: change.lines.map((line) => explained(line, change, grants, drifted)) },
  }));
  const named = new Set<Subject>();
  for (const { change } of changes) for (const { subject } of change.lines) if (subject) named.add(subject);
  const causes = { isThought: thought !== undefined, marks, policy: current?.cause };
  return {
    ...plan,
    findings: [...looked, ...plan.findings],
    changes,
    target,
    mode: stage.mode,
    ...(current ? { policyVersion: { version: current.version, digest: current.digest } } : {}),
    subjects: await Promise.all([...named].map((subject) => aboutSubject(reader, subject, causes))),
  };
}

/** A policy that is thought of: with all that was onboarded and registered, as if it were in force. */
async function policyThoughtOf(reader: TableReader, document: string) {
  const written = requirePolicy(document);
  const onboarded = written.onboarding ? await readOnboarded(reader) : [];
  const { registrations } = await readRegistrations(reader);
  const policy = withRegistrations(withOnboarded(written, onboarded).policy, registrations);
  return { written, policy, digest: digest(document) };
}

async function subjectsUnder(
  reader: TableReader,
  target: Target,
  current: AccessPolicy | undefined,
  thought: AccessPolicy | undefined,
): Promise<readonly Subject[]> {
  if (!current && !thought) await inForce(reader);
  const subjects = new Set<Subject>();
  for (const policy of [current, thought]) {
    for (const subject of policy ? await subjectsOn(reader, target, policy) : []) subjects.add(subject);
  }
  return [...subjects];
}

/** What grants on a cluster come in by and others make is looked up, as its own turn in IAM would do it first. Answers what that found. */
async function lookUp(
  ports: TurnPorts,
  limits: TurnLimits,
  target: Target,
  policy: AccessPolicy,
): Promise<readonly Finding[]> {
  const parts = parseTarget(target);
  if (parts.type !== 'cluster') return [];
  const cluster = allClusters(policy, await discoveredClusters(ports.table)).find(({ arn }) => arn === parts.arn);
  if (!cluster) return [];
  const wanted = new Map<Target, Set<Subject>>();
  const want = (where: Target, subject: Subject) => wanted.set(where, (wanted.get(where) ?? new Set()).add(subject));
  for (const { to, permissionSet } of policy.grants.filter((grant) => selects(grant, cluster))) {
    if (permissionSet) want(permissionSetTarget(cluster.account, permissionSet), permissionSetSubject(permissionSet));
    for (const one of to) {
      if ('principal' in one) want(lookUpTarget(parsePrincipalArn(one.principal)), principalSubject(one.principal));
    }
  }
  const rehearsals = await Promise.all(
    [...wanted].map(([where, subjects]) => rehearseTurn(ports, limits, where, [...subjects], policy)),
  );
  return rehearsals.flatMap(({ plan }) => plan.findings);
}

const lineKey = (object: string, { sign, text, subject }: ChangeLine) => JSON.stringify([object, sign, text, subject]);

function linesOf(drift: ReturnType<typeof driftIn>): ReadonlySet<string> {
  return new Set(drift.flatMap((one) => one.lines.map((line) => lineKey(objectId(one), line))));
}

/** By object and subject, and by subject alone, in which case the object is empty. */
function grantsIn({ wanted, recorded }: TurnClaims): ReadonlyMap<string, ReadonlySet<string>> {
  const grants = new Map<string, Set<string>>();
  const add = (object: string, subject: Subject, grant: string) => {
    const key = JSON.stringify([object, subject]);
    grants.set(key, (grants.get(key) ?? new Set()).add(grant));
  };
  for (const owned of [...wanted, ...recorded]) {
    for (const grant of new Set(grantOf(owned))) {
      add(objectId(owned.claim), owned.subject, grant);
      add('', owned.subject, grant);
    }
  }
  return grants;
}

function grantOf({ grant, subject, claim }: OwnedClaim): string[] {
  const parts = parseSubject(subject);
  const named = grant ?? (claim.kind === 'role-binding' ? (claim as RoleBindingClaim).grant : undefined);
  if (named !== undefined) return [named];
  return parts.type === 'grant' ? [parts.name] : [];
}

function explained(
  line: ChangeLine,
  change: Change,
  grants: ReadonlyMap<string, ReadonlySet<string>>,
  drifted: ReadonlySet<string>,
): PlannedLine {
  const id = objectId(change);
  const of = (object: string) => grants.get(JSON.stringify([object, line.subject]));
  const because = line.subject === undefined ? undefined : (of(id) ?? of(''));
  return {
    ...line,
    ...(because === undefined ? {} : { grants: [...because].sort() }),
    ...(drifted.has(lineKey(id, line)) ? { drifted: true as const } : {}),
  };
}

const isOpen = ({ confirming }: Mark): boolean => confirming !== true;

/** What may be the cause of a line. */
interface Causes {
  /** Under a document that is thought of, that is the cause. */
  readonly isThought: boolean;
  readonly marks: readonly Mark[];
  readonly policy: Cause | undefined;
}

async function aboutSubject(reader: FactReader, subject: Subject, causes: Causes): Promise<PlannedSubject> {
  const member = memberOf(subject);
  const user = member?.type === 'user' ? await readUser(reader, member.source, member.id) : undefined;
  const cause = causeOf(reader, subject, causes);
  return { subject, ...(user?.login ? { name: user.login } : {}), ...(cause ? { cause } : {}) };
}

/** The event by which it is marked; else the newest of the facts about it and of the policy. */
function causeOf(reader: FactReader, subject: Subject, { isThought, marks, policy }: Causes): Cause | undefined {
  if (isThought) return undefined;
  const marked = marks.filter((mark) => mark.subject === subject).map(({ cause }) => cause);
  return newestOf(marked) ?? newestOf([newestFact(reader, subject), policy]);
}
