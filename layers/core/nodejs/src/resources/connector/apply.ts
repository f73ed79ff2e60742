import { Failure, isFailure } from '../../access/failure.ts';
import type { Activation } from '../../ports/eks.ts';
import type { Secrets } from '../../ports/secrets.ts';
import { MANAGED_TAG } from '../managed-principal.ts';
import type { Change } from '../resource.ts';
import {
  ABSENT_CONNECTOR,
  type ActivationSecret,
  CONNECTOR_LINKED_ROLE,
  CONNECTOR_SERVICE,
  type ConnectorPorts,
  type ConnectorState,
  type PresentConnector,
} from './model.ts';

/**
 * Reads a name in EKS, and whether its activation is kept.
 * @throws Failure `unreachable` (retryable) while EKS still lets go of an earlier registration.
 */
export async function observeConnector(
  { eks, secrets, clock, secretOf }: ConnectorPorts,
  name: string,
): Promise<ConnectorState> {
  const found = await eks.describeCluster(name);
  const kept = await readActivation(secrets, secretOf(name));
  if (found === undefined) return { present: false, secret: kept === undefined ? 'missing' : 'kept' };
  const { arn, status, tags, connector } = found;
  if (connector === undefined) return { present: true, arn, status, tags, secret: 'missing' };
  if (status === 'DELETING') throw new Failure('unreachable', `the registration of ${name} is still being removed`);
  const { provider, roleArn, activationExpiry: expiry } = connector;
  const expired = status === 'PENDING' && expiry !== undefined && clock.now() >= expiry;
  const isOfThis = kept !== undefined && (expiry === undefined || kept.activationExpiry === expiry);
  const registration = { provider, roleArn, expired, ...(expiry === undefined ? {} : { expiry }) };
  return { present: true, arn, status, tags, registration, secret: isOfThis ? 'kept' : 'missing' };
}

/** The activation that is kept; undefined where there is none, or something else. */
export async function readActivation(secrets: Secrets, name: string): Promise<ActivationSecret | undefined> {
  const text = await secrets.read(name);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Partial<ActivationSecret> | null;
    const { activationId, activationCode, activationExpiry } = value ?? {};
    if (typeof activationId !== 'string' || typeof activationCode !== 'string') return undefined;
    return { activationId, activationCode, activationExpiry: Number(activationExpiry) };
  } catch {
    return undefined;
  }
}

/**
 * Makes a change of a registration. What registering brings goes into the secret before anything else is done; where that
 * fails, the next turn finds a registration without its activation, and makes it anew.
 * @throws Failure `conflict` where somebody took the name meanwhile.
 */
export async function applyConnector(
  ports: ConnectorPorts,
  { object: name, before, after }: Change<ConnectorState>,
): Promise<ConnectorState> {
  const { eks, secrets, secretOf } = ports;
  if (before.present) await eks.deregisterCluster(name);
  if (!after.present) {
    await secrets.remove(secretOf(name));
    return ABSENT_CONNECTOR;
  }
  const { provider, roleArn } = after.registration!;
  await ensureLinkedRole(ports);
  const activation = await eks
    .registerCluster({ name, provider, roleArn, tags: { [MANAGED_TAG]: 'true' } })
    .catch((error: unknown) => {
      if (!isFailure(error, 'already-exists')) throw error;
      throw new Failure('conflict', error.message, { cause: error });
    });
  await keepActivation(secrets, secretOf(name), activation);
  return withExpiry(after, activation.expiry);
}

async function ensureLinkedRole({ iam }: ConnectorPorts): Promise<void> {
  if ((await iam.getRole(CONNECTOR_LINKED_ROLE)) !== undefined) return;
  await iam.createServiceLinkedRole(CONNECTOR_SERVICE).catch((error: unknown) => {
    if (!isFailure(error, 'already-exists')) throw error;
  });
}

async function keepActivation(secrets: Secrets, name: string, { id, code, expiry }: Activation): Promise<void> {
  const value: ActivationSecret = {
    activationId: id.reveal(),
    activationCode: code.reveal(),
    activationExpiry: expiry,
  };
  await secrets.write(name, JSON.stringify(value), { [MANAGED_TAG]: 'true' });
}

function withExpiry(after: PresentConnector, expiry: number): PresentConnector {
  return { ...after, registration: { ...after.registration!, expiry } };
}
