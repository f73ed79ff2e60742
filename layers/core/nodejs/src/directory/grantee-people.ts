import { subjectOf } from '../access/grantee.ts';
import type { Grantee } from '../access/policy.ts';
import { type Subject, userSubject } from '../access/subject.ts';
import type { TableReader } from '../ports/table.ts';
import { membersOf } from './read.ts';

/**
 * Some of the people and machines that a grantee is: the present members of a group, a page at a time, or the one that it
 * names. `next` is where to go on.
 */
export async function peopleOf(
  reader: TableReader,
  to: Grantee,
  after?: string,
  limit?: number,
): Promise<{ readonly subjects: readonly Subject[]; readonly next?: string }> {
  if (!('group' in to)) {
    const subject = subjectOf(to);
    return { subjects: subject === undefined ? [] : [subject] };
  }
  const page = await membersOf(reader, to.source, to.group, after, limit);
  const present = page.members.filter(({ membership }) => membership.state === 'present');
  const subjects = present.map(({ user }) => userSubject(to.source, user));
  return page.next === undefined ? { subjects } : { subjects, next: page.next };
}
