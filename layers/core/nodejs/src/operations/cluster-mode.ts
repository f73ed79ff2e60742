import { Failure } from '../access/failure.ts';
import { ENVIRONMENT_LABEL } from '../access/names.ts';
import type { AccessPolicy, Cluster, ClusterMode } from '../access/policy.ts';
import { clusterTarget } from '../access/target.ts';
import type { Plan } from '../plan/plan.ts';
import type { PolicyInForce } from '../policy/in-force.ts';
import { selects, selectsDiscovery } from '../policy/selection.ts';
import { listVersions, type UploadedVersion } from '../policy/versions.ts';
import { planTarget } from '../work/take-turns.ts';
import type { TurnLimits, TurnPorts } from '../work/turn-ports.ts';
import { subjectsOn } from './subjects.ts';

/** Where the mode of a cluster is written. */
export interface ModePlace {
  readonly in: 'clusters' | 'discover' | 'onboarding' | 'registration';
  /** In the policy document, such as `clusters.prod-eu.mode`; absent for a registration, which stands beside it. */
  readonly field?: string;
}

/** The objects that a turn would make, change and delete; and what stands in the way. */
export interface PlanCounts {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly blocked: number;
}

/** The mode of a cluster, where it comes from, and what another one would mean. */
export interface ClusterModeOutcome {
  readonly cluster: string;
  readonly arn: string;
  /** In force. */
  readonly mode: ClusterMode;
  readonly place: ModePlace;
  /** The version in force. */
  readonly version: number;
  /** The grants of the policy on the cluster. */
  readonly grants: readonly string[];
  /** The newest document, which any change begins with; it may wait for a person. */
  readonly newest: Omit<UploadedVersion, 'uploadedAt'>;
  /** What a turn would do in the mode that was asked about, and what in `enforce`. */
  readonly would?: { readonly asked: PlanCounts; readonly enforced: PlanCounts };
}

/** How a cluster's mode stands. With `mode`: what that one would mean. Reads alone. */
export async function clusterMode(
  ports: TurnPorts,
  limits: TurnLimits,
  inForce: PolicyInForce,
  cluster: Cluster,
  mode: ClusterMode | undefined,
): Promise<ClusterModeOutcome> {
  const { policy, version } = inForce;
  const [newest] = await listVersions(ports.table, 1);
  if (!newest) throw new Failure('not-found', 'no policy document was ever uploaded');
  const { uploadedAt: _, ...document } = newest;
  const grants = policy.grants.filter((grant) => selects(grant, cluster)).map(({ name }) => name);
  const plan = (as: ClusterMode) => countsInMode(ports, limits, policy, cluster, as);
  return {
    cluster: cluster.name,
    arn: cluster.arn,
    mode: cluster.mode,
    place: placeOf(inForce, cluster),
    version,
    grants,
    newest: document,
    ...(mode === undefined ? {} : { would: await wouldDo(mode, plan) }),
  };
}

/** A plan reads the whole cluster, so the same one is not made twice. */
async function wouldDo(mode: ClusterMode, plan: (as: ClusterMode) => Promise<PlanCounts>) {
  const enforced = await plan('enforce');
  return { asked: mode === 'enforce' ? enforced : await plan(mode), enforced };
}

/** Where a cluster's mode is written: what the policy says of it counts more than how it came. */
export function placeOf(
  { written, registrations }: Pick<PolicyInForce, 'written' | 'registrations'>,
  cluster: Cluster,
): ModePlace {
  if (written.clusters.some(({ arn }) => arn === cluster.arn)) {
    return { in: 'clusters', field: `clusters.${cluster.name}.mode` };
  }
  const { account, region, labels: tags, name } = cluster;
  if (
    registrations.registrations.some((one) => one.name === name && one.account === account && one.region === region)
  ) {
    return { in: 'registration' };
  }
  const rule = written.discover.findIndex((one) => selectsDiscovery(one, { account, region, tags }));
  if (tags[ENVIRONMENT_LABEL] !== undefined && rule < 0) {
    return { in: 'onboarding', field: 'onboarding.environments.mode' };
  }
  return { in: 'discover', field: `discover[${Math.max(0, rule)}].mode` };
}

async function countsInMode(
  ports: TurnPorts,
  limits: TurnLimits,
  policy: AccessPolicy,
  cluster: Cluster,
  mode: ClusterMode,
): Promise<PlanCounts> {
  const target = clusterTarget(cluster.arn);
  const clusters = [{ ...cluster, mode }, ...policy.clusters.filter(({ arn }) => arn !== cluster.arn)];
  return counted(
    await planTarget(ports, limits, target, await subjectsOn(ports.table, target), { ...policy, clusters }),
  );
}

function counted({ changes, findings }: Plan): PlanCounts {
  const count = (action: string) => changes.filter(({ change }) => change.action === action).length;
  return {
    create: count('create'),
    update: count('update'),
    delete: count('delete'),
    blocked: findings.filter(({ severity }) => severity === 'blocks').length,
  };
}
