import { digest } from '../access/digest.ts';
import { Failure } from '../access/failure.ts';
import type { Json } from '../access/json.ts';
import type { Item, Key } from '../ports/table.ts';
import { FACT_SHARDS } from './dirty.ts';
import type { ApplicationSpec, EnvironmentSpec, Fact } from './fact.ts';

/**
 * The directory's items. Every one of them has `rev`, a token that changes with every change of what it says, and while a
 * planner still has to look at it `dirty` (a token), `dueShard` and `dueAt`. `cause` is the JSON-able Cause of the last change.
 *
 * | what | pk | sk |
 * |---|---|---|
 * | group | `group#<source>#<group>` | `group` |
 * | membership | `group#<source>#<group>` | `member#<user>` |
 * | user | `user#<source>#<user>` | `user` |
 * | hint: perhaps a member of | `user#<source>#<user>` | `member-of#<group>` |
 * | cluster | `cluster#<arn>` | `cluster` |
 * | principal | `principal#<account>#<role or user>#<name>` | `principal` |
 * | cluster elsewhere | `registration#<account>/<region>/<name>` | `registration` |
 * | environment | `onboarded` | `environment#<name>` |
 * | application | `onboarded` | `application#<environment>#<namespace>` |
 *
 * Ids from outside are escaped ({@link escapeId}), so that no id can pose as two.
 */

/** Sort keys of memberships begin with this. */
export const MEMBER_PREFIX = 'member#';
/** Sort keys of membership hints begin with this. */
export const MEMBER_OF_PREFIX = 'member-of#';

/** Longest id taken from a source, in bytes of UTF-8; escaped it still fits a DynamoDB sort key (1,024). */
export const ID_LIMIT = 256;

/** What no id may hold: control characters, line and paragraph separators. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** An id as part of a key: `%` and `#` are percent-encoded, all else stays. @throws Failure `invalid` where it is no usable id. */
export function escapeId(id: string, what: string): string {
  const wrong =
    id === ''
      ? 'it is empty'
      : Buffer.byteLength(id) > ID_LIMIT
        ? `it is longer than ${ID_LIMIT} bytes`
        : UNPRINTABLE.test(id)
          ? 'it holds a control character'
          : !id.isWellFormed()
            ? 'it holds half a character'
            : undefined;
  if (wrong)
    throw new Failure('invalid', `the id of the ${what}, ${JSON.stringify(id.slice(0, 80))}, is refused: ${wrong}`);
  return id.replaceAll('%', '%25').replaceAll('#', '%23');
}

function sourceName(source: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(source)) {
    throw new Failure('invalid', `${JSON.stringify(source.slice(0, 80))} is not the name of an identity source`);
  }
  return source;
}

const groupPartition = (source: string, group: string) => `group#${sourceName(source)}#${escapeId(group, 'group')}`;
const userPartition = (source: string, user: string) => `user#${sourceName(source)}#${escapeId(user, 'user')}`;

/** Key of a group. @throws Failure `invalid` for an unusable id; so do the other keys here. */
export const groupKey = (source: string, group: string): Key => ({ pk: groupPartition(source, group), sk: 'group' });

/** Key of a membership. */
export const membershipKey = (source: string, group: string, user: string): Key => ({
  pk: groupPartition(source, group),
  sk: `${MEMBER_PREFIX}${escapeId(user, 'user')}`,
});

/** Key of a user. */
export const userKey = (source: string, user: string): Key => ({ pk: userPartition(source, user), sk: 'user' });

/** Key of the hint that a user may be a member of a group: written before the membership, never taken away. */
export const memberOfKey = (source: string, user: string, group: string): Key => ({
  pk: userPartition(source, user),
  sk: `${MEMBER_OF_PREFIX}${escapeId(group, 'group')}`,
});

/** Key of what events said of an EKS cluster. */
export const clusterKey = (arn: string): Key => ({ pk: `cluster#${escapeId(arn, 'cluster')}`, sk: 'cluster' });

/** Key of what events said of an IAM principal. */
export const principalKey = (account: string, principal: 'role' | 'user', name: string): Key => ({
  pk: `principal#${escapeId(account, 'account')}#${principal}#${escapeId(name, 'principal')}`,
  sk: 'principal',
});

/** Key of what events said of a cluster elsewhere that shall be registered. */
export const registrationFactKey = (account: string, region: string, name: string): Key => ({
  pk: `registration#${escapeId(`${account}/${region}/${name}`, 'cluster')}`,
  sk: 'registration',
});

/** Partition key of the counts of what a source said that nothing is done about; the sort key is the reason. */
export const ignoredPartition = (source: string): string => `ignored#${source}`;

