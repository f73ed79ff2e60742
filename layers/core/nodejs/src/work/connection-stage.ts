import { clusterArn } from '../access/arn.ts';
import type { Json } from '../access/json.ts';
import { activationSecretName } from '../access/names.ts';
import type { Cluster } from '../access/policy.ts';
import { connectionSubject } from '../access/subject.ts';
import { clusterTarget, parseTarget, type Target } from '../access/target.ts';
import { connectionGuards, desiredConnection } from '../plan/connection.ts';
import { objectId } from '../plan/turn-claims.ts';
import { allClusters } from '../policy/selection.ts';
import type { Table, TableReader } from '../ports/table.ts';
import { connectorKind } from '../resources/connector/kind.ts';
import type { ConnectorPorts, ConnectorState } from '../resources/connector/model.ts';
import { iamRoleKind } from '../resources/iam-role/kind.ts';
import { CONNECTION_KINDS } from '../resources/kinds.ts';
import type { Finding, OwnedClaim } from '../resources/resource.ts';
import { accountById } from './clusters.ts';
import { untilDeadline } from './deadline.ts';
import { CONFIRM_AFTER } from './iam-belief.ts';
import { believingKinds, boundaryOf } from './iam-stage.ts';
import { registrationKey, sweptRegistrationKey } from './keys.ts';
import { putMark } from './marks.ts';
import { readRecords } from './records.ts';
import type { Stage, StageRequest } from './stage.ts';

/** How often a registration that nobody has activated yet is looked at, in milliseconds: often while somebody waits for it. */
const PENDING_LOOK_AGAIN = { soon: 30_000, later: 300_000 } as const;
/** How long after the registration is soon, and how long its activation holds, in milliseconds. */
const SOON = 900_000;
const ACTIVATION = 3 * 24 * 3_600_000;

/** How a registration stands, as it was seen last. */
export interface RegistrationStatus {
  readonly status: string;
  /** When its activation ends, milliseconds UTC. */
  readonly expiry?: number;
  /** Milliseconds UTC. */
  readonly seenAt: number;
}

/**
 * Sets the stage for a turn on a registration: the role of the agent, and the name in EKS. What nobody activated within three
 * days is swept, and not begun anew until somebody asks for it: the manifests that were handed out are worth nothing then.
 */
export async function setConnectionStage(request: StageRequest): Promise<Stage> {
  const { ports, policy, target, reader } = request;
  const { account: id, region, name } = connectionOf(target);
  const account = await accountById(reader, policy, id);
  const { iam, secrets } = await ports.world.account(account);
  const eks = await ports.world.eks(account, region);
  const bounded = <T extends object>(port: T): T => untilDeadline(port, ports.clock, request.callsUntil);
  const connectorPorts: ConnectorPorts = {
    iam: bounded(iam),
    secrets: bounded(secrets),
    eks: bounded(eks),
    clock: ports.clock,
    secretOf: (cluster) => activationSecretName(id, region, cluster),
  };
  const arn = clusterArn(id, region, name);
  const cluster = allClusters(policy, []).find((one) => one.arn === arn && one.connected !== undefined);
  const recorded = [...(await readRecords(ports.table, target, undefined, 100)).records.values()].flat();
  const observed = new Map<string, unknown>();
  const state = await connectorKind.observe(connectorPorts, name);
  observed.set(objectId({ kind: connectorKind.name, object: name }), state);
  const swept = cluster !== undefined && (await isSwept(ports.table, target, state, ports.clock.now()));
  const wanted =
    cluster && !swept ? wantedNow(cluster, desiredConnection(cluster, boundaryOf(request, account)), recorded) : [];
  const belief = believingKinds(ports, target, [iamRoleKind.name], CONNECTION_KINDS);
  return {
    scene: {
      target,
      chain: `iam/${id}`,
      kinds: belief.kinds,
      ports: connectorPorts,
      claims: { wanted, recorded },
      findings: swept ? [expired(cluster)] : [],
      observed,
      guards: connectionGuards(policy),
    },
    mode: cluster?.mode === 'observe' && recorded.length === 0 ? 'observe' : 'enforce',
    dependents: [],
    confirmAfter: async (result) => {
      const now = stateIn(observed, name);
      if (result.applied.some(({ kind }) => kind === iamRoleKind.name)) return CONFIRM_AFTER;
      const isWaiting = wanted.length > 0 && now.present && now.status === 'PENDING';
      const age = ports.clock.now() - ((now.present && now.registration?.expiry) || 0) + ACTIVATION;
      const lookAgain = age < SOON ? PENDING_LOOK_AGAIN.soon : PENDING_LOOK_AGAIN.later;
      return belief.lookAgainAfter() ?? (isWaiting ? lookAgain : undefined);
    },
    follow: async (_result, _marks, causeOf) => {
      const changed = await keepStatus(ports, target, stateIn(observed, name));
      if (!changed || cluster?.connected?.kubeconfigSecret === undefined) return [];
      const onCluster = clusterTarget(arn);
      const subject = connectionSubject(name);
      await putMark(ports, { target: onCluster, subject, urgency: 'grant', cause: causeOf(subject, 'grant') });
      return [onCluster];
    },
  };
}

