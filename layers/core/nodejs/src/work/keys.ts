import { digest } from '../access/digest.ts';
import type { Subject } from '../access/subject.ts';
import { permissionSetTarget, type Target } from '../access/target.ts';
import type { Key } from '../ports/table.ts';

/** How urgently a mark is worked on. What is not known counts as a revocation. */
export type Urgency = 'revocation' | 'grant';

const URGENCY_PREFIX: Record<Urgency, string> = { revocation: 'mark#0#', grant: 'mark#1#' };

/** Everything about a target stands under one partition key. */
export const targetPk = (target: Target): string => `target#${target}`;
/** The target's lease and turn counter. */
export const turnKey = (target: Target): Key => ({ pk: targetPk(target), sk: 'turn' });
/** Prefix of all marks of a target. */
export const MARK_PREFIX = 'mark#';
/** Marks sort by urgency first, so that a query takes revocations first. */
export const markPrefix = (urgency: Urgency): string => URGENCY_PREFIX[urgency];
/** A subject's mark of one urgency. */
export const markKey = (target: Target, subject: Subject, urgency: Urgency): Key => ({
  pk: targetPk(target),
  sk: `${URGENCY_PREFIX[urgency]}${subject}`,
});
/** What was made for a subject on a target. */
export const recordKey = (target: Target, subject: Subject): Key => ({ pk: targetPk(target), sk: `record#${subject}` });
/** Prefix of what was remarked on a target. */
export const REMARK_PREFIX = 'remark#';
/** Prefix of all records on a target. */
export const RECORD_PREFIX = 'record#';
/** Where a subject has records, found from the subject. */
export const whereKey = (subject: Subject, target: Target): Key => ({ pk: `where#${subject}`, sk: target });
/** That a target names a principal or managed policy, found from its ARN. */
export const namedKey = (arn: string, target: string): Key => ({
  pk: `named#${arn.toLowerCase()}`,
  sk: target,
});
/** What is known of the trust document of a shared role. */
export const trustKey = (roleTarget: Target): Key => ({ pk: targetPk(roleTarget), sk: 'trust' });
/** The unique id of an IAM user. */
export const uniqueIdKey = (userArn: string): Key => ({ pk: `unique-id#${userArn}`, sk: 'id' });
/** What was found of an IAM role or user that was adopted. */
export const adoptedKey = (arn: string): Key => ({ pk: `adopted#${arn}`, sk: 'principal' });
/** The role of a permission set in an account, as it was found. */
export const permissionSetKey = (account: string, permissionSet: string): Key => ({
  pk: targetPk(permissionSetTarget(account, permissionSet)),
  sk: 'role',
});
/** Which shard of a binding takes the next subject. */
export const shardKey = (target: Target, binding: string): Key => ({ pk: targetPk(target), sk: `shard#${binding}` });
/** The last written value of an IAM object. */
export const lastWriteKey = (target: Target, object: string): Key => ({
  pk: targetPk(target),
  sk: `written#${object}`,
});
/** That a user's access key is to be another one. */
export const rotationKey = (userTarget: Target): Key => ({ pk: targetPk(userTarget), sk: 'rotation' });
/** That everybody whom a grant is for must be looked at again. */
export const expansionKey = (grant: string, scope: Target | 'everywhere'): Key => ({
  pk: `expansion#${grant}`,
  sk: scope,
});

/** How a registration stood when it was looked at last. */
export const registrationKey = (connection: Target): Key => ({ pk: targetPk(connection), sk: 'registration' });
/** That nobody activated a registration in time. */
export const sweptRegistrationKey = (connection: Target): Key => ({ pk: targetPk(connection), sk: 'swept' });
/** A cluster elsewhere as a policy described it last: how to reach it when none names it any more. */
export const connectedKey = (arn: string): Key => ({ pk: 'connected', sk: arn });

const SHARDS = 4;

/** The shards of the `due` index that hold marks. */
export const MARK_SHARDS: readonly string[] = Array.from({ length: SHARDS }, (_, index) => `mark-${index}`);

/** The shard of a target's marks. */
export function markShard(target: Target): string {
  return MARK_SHARDS[Number.parseInt(digest(target).slice(0, 8), 16) % SHARDS]!;
}
