import { USERNAME_PREFIX } from '../../access/names.ts';
import type { BindingSubject, KubernetesObject } from '../../ports/kubernetes.ts';
import { ABSENT, described, isManagedFor, managedMeta, type ObjectState } from '../managed-object.ts';
import { parseObjectRef } from '../object-ref.ts';
import type { ChangeLine, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import { boundIn, boundName, MAX_SUBJECTS, RBAC_GROUP, type RoleBindingClaim, subjectFor } from './model.ts';

type Owned = OwnedClaim<RoleBindingClaim>;
type Claims = ObjectClaims<RoleBindingClaim>;

/**
 * What must happen to a RoleBinding or ClusterRoleBinding. Only the usernames that the turn claims are touched.
 *
 *     wanted  binding absent                      created with all that is wanted
 *     wanted  Gatehouse's, username not in it     added; finding `binding-full` beyond MAX_SUBJECTS
 *     wanted  Gatehouse's, in it and recorded     nothing
 *     wanted  Gatehouse's, in it, not recorded    finding `already-bound`: another one has this username
 *     wanted  by two subjects, recorded for none  the first has it, finding `already-bound` for the other
 *     wanted  Gatehouse's, other roleRef          finding `role-ref-differs`
 *     wanted  anybody else's                      finding `foreign-object`
 *     gone    Gatehouse's, in it                  removed; the binding is deleted with its last subject
 *     gone    anybody else's, in it               finding `foreign-object`: still bound there, until somebody mends it
 *     gone    not in it, or absent                nothing
 */
export function diffRoleBinding(object: string, observed: ObjectState, claims: Claims): Diff<ObjectState> {
  const lead = (claims.wanted[0] ?? claims.unwanted[0])?.claim;
  if (lead === undefined) return { findings: [] };
  if (claims.wanted.some(({ claim }) => claim.grant !== lead.grant || !sameRef(claim.roleRef, lead.roleRef))) {
    return withRemovals(
      object,
      observed,
      claims,
      claims.wanted.map((owned) => differing(object, owned)),
    );
  }
  if (!observed.present) return creation(object, lead, claims);
  if (!isManagedFor(observed.object, lead.grant)) return { findings: foreign(object, observed.object, claims) };
  const actual = observed.object.roleRef;
  if (claims.wanted.length > 0 && (actual === undefined || !sameRef(actual, lead.roleRef))) {
    return withRemovals(
      object,
      observed,
      claims,
      claims.wanted.map((owned) => otherRole(object, actual?.name, owned)),
    );
  }
  return edit(object, observed.object, claims, []);
}

/** Nothing is added, but what must be gone goes all the same: a finding never keeps anybody's access alive. */
function withRemovals(
  object: string,
  observed: ObjectState,
  claims: Claims,
  findings: readonly Finding[],
): Diff<ObjectState> {
  const grant = claims.unwanted[0]?.claim.grant;
  if (!observed.present || grant === undefined || !isManagedFor(observed.object, grant)) return { findings };
  return edit(object, observed.object, claims, findings);
}

function creation(object: string, lead: RoleBindingClaim, claims: Claims): Diff<ObjectState> {
  if (claims.wanted.length === 0) return { findings: [] };
  const { added, findings } = additions(object, [], claims);
  if (added.length === 0) return { findings };
  const ref = parseObjectRef(object, ['RoleBinding', 'ClusterRoleBinding']);
  const after: ObjectState = {
    present: true,
    object: {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: ref.kind,
      metadata: managedMeta(ref, lead.grant),
      roleRef: { apiGroup: RBAC_GROUP, kind: lead.roleRef.kind, name: lead.roleRef.name },
      subjects: added.map(({ claim }) => subjectFor(claim)),
    },
  };
  const lines = added.map((owned) => line('+', object, owned));
  return { change: { kind: 'role-binding', object, action: 'create', before: ABSENT, after, lines }, findings };
}

/** `blocked`: findings because of which nothing may be added. */
function edit(object: string, there: KubernetesObject, claims: Claims, blocked: readonly Finding[]): Diff<ObjectState> {
  const subjects = there.subjects ?? [];
  const keep = new Set(claims.wanted.map(({ claim }) => boundName(claim)));
  const gone = new Map(
    claims.unwanted.filter(({ claim }) => !keep.has(boundName(claim))).map((owned) => [boundName(owned.claim), owned]),
  );
  const isGone = (subject: BindingSubject) => gone.has(boundIn(subject) ?? '');
  const left = subjects.filter((subject) => !isGone(subject));
  const removed = new Set(subjects.filter(isGone).flatMap((subject) => boundIn(subject) ?? []));

  const { added, findings } = blocked.length > 0 ? { added: [], findings: blocked } : additions(object, left, claims);
  const all = [...findings, ...strangers(object, left, claims)];
  // Where nothing may be added, the binding stays, empty: made anew by the same claims, it would be no finding any more.
  const isOver = blocked.length === 0 && left.length + added.length === 0 && gone.size > 0;
  if (added.length === 0 && removed.size === 0 && !isOver) return { findings: all };

  const lines: readonly ChangeLine[] = [
    ...(removed.size + added.length === 0 ? [{ sign: '-' as const, text: `${object}: bound nobody any more` }] : []),
    ...[...removed].map((name) => line('-', object, gone.get(name)!)),
    ...added.map((owned) => line('+', object, owned)),
  ];
  const before: ObjectState = { present: true, object: there };
  const after: ObjectState = isOver
    ? ABSENT
    : {
        present: true,
        object: { ...there, subjects: [...left, ...added.map(({ claim }) => subjectFor(claim))] },
      };
  const action = after.present ? 'update' : 'delete';
  return { change: { kind: 'role-binding', object, action, before, after, lines }, findings: all };
}

/** The claims that add a subject to those that are left, each user or group once, and why the others do not. */
function additions(
  object: string,
  left: readonly BindingSubject[],
  claims: Claims,
): { readonly added: readonly Owned[]; readonly findings: readonly Finding[] } {
  const bound = new Set(left.flatMap((subject) => boundIn(subject) ?? []));
  const recorded = new Set(claims.recorded.map((owned) => ownerKey(owned)));
  const recordedNames = new Set(claims.recorded.map(({ claim }) => boundName(claim)));
  const added: Owned[] = [];
  const findings: Finding[] = [];
  const taken = new Map<string, string>();
  for (const owned of claims.wanted) {
    const name = boundName(owned.claim);
    const isRecorded = recorded.has(ownerKey(owned));
    const takenBy = taken.get(name);
    const ofAnother = bound.has(name) || recordedNames.has(name) || (takenBy ?? owned.subject) !== owned.subject;
    if (!isRecorded && ofAnother) findings.push(alreadyBound(object, owned));
    else if (bound.has(name) || takenBy !== undefined) continue;
    else if (left.length + added.length >= MAX_SUBJECTS) findings.push(full(object, owned));
    else {
      added.push(owned);
      taken.set(name, owned.subject);
    }
  }
  return { added, findings };
}

function ownerKey({ subject, claim }: Owned): string {
  return JSON.stringify([subject, boundName(claim)]);
}

function sameRef(a: RoleBindingClaim['roleRef'], b: RoleBindingClaim['roleRef']): boolean {
  return a.kind === b.kind && a.name === b.name;
}

function line(sign: '+' | '-', object: string, { subject, claim }: Owned): ChangeLine {
  const role = `${claim.roleRef.kind} ${claim.roleRef.name}`;
  return { sign, text: `${object}: ${wordFor(claim)} (${role})`, subject };
}

const wordFor = ({ username, group }: RoleBindingClaim): string => username ?? `the group ${group}`;

function foreign(object: string, there: KubernetesObject, claims: Claims): readonly Finding[] {
  const bound = new Set((there.subjects ?? []).flatMap((subject) => boundIn(subject) ?? []));
  const finding = (owned: Owned, consequence: string): Finding => ({
    code: 'foreign-object',
    severity: 'blocks',
    object,
    subject: owned.subject,
    message: `${describedObject(object)} was not made by Gatehouse for this grant, so ${consequence}`,
    remedy: `look at it with kubectl get ${kubectlNames(object)} -o yaml, and delete or rename it`,
  });
  return [
    ...claims.wanted.map((owned) => finding(owned, `${wordFor(owned.claim)} is not bound`)),
    ...claims.unwanted
      .filter(({ claim }) => bound.has(boundName(claim)))
      .map((owned) => finding(owned, `${wordFor(owned.claim)} stays bound by it`)),
  ];
}

/**
 * Subjects of our binding that Gatehouse would never write into it. They stay, and somebody should know. A turn knows only its
 * own subjects; others are known by the forms that Gatehouse gives to usernames, and by IAM ARNs, which connected clusters bind.
 */
function strangers(object: string, subjects: readonly BindingSubject[], claims: Claims): readonly Finding[] {
  const known = new Set([...claims.wanted, ...claims.unwanted].map(({ claim }) => boundName(claim)));
  const { grant } = (claims.wanted[0] ?? claims.unwanted[0])!.claim;
  const forms = [
    ...['iam-user', 'iam-role', 'permission-set', grant].map((first) => `${USERNAME_PREFIX}${first}:`),
    'arn:',
  ];
  const isKnown = (subject: BindingSubject) => {
    const name = boundIn(subject) ?? '';
    return known.has(name) || forms.some((form) => name.startsWith(`User ${form}`));
  };
  return subjects
    .filter((subject) => !isKnown(subject))
    .map(({ kind, name }) => ({
      code: 'foreign-subject',
      severity: 'notice',
      object,
      message: `${describedObject(object)} is Gatehouse's, but somebody added the ${kind} "${name}", who is not of the policy`,
      remedy: `remove it with kubectl edit ${kubectlNames(object)}, or grant it in the access policy`,
    }));
}

function alreadyBound(object: string, { subject, claim }: Owned): Finding {
  return {
    code: 'already-bound',
    severity: 'blocks',
    object,
    subject,
    message: `${claim.username === undefined ? `the group "${claim.group}"` : `the username "${claim.username}"`} is bound by ${describedObject(object)} already, and not for this subject`,
    remedy:
      'two people would share one username: give one of them another IAM name under identities in the access policy',
  };
}

function full(object: string, { subject }: Owned): Finding {
  return {
    code: 'binding-full',
    severity: 'blocks',
    object,
    subject,
    message: `${describedObject(object)} holds ${MAX_SUBJECTS} subjects, the most Gatehouse puts into one`,
    remedy: 'bind this subject by the next shard of the grant',
  };
}

function otherRole(object: string, actual: string | undefined, { subject, claim }: Owned): Finding {
  return {
    code: 'role-ref-differs',
    severity: 'blocks',
    object,
    subject,
    message: `${describedObject(object)} refers to ${actual ?? 'nothing'}, not to ${claim.roleRef.name}, and Kubernetes lets nobody change that`,
    remedy: `delete it with kubectl delete ${kubectlNames(object)}; Gatehouse makes it anew`,
  };
}

function differing(object: string, { subject }: Owned): Finding {
  return {
    code: 'claims-differ',
    severity: 'blocks',
    object,
    subject,
    message: `${object} is claimed for different roles or grants at once`,
    remedy: 'give the two grants different names in the access policy',
  };
}

function describedObject(object: string): string {
  return described(parseObjectRef(object, ['RoleBinding', 'ClusterRoleBinding']));
}

function kubectlNames(object: string): string {
  const { kind, namespace, name } = parseObjectRef(object, ['RoleBinding', 'ClusterRoleBinding']);
  return `${kind.toLowerCase()} ${name}${namespace === undefined ? '' : ` -n ${namespace}`}`;
}