/** What a registration's target says. @throws TypeError where it is none. */
export function connectionOf(target: Target): {
  readonly account: string;
  readonly region: string;
  readonly name: string;
} {
  const parts = parseTarget(target);
  const [region = '', name = ''] = parts.type === 'iam' ? parts.name.split('/') : [];
  if (parts.type !== 'iam' || parts.principal !== 'connection' || name === '') {
    throw new TypeError(`${target} is no registration`);
  }
  return { account: parts.account, region, name };
}

/** While a cluster only observes or is paused, what was made for it stays as it is, and nothing is begun. */
function wantedNow({ mode }: Cluster, desired: readonly OwnedClaim[], recorded: readonly OwnedClaim[]) {
  return mode === 'enforce' || (mode === 'observe' && recorded.length === 0) ? desired : recorded;
}

const stateIn = (observed: ReadonlyMap<string, unknown>, name: string): ConnectorState =>
  observed.get(objectId({ kind: connectorKind.name, object: name })) as ConnectorState;

/** Whether nobody activated it in time. That is remembered before it is swept, so that no crash begins it anew. */
async function isSwept(table: Table, target: Target, state: ConnectorState, now: number): Promise<boolean> {
  const key = sweptRegistrationKey(target);
  if (await table.get(key)) return true;
  if (!state.present || state.registration?.expired !== true) return false;
  await table.put({ ...key, at: now });
  return true;
}

/** Whoever asks for a registration once more gets another activation, also where the last one was swept. */
export async function renewRegistration(table: Table, target: Target): Promise<void> {
  await table.delete(sweptRegistrationKey(target));
}

/** How a registration stood when it was looked at last. */
export async function readRegistration(reader: TableReader, target: Target): Promise<RegistrationStatus | undefined> {
  return (await reader.get(registrationKey(target))) as unknown as RegistrationStatus | undefined;
}

/** Keeps how the registration stands; true where that, or its activation, is another than before. */
async function keepStatus({ table, clock }: StageRequest['ports'], target: Target, state: ConnectorState) {
  const key = registrationKey(target);
  const known = await readRegistration(table, target);
  if (!state.present) {
    if (known) await table.delete(key);
    return known !== undefined;
  }
  const { status, registration } = state;
  if (known?.status === status && known.expiry === registration?.expiry) return false;
  const item = { status, ...(registration?.expiry === undefined ? {} : { expiry: registration.expiry }) };
  await table.put({ ...key, ...(item as Record<string, Json>), seenAt: clock.now() });
  return true;
}

function expired({ name, region }: Cluster): Finding {
  return {
    code: 'activation-expired',
    severity: 'blocks',
    object: name,
    subject: connectionSubject(name),
    message: `nobody activated the registration of ${name} within three days, so it was removed`,
    remedy: `register it again, and apply the new manifests: gatehouse register-cluster ${name} --cluster-region ${region}`,
  };
}
