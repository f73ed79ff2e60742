import { parseClusterArn } from '../access/arn.ts';
import { Failure, isFailure } from '../access/failure.ts';
import { canonicalJson, sameJson } from '../access/json.ts';
import { grantSubject, type Subject } from '../access/subject.ts';
import { parseTarget, type Target } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { appendEntry } from '../ledger/ledger.ts';
import { type Guard, type ObjectWork, objectWork, type Plan, planTurn } from '../plan/plan.ts';
import { eachOnce, objectId, ownedClaimKey, type TurnClaims, unwantedClaims } from '../plan/turn-claims.ts';
import type { Clock } from '../ports/clock.ts';
import type { Table } from '../ports/table.ts';
import type { Change, Finding, Kind, OwnedClaim } from '../resources/resource.ts';
import type { CauseOf } from './causes.ts';
import { writeRecords } from './records.ts';
import { keepSnapshot } from './snapshots.ts';

/** One target, as a turn has it before it: what shall be, what is, and how to change it. */
export interface Scene {
  readonly target: Target;
  /** The ledger's chain of this target. */
  readonly chain: string;
  /** In the order of granting. */
  readonly kinds: readonly Kind[];
  /** What the kinds' `observe` and `apply` take. */
  readonly ports: unknown;
  readonly claims: TurnClaims;
  /** What deriving the claims found. */
  readonly findings: readonly Finding[];
  readonly observed: Map<string, unknown>;
  readonly guards: readonly Guard[];
  /** Called with what is gone from the target, before its records go: after a crash it is called once more. */
  beforeForgetting?(gone: readonly OwnedClaim[], causeOf: CauseOf): Promise<void>;
}

/** Which run does it, following what, because of what. Kept in every ledger entry. */
export interface Run {
  readonly id: string;
  readonly policyVersion: { readonly version: number; readonly digest: string };
  readonly causes: readonly Cause[];
  readonly causeOf: CauseOf;
  /** Milliseconds UTC after which no more objects are begun. */
  readonly workUntil: number;
}

/** What came of it. */
export interface Result {
  readonly applied: readonly Change[];
  /** Why something of a subject is not finished. Retryable, all of them; what is not became a finding. */
  readonly failed: ReadonlyMap<Subject, Failure>;
  readonly findings: readonly Finding[];
  /** ARNs that the target named before (aws-auth a principal, a user its policies) and names no more. */
  readonly released: readonly string[];
  /** Grants of which an object had to be deleted to remove one subject: their other members must be bound again. */
  readonly toRestore: readonly string[];
}

/** The plan of a scene: what a dry run shows. Observes what is not observed yet. */
export async function planScene(scene: Scene): Promise<Plan> {
  await observeMissing(scene);
  const plan = planTurn({ kinds: scene.kinds, claims: scene.claims, observed: scene.observed, guards: scene.guards });
  return { ...plan, findings: [...scene.findings, ...plan.findings] };
}

async function observeMissing(scene: Scene): Promise<void> {
  const missing = new Map<string, { kind: Kind; object: string }>();
  for (const { claim } of [...scene.claims.wanted, ...scene.claims.recorded]) {
    const id = objectId(claim);
    const kind = scene.kinds.find(({ name }) => name === claim.kind);
    if (kind && !scene.observed.has(id)) missing.set(id, { kind, object: claim.object });
  }
  await Promise.all(
    [...missing].map(async ([id, { kind, object }]) => {
      scene.observed.set(id, await kind.observe(scene.ports, object));
    }),
  );
}

const MAX_CONFLICTS = 5;

/**
 * Carries a plan out: records and intent first, then the writes in their order, then the outcome. A failure of one object
 * stops what depends on it and nothing else. Safe to repeat after a crash at any point.
 */
