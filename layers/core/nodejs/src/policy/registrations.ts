import { clusterArn } from '../access/arn.ts';
import { digest } from '../access/digest.ts';
import { Failure, isFailure } from '../access/failure.ts';
import { type Json, sameJson } from '../access/json.ts';
import type { AccessLevel, AccessPolicy, Cluster, ClusterMode, ConnectorProvider, Grant } from '../access/policy.ts';
import { cleaned, dirtyNow } from '../directory/dirty.ts';
import type { Cause } from '../directory/fact.ts';
import { shardOf } from '../directory/items.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Item, Key, Table } from '../ports/table.ts';
import { READY_LEVELS } from './ready-levels.ts';

/**
 * A cluster elsewhere that somebody registered by command or event, and not by the policy: a fact, kept in the state table.
 * What the policy says of a cluster counts more ({@link withRegistrations}).
 */
export interface Registration {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly provider: ConnectorProvider;
  readonly mode: ClusterMode;
  readonly kubeconfigSecret?: string;
  /** ARNs of the IAM users and roles that may view it in the console. */
  readonly consoleUsers: readonly string[];
  /** Where they may; empty: in the whole cluster. */
  readonly namespaces: readonly string[];
}

/** What registrations need from the world. */
export interface RegistrationPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly random: Random;
}

/** The level of whoever views a registered cluster in the console. */
const CONSOLE_LEVEL = 'console-viewer';

/**
 * The policy with what was registered beside it. Pure: of a cluster that the policy names itself nothing is taken, and no
 * registration takes the name of a grant of the policy.
 */
export function withRegistrations(policy: AccessPolicy, registrations: readonly Registration[]): AccessPolicy {
  if (registrations.length === 0) return policy;
  const named = new Set(policy.clusters.flatMap(({ arn, name }) => [arn, name]));
  const clusters: Cluster[] = [];
  const grants: Grant[] = [];
  for (const registration of registrations) {
    const cluster = clusterOf(registration);
    if (named.has(cluster.arn) || named.has(cluster.name)) continue;
    named.add(cluster.arn).add(cluster.name);
    clusters.push(cluster);
    if (registration.consoleUsers.length > 0) grants.push(grantOf(registration));
  }
  const known = new Set(policy.grants.map(({ name }) => name));
  const accounts = new Set(policy.accounts.map(({ id }) => id));
  const others = [...new Set(clusters.map(({ account }) => account))].filter((id) => !accounts.has(id));
  return {
    ...policy,
    clusters: [...policy.clusters, ...clusters],
    accounts: [...policy.accounts, ...others.map((id) => ({ id }))],
    grants: [...policy.grants, ...grants.filter(({ name }) => !known.has(name))],
  };
}

function clusterOf({ name, account, region, provider, mode, kubeconfigSecret }: Registration): Cluster {
  const connected = { provider, ...(kubeconfigSecret === undefined ? {} : { kubeconfigSecret }) };
  return { name, account, region, arn: clusterArn(account, region, name), labels: {}, mode, connected };
}

function grantOf({ name, consoleUsers, namespaces }: Registration): Grant {
  return {
    name: consoleGrantName(name),
    to: consoleUsers.map((principal) => ({ principal })),
    clusters: { names: [name], labels: {} },
    namespaces,
    absentNamespaces: 'refuse',
    level: consoleLevel(),
    through: 'connector',
  };
}

function consoleLevel(): AccessLevel {
  const { rules = [], clusterWide } = READY_LEVELS[CONSOLE_LEVEL]!;
  return { name: CONSOLE_LEVEL, rules, console: true, ...(clusterWide ? { clusterWide } : {}) };
}

/** The grant of those who view a registered cluster. Names of clusters may hold what no grant's may. */
export function consoleGrantName(cluster: string): string {
  const plain = cluster.toLowerCase().replaceAll('_', '-').replace(/-+$/, '');
  const isPlain = plain === cluster && plain.length <= 40;
  return `console-of-${isPlain ? plain : `${plain.slice(0, 40)}-${digest(cluster).slice(0, 8)}`}`;
}

/**
 * All registrations stand in one item, so that the policy in force costs one read more. `before` holds what stood there since
 * it was planned last: whoever plans compares with each of them.
 */
export const REGISTRATIONS_KEY: Key = { pk: 'registrations', sk: 'all' };

/** More than these are no facts any more, but a policy. */
export const MOST_REGISTRATIONS = 200;

