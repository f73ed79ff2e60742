import { MANAGED_BY } from '../../access/names.ts';
import type { KubernetesObject, ObjectMeta } from '../../ports/kubernetes.ts';
import { ABSENT, isManaged, type ObjectState } from '../managed-object.ts';
import type { Change, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import { CLAIMED_BY_ANNOTATION, claimedBy, isTerminating, type NamespaceClaim } from './model.ts';

type Claims = ObjectClaims<NamespaceClaim>;

/**
 * What must happen to a namespace.
 *
 *     wanted  absent                       refuse everywhere   finding `namespace-absent`
 *     wanted  absent                       else                created, labelled, its subjects noted
 *     wanted  terminating                                      finding `namespace-terminating`
 *     wanted  made by Gatehouse                                its subjects noted (a note that was lost is not begun anew)
 *     wanted  anybody else's                                   nothing
 *     gone    made by Gatehouse, subjects left                 they stay noted, the others do not
 *     gone    made by Gatehouse, none left, create-and-delete  deleted
 *     gone    made by Gatehouse, else                          label and note removed: it is nobody's now, and stays
 *     gone    anybody else's, absent, terminating              nothing
 */
export function diffNamespace(name: string, observed: ObjectState, claims: Claims): Diff<ObjectState> {
  if (!observed.present) return claims.wanted.length === 0 ? { findings: [] } : absent(name, claims.wanted);
  const { object } = observed;
  if (isTerminating(object)) return { findings: claims.wanted.map((wanted) => terminating(name, wanted)) };
  if (!isManaged(object)) return { findings: [] };
  return managed(name, object, claims);
}

function absent(name: string, wanted: Claims['wanted']): Diff<ObjectState> {
  const makers = wanted.filter(({ claim }) => claim.onAbsent !== 'refuse');
  if (makers.length === 0) return { findings: wanted.map((owned) => missing(name, owned)) };
  const after: ObjectState = {
    present: true,
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        labels: { [MANAGED_BY.key]: MANAGED_BY.value },
        annotations: { [CLAIMED_BY_ANNOTATION]: note(wanted.map(({ subject }) => subject)) },
      },
    },
  };
  const lines = [{ sign: '+' as const, text: `namespace ${name}`, subject: makers[0]!.subject }];
  return { change: { kind: 'namespace', object: name, action: 'create', before: ABSENT, after, lines }, findings: [] };
}

function managed(name: string, object: KubernetesObject, claims: Claims): Diff<ObjectState> {
  const noted = claimedBy(object);
  const staying = new Set<string>(claims.wanted.map(({ subject }) => subject));
  const going = claims.unwanted.filter(({ subject }) => !staying.has(subject) && (noted?.includes(subject) ?? true));
  const left = new Set<string>([...(noted ?? []), ...staying]);
  for (const { subject } of going) left.delete(subject);
  const lost = left.size === 0 || noted === undefined;
  const released = going.find(({ claim }) => claim.onAbsent === 'create') ?? (lost ? going[0] : undefined);

  if (left.size === 0 && going.length > 0 && mayBeDeleted(going, noted)) {
    return changed(name, 'delete', object, ABSENT, `- namespace ${name} with all that is in it`, going[0]);
  }
  if (released) {
    const text = `~ namespace ${name}: no longer Gatehouse's, it stays`;
    return changed(name, 'update', object, { present: true, object: withNote(object, undefined) }, text, released);
  }
  const noteAfter = note([...left]);
  // A lost note named subjects that this turn does not know. Without it the namespace is never deleted.
  if (noted === undefined || left.size === 0) return { findings: [] };
  if (object.metadata.annotations?.[CLAIMED_BY_ANNOTATION] === noteAfter) return { findings: [] };
  const after: ObjectState = { present: true, object: withNote(object, noteAfter) };
  return changed(
    name,
    'update',
    object,
    after,
    `~ namespace ${name}: needed by ${noteAfter}`,
    claims.wanted[0] ?? going[0],
  );
}

/** Only what is noted as needed by the very subjects that go, and was made to go with them. */
function mayBeDeleted(going: Claims['unwanted'], noted: readonly string[] | undefined): boolean {
  return going.every(({ subject, claim }) => claim.onAbsent === 'create-and-delete' && noted?.includes(subject));
}

function changed(
  name: string,
  action: Change['action'],
  object: KubernetesObject,
  after: ObjectState,
  text: string,
  cause: OwnedClaim<NamespaceClaim> | undefined,
): Diff<ObjectState> {
  const line = {
    sign: text[0] as '-' | '~',
    text: text.slice(2),
    ...(cause === undefined ? {} : { subject: cause.subject }),
  };
  const before: ObjectState = { present: true, object };
  return { change: { kind: 'namespace', object: name, action, before, after, lines: [line] }, findings: [] };
}

/** The namespace with its note, or with neither note nor label. Everything else is as it was. */
function withNote(object: KubernetesObject, text: string | undefined): KubernetesObject {
  const { [CLAIMED_BY_ANNOTATION]: _note, ...annotations } = object.metadata.annotations ?? {};
  const { [MANAGED_BY.key]: _label, ...labels } = object.metadata.labels ?? {};
  const metadata: ObjectMeta =
    text === undefined
      ? { ...object.metadata, labels, annotations }
      : { ...object.metadata, annotations: { ...annotations, [CLAIMED_BY_ANNOTATION]: text } };
  return { ...object, metadata };
}

function note(subjects: readonly string[]): string {
  return JSON.stringify([...new Set(subjects)].sort());
}

function missing(name: string, { subject }: OwnedClaim<NamespaceClaim>): Finding {
  return {
    code: 'namespace-absent',
    severity: 'blocks',
    object: name,
    subject,
    message: `the namespace "${name}" does not exist, and the grant does not say to make it`,
    remedy: `kubectl create namespace ${name}, or set absentNamespaces to create in the grant`,
  };
}

function terminating(name: string, { subject }: OwnedClaim<NamespaceClaim>): Finding {
  return {
    code: 'namespace-terminating',
    severity: 'blocks',
    object: name,
    subject,
    message: `the namespace "${name}" is being deleted and takes no new objects`,
    remedy: 'wait until it is gone, then retry: it is looked at again by itself',
  };
}
