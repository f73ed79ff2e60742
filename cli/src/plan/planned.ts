import { Failure, isFailure } from '@gatehouse/core/access/failure';
import type { Subject } from '@gatehouse/core/access/subject';
import { parseTarget, type Target } from '@gatehouse/core/access/target';
import type { PlannedLine, PlannedSubject, PlanTargets, TargetPlan } from '@gatehouse/core/operations/plan';
import { eachAtOnce } from '@gatehouse/core/ports/at-once';
import type { Finding } from '@gatehouse/core/resources/resource';
import type { RunOperation } from '../aws/run-operation.ts';
import { targetOf } from '../aws/targets.ts';

/** A target of which nobody could tell what is to be done. */
export interface Unplanned {
  readonly target: Target;
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
}

/** The plans of several targets. JSON-able. */
export interface Plans {
  readonly plans: readonly TargetPlan[];
  /** Those that could not be planned. */
  readonly unplanned: readonly Unplanned[];
  /** The policy in force; null before the first. */
  readonly policyVersion: PlanTargets['policyVersion'];
  /** Of a document that is thought of. */
  readonly proposed?: PlanTargets['proposed'];
}

/** What a plan is asked for. */
export interface PlanRequest {
  /** As a person names them; none: all. */
  readonly targets: readonly string[];
  readonly subjects?: readonly Subject[] | undefined;
  readonly document?: string | undefined;
}

/** One line of all plans, with all that is known of it. */
export interface FlatLine {
  readonly plan: TargetPlan;
  readonly kind: string;
  readonly object: string;
  readonly action: 'create' | 'update' | 'delete';
  readonly line: PlannedLine;
  readonly about?: PlannedSubject | undefined;
}

/** Plans that run at a time. */
const AT_ONCE = 4;

/**
 * Asks Gatehouse for the plans. One target that cannot be planned keeps no other from it; where it was the only one, that is
 * the answer.
 * @param told Called before the first and after each: how many are done, of how many.
 * @throws Failure
 */
export async function plansFor(
  run: RunOperation,
  request: PlanRequest,
  told: (done: number, all: number) => void = () => {},
): Promise<Plans> {
  const { document, subjects } = request;
  const asked = document === undefined ? {} : { document };
  const named: Target[] = [];
  for (const text of request.targets) named.push(await targetOf(text, run));
  const all =
    named.length === 0 || document !== undefined
      ? await run<PlanTargets>({ operation: 'plan-targets', ...asked })
      : undefined;
  const targets = named.length > 0 ? named : inOrder(all?.targets ?? []);
  const whom = subjects === undefined ? {} : { subjects: [...subjects] };
  const plans: TargetPlan[] = [];
  const unplanned: Unplanned[] = [];
  let done = 0;
  const planned = async (target: Target): Promise<TargetPlan | Failure> => {
    const answer = await run<TargetPlan>({ operation: 'plan', target, ...whom, ...asked }).catch((error: unknown) => {
      if (!isFailure(error)) throw error;
      return error;
    });
    told(++done, targets.length);
    return answer;
  };
  told(done, targets.length);
  const answers = await eachAtOnce(targets, planned, AT_ONCE);
  for (const [index, answer] of answers.entries()) {
    if (!(answer instanceof Failure)) plans.push(answer);
    else if (targets.length === 1) throw answer;
    else {
      const { code, message, remedy } = answer;
      unplanned.push({ target: targets[index]!, code, message, ...(remedy === undefined ? {} : { remedy }) });
    }
  }
  const version = all?.policyVersion ?? plans[0]?.policyVersion ?? null;
  return { plans, unplanned, policyVersion: version, ...(all?.proposed ? { proposed: all.proposed } : {}) };
}

/** Clusters before IAM, since they are what people ask about. */
function inOrder(targets: readonly Target[]): readonly Target[] {
  const rank = (target: Target) => `${parseTarget(target).type === 'cluster' ? 0 : 1} ${target}`;
  return targets.toSorted((a, b) => rank(a).localeCompare(rank(b), 'en'));
}

/** All lines of all plans. */
export function linesOf(plans: readonly TargetPlan[]): readonly FlatLine[] {
  return plans.flatMap((plan) => {
    const about = new Map(plan.subjects.map((one) => [one.subject, one]));
    return plan.changes.flatMap(({ change: { kind, object, action, lines } }) =>
      lines.map((line): FlatLine => {
        const subject = line.subject === undefined ? undefined : about.get(line.subject);
        return { plan, kind, object, action, line, ...(subject ? { about: subject } : {}) };
      }),
    );
  });
}

/** Whether a line may give somebody more than they have now: what is not only taken away counts. */
export const widens = ({ sign }: Pick<PlannedLine, 'sign'>): boolean => sign !== '-';

/** Whether something is to be done on a target. */
export const isDoable = ({ mode, changes }: TargetPlan): boolean => mode !== 'observe' && changes.length > 0;

/** Whether something differs on a target and is only told, because its cluster is in mode `observe`. */
export const isOnlyObserved = ({ mode, changes }: TargetPlan): boolean => mode === 'observe' && changes.length > 0;

/** Findings of a plan, each once, those that block first. */
export function findingsOf({ findings }: Pick<TargetPlan, 'findings'>): readonly Finding[] {
  const alike = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  const rank = (finding: Finding) => (isBlocking(finding) ? 0 : 1);
  return [...alike.values()].sort((a, b) => rank(a) - rank(b));
}

/** Whether something of the policy is not so because of it. */
export const isBlocking = ({ severity }: Pick<Finding, 'severity'>): boolean => severity === 'blocks';

/** What plans come to, in numbers. */
export interface PlanSummary {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly clusters: number;
  readonly iam: number;
  readonly blocked: number;
  readonly drifted: number;
  readonly unplanned: number;
  /** Objects that would change on clusters in mode `observe`, where nothing is done. */
  readonly observed: number;
}

/** Counts objects; a finding that blocks counts once for each whom it blocks. */
export function summaryOf({ plans, unplanned }: Pick<Plans, 'plans' | 'unplanned'>): PlanSummary {
  const changed = plans.filter(({ changes }) => changes.length > 0);
  const count = (action: 'create' | 'update' | 'delete') =>
    changed.reduce((sum, { changes }) => sum + changes.filter(({ change }) => change.action === action).length, 0);
  const drifted = linesOf(plans).filter(({ line }) => line.drifted);
  return {
    create: count('create'),
    update: count('update'),
    delete: count('delete'),
    clusters: changed.filter(({ target }) => parseTarget(target).type === 'cluster').length,
    iam: changed.filter(({ target }) => parseTarget(target).type === 'iam').length,
    blocked: findingsOf({ findings: plans.flatMap(({ findings }) => findings) }).filter(isBlocking).length,
    drifted: new Set(drifted.map(({ plan, kind, object }) => `${plan.target} ${kind} ${object}`)).size,
    unplanned: unplanned.length,
    observed: plans.filter(isOnlyObserved).reduce((sum, { changes }) => sum + changes.length, 0),
  };
}
