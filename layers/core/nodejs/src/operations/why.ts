import { granteeText, subjectOf } from '../access/grantee.ts';
import type { AccessPolicy, Cluster, Grant, Grantee } from '../access/policy.ts';
import { memberOf, type Subject } from '../access/subject.ts';
import { clusterTarget } from '../access/target.ts';
import { sharedSubjects } from '../access/way.ts';
import type { Cause } from '../directory/fact.ts';
import { isLiveMember, readGroup, readMembership, readUser } from '../directory/read.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import { recentEntries } from '../ledger/recent.ts';
import type { Item, TableReader } from '../ports/table.ts';
import type { OwnedClaim } from '../resources/resource.ts';
import type { RoleBindingClaim } from '../resources/role-binding/model.ts';
import { readRecord } from '../work/records.ts';
import type { TurnPorts } from '../work/turn-ports.ts';
import { knownOf, type Trouble, troublesOf } from './access-report.ts';
import type { Login } from './logins.ts';
import { personText } from './person.ts';

/** Why somebody is, or is not, one of those whom a grant is to. */
export interface Ground {
  /** Whom the grant is to, in words. */
  readonly to: string;
  readonly holds: boolean;
  /** What the policy or the directory says. */
  readonly says: string;
  /** When it became so, by the source's own time in milliseconds UTC; absent where no event spoke of it. */
  readonly at?: number;
  /** The event that said so. */
  readonly event?: Cause;
}

/** One object that was made, and the run that made it. */
export interface Made {
  readonly kind: string;
  readonly object: string;
  /** Absent: none of the entries that were searched. `at` in milliseconds UTC. */
  readonly run?: Pick<LedgerEntry, 'run' | 'sequence' | 'at' | 'causes'> & { readonly policyVersion: number };
}

/** One grant on the cluster, as it is about somebody. */
export interface GrantChain {
  readonly grant: string;
  readonly level: string;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  readonly holds: boolean;
  readonly grounds: readonly Ground[];
  readonly made: readonly Made[];
}

/** The chain of causes by which somebody has access to a cluster, or where it ends. */
export interface Why {
  readonly cluster: string;
  readonly mode: Cluster['mode'];
  readonly person: string;
  readonly policyVersion: number;
  /** Whether they have anything there: by a grant that is carried out, or by somebody else's entry. */
  readonly holds: boolean;
  readonly logins: readonly Login[];
  /** Those that are theirs first. */
  readonly grants: readonly GrantChain[];
  /** Grants that are not theirs (any more), and by which they are bound still: recorded as made, not taken back yet. */
  readonly leftover: readonly string[];
  /** Why there is no access, or is some that should go: a sentence each. */
  readonly because: readonly string[];
  readonly troubles: readonly Trouble[];
}

/** Follows the chain for one person, machine or principal on one cluster. Reads alone. @throws Failure as `knownOf`. */
export async function whyOn(
  ports: TurnPorts,
  inForce: { readonly policy: AccessPolicy; readonly version: number },
  cluster: Cluster,
  text: string,
): Promise<Why> {
  const known = await knownOf(ports, inForce.policy, cluster, text);
  const { subject, theirs, logins } = known;
  const target = clusterTarget(cluster.arn);
  const entries = subject === undefined ? [] : await recentEntries(ports.ledger, target);
  const grants: GrantChain[] = [];
  for (const grant of known.grants) {
    const owned: OwnedClaim[] = [];
    if (subject !== undefined && theirs.has(grant.name)) {
      for (const one of new Set([subject, ...sharedSubjects(grant)])) {
        const claims = await readRecord(ports.table, target, one);
        owned.push(...claims.filter((claim) => claim.grant === undefined || claim.grant === grant.name));
      }
    }
    grants.push({
      grant: grant.name,
      level: grant.level.name,
      namespaces: grant.namespaces,
      holds: theirs.has(grant.name),
      grounds: subject === undefined ? [] : await groundsOf(ports.table, grant, subject),
      made: madeOf(owned, entries),
    });
  }
  grants.sort((one, other) => Number(other.holds) - Number(one.holds));
  const leftover = subject === undefined ? [] : leftoverOf(await readRecord(ports.table, target, subject), theirs);
  const common = {
    cluster: cluster.name,
    leftover,
    mode: cluster.mode,
    person: personText(known.person),
    logins,
    grants,
  };
  const judged = judge({ ...common, isOfPolicy: subject !== undefined });
  const troubles = await troublesOf(ports, cluster, known);
  return { ...common, policyVersion: inForce.version, ...judged, troubles };
}

