import { Failure, isFailure, unlessGone } from '../../access/failure.ts';
import { sameJson } from '../../access/json.ts';
import type { Iam } from '../../ports/iam.ts';
import { changedTags } from '../managed-principal.ts';
import type { Change } from '../resource.ts';
import { ABSENT_POLICY, type IamPolicyState, type PresentPolicy } from './model.ts';

/** IAM keeps this many versions of a policy (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html). */
const MOST_VERSIONS = 5;

/** Reads a managed policy: GetPolicy, and where there is one, GetPolicyVersion of the version in force. */
export async function observeIamPolicy(iam: Iam, arn: string): Promise<IamPolicyState> {
  const policy = await iam.getPolicy(arn);
  const document = policy && (await iam.getPolicyVersion(arn, policy.version));
  if (!policy || !document) return ABSENT_POLICY;
  const { id: policyId, name, path, tags } = policy;
  return { present: true, policyId, name, arn, path, document, tags };
}

/**
 * Makes a change of a managed policy. Repeating it is safe.
 *
 * @throws Failure `conflict` where the policy is no longer the one observed, or is to go and still attached to somebody;
 * `already-exists` where the account has a policy of this name under another path: it is somebody else's, and stays.
 */
export async function applyIamPolicy(
  iam: Iam,
  { object, before, after }: Change<IamPolicyState>,
): Promise<IamPolicyState> {
  if (!after.present) return before.present ? remove(iam, object, before) : ABSENT_POLICY;
  try {
    return before.present ? await update(iam, object, before, after) : await create(iam, object, after);
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
    throw new Failure('conflict', `the policy ${object} went away while it was changed`, { cause: error });
  }
}

async function create(iam: Iam, arn: string, after: PresentPolicy): Promise<IamPolicyState> {
  const { name, path, document, tags } = after;
  try {
    const made = await iam.createPolicy({ name, path, document, tags });
    return { ...after, policyId: made.id };
  } catch (error) {
    if (!isFailure(error, 'already-exists')) throw error;
    // By an earlier try of this change, or by somebody else.
    const there = await observeIamPolicy(iam, arn);
    if (there.present && sameJson(there.tags, tags))
      return update(iam, arn, there, { ...after, policyId: there.policyId });
    if (there.present) throw new Failure('conflict', `the policy ${arn} was made by somebody else meanwhile`);
    throw new Failure('already-exists', `the account has a policy "${name}" that Gatehouse did not make, so it stays`, {
      cause: error,
      remedy: 'name another one as policy under machines in the access policy, or delete it if nobody needs it',
    });
  }
}

async function update(iam: Iam, arn: string, before: PresentPolicy, after: PresentPolicy): Promise<IamPolicyState> {
  if (!sameJson(before.document, after.document)) {
    const old = (await iam.listPolicyVersions(arn)).filter(({ isDefault }) => !isDefault).map(({ id }) => id);
    const surplus = old.sort(byNumber).slice(0, Math.max(0, old.length + 2 - MOST_VERSIONS));
    for (const version of surplus) await unlessGone(iam.deletePolicyVersion(arn, version));
    await iam.createPolicyVersion(arn, after.document);
  }
  if (!sameJson(before.tags, after.tags)) await iam.tagPolicy(arn, changedTags(before.tags, after.tags));
  return after;
}

/** Versions are v1, v2, ... v10. */
const byNumber = (one: string, other: string): number => Number(one.slice(1)) - Number(other.slice(1));

/**
 * Deletes the policy. Who has it attached loses it first, in the turn of that user: until then IAM refuses, and this is tried
 * again. IAM deletes by name only: so that a policy that somebody else made meanwhile stays, it is read once more.
 */
async function remove(iam: Iam, arn: string, before: PresentPolicy): Promise<IamPolicyState> {
  const there = await iam.getPolicy(arn);
  if (there !== undefined && there.id !== before.policyId) {
    throw new Failure('conflict', `the policy ${arn} is another one than the one to be deleted`);
  }
  try {
    for (const { id, isDefault } of (await unlessGone(iam.listPolicyVersions(arn))) ?? []) {
      if (!isDefault) await unlessGone(iam.deletePolicyVersion(arn, id));
    }
    await unlessGone(iam.deletePolicy(arn));
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    throw new Failure('conflict', `the policy ${arn} cannot be deleted yet: ${error.message}`, {
      cause: error,
      remedy: `see who has it, and detach it: aws iam list-entities-for-policy --policy-arn ${arn}`,
    });
  }
  return ABSENT_POLICY;
}
