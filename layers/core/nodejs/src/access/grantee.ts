import type { Grant, Grantee } from './policy.ts';
import { machineSubject, principalSubject, type Subject, userSubject } from './subject.ts';

type Granted = Pick<Grant, 'to'>;

/** Whether a grant is to a group. */
export function isToGroup({ to }: Granted, source: string, group: string): boolean {
  return to.some((one) => 'group' in one && one.source === source && one.group === group);
}

/** Whether a grant is to a person or machine by itself, not by a group. */
export function isToSubject({ to }: Granted, subject: Subject): boolean {
  return to.some((one) => subjectOf(one) === subject);
}

/** The groups of a source that a grant is to. */
export function groupsIn({ to }: Granted, source: string): string[] {
  return to.flatMap((one) => ('group' in one && one.source === source ? [one.group] : []));
}

/** The machines that a grant is to. */
export function machinesIn({ to }: Granted): string[] {
  return to.flatMap((one) => ('machine' in one ? [one.machine] : []));
}

/** The subject that a grantee is by itself; undefined for a group, which is many, and a claim, which nobody here knows. */
export function subjectOf(to: Grantee): Subject | undefined {
  if ('machine' in to) return machineSubject(to.machine);
  if ('principal' in to) return principalSubject(to.principal);
  return 'user' in to ? userSubject(to.source, to.user) : undefined;
}

/** A grantee in words. */
export function granteeText(to: Grantee): string {
  if ('machine' in to) return `the machine ${to.machine}`;
  if ('principal' in to) return to.principal;
  if ('claim' in to) return `the group ${to.claim} of ${to.provider}`;
  return 'group' in to ? `the ${to.source} group ${to.group}` : `the ${to.source} user ${to.user}`;
}
