import { formatPrincipalArn, type PrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { Failure } from '../access/failure.ts';
import { machinesIn } from '../access/grantee.ts';
import type { AccessPolicy } from '../access/policy.ts';
import {
  machineSubject,
  memberOf,
  parseSubject,
  principalSubject,
  type Subject,
  userSubject,
} from '../access/subject.ts';
import { readUser } from '../directory/read.ts';
import type { TableReader } from '../ports/table.ts';

/** Whom somebody means: a subject of the policy, or a principal as AWS names it. */
export type Person = { readonly subject: Subject } | { readonly arn: string };

/**
 * Whom a text means: a subject (`user/<source>/<id>`, `machine/<name>`), the ARN of an IAM user, role or session, the name of a
 * machine, or the id of a user of one of the policy's sources. An ARN that the policy adopts is its subject.
 * @throws Failure `not-found`; `invalid` where it may be several.
 */
export async function personNamed(reader: TableReader, policy: AccessPolicy, text: string): Promise<Person> {
  if (text.startsWith('arn:')) {
    const arn = formatPrincipalArn(parsePrincipalArn(text));
    const isAdopted = policy.grants.some(({ to }) => to.some((one) => 'principal' in one && one.principal === arn));
    return isAdopted ? { subject: principalSubject(arn) } : { arn };
  }
  if (/^(user|machine|principal)\//.test(text)) {
    parseSubject(text);
    return { subject: text as Subject };
  }
  const found = await candidates(reader, policy, text);
  const [subject, another] = found;
  if (another) {
    throw new Failure('invalid', `"${text}" may be any of ${found.length}`, { remedy: `write ${found.join(' or ')}` });
  }
  if (subject) return { subject };
  throw new Failure('not-found', `nobody of the policy's sources is known as "${text}"`, {
    remedy: 'write user/<source>/<id>, machine/<name>, or the ARN of an IAM user, role or session',
  });
}

async function candidates(reader: TableReader, policy: AccessPolicy, name: string): Promise<Subject[]> {
  const { grants, identities, machines } = policy;
  const isMachine =
    machines.some((one) => one.name === name) || grants.some((grant) => machinesIn(grant).includes(name));
  const sources = new Set([
    ...identities.map(({ source }) => source),
    ...grants.flatMap(({ to }) => to.flatMap((one) => ('source' in one ? [one.source] : []))),
  ]);
  const found: Subject[] = isMachine ? [machineSubject(name)] : [];
  for (const source of sources) {
    const isMapped = identities.some(
      (rule) => rule.source === source && 'map' in rule && Object.hasOwn(rule.map, name),
    );
    const isGranted = grants.some(({ to }) =>
      to.some((one) => 'user' in one && one.source === source && one.user === name),
    );
    if (isMapped || isGranted || (await readUser(reader, source, name))) found.push(userSubject(source, name));
  }
  return found;
}

/** A subject or an ARN, as a person reads it. */
export function personText(person: Person): string {
  if ('arn' in person) return person.arn;
  const parts = memberOf(person.subject);
  return parts?.type === 'principal' ? parts.arn : person.subject;
}

/** The caller that GetCallerIdentity would show an authenticator for this ARN; a bare role has a session of no matter. */
export function callerFor(arn: string): { readonly arn: string; readonly accountId: string; readonly userId: string } {
  const parts = parsePrincipalArn(arn);
  const session: PrincipalArn = { ...parts, type: 'assumed-role', path: '/', session: parts.session ?? 'somebody' };
  const asCalled = parts.type === 'role' ? formatPrincipalArn(session) : formatPrincipalArn(parts);
  const isSession = parts.type === 'role' || parts.type === 'assumed-role';
  // The unique id does not matter to aws-auth; the session's name stands behind it.
  return { arn: asCalled, accountId: parts.account, userId: isSession ? `AROA:${session.session}` : 'AIDA' };
}
