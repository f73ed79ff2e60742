import * as z from 'zod';
import { canonicalJson } from '../access/json.ts';
import type { Subject } from '../access/subject.ts';
import type { Target } from '../access/target.ts';
import type { PlanTargets, TargetPlan } from './plan.ts';

const version = z.strictObject({ version: z.int(), digest: z.string() });

const line = z.strictObject({
  sign: z.enum(['+', '-', '~']),
  text: z.string(),
  subject: z.string().optional(),
  grants: z.array(z.string()).optional(),
  drifted: z.literal(true).optional(),
});

const change = z.strictObject({
  kind: z.string(),
  object: z.string(),
  action: z.enum(['create', 'update', 'delete']),
  lines: z.array(line),
});

const blocked = z.strictObject({ code: z.string(), object: z.string(), subject: z.string().optional() });

/**
 * A plan as it is kept in a file. It holds lines for people and digests, and of no object what stands in it: so no secret either,
 * and nothing that could be written to a target. `schemaVersion` grows when a member changes its meaning or goes.
 */
export const savedPlanSchema = z.strictObject({
  kind: z.literal('gatehouse-plan'),
  schemaVersion: z.literal(1),
  /** Milliseconds UTC. */
  at: z.int(),
  /** The policy in force when it was made; null before the first. */
  policyVersion: version.nullable(),
  /** The document that is to be put in force, where the plan was made under one that was not. */
  policy: z.strictObject({ digest: z.string(), document: z.string() }).optional(),
  /** Whom it was limited to. */
  subjects: z.array(z.string()).optional(),
  targets: z.array(
    z.strictObject({
      target: z.string(),
      mode: z.enum(['observe', 'enforce', 'paused']),
      changes: z.array(change),
      /** What stands in the way. */
      blocked: z.array(blocked),
    }),
  ),
});

/** See {@link savedPlanSchema}. */
export type SavedPlan = z.infer<typeof savedPlanSchema>;

/** What a saved plan is made of. */
export interface PlansToSave {
  readonly plans: readonly TargetPlan[];
  readonly policyVersion: PlanTargets['policyVersion'];
  readonly proposed?: { readonly digest: string } | undefined;
}

/** The plans in the form in which they are kept. */
export function savedPlan(
  { plans, policyVersion, proposed }: PlansToSave,
  asked: {
    readonly at: number;
    readonly document?: string | undefined;
    readonly subjects?: readonly Subject[] | undefined;
  },
): SavedPlan {
  const { at, document, subjects } = asked;
  return {
    kind: 'gatehouse-plan',
    schemaVersion: 1,
    at,
    policyVersion,
    ...(document === undefined || proposed === undefined ? {} : { policy: { digest: proposed.digest, document } }),
    ...(subjects === undefined ? {} : { subjects: [...subjects] }),
    targets: plans.map(({ target, mode, changes, findings }) => ({
      target,
      mode,
      changes: changes.map(({ change: { kind, object, action, lines } }) => ({
        kind,
        object,
        action,
        lines: lines.map(({ sign, text, subject, grants, drifted }) => ({
          sign,
          text,
          ...(subject === undefined ? {} : { subject }),
          ...(grants === undefined ? {} : { grants: [...grants] }),
          ...(drifted === undefined ? {} : { drifted }),
        })),
      })),
      blocked: findings
        .filter(({ severity }) => severity === 'blocks')
        .map(({ code, object, subject }) => ({ code, object, ...(subject === undefined ? {} : { subject }) })),
    })),
  };
}

/** One thing in which a fresh plan is another than the saved one: `+` only the fresh one has it, `-` only the saved one. */
export interface PlanDifference {
  readonly target?: Target;
  readonly sign: '+' | '-' | '~';
  readonly text: string;
}

/**
 * What makes a saved plan untrue: another policy, mode, line or obstacle. Facts may have changed meanwhile; where everything
 * that would be done is the same, the plan holds. Pure.
 */
export function differencesOf(saved: SavedPlan, fresh: SavedPlan): readonly PlanDifference[] {
  const differences: PlanDifference[] = [];
  const policy = ({ policyVersion }: SavedPlan) =>
    policyVersion === null ? 'no policy' : `version ${policyVersion.version} (${policyVersion.digest.slice(0, 12)})`;
  if (policy(saved) !== policy(fresh)) {
    differences.push({ sign: '~', text: `in force was ${policy(saved)}, and now is ${policy(fresh)}` });
  }
  const targets = new Set([...saved.targets, ...fresh.targets].map(({ target }) => target as Target));
  for (const target of targets) {
    const before = saved.targets.find((one) => one.target === target);
    const now = fresh.targets.find((one) => one.target === target);
    if (before && now && before.mode !== now.mode) {
      differences.push({ target, sign: '~', text: `it was in mode ${before.mode}, and now is in ${now.mode}` });
    }
    const was = entriesOf(before);
    const is = entriesOf(now);
    for (const [key, text] of is) if (!was.has(key)) differences.push({ target, sign: '+', text });
    for (const [key, text] of was) if (!is.has(key)) differences.push({ target, sign: '-', text });
  }
  return differences;
}

function entriesOf(planned: SavedPlan['targets'][number] | undefined): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const { kind, object, action, lines } of planned?.changes ?? []) {
    for (const { sign, text, subject, grants } of lines) {
      const key = canonicalJson({ kind, object, action, sign, text, subject: subject ?? '', grants: grants ?? [] });
      entries.set(key, `${sign} ${text}${subject === undefined ? '' : ` (${subject})`}`);
    }
  }
  for (const { code, object, subject } of planned?.blocked ?? []) {
    const text = `blocked: ${code} ${object}${subject === undefined ? '' : ` (${subject})`}`;
    entries.set(text, text);
  }
  return entries;
}
