import type { AccessPolicy, Cluster, IdentityProvider } from '../access/policy.ts';
import { identityProviderSubject, parseSubject, type Subject } from '../access/subject.ts';
import { clusterTarget } from '../access/target.ts';
import type { Cause } from '../directory/fact.ts';
import { identityProviderOf } from '../policy/selection.ts';
import { allItems } from '../ports/all-items.ts';
import type { AssociatedIdentityProvider } from '../ports/eks.ts';
import { claimOf, isAsWanted, isOwnProvider } from '../resources/identity-provider/model.ts';
import type { Finding } from '../resources/resource.ts';
import { accountById } from '../work/clusters.ts';
import { forgetAttempt } from '../work/identity-provider-ports.ts';
import { MARK_PREFIX, RECORD_PREFIX, targetPk } from '../work/keys.ts';
import { type MarkFailure, putMark, readMark } from '../work/marks.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { wake } from '../work/wake.ts';

/** How a cluster stands to its identity provider: what the policy wants, what EKS has, what is on its way. */
export interface IdentityProviderOutcome {
  readonly cluster: Pick<Cluster, 'name' | 'arn' | 'mode'>;
  /** Null: the policy in force gives the cluster none. */
  readonly wanted: IdentityProvider | null;
  /** Null: EKS has none. */
  readonly associated: AssociatedIdentityProvider | null;
  /** Whether what EKS has was made by Gatehouse. */
  readonly isOwn: boolean;
  /** Whether what EKS has stands, and is what the policy wants. */
  readonly isAsWanted: boolean;
  /** Subjects of identity providers that are recorded or marked on the cluster. */
  readonly subjects: readonly Subject[];
  /** What waits for another look, and why. */
  readonly waiting: readonly { readonly subject: Subject; readonly failure?: MarkFailure }[];
  /** What a person must mend first. */
  readonly findings: readonly Finding[];
}

/**
 * Looks at a cluster's identity provider. `cause`: has it looked at by a turn now, a failed association tried again at once;
 * nothing is changed here.
 */
export async function identityProviderOn(
  ports: TurnPorts,
  policy: AccessPolicy,
  cluster: Cluster,
  cause?: Cause,
): Promise<IdentityProviderOutcome> {
  const target = clusterTarget(cluster.arn);
  const wanted = identityProviderOf(policy, cluster);
  const subjects = new Set<Subject>(wanted ? [identityProviderSubject(wanted.name)] : []);
  for (const { sk } of await allItems(ports.table, targetPk(target), RECORD_PREFIX)) {
    const subject = sk.slice(RECORD_PREFIX.length) as Subject;
    if (isProvider(subject)) subjects.add(subject);
  }
  if (cause) {
    await forgetAttempt(ports.table, target);
    // What is not known counts as a revocation: the turn finds out.
    for (const subject of subjects) await putMark(ports, { target, subject, urgency: 'revocation', cause });
    await wake(ports, [target]);
  }
  const marks = (await allItems(ports.table, targetPk(target), MARK_PREFIX))
    .map(readMark)
    .filter(({ subject }) => isProvider(subject));
  const eks = await ports.world.eks(await accountById(ports.table, policy, cluster.account), cluster.region);
  const associated = (await eks.identityProvider(cluster.name)) ?? null;
  const isOwn = associated !== null && isOwnProvider(associated);
  const { name, arn, mode } = cluster;
  return {
    cluster: { name, arn, mode },
    wanted: wanted ?? null,
    associated,
    isOwn,
    isAsWanted:
      isOwn && wanted !== undefined && associated.status === 'ACTIVE' && isAsWanted(associated, claimOf(wanted).config),
    subjects: [...new Set([...subjects, ...marks.map(({ subject }) => subject)])],
    waiting: marks.flatMap(({ subject, failure, finding }) =>
      finding ? [] : [{ subject, ...(failure ? { failure } : {}) }],
    ),
    findings: marks.flatMap(({ finding }) => finding ?? []),
  };
}

function isProvider(subject: Subject): boolean {
  return parseSubject(subject).type === 'identity-provider';
}
