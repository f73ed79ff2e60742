import { Failure, isFailure, unlessGone } from '../../access/failure.ts';
import { sameJson } from '../../access/json.ts';
import type { Iam, PolicyDocument } from '../../ports/iam.ts';
import { CLUSTER_POLICY, changedTags, type InlinePolicies } from '../managed-principal.ts';
import type { Change } from '../resource.ts';
import { ABSENT_ROLE, type IamRoleState, type PresentRole } from './model.ts';
import { closedTrust, sameTrust, settledTrust, trustedPrincipals, trustOnly, trustsAllOf } from './trust.ts';

/** Reads a role: GetRole, and where there is one, GetRolePolicy. */
export async function observeIamRole(iam: Iam, name: string): Promise<IamRoleState> {
  const role = await iam.getRole(name);
  if (role === undefined) return ABSENT_ROLE;
  const policy = await iam.getRolePolicy(name, CLUSTER_POLICY);
  return {
    present: true,
    roleId: role.id,
    arn: role.arn,
    path: role.path,
    trust: settledTrust(role.trust),
    policies: policy === undefined ? {} : { [CLUSTER_POLICY]: policy },
    ...(role.boundary === undefined ? {} : { boundary: role.boundary }),
    tags: role.tags,
    maxSessionSeconds: role.maxSessionSeconds,
  };
}

/**
 * Makes a change of a role. Who is let in comes last when the role opens, and goes first when it narrows. Repeating it is
 * safe: a role that was made by the same change before is gone on with.
 *
 * IAM refuses a whole trust document for one member whom it does not know, and would so keep in all who must go. Such a
 * member is left out, and the rest written; the answer then is not `change.after`, and the caller plans again.
 *
 * @throws Failure `conflict` where the role is no longer the one observed; `invalid` naming the unknown member, where
 * nothing else is left to do.
 */
export async function applyIamRole(iam: Iam, { object, before, after }: Change<IamRoleState>): Promise<IamRoleState> {
  if (!after.present) return before.present ? remove(iam, object, before) : ABSENT_ROLE;
  try {
    return before.present ? await update(iam, object, before, after) : await create(iam, object, after);
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
    throw new Failure('conflict', `the IAM role "${object}" went away while it was changed`, { cause: error });
  }
}

async function create(iam: Iam, name: string, after: PresentRole): Promise<IamRoleState> {
  const { path, tags, boundary, maxSessionSeconds } = after;
  const make = (trust: PolicyDocument) =>
    iam.createRole({ name, path, trust, tags, maxSessionSeconds, ...(boundary === undefined ? {} : { boundary }) });
  let made: Awaited<ReturnType<typeof make>> | undefined;
  const trust = await withKnownMembers(name, closedTrust(), after.trust, async (attempted) => {
    made = await make(attempted);
  }).catch((error: unknown) => {
    if (isFailure(error, 'already-exists')) return undefined;
    throw error;
  });
  if (trust === undefined || made === undefined) return goOn(iam, name, after);
  await putPolicies(iam, name, {}, after.policies);
  return { ...after, roleId: made.id, arn: made.arn, trust };
}

/** The role is there already: by an earlier try of this change, or by somebody else meanwhile. */
async function goOn(iam: Iam, name: string, after: PresentRole): Promise<IamRoleState> {
  const there = await observeIamRole(iam, name);
  if (there.present && there.arn === after.arn && sameJson(there.tags, after.tags)) {
    return update(iam, name, there, { ...after, roleId: there.roleId });
  }
  throw new Failure('conflict', `an IAM role "${name}" was made by somebody else meanwhile`);
}

async function update(iam: Iam, name: string, before: PresentRole, after: PresentRole): Promise<IamRoleState> {
  const opens = widensOnly(before.trust, after.trust);
  const cut = opens ? before.trust : await putTrust(iam, name, before.trust, after.trust);
  if (after.boundary !== undefined && after.boundary !== before.boundary) {
    await iam.setRoleBoundary(name, after.boundary);
  }
  await putPolicies(iam, name, before.policies, after.policies);
  if (!sameJson(before.tags, after.tags)) await iam.tagRole(name, changedTags(before.tags, after.tags));
  if (before.maxSessionSeconds !== after.maxSessionSeconds) await iam.setRoleSession(name, after.maxSessionSeconds);
  const trust = opens ? await putTrust(iam, name, before.trust, after.trust) : cut;
  return { ...after, trust };
}

