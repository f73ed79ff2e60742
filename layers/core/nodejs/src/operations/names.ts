import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { peopleOf } from '../directory/grantee-people.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allClusters } from '../policy/selection.ts';
import { listVersions } from '../policy/versions.ts';
import type { Table, TableReader } from '../ports/table.ts';
import { discoveredClusters } from '../work/clusters.ts';

/** Names that a person may type where a verb asks for one. */
export interface Names {
  readonly clusters: readonly string[];
  readonly grants: readonly string[];
  readonly levels: readonly string[];
  /** Subjects: `user/<source>/<id>`, `machine/<name>`; the first ones where a group has many. */
  readonly people: readonly string[];
  readonly machines: readonly string[];
  readonly environments: readonly string[];
  readonly applications: readonly string[];
  /** Chains of the ledger: a cluster's name, `iam/<account>`. */
  readonly chains: readonly string[];
  /** Versions of the policy, the newest first. */
  readonly versions: readonly number[];
}

/** Members of one group that are told: somebody types the next letter rather than read more. */
const MEMBERS = 100;
const VERSIONS = 20;

/** All the names there are now. Reads little, so that a shell can ask at the press of a key. */
export async function namesNow(table: Table): Promise<Names> {
  const versions = (await listVersions(table, VERSIONS)).map(({ version }) => version);
  const inForce = await policyInForce(table);
  if (!inForce) return { ...NOTHING, versions };
  const { policy, onboarded } = inForce;
  const clusters = allClusters(policy, await discoveredClusters(table));
  const present = onboarded.filter(({ state }) => state === 'present');
  const accounts = [...policy.accounts.map(({ id }) => id), ...clusters.map(({ account }) => account)];
  return {
    ...namesIn({ ...policy, clusters }),
    people: sorted(await peopleIn(table, policy)),
    environments: sorted(present.flatMap((fact) => (fact.type === 'environment' ? [fact.name] : []))),
    applications: sorted(present.flatMap((fact) => (fact.type === 'application' ? [fact.namespace] : []))),
    chains: [...sorted(clusters.map(({ name }) => name)), ...sorted(accounts.map((id) => `iam/${id}`))],
    versions,
  };
}

/** The names that a document holds. */
export function namesIn({ clusters, grants, machines }: AccessPolicy): Names {
  const named = grants.flatMap(machinesIn);
  return {
    ...NOTHING,
    clusters: sorted(clusters.map(({ name }) => name)),
    grants: sorted(grants.map(({ name }) => name)),
    levels: sorted(grants.map(({ level }) => level.name)),
    machines: sorted([...named, ...machines.map(({ name }) => name)]),
  };
}

const NOTHING: Names = {
  clusters: [],
  grants: [],
  levels: [],
  people: [],
  machines: [],
  environments: [],
  applications: [],
  chains: [],
  versions: [],
};

async function peopleIn(reader: TableReader, { grants }: AccessPolicy): Promise<readonly string[]> {
  const grantees = new Map(grants.flatMap(({ to }) => to).map((to) => [JSON.stringify(to), to]));
  const pages = await Promise.all([...grantees.values()].map((to) => peopleOf(reader, to, undefined, MEMBERS)));
  return pages.flatMap(({ subjects }) => subjects);
}

const sorted = (names: readonly string[]): readonly string[] => [...new Set(names)].sort();
