import { Failure, isFailure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import { ENVIRONMENT_LABEL } from '../access/names.ts';
import type { AccessPolicy } from '../access/policy.ts';
import type { Subject } from '../access/subject.ts';
import { chainOf, clusterTarget, parseTarget, type Target } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { appendEntry } from '../ledger/ledger.ts';
import type { Plan } from '../plan/plan.ts';
import type { TurnClaims } from '../plan/turn-claims.ts';
import { policyInForce } from '../policy/in-force.ts';
import { EMPTY_POLICY } from '../policy/widening.ts';
import { eachAtOnce } from '../ports/at-once.ts';
import { type Item, keyId } from '../ports/table.ts';
import type { World } from '../ports/world.ts';
import type { Finding } from '../resources/resource.ts';
import { carryOut, findingOf, planScene, type Result, type Run, summaryOf } from './carry-out.ts';
import { causesBySubject, distinctCauses, newerCauses } from './causes.ts';
import { setClusterStage } from './cluster-stage.ts';
import { discoveredClusters, forgetDiscovered, isGone } from './clusters.ts';
import { setConnectionStage } from './connection-stage.ts';
import { FactReader } from './fact-reader.ts';
import { unreadSecrets } from './iam-belief.ts';
import { setIamStage } from './iam-stage.ts';
import { targetPk, type Urgency } from './keys.ts';
import { beginTurn, endTurn, nextTurn, type TurnLease } from './lease.ts';
import { type Mark, parkedMarks, putMark, takeMarks } from './marks.ts';
import { readRecord, readRecords, writeRecords } from './records.ts';
import { keepRemarks } from './remarks.ts';
import { restAfter } from './rest.ts';
import {
  type ConcernedClaims,
  type Ending,
  markSweptTrouble,
  type Settlement,
  settleMarks,
  troubleIn,
} from './settle.ts';
import type { Stage, StageRequest } from './stage.ts';
import type { TurnLimits, TurnPorts } from './turn-ports.ts';
import { type SweepPlace, type WakeMessage, wake, wakeLater, wakeToSweep } from './wake.ts';

/** How a turn went, for logs, metrics and tests. */
export type TurnReport =
  | { readonly kind: 'busy' }
  | {
      readonly kind: 'done';
      readonly run: string;
      readonly marks: number;
      readonly changes: number;
      readonly settled: readonly Settlement[];
      /** Of each revocation that is written now: how long ago its event came, in milliseconds. */
      readonly revocations: readonly number[];
    };

type Report = Extract<TurnReport, { kind: 'done' }>;

const SWEEP_PAGE = 200;
/** Turns on revocations between two steps of another: the second is on what came during the first. */
const MOST_BETWEEN = 2;

/** A worker's time on a target: its turns, one after another or one within another. */
interface Shift {
  readonly ports: TurnPorts;
  readonly limits: TurnLimits;
  readonly target: Target;
  /** Milliseconds UTC. */
  readonly begun: number;
  /** As the turns so far leave it. */
  lease: TurnLease;
  /** Turns begun. */
  turns: number;
  /** Of the turns that have ended. */
  readonly reports: Report[];
}

/**
 * One worker's time on one target: a turn on revocations, then one on grants, which gives way to the revocations that come
 * meanwhile. What it does not get to stays marked, and the target is woken again. Whatever happens to this process,
 * everything that is not done stays marked.
 *
 * @returns How the turns went, in the order in which they ended; none where nothing was to be done.
 */
export async function takeTurns(
  ports: TurnPorts,
  limits: TurnLimits,
  message: WakeMessage,
): Promise<readonly TurnReport[]> {
  const { target } = message;
  const begun = ports.clock.now();
  const lease = await beginTurn(ports, target, limits.lease);
  if ('busyUntil' in lease) {
    await wakeLater(ports, target, lease.busyUntil, message.sweep);
    return [{ kind: 'busy' }];
  }
  const shift: Shift = { ports, limits, target, begun, lease, turns: 0, reports: [] };
  let sweep: SweepLeft | undefined;
  try {
    sweep = await work(shift, message.sweep);
  } finally {
    await endTurn(ports.table, shift.lease);
  }
  const { until } = shift.lease.rest;
  if (sweep?.yields) await wakeLater(ports, target, Math.max(until, ports.clock.now() + 1_000), sweep.place);
  else if (sweep) await wakeToSweep(ports, target, sweep.place, String(lease.counter));
  await wakeForTheRest(ports, target, until);
  return shift.reports;
}

/**
 * A dry run: the plan of a turn on these subjects, not carried out and holding nothing. Nothing at all is written.
 * @param under A policy that is thought of, instead of what holds now.
 */
export async function planTarget(
  given: TurnPorts,
  limits: TurnLimits,
  target: Target,
  subjects: readonly Subject[],
  under?: AccessPolicy,
): Promise<Plan> {
  const { plan } = await rehearseTurn(inRehearsal(given), limits, target, subjects, under);
  return plan;
}

/** A turn as far as its plan, and all that the plan was made from. */
export interface Rehearsal {
  readonly plan: Plan;
  readonly stage: Stage;
  /** What it read. */
  readonly reader: FactReader;
}

/**
 * A turn up to its plan.
 * @param ports As {@link inRehearsal} makes them: the stage of a turn notes some things for later ones.
 * @param under A policy that is thought of, instead of what holds now.
 */
export async function rehearseTurn(
  given: TurnPorts,
  limits: TurnLimits,
  target: Target,
  subjects: readonly Subject[],
  under?: AccessPolicy,
): Promise<Rehearsal> {
  const parts = parseTarget(target);
  const account: World['account'] = async (one) => {
    const opened = await given.world.account(one);
    return parts.type === 'iam' && !isConnection(target)
      ? { ...opened, secrets: unreadSecrets(given.table, target, parts.name) }
      : opened;
  };
  const ports: TurnPorts = { ...given, world: { ...given.world, account } };
  const reader = new FactReader(ports.table);
  const policy = under ?? (await policyInForce(reader))?.policy ?? EMPTY_POLICY;
  const stage = await setStage({
    ports,
    reader,
    policy,
    target,
    subjects,
    callsUntil: ports.clock.now() + limits.calls,
  });
  return { plan: await planScene(stage.scene), stage, reader };
}

/**
 * The ports as dry runs see them: what a turn would note in the table, only the later ones of the same rehearsal find, by its
 * key; queries answer what is really there.
 */
export function inRehearsal(ports: TurnPorts): TurnPorts {
  const { table } = ports;
  const noted = new Map<string, Item | undefined>();
  return {
    ...ports,
    table: {
      get: async (key) => (noted.has(keyId(key)) ? noted.get(keyId(key)) : table.get(key)),
      query: (pk, options) => table.query(pk, options),
      due: (shard, until, limit) => table.due(shard, until, limit),
      put: async (item) => void noted.set(keyId(item), item),
      delete: async (key) => void noted.set(keyId(key), undefined),
    },
  };
}

/** Where a sweep goes on. `yields`: something more urgent was there, so nothing was swept. */
interface SweepLeft {
  readonly place: SweepPlace;
  readonly yields: boolean;
}

async function work(shift: Shift, sweep: SweepPlace | undefined): Promise<SweepLeft | undefined> {
  const { ports, limits, target } = shift;
  const { owed } = shift.lease;
  if (!owed) await turnOnRevocations(shift);
  const rests = ports.clock.now() < shift.lease.rest.until;
  const isLate = isTooLate(shift);
  const ripe = rests || isLate ? [] : await takeMarks(ports, target, 'grant', limits.grants);
  // A sweep yields to marks, and to the rest that lets them gather: it comes again when they are done.
  const yields = sweep !== undefined && (rests || ripe.length > 0 || shift.turns > 0);
  const swept = sweep && !yields ? await sweepFrom(ports, target, sweep) : undefined;
  const marks = swept ? swept.marks : ripe;
  await turnOn(shift, marks, swept?.subjects ?? [], owed ? undefined : turnOnRevocations);
  const isCut = isLate || (shift.reports.length > 1 && ports.clock.now() >= shift.begun + limits.work);
  shift.lease = { ...shift.lease, rest: { ...shift.lease.rest, owed: isCut } };
  if (!isTooLate(shift)) await turnOnRevocations(shift);
  const place = yields ? sweep : swept?.next;
  return place === undefined ? undefined : { place, yields };
}

/** Whether a worker that has had a turn leaves the next one to another, which has time for the whole of it. */
const isTooLate = ({ ports, limits, begun, turns }: Shift): boolean =>
  turns > 0 && ports.clock.now() >= begun + limits.begins;

/**
 * A turn on all that is to be taken away and ripe.
 * @param except Subjects that a turn under way is about: they are left to it, or to the next.
 * @returns Whether there was anything, also of those subjects.
 */
async function turnOnRevocations(shift: Shift, except: ReadonlySet<Subject> = new Set()): Promise<boolean> {
  const { ports, limits, target } = shift;
  const ripe = await takeMarks(ports, target, 'revocation', limits.subjects);
  await turnOn(
    shift,
    ripe.filter(({ subject }) => !except.has(subject)),
  );
  return ripe.length > 0;
}

/**
 * A turn on some marks, all of one urgency, or on subjects that nothing marks. Where there are none, there is no turn.
 * @param giveWay Called between its steps.
 */
async function turnOn(
  shift: Shift,
  marks: readonly Mark[],
  swept: readonly Subject[] = [],
  giveWay?: typeof turnOnRevocations,
): Promise<void> {
  const { ports, limits, target, begun } = shift;
  const subjects = [...new Set([...marks.map(({ subject }) => subject), ...swept])];
  if (subjects.length === 0) return;
  if (shift.turns > 0) shift.lease = await nextTurn(ports.table, shift.lease);
  shift.turns += 1;
  const id = `${target}#${shift.lease.counter}`;
  const causes = marks.length > 0 ? distinctCauses(marks.map(({ cause }) => cause)) : [sweepCause(id, begun)];
  const begin = async (): Promise<Begun> => {
    const reader = new FactReader(ports.table);
    const inForce = await policyInForce(reader);
    const policy = inForce?.policy ?? EMPTY_POLICY;
    const policyVersion = { version: inForce?.version ?? 0, digest: inForce?.digest ?? '' };
    const causeOf = causesBySubject(marks, reader, causes[0]!);
    return {
      request: { ports, reader, policy, target, subjects, callsUntil: begun + limits.calls },
      run: { id, policyVersion, causes, causeOf, workUntil: begun + limits.work },
    };
  };
  // An IAM object is written whole, whoever a turn is about: nothing is gained by another in between.
  const gives = giveWay !== undefined && parseTarget(target).type === 'cluster';
  const between = async () => {
    let any = false;
    for (let times = 0; gives && times < MOST_BETWEEN && !isTooLate(shift); times++) {
      if (!(await giveWay(shift, new Set(subjects)))) break;
      any = true;
    }
    return any;
  };
  const report = await perform(begin, marks, between);
  shift.reports.push(report);
  const { lease } = shift;
  const urgency = marks[0]?.urgency ?? 'grant';
  shift.lease = { ...lease, rest: restAfter(lease.rest, urgency, marks.length, ports.clock.now()) };
}

/** A turn that has begun: what it asks for its stage, and under which name it runs. */
interface Begun {
  readonly request: StageRequest;
  readonly run: Run;
}

/** What a sweep looks at from a place on: once what is parked, page by page, then what is recorded. */
async function sweepFrom(
  ports: TurnPorts,
  target: Target,
  place: SweepPlace,
): Promise<{ marks: Mark[]; subjects: Subject[]; next?: SweepPlace }> {
  if (place.after === undefined) {
    const { marks, next } = await parkedMarks(ports.table, target, place.parked, SWEEP_PAGE);
    if (marks.length > 0) return { marks, subjects: [], next: next === undefined ? { after: '' } : { parked: next } };
  }
  const { records, next } = await readRecords(ports.table, target, place.after || undefined, SWEEP_PAGE);
  const found = { marks: [], subjects: [...records.keys()] };
  return next === undefined ? found : { ...found, next: { after: next } };
}

/**
 * @param giveWay Called between the steps: may let others have a turn, and answers whether there was anything to be taken away.
 */
async function perform(
  begin: () => Promise<Begun>,
  marks: readonly Mark[],
  giveWay: () => Promise<boolean>,
): Promise<Report> {
  let failedBetween: unknown;
  const between = async () => {
    try {
      return await giveWay();
    } catch (error) {
      failedBetween = error;
      throw error;
    }
  };
  let { request, run } = await begin();
  const { ports, target, subjects } = request;
  const chain = chainOf(target);
  const cause = run.causes[0]!;
  const attempt = async (step: () => Promise<Result>): Promise<Result> => {
    try {
      return await step();
    } catch (error) {
      // What failed in between is no failure of this turn: it ends with its worker, who may have lost the lease.
      if (!isFailure(error) || error === failedBetween) throw error;
      if (error.code !== 'not-found' || !(await isGoneTarget(request))) return failedAsAWhole(target, subjects, error);
      await forgetCluster(request, run);
      return { applied: [], failed: new Map(), findings: noSuchCluster(request), released: [], toRestore: [] };
    }
  };
  let claims: ConcernedClaims = { wanted: [], recorded: [] };
  let confirmAfter: number | undefined;
  let passOn: (() => Promise<Result>) | undefined;
  let result = await attempt(async () => {
    let stage = await setStage(request);
    if (await between()) {
      // What was taken away meanwhile stays away: from here on nothing follows older facts, or another state of the target.
      if (!(await request.reader.stillHolds())) ({ request, run } = await begin());
      stage = await setStage(request);
    }
    claims = {
      wanted: [...stage.scene.claims.wanted, ...stage.dependents],
      recorded: stage.scene.claims.recorded,
    };
    const plan = await planScene(stage.scene);
    if (stage.mode === 'observe') {
      await keepObservedPlan(ports, target, run, plan);
      return { applied: [], failed: new Map(), findings: plan.findings, released: [], toRestore: [] };
    }
    await markCompany(ports, request, stage.scene.claims, cause);
    const causes = distinctCauses([...run.causes, ...newerCauses(marks, request.reader)]);
    const carried = await carryOut(ports, stage.scene, plan, { ...run, causes });
    passOn = async () => {
      confirmAfter = await stage.confirmAfter(carried);
      const through = withoutTrouble(marks, claims, carried);
      const gone = marks.filter((mark) => stage.gone?.has(mark.subject) && !through.includes(mark));
      await wake(ports, await stage.follow(carried, [...through, ...gone], run.causeOf));
      return carried;
    };
    return carried;
  });
  const concerned = [...claims.wanted, ...claims.recorded];
  await keepRemarks(ports, { target, chain, run }, result.findings, {
    objects: new Set([...concerned.map(({ claim }) => claim.object), target]),
    subjects: new Set([...subjects, ...concerned.map(({ subject }) => subject)]),
  });
  await between();
  // What was written is written, whether or not the word of it is passed on.
  if (passOn) result = { ...(await attempt(passOn)), applied: result.applied };
  const ending: Ending = {
    chain,
    run,
    reader: request.reader,
    result,
    claims,
    ...(confirmAfter === undefined ? {} : { confirmAfter }),
  };
  const [{ settled, written, retryAt }] = await Promise.all([
    between().then(() => settleMarks(ports, marks, ending)),
    announce(ports, target, run, result),
  ]);
  const now = ports.clock.now();
  if (retryAt !== undefined) await wakeLater(ports, target, retryAt);
  if (marks.length === 0) await markSweptTrouble(ports, { target, cause }, subjects, ending);
  return {
    kind: 'done',
    run: run.id,
    marks: marks.length,
    changes: result.applied.length,
    settled: [...settled.values()],
    revocations: written
      .filter(({ urgency }) => urgency === 'revocation')
      .map(({ cause: { receivedAt, replayedAt = receivedAt } }) => Math.max(0, now - replayedAt)),
  };
}

/**
 * What a turn's subjects bring along for the first time (a grant's own Role and door) gets a mark before it is recorded: a
 * planner that looked for its records a moment ago found none, and this turn's marks do not speak for it.
 */
async function markCompany(
  ports: TurnPorts,
  { target, subjects }: StageRequest,
  { wanted, recorded }: TurnClaims,
  cause: Cause,
): Promise<void> {
  const known = new Set<Subject>([...subjects, ...recorded.map(({ subject }) => subject)]);
  const company = new Set(wanted.map(({ subject }) => subject)).difference(known);
  await eachAtOnce(company, (subject) => putMark(ports, { target, subject, urgency: 'grant', cause }));
}

/** Sets the stage that a target's type asks for. */
function setStage(request: StageRequest): Promise<Stage> {
  switch (parseTarget(request.target).type) {
    case 'cluster':
      return setClusterStage(request);
    case 'iam':
      return isConnection(request.target) ? setConnectionStage(request) : setIamStage(request);
    case 'verify':
      throw new Failure('unsupported', `${request.target} is verified, not changed`);
  }
}

function isConnection(target: Target): boolean {
  const parts = parseTarget(target);
  return parts.type === 'iam' && parts.principal === 'connection';
}

/** Marks whose subject came through: only they are passed on. */
function withoutTrouble(marks: readonly Mark[], claims: ConcernedClaims, result: Result): Mark[] {
  const trouble = troubleIn({ claims, result });
  return marks.filter(({ subject }) => {
    const { failure, finding } = trouble(subject);
    return !failure && !finding;
  });
}

function failedAsAWhole(target: Target, subjects: readonly Subject[], error: Failure): Result {
  const nothing = { applied: [], released: [], toRestore: [] };
  return error.retryable
    ? { ...nothing, failed: new Map(subjects.map((subject) => [subject, error])), findings: [] }
    : { ...nothing, failed: new Map(), findings: subjects.map((subject) => findingOf(error, target, '', subject)) };
}

/** True where the cluster itself does not exist: what was made there is gone with it. */
async function isGoneTarget({ ports, reader, policy, target }: StageRequest): Promise<boolean> {
  const parts = parseTarget(target);
  return parts.type === 'cluster' && (await isGone(ports.world, reader, policy, parts.arn));
}

/**
 * A cluster that is gone is no trouble, unless the policy names it: then it was deleted too early, or is misspelt. Who said that
 * it is an environment must hear of it.
 */
function noSuchCluster({ target, policy }: StageRequest): Finding[] {
  const cluster = policy.clusters.find(({ arn }) => clusterTarget(arn) === target);
  if (!cluster) return [];
  const { name, account, region, labels } = cluster;
  const environment = labels[ENVIRONMENT_LABEL];
  if (environment !== undefined) {
    return [
      {
        code: 'no-such-cluster',
        severity: 'blocks',
        object: '',
        message: `the cluster ${cluster.arn} of the environment "${environment}" does not exist`,
        remedy: `create it, or name another: gatehouse onboard environment ${environment} ...; or offboard the environment`,
      },
    ];
  }
  return [
    {
      code: 'no-such-cluster',
      severity: 'notice',
      object: target,
      message: `EKS knows no cluster "${name}" in account ${account} and Region ${region}`,
      remedy: 'create it, or correct or remove it under clusters in the access policy',
    },
  ];
}

/** Forgets what was recorded for these subjects on a cluster that is gone, and lets go of the principals named there. */
async function forgetCluster({ ports, target, reader, subjects }: StageRequest, run: Run): Promise<void> {
  const parts = parseTarget(target);
  if (parts.type !== 'cluster') return;
  const claims = (await eachAtOnce(subjects, (subject) => readRecord(ports.table, target, subject))).flat();
  await writeRecords(ports.table, target, claims, []);
  if ((await discoveredClusters(reader)).some(({ arn }) => arn === parts.arn))
    await forgetDiscovered(ports.table, parts.arn);
  if (claims.length === 0) return;
  await appendEntry(ports, target, {
    kind: 'outcome',
    run: run.id,
    target,
    policyVersion: run.policyVersion,
    causes: run.causes,
    changes: [
      {
        kind: 'cluster',
        object: parts.arn,
        action: 'delete',
        lines: [{ sign: '-', text: 'the cluster is gone, and what was granted on it with it' }],
      },
    ],
  });
}

async function keepObservedPlan(ports: TurnPorts, target: Target, run: Run, plan: Plan): Promise<void> {
  if (plan.changes.length === 0) return;
  await ports.table.put({
    pk: targetPk(target),
    sk: 'observed-plan',
    at: ports.clock.now(),
    run: run.id,
    policyVersion: run.policyVersion as unknown as Json,
    changes: plan.changes.map(({ change }) => summaryOf(change)) as unknown as Json,
  });
}

async function announce(ports: TurnPorts, target: Target, run: Run, result: Result): Promise<void> {
  if (result.applied.length === 0) return;
  try {
    await ports.notices.publish([
      {
        type: 'access.changed',
        detail: {
          schemaVersion: 1,
          target,
          run: run.id,
          policyVersion: run.policyVersion as unknown as Json,
          changes: result.applied.map(summaryOf) as unknown as Json,
        },
      },
    ]);
  } catch (error) {
    // A notice is a courtesy: the ledger has it all, and no turn fails for it.
    if (!isFailure(error)) throw error;
  }
}

/** Wakes the target for what is ripe already: for grants when they have gathered. */
async function wakeForTheRest(ports: TurnPorts, target: Target, until: number): Promise<void> {
  const isRipe = async (urgency: Urgency) => (await takeMarks(ports, target, urgency, 1)).length > 0;
  if (await isRipe('revocation')) await wake(ports, [target]);
  else if (await isRipe('grant')) {
    if (until <= ports.clock.now()) await wake(ports, [target]);
    else await wakeLater(ports, target, until);
  }
}

function sweepCause(run: string, now: number): Cause {
  return { source: 'sweep', event: run, type: 'sweep', receivedAt: now };
}