export async function carryOut(
  ports: { readonly table: Table; readonly ledger: Table; readonly clock: Clock },
  scene: Scene,
  plan: Plan,
  run: Run,
): Promise<Result> {
  const held = new Set(plan.held.map(ownedClaimKey));
  const open: TurnClaims = {
    wanted: scene.claims.wanted.filter((owned) => !held.has(ownedClaimKey(owned))),
    recorded: scene.claims.recorded.filter((owned) => !held.has(ownedClaimKey(owned))),
  };
  const recordedAll = scene.claims.recorded;
  const intended = eachOnce([...recordedAll, ...open.wanted]);
  if (plan.changes.length === 0) {
    const { failed, unfinished } = stillUnderWay(scene, open);
    // Nothing to write: what is recorded and gone from the target is forgotten, what is wanted stands already.
    const gone = unwantedClaims(open).filter(({ claim }) => !unfinished.has(objectId(claim)));
    await scene.beforeForgetting?.(gone, run.causeOf);
    const after = withoutClaims(intended, gone);
    const released = await writeRecords(ports.table, scene.target, recordedAll, after);
    return { applied: [], failed, findings: plan.findings, released, toRestore: [] };
  }
  await writeRecords(ports.table, scene.target, recordedAll, intended);
  const entry = { run: run.id, target: scene.target, policyVersion: run.policyVersion, causes: run.causes };
  await appendEntry(ports, scene.chain, {
    ...entry,
    kind: 'intent',
    changes: plan.changes.map(({ change }) => summaryOf(change)),
  });
  const writer = new Writer(ports, scene, plan, run);
  for (const work of objectWork(scene.kinds, open)) await writer.visit(work);
  await appendEntry(ports, scene.chain, {
    ...entry,
    kind: 'outcome',
    changes: writer.applied.map(summaryOf),
    ...(writer.failed.size === 0
      ? {}
      : {
          failures: [...writer.failed].map(([subject, failure]) => ({
            subject,
            code: failure.code,
            message: failure.message,
          })),
        }),
  });
  const { failed, unfinished } = stillUnderWay(scene, open);
  const removed = unwantedClaims(open).filter(
    ({ claim }) => !writer.unfinished.has(objectId(claim)) && !unfinished.has(objectId(claim)),
  );
  await scene.beforeForgetting?.(removed, run.causeOf);
  const released = await writeRecords(ports.table, scene.target, intended, withoutClaims(intended, removed));
  return {
    applied: writer.applied,
    failed: new Map([...writer.failed, ...failed]),
    findings: [...plan.findings, ...writer.findings],
    released,
    toRestore: [...writer.toRestore],
  };
}

/** What was begun, now or before, and is not over: on which objects, and for whom. No failure, but looked at again like one. */
function stillUnderWay({ kinds, observed }: Scene, { wanted, recorded }: TurnClaims) {
  const failed = new Map<Subject, Failure>();
  const unfinished = new Set<string>();
  for (const { subject, claim } of [...wanted, ...recorded]) {
    const kind = kinds.find(({ name }) => name === claim.kind);
    const state = observed.get(objectId(claim));
    const what = state === undefined ? undefined : kind?.underWay?.(state);
    if (what === undefined) continue;
    unfinished.add(objectId(claim));
    failed.set(subject, new Failure('unreachable', what, { remedy: 'wait: it is looked at again by itself' }));
  }
  return { failed, unfinished };
}

class Writer {
  readonly applied: Change[] = [];
  readonly failed = new Map<Subject, Failure>();
  readonly findings: Finding[] = [];
  readonly toRestore = new Set<string>();
  /** Objects on which a removal did not come to its end. */
  readonly unfinished = new Set<string>();
  readonly #ports: { readonly table: Table; readonly clock: Clock };
  readonly #scene: Scene;
  readonly #run: Run;
  /** Subjects, and grants through their own subject, that get nothing more in this turn. */
  readonly #stopped = new Set<Subject>();
  /** The changes that passed the guards together, as they were planned. */
  readonly #planned: ReadonlySet<string>;

  constructor(ports: { readonly table: Table; readonly clock: Clock }, scene: Scene, plan: Plan, run: Run) {
    this.#ports = ports;
    this.#scene = scene;
    this.#run = run;
    this.#planned = new Set(plan.changes.map(({ pass, change }) => plannedKey(pass, change)));
  }