/** Partition key of environments and applications: together they are read with the policy. */
export const ONBOARDED = 'onboarded';

/** Key of an environment. */
export const environmentKey = (name: string): Key => ({
  pk: ONBOARDED,
  sk: `environment#${escapeId(name, 'environment')}`,
});

/** Sort keys of an environment's applications begin with this. */
export const applicationsPrefix = (environment: string): string =>
  `application#${escapeId(environment, 'environment')}#`;

/** Key of an application. */
export const applicationKey = (environment: string, namespace: string): Key => ({
  pk: ONBOARDED,
  sk: `${applicationsPrefix(environment)}${escapeId(namespace, 'namespace')}`,
});

/** Key of the item in which a fact is kept. */
export function factKey(fact: Fact): Key {
  switch (fact.type) {
    case 'membership':
      return membershipKey(fact.source, fact.group, fact.user);
    case 'group':
      return groupKey(fact.source, fact.group);
    case 'user':
      return userKey(fact.source, fact.user);
    case 'cluster':
      return clusterKey(fact.arn);
    case 'principal':
      return principalKey(fact.account, fact.principal, fact.name);
    case 'registration':
      return registrationFactKey(fact.account, fact.region, fact.name);
    case 'environment':
      return environmentKey(fact.name);
    case 'application':
      return applicationKey(fact.environment, fact.namespace);
  }
}

/** The shard of the `due` index in which an item waits while it is dirty: always the same for the same key. */
export function shardOf(key: Key): (typeof FACT_SHARDS)[number] {
  return FACT_SHARDS[Number.parseInt(digest(`${key.pk}\n${key.sk}`).slice(0, 4), 16) % FACT_SHARDS.length]!;
}

/** Whether a group or membership stands, with the source's time of it (milliseconds UTC). */
export interface MembershipItem extends Item {
  readonly source: string;
  readonly group: string;
  readonly user: string;
  readonly state: 'present' | 'absent';
  readonly at: number;
  readonly rev: string;
}

/** A group. `deletedAt`: the last time it was deleted, even if it was made again since: older memberships died with it. */
export interface GroupItem extends Item {
  readonly source: string;
  readonly group: string;
  readonly state: 'present' | 'deleted';
  readonly at: number;
  readonly deletedAt?: number;
  readonly rev: string;
}

/** A user. Each field has the time of the event that last spoke of it; what no event spoke of is absent. */
export interface UserItem extends Item {
  readonly source: string;
  readonly user: string;
  readonly active?: boolean;
  readonly activeAt?: number;
  readonly login?: string;
  readonly loginAt?: number;
  readonly email?: string;
  readonly emailAt?: number;
  /** All attributes the source's last event with attributes carried. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly attributesAt?: number;
  readonly at: number;
  readonly rev: string;
}

/** What events said of an EKS cluster. */
export interface ClusterItem extends Item {
  readonly arn: string;
  readonly state: 'present' | 'deleted';
  readonly at: number;
  readonly rev: string;
}

/** What events said of an IAM principal. */
export interface PrincipalItem extends Item {
  readonly account: string;
  readonly principal: 'role' | 'user';
  readonly name: string;
  readonly state: 'created' | 'deleted';
  readonly at: number;
  readonly rev: string;
}

/** What events said of a cluster elsewhere. */
export interface RegistrationItem extends Item {
  readonly account: string;
  readonly region: string;
  readonly name: string;
  readonly state: 'present' | 'absent';
  /** A RegistrationSpec, while it is present. */
  readonly spec?: Json;
  readonly at: number;
  readonly rev: string;
}

/** An environment. `spec` is there while it is present; `ever` is all that was said of it, so that all of it can be undone. */
export interface EnvironmentItem extends Item {
  readonly type: 'environment';
  readonly name: string;
  readonly state: 'present' | 'absent';
  readonly at: number;
  readonly spec?: EnvironmentSpec & Json;
  readonly ever: readonly (EnvironmentSpec & Json)[];
  /** When it was said after its last removal, the first times, ascending. Milliseconds UTC. */
  readonly since?: readonly number[];
  readonly rev: string;
}

/** An application, likewise. */
export interface ApplicationItem extends Item {
  readonly type: 'application';
  readonly environment: string;
  readonly namespace: string;
  readonly state: 'present' | 'absent';
  readonly at: number;
  readonly spec?: ApplicationSpec & Json;
  readonly ever: readonly (ApplicationSpec & Json)[];
  readonly rev: string;
}

/** Either. */
export type OnboardedItem = EnvironmentItem | ApplicationItem;
