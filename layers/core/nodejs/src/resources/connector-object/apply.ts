import { Failure } from '../../access/failure.ts';
import type { KubernetesObject, ObjectKind } from '../../ports/kubernetes.ts';
import { readActivation } from '../connector/apply.ts';
import { applyToObject, type ObjectState, observeObject } from '../managed-object.ts';
import { parseObjectRef } from '../object-ref.ts';
import type { Change } from '../resource.ts';
import { ACTIVATION_ANNOTATION, type ConnectorClusterPorts } from './model.ts';

const KINDS: readonly ObjectKind[] = [
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'StatefulSet',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
];

/** Reads an object; of a secret everything but what is in it. */
export async function observeConnectorObject(
  { kubernetes }: ConnectorClusterPorts,
  object: string,
): Promise<ObjectState> {
  return withoutData(await observeObject(kubernetes, parseObjectRef(object, KINDS)));
}

function withoutData(state: ObjectState): ObjectState {
  if (!state.present || state.object.kind !== 'Secret') return state;
  const { data: _data, ...object } = state.object;
  return { present: true, object };
}

/** Makes a change of an object; the activation is put in at the last moment, and taken out of what is answered. */
export async function applyConnectorObject(
  { kubernetes, secrets }: ConnectorClusterPorts,
  change: Change<ObjectState>,
): Promise<ObjectState> {
  const ref = parseObjectRef(change.object, KINDS);
  const after: ObjectState = change.after.present
    ? { present: true, object: await withActivation(change.after.object, secrets) }
    : change.after;
  return withoutData(await applyToObject(kubernetes, ref, { ...change, after }));
}

/** An object with the activation that its annotation names; any other as it is. */
export async function withActivation(
  object: KubernetesObject,
  secrets: ConnectorClusterPorts['secrets'],
): Promise<KubernetesObject> {
  const told = object.metadata.annotations?.[ACTIVATION_ANNOTATION];
  if (object.kind !== 'Secret' || told === undefined) return object;
  const [expiry, name = ''] = told.split(' ');
  const activation = await readActivation(secrets, name);
  if (activation === undefined || String(activation.activationExpiry) !== expiry) {
    throw new Failure('unreachable', `the secret ${name} does not hold the activation of today's registration`, {
      remedy: 'wait: the next turn makes the registration anew where its activation is lost',
    });
  }
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return { ...object, data: { id: base64(activation.activationId), code: base64(activation.activationCode) } };
}
