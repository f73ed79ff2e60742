import { parsePrincipalArn } from '../../access/arn.ts';
import type { AccessPolicy, Cluster } from '../../access/policy.ts';
import { VERSION } from '../../access/version.ts';
import { groupKey, ignoredPartition } from '../../directory/items.ts';
import { policyInForce } from '../../policy/in-force.ts';
import { allClusters } from '../../policy/selection.ts';
import type { UploadError } from '../../policy/uploaded.ts';
import { listVersions } from '../../policy/versions.ts';
import type { QueueDepths } from '../../ports/queue-depths.ts';
import { readSchema, SCHEMA_VERSION } from '../../schema/version.ts';
import { accountById, discoveredClusters } from '../../work/clusters.ts';
import { lastBeat } from '../../work/heartbeat.ts';
import type { TurnPorts } from '../../work/turn-ports.ts';
import { listEvents } from '../events.ts';
import { checkAccount } from './accounts.ts';
import { type Check, type Probe, runProbes } from './check.ts';
import { clusterFacts, judgeCluster } from './cluster.ts';
import { judgeBeat, judgeQueue, judgeSource } from './event-path.ts';
import { judgePolicy, type PolicyFacts } from './policy.ts';
import { judgeSchema } from './schema.ts';

/** What Gatehouse saw of itself. */
export interface DoctorOutcome {
  /** Its own time, milliseconds UTC. */
  readonly now: number;
  /** Its own account. */
  readonly account: string;
  /** Of the code that answers. */
  readonly version: string;
  readonly checks: readonly Check[];
  /** The sources that the policy speaks of. */
  readonly sources: readonly string[];
  /** All clusters of the policy: each is checked by itself. */
  readonly clusters: readonly { readonly name: string; readonly arn: string }[];
}

/** What the checks need beside the ports of a turn. */
export interface DoctorSettings {
  readonly clusterAccessRole: string;
  /** Absent where this function may not look at queues. */
  readonly queueDepths?: QueueDepths;
}

/** What the operation `status` tells, as far as it matters here. */
export interface StatusFacts extends Pick<PolicyFacts, 'waiting'> {
  readonly findings: readonly unknown[];
  readonly refused?: { readonly errors: readonly UploadError[] };
}

/** Looks at everything but clusters, from inside: reads alone. */
export async function doctor(
  ports: TurnPorts,
  { clusterAccessRole, queueDepths }: DoctorSettings,
  status: StatusFacts,
): Promise<DoctorOutcome> {
  const { table, clock, world } = ports;
  const now = clock.now();
  const own = parsePrincipalArn(clusterAccessRole).account;
  const inForce = await policyInForce(table);
  const versions = await listVersions(table);
  const proposed = versions[0]?.state === 'proposed' ? { proposed: versions[0].version } : {};
  const refused = status.refused ? { refused: status.refused.errors } : {};
  const findings = status.findings.length + (inForce?.findings.length ?? 0);
  const policy = inForce?.policy;
  const clusters = policy ? allClusters(policy, await discoveredClusters(table)) : [];
  const sources = policy ? sourcesOf(policy) : [];
  const since = versions.at(-1)?.uploadedAt;
  const facts = { ...(inForce ? { inForce } : {}), ...proposed, ...refused, waiting: status.waiting, findings };
  const accounts = [...new Set([own, ...clusters.map(({ account }) => account)])];
  const protectedIn = (account: string) =>
    (policy?.protected.principals ?? []).filter((arn) => arn.split(':')[4] === account);
  const probes: Probe[] = [
    { check: 'schema', run: async () => [judgeSchema(await readSchema(table), SCHEMA_VERSION)] },
    { check: 'policy', run: async () => judgePolicy(facts) },
    ...(['tick', 'sweep'] as const).map((name) => ({
      check: name,
      run: async () => [judgeBeat(name, await lastBeat(table, name), since, now)],
    })),
    ...(queueDepths ? [{ check: 'queue', run: async () => (await queueDepths.read()).map(judgeQueue) }] : []),
    ...sources.map((source) => ({
      check: 'source',
      of: source,
      run: async () => [judgeSource(source, policy && (await heard(ports, policy, source)), now)],
    })),
    ...accounts.map((id) => ({
      check: 'account',
      of: id,
      run: async () => {
        const account = policy ? await accountById(table, policy, id) : { id };
        return checkAccount(world, account, { isOwn: id === own, protectedArns: protectedIn(id) });
      },
    })),
  ];
  const named = clusters.map(({ name, arn }) => ({ name, arn }));
  return { now, account: own, version: VERSION, checks: await runProbes(probes), sources, clusters: named };
}

/** Looks at one cluster. */
export async function doctorOn(
  ports: TurnPorts,
  settings: DoctorSettings,
  policy: AccessPolicy,
  cluster: Cluster,
): Promise<{ readonly checks: readonly Check[] }> {
  const run = async () => {
    const account = await accountById(ports.table, policy, cluster.account);
    const roleArn = account.roleArn ?? settings.clusterAccessRole;
    return judgeCluster(await clusterFacts(ports.world, policy, cluster, account, roleArn));
  };
  return { checks: await runProbes([{ check: 'reachable', of: cluster.name, run }]) };
}

function sourcesOf({ grants, identities }: AccessPolicy): readonly string[] {
  const granted = grants.flatMap(({ to }) => to.flatMap((one) => ('source' in one ? [one.source] : [])));
  return [...new Set([...granted, ...identities.map(({ source }) => source)])].sort();
}

/** So many of its groups, and members of each, are looked at. */
const MOST_GROUPS = 20;
const MOST_MEMBERS = 100;
/** And so much of the log of events: this span (milliseconds), and so many of its entries. */
const LOG_SPAN = 24 * 60 * 60 * 1000;
const MOST_ENTRIES = 400;

/**
 * When a source spoke last: by the log of events, or, where that is long ago or others said much since, of its granted groups,
 * as far as some of them tell, or of something that was ignored.
 */
async function heard(ports: TurnPorts, { grants }: AccessPolicy, source: string): Promise<number | undefined> {
  const reader = ports.table;
  const logged = await listEvents(ports, { source, since: ports.clock.now() - LOG_SPAN }, 1, MOST_ENTRIES);
  if (logged.events[0]) return logged.events[0].receivedAt;
  const groups = grants.flatMap(({ to }) =>
    to.flatMap((one) => ('group' in one && one.source === source ? [one.group] : [])),
  );
  const pages = await Promise.all([
    reader.query(ignoredPartition(source), { limit: MOST_MEMBERS }),
    ...[...new Set(groups)]
      .slice(0, MOST_GROUPS)
      .map((group) => reader.query(groupKey(source, group).pk, { limit: MOST_MEMBERS })),
  ]);
  const times = pages.flatMap(({ items }) =>
    items.map((item) => Number(item.lastAt ?? (item.cause as { receivedAt?: number } | undefined)?.receivedAt ?? 0)),
  );
  const last = Math.max(0, ...times);
  return last === 0 ? undefined : last;
}
