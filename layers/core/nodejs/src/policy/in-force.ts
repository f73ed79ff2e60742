import type { AccessPolicy, Grant, PolicyVersion } from '../access/policy.ts';
import type { Cause } from '../directory/fact.ts';
import type { OnboardedItem } from '../directory/items.ts';
import { readOnboarded } from '../directory/onboarded.ts';
import type { Key, Table, TableReader } from '../ports/table.ts';
import { type OnboardingFinding, onboardedDigest, withOnboarded } from './onboarding.ts';
import { type Registrations, readRegistrations, withRegistrations } from './registrations.ts';
import { EMPTY_POLICY } from './widening.ts';

/** Key of the item that says what is in force; it waits in the `due` index while it is dirty. */
export const ACTIVE_KEY: Key = { pk: 'policy', sk: 'active' };

/** The policy in force as somebody wrote it: what another version is compared with. */
export interface WrittenInForce extends PolicyVersion {
  /** Changes whenever another policy is put in force. */
  readonly rev: string;
  /** 1, 2, 3, ...: how many policies have been in force. A version can be in force twice: first only in part. */
  readonly sequence: number;
  /** True while the version's widening part still waits for a person; `policy` is what may be in force without it. */
  readonly partial: boolean;
  /** Set while a planner still has to look at it. */
  readonly dirty?: string;
  readonly cause: Cause;
}

/** The policy in force with all that was onboarded, and all that was registered beside it: what everybody follows. */
export interface PolicyInForce extends WrittenInForce {
  /** As it was written. */
  readonly written: AccessPolicy;
  /** With all that was onboarded, but nothing that was registered. */
  readonly unregistered: AccessPolicy;
  /** Changes whenever `policy` does: with `rev`, with what is onboarded, and with what is registered. */
  readonly basis: string;
  /** Everything that was ever onboarded; empty where the policy says nothing of it. */
  readonly onboarded: readonly OnboardedItem[];
  /** What is onboarded and gets nothing, or not all. */
  readonly findings: readonly OnboardingFinding[];
  /** The clusters elsewhere that were registered beside it. */
  readonly registrations: Registrations;
}

/** What was written and is in force, by a consistent read; undefined before the first. */
export async function writtenInForce(table: Pick<Table, 'get'>): Promise<WrittenInForce | undefined> {
  const item = await table.get(ACTIVE_KEY);
  if (!item) return undefined;
  return {
    version: item.version as number,
    digest: item.digest as string,
    policy: storedPolicy(item.policy),
    rev: item.rev as string,
    sequence: item.sequence as number,
    partial: item.partial === true,
    cause: item.cause as unknown as Cause,
    ...(typeof item.dirty === 'string' ? { dirty: item.dirty } : {}),
  };
}

/** The policy in force, by consistent reads; undefined before the first. */
export async function policyInForce(reader: TableReader): Promise<PolicyInForce | undefined> {
  const inForce = await writtenInForce(reader);
  if (!inForce) return undefined;
  const { policy: written, rev } = inForce;
  // Who onboards nothing pays for no query.
  const onboarded = written.onboarding ? await readOnboarded(reader) : [];
  const registrations = await readRegistrations(reader);
  const { policy: unregistered, findings } = withOnboarded(written, onboarded);
  const policy = withRegistrations(unregistered, registrations.registrations);
  const basis = [rev, written.onboarding ? onboardedDigest(onboarded) : '', registrations.rev].join(' ');
  return { ...inForce, policy, written, unregistered, basis, onboarded, findings, registrations };
}

/** A policy as it was kept: what it did not know yet when it was written is as it was without. */
export function storedPolicy(text: unknown): AccessPolicy {
  const kept = JSON.parse(text as string) as AccessPolicy;
  const grants = kept.grants.map((grant) => ({ ...grant, to: [grant.to].flat() as Grant['to'] }));
  const { onboarding } = kept;
  const applications = onboarding?.applications && { ...ANY_NAMESPACE, ...onboarding.applications };
  return {
    ...EMPTY_POLICY,
    ...kept,
    grants,
    ...(onboarding && applications ? { onboarding: { ...onboarding, applications } } : {}),
  };
}

/** What applications had before the policy could limit it. */
const ANY_NAMESPACE = { namespaces: ['*'] } as const;