/** True where somebody is trusted, and nobody loses anything by the change of trust. */
function widensOnly(before: PolicyDocument, after: PolicyDocument): boolean {
  return trustedPrincipals(after).length > 0 && trustsAllOf(after, before);
}

async function putPolicies(iam: Iam, name: string, before: InlinePolicies, after: InlinePolicies): Promise<void> {
  if (sameJson(before, after)) return;
  if (after[CLUSTER_POLICY] !== undefined) await iam.putRolePolicy(name, CLUSTER_POLICY, after[CLUSTER_POLICY]);
  else await unlessGone(iam.deleteRolePolicy(name, CLUSTER_POLICY));
}

async function putTrust(
  iam: Iam,
  name: string,
  before: PolicyDocument,
  after: PolicyDocument,
): Promise<PolicyDocument> {
  if (sameTrust(before, after)) return before;
  return withKnownMembers(name, before, after, (trust) => iam.updateTrust(name, trust));
}

/** IAM's word for a document that it does not take; anything else that is invalid has nothing to do with the members. */
const aboutTheDocument = (error: Failure): boolean => error.message.includes('MalformedPolicyDocument');

/** Writes the trust document; where IAM does not know a member, without that member. Answers what was written. */
async function withKnownMembers(
  name: string,
  before: PolicyDocument,
  after: PolicyDocument,
  write: (trust: PolicyDocument) => Promise<void>,
): Promise<PolicyDocument> {
  let trust = after;
  for (;;) {
    try {
      await write(trust);
      return trust;
    } catch (error) {
      if (!isFailure(error, 'invalid') || !aboutTheDocument(error)) throw error;
      const rest = withoutUnknown(error, before, trust);
      if (sameTrust(rest, trust) || sameTrust(rest, before)) throw unknownMember(name, error);
      trust = rest;
    }
  }
}

/** The document without the principal that IAM complains of; if it names none, with those only whom it knew before. */
function withoutUnknown(error: Failure, before: PolicyDocument, trust: PolicyDocument): PolicyDocument {
  const named = /Invalid principal in policy: "AWS":"([^"]+)"/.exec(error.message)?.[1];
  if (named !== undefined) return trustOnly(trust, (principal) => principal !== named);
  const known = new Set(trustedPrincipals(before));
  return trustOnly(trust, (principal) => known.has(principal));
}

function unknownMember(name: string, cause: Failure): Failure {
  return new Failure('invalid', `the IAM role "${name}" cannot trust all its members: ${cause.message}`, {
    cause,
    remedy: 'make the IAM user that the message names, or correct identities in the access policy',
  });
}

/**
 * Everything that keeps IAM from deleting a role goes first, and before it the way in. IAM deletes by name only: so that a
 * role that somebody else made under the name meanwhile stays, it is read once more. Where a read says that nothing is
 * there, only DeleteRole itself is believed: reads may lag behind our own creation.
 */
async function remove(iam: Iam, name: string, before: PresentRole): Promise<IamRoleState> {
  const there = await iam.getRole(name);
  if (there !== undefined && (there.id !== before.roleId || there.arn !== before.arn)) {
    throw new Failure('conflict', `the IAM role "${name}" is another one than the one to be deleted`);
  }
  try {
    if (trustedPrincipals((there ?? before).trust).length > 0) await unlessGone(iam.updateTrust(name, closedTrust()));
    for (const policy of (await unlessGone(iam.listRolePolicies(name))) ?? []) {
      await unlessGone(iam.deleteRolePolicy(name, policy));
    }
    for (const arn of (await unlessGone(iam.listAttachedRolePolicies(name))) ?? []) {
      await unlessGone(iam.detachRolePolicy(name, arn));
    }
    await unlessGone(iam.deleteRole(name));
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    throw new Failure('conflict', `the closed IAM role "${name}" cannot be deleted yet: ${error.message}`, {
      cause: error,
      remedy: `take it out of its instance profiles: aws iam list-instance-profiles-for-role --role-name ${name}`,
    });
  }
  return ABSENT_ROLE;
}
