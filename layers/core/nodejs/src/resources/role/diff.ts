import { canonicalJson, sameJson } from '../../access/json.ts';
import { GRANT_ANNOTATION } from '../../access/names.ts';
import type { AccessRule } from '../../access/policy.ts';
import type { Subject } from '../../access/subject.ts';
import type { KubernetesObject } from '../../ports/kubernetes.ts';
import { ABSENT, described, isManagedFor, managedMeta, type ObjectState } from '../managed-object.ts';
import { parseObjectRef } from '../object-ref.ts';
import type { ChangeLine, Diff, Finding, ObjectClaims } from '../resource.ts';
import { canonicalRule, describeRule, type RoleClaim, sameRules } from './model.ts';

type Claims = ObjectClaims<RoleClaim>;

/**
 * What must happen to a Role or ClusterRole.
 *
 *     wanted  differently by two claims  finding `claims-differ`
 *     wanted  absent                     created
 *     wanted  Gatehouse's                updated where rules (as sets), annotation or an aggregation differ
 *     wanted  anybody else's             finding `foreign-object`
 *     gone    Gatehouse's                deleted
 *     gone    anybody else's             finding `foreign-object` (notice): it stays
 *     gone    absent                     nothing
 */
export function diffRole(object: string, observed: ObjectState, claims: Claims): Diff<ObjectState> {
  const [first, ...others] = claims.wanted;
  if (first === undefined) return removal(object, observed, claims.unwanted);
  const { claim, subject } = first;
  if (others.some((other) => other.claim.grant !== claim.grant || !sameRules(other.claim.rules, claim.rules))) {
    return { findings: claims.wanted.map((owned) => differing(object, owned.subject)) };
  }
  if (!observed.present) return creation(object, claim, subject);
  if (!isManagedFor(observed.object, claim.grant)) {
    return { findings: claims.wanted.map((owned) => foreign(object, 'blocks', owned.subject)) };
  }
  return update(object, observed.object, claim, subject);
}

function creation(object: string, claim: RoleClaim, subject: Subject): Diff<ObjectState> {
  const ref = parseObjectRef(object, ['Role', 'ClusterRole']);
  const after: ObjectState = {
    present: true,
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: ref.kind,
      metadata: managedMeta(ref, claim.grant),
      rules: claim.rules.map(canonicalRule),
    },
  };
  const rules = ruleLines(object, [], claim.rules, subject);
  const lines: readonly ChangeLine[] = rules.length > 0 ? rules : [{ sign: '+', text: `${object}: no rules`, subject }];
  return { change: { kind: 'role', object, action: 'create', before: ABSENT, after, lines }, findings: [] };
}

function update(object: string, there: KubernetesObject, claim: RoleClaim, subject: Subject): Diff<ObjectState> {
  // A controller fills the rules of an aggregated ClusterRole from others: on ours it would widen the grant.
  const { aggregationRule, ...rest } = there;
  const sameRuleSet = sameRules(there.rules ?? [], claim.rules);
  const annotations = { ...there.metadata.annotations, [GRANT_ANNOTATION]: claim.grant };
  const after: KubernetesObject = {
    ...rest,
    metadata: { ...there.metadata, annotations },
    rules: sameRuleSet ? (there.rules ?? []) : claim.rules.map(canonicalRule),
  };
  if (sameRuleSet && aggregationRule === undefined && sameJson(annotations, there.metadata.annotations)) {
    return { findings: [] };
  }
  const lines = ruleLines(object, there.rules ?? [], claim.rules, subject);
  const ownership: ChangeLine = { sign: '~', text: `${object}: annotation or aggregation restored`, subject };
  return {
    change: {
      kind: 'role',
      object,
      action: 'update',
      before: { present: true, object: there },
      after: { present: true, object: after },
      lines: lines.length > 0 ? lines : [ownership],
    },
    findings: [],
  };
}

function removal(object: string, observed: ObjectState, unwanted: Claims['unwanted']): Diff<ObjectState> {
  const [first] = unwanted;
  if (first === undefined || !observed.present) return { findings: [] };
  const owner = unwanted.find(({ claim }) => isManagedFor(observed.object, claim.grant));
  if (owner === undefined) return { findings: [foreign(object, 'notice', first.subject)] };
  const lines = [{ sign: '-' as const, text: object, subject: owner.subject }];
  return { change: { kind: 'role', object, action: 'delete', before: observed, after: ABSENT, lines }, findings: [] };
}

function ruleLines(
  object: string,
  before: readonly AccessRule[],
  after: readonly AccessRule[],
  subject: Subject,
): readonly ChangeLine[] {
  const keyed = (rules: readonly AccessRule[]) =>
    new Map(rules.map((rule) => [canonicalJson(canonicalRule(rule)), rule]));
  const [old, fresh] = [keyed(before), keyed(after)];
  const line = (sign: '+' | '-', rule: AccessRule) => ({ sign, text: `${object}: ${describeRule(rule)}`, subject });
  return [
    ...[...old].filter(([key]) => !fresh.has(key)).map(([, rule]) => line('-', rule)),
    ...[...fresh].filter(([key]) => !old.has(key)).map(([, rule]) => line('+', rule)),
  ];
}

function differing(object: string, subject: Subject): Finding {
  return {
    code: 'claims-differ',
    severity: 'blocks',
    object,
    subject,
    message: `${object} is claimed with different rules at once`,
    remedy: 'give the two grants different names in the access policy',
  };
}

function foreign(object: string, severity: Finding['severity'], subject: Subject): Finding {
  const ref = parseObjectRef(object, ['Role', 'ClusterRole']);
  const where = ref.namespace === undefined ? '' : ` -n ${ref.namespace}`;
  return {
    code: 'foreign-object',
    severity,
    object,
    subject,
    message: `${described(ref)} was not made by Gatehouse for this grant, so it stays as it is`,
    remedy: `look at it with kubectl get ${ref.kind.toLowerCase()} ${ref.name}${where} -o yaml, and delete or rename it`,
  };
}
