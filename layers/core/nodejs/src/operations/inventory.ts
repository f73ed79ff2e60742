import type { ClusterMode } from '../access/policy.ts';
import { parseTarget, type Target } from '../access/target.ts';
import { policyInForce } from '../policy/in-force.ts';
import { allClusters } from '../policy/selection.ts';
import { readVersion } from '../policy/versions.ts';
import type { Table, TableReader } from '../ports/table.ts';
import type { AwsAuthClaim } from '../resources/aws-auth/model.ts';
import type { IamUserClaim } from '../resources/iam-user/model.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import { discoveredClusters } from '../work/clusters.ts';
import { allRecords } from '../work/records.ts';
import { targetsOfPolicy } from '../work/sweep.ts';

/** Something that Gatehouse has made, or is about to make. */
export interface Owned {
  /** `aws-auth`, `role-binding`, `iam-role`, ...: the folder under `core/resources/`. */
  readonly kind: string;
  /** What it lives in: `RoleBinding/pay/gatehouse:operators`. */
  readonly object: string;
  /** What of it, where it is not all: a line of aws-auth, a subject of a binding, the secret of a key. */
  readonly parts: readonly string[];
  /** For how many people, machines and grants. */
  readonly subjects: number;
}

/** All that is recorded as made, and the document that it follows from. */
export interface Inventory {
  /** Null before the first is in force. */
  readonly policy: { readonly version: number; readonly text: string } | null;
  /** Clusters elsewhere that were registered beside the policy. */
  readonly registrations: readonly { readonly name: string; readonly account: string; readonly region: string }[];
  /** The targets on which anything is recorded. */
  readonly targets: readonly {
    readonly target: Target;
    readonly mode?: ClusterMode;
    readonly owned: readonly Owned[];
  }[];
}

/** What stands in IAM and on clusters because Gatehouse made it, as it recorded before it made it. */
export async function inventory(reader: Table): Promise<Inventory> {
  const current = await policyInForce(reader);
  if (!current) return { policy: null, registrations: [], targets: [] };
  const modes = new Map(
    allClusters(current.policy, await discoveredClusters(reader)).map(({ arn, mode }) => [arn, mode]),
  );
  const targets: Inventory['targets'][number][] = [];
  for (const target of (await targetsOfPolicy(reader, current.policy)).toSorted()) {
    const owned = ownedOf(await allClaims(reader, target));
    if (owned.length === 0) continue;
    const parts = parseTarget(target);
    const mode = parts.type === 'cluster' ? modes.get(parts.arn) : undefined;
    targets.push({ target, ...(mode === undefined ? {} : { mode }), owned });
  }
  return {
    policy: { version: current.version, text: (await readVersion(reader, current.version))?.text ?? '' },
    registrations: current.registrations.registrations.map(({ name, account, region }) => ({ name, account, region })),
    targets,
  };
}

async function allClaims(reader: TableReader, target: Target): Promise<readonly OwnedClaim[]> {
  const claims: OwnedClaim[] = [];
  for await (const [, each] of allRecords(reader, target)) claims.push(...each);
  return claims;
}

/** Claims by the object that they live in. */
export function ownedOf(claims: readonly OwnedClaim[]): readonly Owned[] {
  const objects = Map.groupBy(claims, ({ claim }) => JSON.stringify([claim.kind, claim.object]));
  return [...objects.values()]
    .map((group) => ({
      kind: group[0]!.claim.kind,
      object: group[0]!.claim.object,
      parts: [...new Set(group.flatMap(partOf))].sort(),
      subjects: new Set(group.map(({ subject }) => subject)).size,
    }))
    .sort((a, b) => (`${a.kind} ${a.object}` < `${b.kind} ${b.object}` ? -1 : 1));
}

function partOf({ claim }: OwnedClaim): readonly string[] {
  switch (claim.kind) {
    case 'aws-auth': {
      const { list, arn, username } = claim as AwsAuthClaim;
      return [`${list}: ${arn} as ${username}`];
    }
    case 'role-binding': {
      const { username, group } = claim as RoleBindingClaim;
      return [username === undefined ? `group ${group}` : `user ${username}`];
    }
    case 'iam-user': {
      const { accessKey } = claim as IamUserClaim;
      return accessKey ? [`its access key, in the secret ${accessKey.secret}`] : [];
    }
    default:
      return [];
  }
}
