import { canonicalJson } from '../../access/json.ts';
import { GRANT_ANNOTATION, MANAGED_BY } from '../../access/names.ts';
import type { KubernetesObject, ObjectMeta } from '../../ports/kubernetes.ts';
import { ABSENT, isManaged, type ObjectState } from '../managed-object.ts';
import type { ChangeLine, Diff, Finding, ObjectClaims, OwnedClaim } from '../resource.ts';
import { ACTIVATION_ANNOTATION, type ConnectorObjectClaim } from './model.ts';

type Claims = ObjectClaims<ConnectorObjectClaim>;

/**
 * What must happen to an object of the connector.
 *
 *     wanted  absent                           made, with Gatehouse's label
 *     wanted  Gatehouse's, holding all of it   nothing: what the API server adds is its own
 *     wanted  Gatehouse's, else                replaced
 *     wanted  anybody else's                   finding `foreign-object`
 *     gone    Gatehouse's                      deleted
 *     gone    anybody else's                   finding `foreign-object` (notice): it stays
 *     gone    absent                           nothing
 */
export function diffConnectorObject(object: string, observed: ObjectState, claims: Claims): Diff<ObjectState> {
  const [wanted] = claims.wanted;
  const [gone] = claims.unwanted;
  const owned = wanted ?? gone;
  if (owned === undefined) return { findings: [] };
  const { subject } = owned;
  if (observed.present && !isManaged(observed.object)) {
    return { findings: [foreign(object, owned, wanted ? 'blocks' : 'notice')] };
  }
  const changed = (action: 'create' | 'update' | 'delete', after: ObjectState, sign: ChangeLine['sign']) => ({
    change: {
      kind: 'connector-object',
      object,
      action,
      before: observed,
      after,
      lines: [{ sign, text: `${object} of the EKS connector`, subject }],
    },
    findings: [],
  });
  if (wanted === undefined) return observed.present ? changed('delete', ABSENT, '-') : { findings: [] };
  const manifest = wantedObject(wanted.claim);
  if (!observed.present) return changed('create', { present: true, object: manifest }, '+');
  if (holds(observed.object, manifest)) return { findings: [] };
  return changed('update', { present: true, object: together(observed.object, manifest) }, '~');
}

/** The object with Gatehouse's label, and with the word of whose activation its data is. */
function wantedObject({ manifest, activation }: ConnectorObjectClaim): KubernetesObject {
  const { metadata } = manifest;
  const told = activation ? { [ACTIVATION_ANNOTATION]: `${activation.expiry} ${activation.secret}` } : {};
  const annotations = { ...metadata.annotations, ...told };
  return {
    ...manifest,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [MANAGED_BY.key]: MANAGED_BY.value },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  };
}

/** What stands there, with everything that is wanted of it as it is wanted. */
function together(there: KubernetesObject, wanted: KubernetesObject): KubernetesObject {
  const { [GRANT_ANNOTATION]: _grant, ...annotations } = {
    ...there.metadata.annotations,
    ...wanted.metadata.annotations,
  };
  const metadata: ObjectMeta = {
    ...there.metadata,
    labels: { ...there.metadata.labels, ...wanted.metadata.labels },
    annotations,
  };
  return { ...there, ...wanted, metadata };
}

/** Whether a value holds all that another says: maps at least its members, lists the same number. */
export function holds(there: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(there) && there.length === wanted.length && wanted.every((one, index) => holds(there[index], one))
    );
  }
  if (wanted === null || typeof wanted !== 'object')
    return canonicalJson([there ?? null] as never) === canonicalJson([wanted] as never);
  if (there === null || typeof there !== 'object') return Object.keys(wanted).length === 0;
  return Object.entries(wanted).every(([name, value]) => holds((there as Record<string, unknown>)[name], value));
}

function foreign(
  object: string,
  { subject }: OwnedClaim<ConnectorObjectClaim>,
  severity: Finding['severity'],
): Finding {
  const [kind = '', ...names] = object.split('/');
  const where = names.length === 2 ? ` -n ${names[0]}` : '';
  return {
    code: 'foreign-object',
    severity,
    object,
    subject,
    message: `${object} was not made by Gatehouse: somebody installed the EKS connector by other means, so it stays as it is`,
    remedy: `remove it with kubectl delete ${kind.toLowerCase()} ${names.at(-1)}${where}; Gatehouse then makes its own`,
  };
}
