import { sameJson } from '../../access/json.ts';
import { MANAGED_BY } from '../../access/names.ts';
import type { AccessRule } from '../../access/policy.ts';
import type { Subject } from '../../access/subject.ts';
import type { KubernetesObject } from '../../ports/kubernetes.ts';
import { ABSENT, isManaged, type ObjectState } from '../managed-object.ts';
import type { ChangeLine, Diff, Finding, ObjectClaims } from '../resource.ts';
import { IMPERSONATION_ANNOTATION, IMPERSONATION_ROLE, type ImpersonationClaim, impersonatedFor } from './model.ts';

type Claims = ObjectClaims<ImpersonationClaim>;

/**
 * What must happen to the role that says whom the connector may impersonate.
 *
 *     wanted  absent                     made, with exactly these ARNs
 *     wanted  Gatehouse's                their ARNs are in it, and noted for whom; whatever else was in it is not any more
 *     gone    Gatehouse's, others left   an ARN goes with the last subject that it is noted for
 *     gone    Gatehouse's, none left     deleted: a rule without names would be a rule for everybody
 *     gone    Gatehouse's, note lost     the ARNs of the subjects that go are taken out, the others stay
 *     any     anybody else's             finding `foreign-object`
 */
export function diffImpersonation(object: string, observed: ObjectState, claims: Claims): Diff<ObjectState> {
  const all = [...claims.wanted, ...claims.unwanted];
  if (all.length === 0) return { findings: [] };
  if (!observed.present) {
    if (claims.wanted.length === 0) return { findings: [] };
    return changed(object, observed, new Map(), withClaims(new Map(), claims));
  }
  if (!isManaged(observed.object)) {
    const severity = claims.wanted.length > 0 ? 'blocks' : 'notice';
    return { findings: all.map(({ subject }) => foreign(object, subject, severity)) };
  }
  const before = notedIn(observed.object);
  return changed(object, observed, before, withClaims(before, claims));
}

type Noted = ReadonlyMap<string, readonly Subject[]>;

/** Who is noted; where the note was lost, the names themselves, for nobody known. */
function notedIn(object: KubernetesObject): Noted {
  return impersonatedFor(object) ?? new Map(namesIn(object).map((arn) => [arn, []]));
}

function namesIn({ rules }: KubernetesObject): readonly string[] {
  return (rules ?? []).flatMap(({ resourceNames }) => resourceNames ?? []);
}

function withClaims(before: Noted, { wanted, unwanted }: Claims): Noted {
  const noted = new Map([...before].map(([arn, subjects]) => [arn, new Set(subjects)]));
  const stays = new Set(wanted.map(({ subject, claim }) => `${subject} ${claim.arn}`));
  for (const { subject, claim } of unwanted) {
    if (stays.has(`${subject} ${claim.arn}`)) continue;
    const subjects = noted.get(claim.arn);
    subjects?.delete(subject);
    if (subjects?.size === 0) noted.delete(claim.arn);
  }
  for (const { subject, claim } of wanted) noted.set(claim.arn, (noted.get(claim.arn) ?? new Set()).add(subject));
  return new Map([...noted].sort(([a], [b]) => (a < b ? -1 : 1)).map(([arn, subjects]) => [arn, [...subjects].sort()]));
}

function changed(object: string, before: ObjectState, was: Noted, is: Noted): Diff<ObjectState> {
  const after: ObjectState = is.size === 0 ? ABSENT : { present: true, object: roleWith(before, is) };
  const same = before.present && after.present && holdsSame(before.object, after.object);
  if (same || (!before.present && !after.present)) return { findings: [] };
  const action = !before.present ? 'create' : after.present ? 'update' : 'delete';
  const lines = linesOf(object, was, is);
  return { change: { kind: 'impersonation', object, action, before, after, lines }, findings: [] };
}

function holdsSame(before: KubernetesObject, after: KubernetesObject): boolean {
  const note = (role: KubernetesObject) => role.metadata.annotations?.[IMPERSONATION_ANNOTATION];
  return (
    note(before) === note(after) &&
    sameJson(before.rules ?? [], after.rules ?? []) &&
    before.aggregationRule === undefined
  );
}

function roleWith(before: ObjectState, noted: Noted): KubernetesObject {
  const rules: AccessRule[] = [
    { apiGroups: [''], resources: ['users'], resourceNames: [...noted.keys()], verbs: ['impersonate'] },
  ];
  const { aggregationRule: _other, ...there } = before.present ? before.object : { aggregationRule: undefined };
  const metadata = before.present ? before.object.metadata : { name: IMPERSONATION_ROLE };
  return {
    ...there,
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [MANAGED_BY.key]: MANAGED_BY.value },
      annotations: { ...metadata.annotations, [IMPERSONATION_ANNOTATION]: JSON.stringify([...noted]) },
    },
    rules,
  };
}

function linesOf(object: string, was: Noted, is: Noted): ChangeLine[] {
  const line = (sign: ChangeLine['sign'], arn: string, subject: Subject | undefined): ChangeLine => ({
    sign,
    text: `${object}: may impersonate ${arn}`,
    ...(subject === undefined ? {} : { subject }),
  });
  const lines: ChangeLine[] = [];
  for (const [arn, subjects] of is) if (!was.has(arn)) lines.push(line('+', arn, subjects[0]));
  for (const [arn, subjects] of was) if (!is.has(arn)) lines.push(line('-', arn, subjects[0]));
  return lines.length > 0 ? lines : [{ sign: '~', text: `${object}: as it is to be` }];
}

function foreign(object: string, subject: Subject, severity: Finding['severity']): Finding {
  return {
    code: 'foreign-object',
    severity,
    object,
    subject,
    message: `${object} was not made by Gatehouse: whom the connector may impersonate is up to somebody else`,
    remedy: `look at it with kubectl get clusterrole ${IMPERSONATION_ROLE} -o yaml, and delete or rename it`,
  };
}