  async visit(work: ObjectWork): Promise<void> {
    const id = objectId({ kind: work.kind.name, object: work.object });
    const claims = this.#openClaims(work);
    // What a stopped subject has in an older form stays as it is, and recorded.
    if (claims.unwanted.length < work.claims.unwanted.length) this.unfinished.add(id);
    let touched: readonly Subject[] = subjectsOf([...claims.wanted, ...claims.unwanted]);
    try {
      for (let conflicts = 0; ; conflicts++) {
        const { change, findings } = work.kind.diff(work.object, this.#scene.observed.get(id), claims);
        if (conflicts > 0) this.#heed(work, findings);
        if (!change) return;
        touched = subjectsOfChange(change) ?? touched;
        if (this.#ports.clock.now() >= this.#run.workUntil) {
          throw new Failure(
            'deadline',
            `${work.object} was left to another turn, because the time of this one is over`,
          );
        }
        this.#guard(work, change, claims);
        try {
          await this.#write(work.kind, change, id);
          return;
        } catch (error) {
          if (!isFailure(error, 'conflict') || conflicts === MAX_CONFLICTS) throw error;
          this.#scene.observed.set(id, await work.kind.observe(this.#scene.ports, work.object));
        }
      }
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#fail(work, touched, error);
      this.unfinished.add(id);
    }
  }

  async #write(kind: Kind, change: Change, id: string): Promise<void> {
    if (kind.keepsSnapshot) await keepSnapshot(this.#ports, this.#scene.target, this.#run.id, change);
    const after = await kind.apply(this.#scene.ports, change);
    this.#scene.observed.set(id, after);
    this.applied.push(change);
    // An update that ended in a deletion removed more than it was to: the others must get it back.
    if (change.action === 'update' && isAbsent(after)) {
      for (const { grant, claim } of [...this.#scene.claims.wanted, ...this.#scene.claims.recorded]) {
        if (grant !== undefined && objectId(claim) === id) this.toRestore.add(grant);
      }
    }
  }

  /** The claims of a visit without those of stopped subjects; a removal is stopped by nothing. */
  #openClaims({ pass, claims }: ObjectWork): ObjectWork['claims'] {
    const open = (owned: OwnedClaim) => !this.#isStopped(owned);
    return {
      ...claims,
      wanted: claims.wanted.filter(open),
      unwanted: pass === 'add' ? claims.unwanted.filter(open) : claims.unwanted,
    };
  }

  /** What somebody did meanwhile may stand against a claim that nothing stood against when it was planned. */
  #heed(work: ObjectWork, findings: readonly Finding[]): void {
    const blocks = findings.filter(({ severity }) => severity === 'blocks');
    if (blocks.length === 0) return;
    this.findings.push(...blocks);
    this.unfinished.add(objectId({ kind: work.kind.name, object: work.object }));
    if (work.pass === 'remove') return;
    for (const { subject } of blocks) {
      for (const one of subject === undefined ? subjectsOf(work.claims.wanted) : [subject]) this.#stopped.add(one);
    }
  }

  /** What changed between planning and writing passes the guards again. */
  #guard(work: ObjectWork, change: Change, claims: ObjectWork['claims']): void {
    if (this.#planned.has(plannedKey(work.pass, change))) return;
    const draft = {
      changes: [{ pass: work.pass, change }],
      claims: { wanted: claims.wanted, recorded: [...claims.unwanted, ...claims.recorded] },
      observed: this.#scene.observed,
    };
    const finding = this.#scene.guards.flatMap((guard) => guard(draft)).find(({ severity }) => severity === 'blocks');
    if (finding) throw new Failure('invalid', finding.message, { remedy: finding.remedy });
  }

  #fail(work: ObjectWork, subjects: readonly Subject[], error: Failure): void {
    for (const subject of subjects) {
      if (work.pass === 'add') this.#stopped.add(subject);
      if (error.retryable || isMissingPrerequisite(error)) this.failed.set(subject, error);
      else this.findings.push(findingOf(error, this.#scene.target, work.object, subject));
    }
  }

  #isStopped(owned: OwnedClaim): boolean {
    return (
      this.#stopped.has(owned.subject) || (owned.grant !== undefined && this.#stopped.has(grantSubject(owned.grant)))
    );
  }
}

/** A thing that a write needs is not there yet: the turn that makes it may come next, so it is worth another try. */
function isMissingPrerequisite(error: Failure): boolean {
  return error.code === 'not-found';
}

/** The finding that a failure is which trying again does not mend. */
export function findingOf(error: Failure, target: Target, object: string, subject?: Subject): Finding {
  const parts = parseTarget(target);
  const cluster = parts.type === 'iam' ? '<cluster>' : parseClusterArn(parts.arn).name;
  return {
    code: error.code,
    severity: 'blocks',
    object,
    ...(subject === undefined ? {} : { subject }),
    message: error.message,
    remedy:
      error.remedy?.replaceAll('<cluster>', cluster) ??
      'mend what the message names; Gatehouse tries again at the next event and at every sweep',
  };
}

/** A change as the ledger keeps it: which object, what was done, and each line of it. */
export function summaryOf({
  kind,
  object,
  action,
  lines,
}: Change): Pick<Change, 'kind' | 'object' | 'action' | 'lines'> {
  return { kind, object, action, lines };
}

const plannedKey = (pass: ObjectWork['pass'], change: Change): string => canonicalJson([pass, change]);

function isAbsent(state: unknown): boolean {
  return sameJson((state as { present?: unknown } | null)?.present, false);
}

function withoutClaims(claims: readonly OwnedClaim[], gone: readonly OwnedClaim[]): OwnedClaim[] {
  const keys = new Set(gone.map(ownedClaimKey));
  return claims.filter((owned) => !keys.has(ownedClaimKey(owned)));
}

function subjectsOf(claims: readonly OwnedClaim[]): Subject[] {
  return [...new Set(claims.map(({ subject }) => subject))];
}

/** The subjects of a change's lines; undefined where a line does not say. */
function subjectsOfChange(change: Change): Subject[] | undefined {
  const subjects = change.lines.map(({ subject }) => subject);
  return subjects.length > 0 && subjects.every((subject) => subject !== undefined) ? [...new Set(subjects)] : undefined;
}