/** Whether anything is there, and where the chain ends if not. */
export function judge({
  cluster,
  mode,
  logins,
  grants,
  leftover,
  isOfPolicy,
}: Pick<Why, 'cluster' | 'mode' | 'logins' | 'grants' | 'leftover'> & { readonly isOfPolicy: boolean }): Pick<
  Why,
  'holds' | 'because'
> {
  const own = grants.filter(({ holds }) => holds);
  const isDone = ({ made }: GrantChain) => made.some(({ kind }) => kind === 'role-binding');
  const isLetIn = logins.some(({ refused, username }) => refused === undefined && username !== undefined);
  // Their sessions live on, so a binding that is left counts, whether or not they are still let in.
  const left = leftover.map((grant) => `they are still bound by ${grant}, which is not theirs: to be taken back`);
  if (left.length > 0) return { holds: true, because: left };
  if (isLetIn && (isOfPolicy ? own.some(isDone) : true)) return { holds: true, because: [] };
  const because: string[] = [];
  if (!isOfPolicy) because.push('no grant of the policy is for them, and aws-auth does not let them in');
  else if (own.length === 0) because.push('no grant of the policy is for them on this cluster');
  if (own.length > 0 && mode !== 'enforce')
    because.push(`${cluster} is in mode ${mode}, in which nobody is given anything`);
  for (const grant of own) {
    if (!isDone(grant)) because.push(`the grant ${grant.grant} is for them, and is not carried out on the cluster`);
  }
  for (const { arn, refused } of own.length > 0 ? logins : [])
    if (refused !== undefined) because.push(`${arn}: ${refused}`);
  return { holds: false, because };
}

/** The grants by which somebody is recorded as bound and that are not theirs. */
export function leftoverOf(recorded: readonly OwnedClaim[], theirs: ReadonlySet<string>): readonly string[] {
  const bound = recorded.flatMap(({ claim }) =>
    claim.kind === 'role-binding' ? [(claim as RoleBindingClaim).grant] : [],
  );
  return [...new Set(bound)].filter((grant) => !theirs.has(grant));
}

/** What was made, each with the newest run that added it. */
export function madeOf(owned: readonly OwnedClaim[], newestFirst: readonly LedgerEntry[]): readonly Made[] {
  const made = new Map<string, Made>();
  for (const { claim, subject } of owned) {
    const entry = newestFirst.find(
      ({ kind, changes }) =>
        kind === 'outcome' &&
        changes.some(
          (change) =>
            change.kind === claim.kind &&
            change.object === claim.object &&
            change.lines.some((line) => line.sign === '+' && line.subject === subject),
        ),
    );
    const { kind, object } = claim;
    made.set(`${kind} ${object}`, { kind, object, ...(entry ? { run: runOf(entry) } : {}) });
  }
  return [...made.values()];
}

function runOf({ run, sequence, at, causes, policyVersion }: LedgerEntry): NonNullable<Made['run']> {
  return { run, sequence, at, causes, policyVersion: policyVersion.version };
}

async function groundsOf(reader: TableReader, grant: Grant, subject: Subject): Promise<readonly Ground[]> {
  const parts = memberOf(subject);
  const grounds: Ground[] = [];
  for (const to of grant.to) {
    if ('group' in to && parts?.type === 'user' && parts.source === to.source) {
      const group = await readGroup(reader, to.source, to.group);
      const membership = await readMembership(reader, to.source, to.group, parts.id);
      const user = await readUser(reader, to.source, parts.id);
      grounds.push(membershipGround(to, { group, membership, user }));
    } else grounds.push(namedGround(to, subject));
  }
  return grounds;
}

function namedGround(to: Grantee, subject: Subject): Ground {
  const holds = subjectOf(to) === subject;
  return { to: granteeText(to), holds, says: holds ? 'the policy names them' : 'the policy names somebody else' };
}

/** What the directory says of somebody in a group: the fact that decides, and the event that said so. */
export function membershipGround(
  to: Grantee,
  facts: { readonly group: Item | undefined; readonly membership: Item | undefined; readonly user: Item | undefined },
): Ground {
  const { group, membership, user } = facts;
  const told = (holds: boolean, says: string, fact: Item | undefined, at: unknown = fact?.at): Ground => ({
    to: granteeText(to),
    holds,
    says,
    ...(typeof at === 'number' ? { at } : {}),
    ...(fact?.cause === undefined ? {} : { event: fact.cause as unknown as Cause }),
  });
  if (isLiveMember(group, membership, user)) return told(true, 'they are a member', membership);
  if (membership === undefined) return told(false, 'no event said that they are a member', undefined);
  if (membership.state !== 'present') return told(false, 'they are no member any more', membership);
  if (user?.active === false) return told(false, 'they are a member, and disabled', user);
  return told(false, 'the group was deleted', group, group?.deletedAt);
}
