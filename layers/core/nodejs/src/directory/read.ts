import { allItems } from '../ports/all-items.ts';
import type { Item, TableReader } from '../ports/table.ts';
import {
  type GroupItem,
  groupKey,
  MEMBER_OF_PREFIX,
  MEMBER_PREFIX,
  type MembershipItem,
  membershipKey,
  type UserItem,
  userKey,
} from './items.ts';

/** One page of a group's memberships, present and absent. `next`: what to pass as `after` for the following page. */
export interface MembershipPage {
  readonly members: readonly { readonly user: string; readonly membership: MembershipItem }[];
  readonly next?: string;
}

/** Everybody who is or was a member of a group, in pages. Consistent; in the order of the sort key. */
export async function membersOf(
  table: TableReader,
  source: string,
  group: string,
  after?: string,
  limit = 500,
): Promise<MembershipPage> {
  const page = await table.query(groupKey(source, group).pk, {
    prefix: MEMBER_PREFIX,
    limit,
    ...(after === undefined ? {} : { after }),
  });
  const members = page.items.map((item) => ({ user: item.user as string, membership: item as MembershipItem }));
  return page.next === undefined ? { members } : { members, next: page.next };
}

/** A group, if any event spoke of it. */
export async function readGroup(table: TableReader, source: string, group: string): Promise<GroupItem | undefined> {
  return (await table.get(groupKey(source, group))) as GroupItem | undefined;
}

/** A membership, if any event spoke of it. */
export async function readMembership(
  table: TableReader,
  source: string,
  group: string,
  user: string,
): Promise<MembershipItem | undefined> {
  return (await table.get(membershipKey(source, group, user))) as MembershipItem | undefined;
}

/** A user, if any event spoke of them. */
export async function readUser(table: TableReader, source: string, user: string): Promise<UserItem | undefined> {
  return (await table.get(userKey(source, user))) as UserItem | undefined;
}

/** The groups a user is or was a member of: perhaps more than now, never fewer. Whether they are is in the membership. */
export async function groupsOf(table: TableReader, source: string, user: string): Promise<readonly string[]> {
  const hints = await allItems(table, userKey(source, user).pk, MEMBER_OF_PREFIX);
  return hints.map((item) => item.group as string);
}

/**
 * Whether a membership gives anything: it is present, the group was not deleted at or after it, and the user is not known
 * to be inactive. A group or user no event spoke of does not stand against it; no membership item is no membership.
 */
export function isLiveMember(group: Item | undefined, membership: Item | undefined, user: Item | undefined): boolean {
  if (membership?.state !== 'present') return false;
  const deletedAt = group?.deletedAt;
  if (typeof deletedAt === 'number' && deletedAt >= Number(membership.at)) return false;
  return user?.active !== false;
}