/** What stands in the item. */
export interface Registrations {
  readonly registrations: readonly Registration[];
  readonly before: readonly Registration[];
  /** Changes with every change; empty before the first. */
  readonly rev: string;
}

/** What is registered, by a consistent read. */
export async function readRegistrations(table: Pick<Table, 'get'>): Promise<Registrations> {
  return registrationsIn(await table.get(REGISTRATIONS_KEY));
}

function registrationsIn(item: Item | undefined): Registrations {
  return {
    registrations: (item?.registrations ?? []) as unknown as readonly Registration[],
    before: (item?.before ?? []) as unknown as readonly Registration[],
    rev: typeof item?.rev === 'string' ? item.rev : '',
  };
}

const TRIES = 20;
const sameCluster = (a: Registration, b: Pick<Registration, 'account' | 'region' | 'name'>) =>
  a.name === b.name && a.account === b.account && a.region === b.region;

/** Puts a registration in the place of the one there is, if any. Safe to repeat. @throws Failure `too-large`, `conflict`. */
export async function putRegistration(
  ports: RegistrationPorts,
  registration: Registration,
  cause: Cause,
): Promise<void> {
  await change(ports, cause, (all) => [...all.filter((one) => !sameCluster(one, registration)), registration]);
}

/** Takes a registration away. @returns false where there was none. */
export async function removeRegistration(
  ports: RegistrationPorts,
  cluster: Pick<Registration, 'account' | 'region' | 'name'>,
  cause: Cause,
): Promise<boolean> {
  return change(ports, cause, (all) => all.filter((one) => !sameCluster(one, cluster)));
}

async function change(
  { table, clock, random }: RegistrationPorts,
  cause: Cause,
  next: (all: readonly Registration[]) => readonly Registration[],
): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    const item = await table.get(REGISTRATIONS_KEY);
    const { registrations, before, rev } = registrationsIn(item);
    const after = next(registrations).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    if (sameJson(after, registrations)) return false;
    if (after.length > MOST_REGISTRATIONS) {
      throw new Failure('too-large', `${MOST_REGISTRATIONS} clusters are registered by command already`, {
        remedy: 'name them under clusters in the access policy, with kind: connected',
      });
    }
    const kept = [...before, ...registrations].filter(
      (one, index, all) => all.findIndex((other) => sameJson(one, other)) === index,
    );
    const written = {
      ...REGISTRATIONS_KEY,
      registrations: after as unknown as Json,
      before: kept as unknown as Json,
      rev: random.token(),
      cause: { ...cause },
      ...dirtyNow({ clock, random }, shardOf(REGISTRATIONS_KEY)),
    };
    try {
      await table.put(written, item ? { equals: { rev } } : { absent: true });
      return true;
    } catch (error) {
      if (!isFailure(error, 'conflict')) throw error;
    }
  }
  throw new Failure('conflict', `the registrations were written by others ${TRIES} times`);
}

/** The planner has marked all that follows from `planned`: what stood before it is history, unless it changed meanwhile. */
export async function markRegistrationsPlanned(table: Table, planned: Registrations): Promise<boolean> {
  const item = await table.get(REGISTRATIONS_KEY);
  if (!item || item.rev !== planned.rev) return false;
  try {
    const before = planned.registrations as unknown as Json;
    await table.put({ ...(cleaned(item) as Item), before }, { equals: { rev: planned.rev } });
    return true;
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    return false;
  }
}

/**
 * What changed since it was planned last: for each cluster that differs, the policy with each of what stood before, and with
 * what stands now. The rest of the policy is the same on both sides.
 */
export function changedRegistrations(
  policy: AccessPolicy,
  { registrations, before }: Registrations,
): readonly { readonly before: readonly AccessPolicy[]; readonly now: AccessPolicy }[] {
  const all = [...before, ...registrations];
  const clusters = all.filter((one, index) => all.findIndex((other) => sameCluster(one, other)) === index);
  return clusters.flatMap((cluster) => {
    const earlier = before.filter((one) => sameCluster(one, cluster));
    const current = registrations.filter((one) => sameCluster(one, cluster));
    if (earlier.length === 1 && sameJson(earlier, current)) return [];
    const policies = earlier.length === 0 ? [policy] : earlier.map((one) => withRegistrations(policy, [one]));
    return [{ before: policies, now: withRegistrations(policy, current) }];
  });
}
