import { parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { type Json, sameJson } from '../access/json.ts';
import { IAM_PATH } from '../access/names.ts';
import type { AccessPolicy } from '../access/policy.ts';
import { roleOf } from '../access/way.ts';
import type { PolicyDocument } from '../ports/iam.ts';
import type { IamPolicyState } from '../resources/iam-policy/model.ts';
import type { IamRoleState } from '../resources/iam-role/model.ts';
import { closedTrust, soundTrust } from '../resources/iam-role/trust.ts';
import type { IamUserState } from '../resources/iam-user/model.ts';
import { isOwnPolicy, MANAGED_TAG } from '../resources/managed-principal.ts';
import type { Change, Finding } from '../resources/resource.ts';
import type { Guard } from './plan.ts';
import { isProtected } from './principals.ts';
import { hasUserMembers, trustOfPolicy } from './role-trust.ts';

type Side = IamRoleState | IamUserState | IamPolicyState;

const FAULT = 'report this as a fault of Gatehouse';

/** The safety rules over every plan for IAM, in the order in which they are asked. */
export function iamGuards(policy: AccessPolicy): readonly Guard[] {
  return [ownPath, protectedFromIam(policy), boundaryKept, trust(policy), policies];
}

/** Nothing outside of Gatehouse's path is made, changed or deleted, and what is there afterwards says whose it is. */
export const ownPath: Guard = each(({ object }, before, after) =>
  (before.present && !before.path.startsWith(IAM_PATH)) ||
  (after.present && (!after.path.startsWith(IAM_PATH) || after.tags[MANAGED_TAG] !== 'true'))
    ? blocking('ownership', object, `the plan would touch ${object}, which is not under ${IAM_PATH}`, FAULT)
    : undefined,
);

/** A principal that the policy protects stays as it is, also where Gatehouse made it. */
export function protectedFromIam(policy: AccessPolicy): Guard {
  return each(({ object }, before, after) => {
    const arn = before.present ? before.arn : after.present ? after.arn : '';
    return isProtectedArn(policy, arn)
      ? blocking(
          'protected-principal',
          object,
          `${arn} is protected by the policy, so Gatehouse never touches it`,
          'take it out of protected.principals, or rename the grant or machine',
        )
      : undefined;
  });
}

/** A permissions boundary that is there stays, or gives way to another one. */
export const boundaryKept: Guard = each(({ object }, before, after) =>
  boundaryOf(before) !== undefined && after.present && boundaryOf(after) === undefined
    ? blocking('boundary-lost', object, `the plan would take the permissions boundary from ${object}`, FAULT)
    : undefined,
);

/**
 * A role trusts whom the policy names for its grant, under the very conditions that follow from it, and its members: IAM users,
 * or accounts, always under the condition that ties the session's name to the user.
 */
export function trust(policy: AccessPolicy): Guard {
  return each(({ object }, before, after) => {
    if (!after.present || !('trust' in after)) return undefined;
    // What somebody else wrote into a role that a plan only passes by is not the plan's doing.
    const isNew = !before.present || !('trust' in before) || before.trust !== after.trust;
    const grant = policy.grants.find((one) => roleOf(one) === object);
    const { account, partition } = parsePrincipalArn(after.arn);
    const given = grant ? trustOfPolicy(policy, grant, { account, partition }) : closedTrust();
    return isNew && !soundTrust(after.trust, given, grant === undefined || hasUserMembers(grant))
      ? blocking(
          'unsound-trust',
          object,
          `the plan would let ${object} be assumed by others than its grant says`,
          FAULT,
        )
      : undefined;
  });
}

/**
 * A managed policy allows looking clusters up and nothing else, and a user is given no managed policy but those of Gatehouse's:
 * whoever could widen either would widen what every machine may do.
 */
export const policies: Guard = each(({ object }, before, after) => {
  if (!after.present) return undefined;
  if ('document' in after) {
    return sameJson(before.present && 'document' in before ? before.document : undefined, after.document) ||
      isForLookUps(after.document)
      ? undefined
      : blocking('beyond-level', object, `the plan would have ${object} allow more than eks:DescribeCluster`, FAULT);
  }
  if (!('attached' in after)) return undefined;
  const had = before.present && 'attached' in before ? before.attached : [];
  const strange = after.attached.find((arn) => !had.includes(arn) && !isOwnPolicy(arn));
  return strange === undefined
    ? undefined
    : blocking(
        'beyond-level',
        object,
        `the plan would attach ${strange} to ${object}, which is not Gatehouse's`,
        FAULT,
      );
});

function isForLookUps(document: PolicyDocument): boolean {
  const statements = document.Statement as readonly Readonly<Record<string, Json>>[];
  return statements.every(({ Effect, Action, Resource, ...rest }) => {
    const resources = [Resource ?? '*'].flat().map(String);
    const named = resources.every((arn) => /^arn:[\w-]+:eks:[\w-]+:\d{12}:cluster\/[^*?]+$/.test(arn));
    return Effect === 'Allow' && Action === 'eks:DescribeCluster' && named && Object.keys(rest).length === 0;
  });
}

const boundaryOf = (side: Side): string | undefined => (side.present && 'boundary' in side ? side.boundary : undefined);

function each(rule: (change: Change, before: Side, after: Side) => Finding | undefined): Guard {
  return ({ changes }) =>
    changes.flatMap(({ change }) => rule(change, change.before as Side, change.after as Side) ?? []);
}

function isProtectedArn(policy: AccessPolicy, arn: string): boolean {
  try {
    return isProtected(policy, arn);
  } catch (error) {
    if (isFailure(error, 'invalid')) return false;
    throw error;
  }
}

function blocking(code: string, object: string, message: string, remedy: string): Finding {
  return { code, severity: 'blocks', object, message, remedy };
}
