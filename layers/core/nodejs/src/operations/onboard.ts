import { partitionOf } from '../access/arn.ts';
import { Failure } from '../access/failure.ts';
import { granteeText } from '../access/grantee.ts';
import type { AccessPolicy, Grant } from '../access/policy.ts';
import { roleOf } from '../access/way.ts';
import type { Cause, Fact } from '../directory/fact.ts';
import { factKey, type OnboardedItem } from '../directory/items.ts';
import { merge } from '../directory/merge.ts';
import { nudgePlanner } from '../directory/nudge.ts';
import { readOnboarded } from '../directory/onboarded.ts';
import { recordFact } from '../directory/record.ts';
import { grantRoleArn } from '../plan/principals.ts';
import { writtenInForce } from '../policy/in-force.ts';
import {
  grantsEver,
  isAbout,
  type OnboardingFinding,
  refusalToOnboard,
  type WithOnboarded,
  withOnboarded,
} from '../policy/onboarding.ts';
import { clustersOf } from '../policy/selection.ts';
import type { TurnPorts } from '../work/turn-ports.ts';

type OnboardingFact = Extract<Fact, { type: 'environment' | 'application' }>;

/** What onboarding or offboarding does, or would do. JSON-able. */
export interface OnboardOutcome {
  /**
   * `refused`: the policy does not allow it, so nothing was recorded. `unchanged`: it is so already. `dry-run`: it would be
   * recorded.
   */
  readonly state: 'recorded' | 'unchanged' | 'refused' | 'dry-run';
  /** What follows from it. */
  readonly gives: readonly DerivedAccess[];
  /** What it does not get, and why. */
  readonly findings: readonly OnboardingFinding[];
}

/** A grant that follows from something onboarded. */
export interface DerivedAccess {
  readonly grant: string;
  readonly level: string;
  readonly cluster: string;
  /** Empty: the whole cluster. */
  readonly namespaces: readonly string[];
  /** ARN of the role by which one comes in. */
  readonly role: string;
  readonly to: readonly string[];
}

/**
 * Records that something is onboarded, or is no longer, as an event would; but what the policy refuses is not recorded.
 * @throws Failure `invalid` where no policy is in force, or it onboards nothing.
 */
export async function onboard(
  ports: TurnPorts,
  fact: OnboardingFact,
  cause: Cause,
  dryRun: boolean,
): Promise<OnboardOutcome> {
  const inForce = await writtenInForce(ports.table);
  const refusal = refusalToOnboard(inForce?.policy, fact);
  if (!inForce || refusal) {
    throw new Failure('invalid', refusal?.message ?? 'no access policy is in force yet', {
      remedy: refusal?.remedy ?? 'upload one, and activate it',
    });
  }
  const { item, isNew, ...after } = await withFact(ports, inForce.policy, fact);
  const findings = after.findings.filter((finding) => isAbout(finding, item));
  const gives = derivedAccess(after.policy, item);
  const isRefused = fact.state === 'present' && gives.length === 0 && findings.some(isRefusal);
  if (isRefused) return { state: 'refused', gives, findings };
  if (dryRun) return { state: isNew ? 'dry-run' : 'unchanged', gives, findings };
  const outcome = await recordFact(ports, fact, cause);
  await nudgePlanner(ports, [factKey(fact)]);
  return { state: outcome === 'recorded' ? 'recorded' : 'unchanged', gives, findings };
}

const isRefusal = ({ code }: OnboardingFinding) => code === 'onboarding-refused';

/** The policy as it would be with a fact, and whether that says anything new. */
async function withFact(
  { table, clock }: TurnPorts,
  written: AccessPolicy,
  fact: OnboardingFact,
): Promise<WithOnboarded & { readonly item: OnboardedItem; readonly isNew: boolean }> {
  const items = await readOnboarded(table);
  const { pk, sk } = factKey(fact);
  const known = items.find((item) => item.sk === sk);
  const { outcome, attributes = {} } = merge(known, fact, clock.now());
  const item = { ...known, ...attributes, pk, sk } as OnboardedItem;
  return {
    ...withOnboarded(written, [...items.filter((one) => one.sk !== sk), item]),
    item,
    isNew: outcome === 'changed',
  };
}

function derivedAccess(policy: AccessPolicy, item: OnboardedItem): DerivedAccess[] {
  const names = grantsEver(item, []).map(({ name }) => name);
  return policy.grants.filter(({ name }) => names.includes(name)).flatMap((grant) => accessOf(policy, grant));
}

function accessOf(policy: AccessPolicy, grant: Grant): DerivedAccess[] {
  return clustersOf(policy, grant, []).map(({ arn, account, region }) => ({
    grant: grant.name,
    level: grant.level.name,
    cluster: arn,
    namespaces: grant.namespaces,
    role:
      roleOf(grant) === undefined
        ? grant.to.flatMap((grantee) => ('principal' in grantee ? grantee.principal : [])).join(', ')
        : grantRoleArn(grant, account, partitionOf(region)),
    to: grant.to.map(granteeText),
  }));
}
