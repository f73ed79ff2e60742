import { Failure } from '../../access/failure.ts';
import type { Eks } from '../../ports/eks.ts';
import type { Change, Claim, Diff, Kind, ObjectClaims } from '../resource.ts';

/** The object: a cluster has one set of control plane logs. */
export const LOGS_OBJECT = 'control-plane-logs';

/** Control plane logs that must be on. Nobody but a person switches them off: they may be somebody else's proof by then. */
export interface LogsClaim extends Claim {
  readonly kind: 'control-plane-logs';
  readonly object: typeof LOGS_OBJECT;
  readonly logs: readonly string[];
}

/** The control plane logs that are on, sorted. */
export interface LogsState {
  readonly on: readonly string[];
}

/** What the kind works on: one cluster. */
export interface LogsPorts {
  /** The cluster's name in EKS. */
  readonly cluster: string;
  readonly eks: () => Promise<Eks>;
}

/** The logs of a cluster's control plane, which go to CloudWatch: README.md. */
export const controlPlaneLogsKind: Kind<LogsClaim, LogsState, LogsPorts> = {
  name: 'control-plane-logs',
  iamActions: ['eks:DescribeCluster', 'eks:UpdateClusterConfig'],
  keepsSnapshot: false,
  async observe({ cluster, eks }) {
    const found = await (await eks()).describeCluster(cluster);
    if (found === undefined) throw new Failure('not-found', `the cluster ${cluster} does not exist`);
    return { on: found.logs ?? [] };
  },
  diff: diffLogs,
  async apply({ cluster, eks }, { before, after }) {
    await (await eks()).switchOnLogs(cluster, newIn(before, after));
    return after;
  },
};

/**
 *     wanted  some of them are off   those are switched on
 *     wanted  all are on             nothing
 *     gone                           nothing: they stay on
 */
function diffLogs(object: string, observed: LogsState, { wanted }: ObjectClaims<LogsClaim>): Diff<LogsState> {
  const on = [...new Set([...observed.on, ...wanted.flatMap(({ claim }) => claim.logs)])].sort();
  const after = { on };
  const lines = newIn(observed, after).map((log) => ({
    sign: '+' as const,
    text: `the ${log} log goes to CloudWatch, which bills for it`,
    subject: wanted.find(({ claim }) => claim.logs.includes(log))!.subject,
  }));
  if (lines.length === 0) return { findings: [] };
  const change: Change<LogsState> = {
    kind: 'control-plane-logs',
    object,
    action: 'update',
    before: observed,
    after,
    lines,
  };
  return { change, findings: [] };
}

function newIn(before: LogsState, after: LogsState): string[] {
  return after.on.filter((log) => !before.on.includes(log));
}
