import { formatPrincipalArn, type PrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { machinesIn } from '../access/grantee.ts';
import type { Json } from '../access/json.ts';
import { SESSION_NAME_PATTERN } from '../access/names.ts';
import type { Account, Grant } from '../access/policy.ts';
import { grantSubject, memberOf, type Subject } from '../access/subject.ts';
import { roleTarget, type Target } from '../access/target.ts';
import { peopleOf } from '../directory/grantee-people.ts';
import { isProtected } from '../plan/principals.ts';
import { hasUserMembers, trustedAsMachines, trustOfPolicy } from '../plan/role-trust.ts';
import type { PolicyDocument } from '../ports/iam.ts';
import type { Table } from '../ports/table.ts';
import type { AccountPorts } from '../ports/world.ts';
import {
  accountTrust,
  closedTrust,
  memberTrust,
  sameTrust,
  trustFits,
  trustTogether,
} from '../resources/iam-role/trust.ts';
import type { Finding } from '../resources/resource.ts';
import { accountById } from './clusters.ts';
import { trustKey, uniqueIdKey } from './keys.ts';
import { grantsOf, principalFor } from './member-facts.ts';
import type { StageRequest } from './stage.ts';

/** A trust document of 2,048 characters never holds more members than this. */
const MOST_LISTED = 64;

/** What decides over the trust document of a shared role. */
export interface TrustRequest extends StageRequest {
  readonly account: Account;
  readonly accountPorts: AccountPorts;
  readonly grant: Grant;
  readonly roleName: string;
  readonly partition: string;
}

/** The trust document that a shared role must have. */
export interface TrustDecision {
  readonly document: PolicyDocument;
  readonly findings: readonly Finding[];
  /** The members' session names change with this document, or did with an earlier one, and nobody was told yet. */
  readonly renamed: boolean;
}

/**
 * Who may assume the role of a grant: whom the policy names, and those of its people who are IAM users. While these fit, the
 * document lists them, and a session bears its user's name; beyond that (or where two members of different accounts have one
 * name) it opens to their accounts, and a session bears the user's unique id, for good: going back would rename everybody once
 * more.
 */
export async function decideTrust(request: TrustRequest): Promise<TrustDecision> {
  const { ports, policy, grant, account, roleName, partition, subjects } = request;
  const absent = await absentPrincipals(request);
  const named = trustOfPolicy(policy, grant, { account: account.id, partition }, absent.arns);
  if (!hasUserMembers(grant)) {
    // Where nobody is left who could assume it, no cluster needs to hear of the role.
    const severity = sameTrust(named, closedTrust()) ? 'blocks' : 'notice';
    return { document: named, findings: absent.findings.map((one) => ({ ...one, severity })), renamed: false };
  }
  const key = trustKey(roleTarget(account.id, roleName));
  const known = await ports.table.get(key);
  const opened = known?.naming === 'unique-id';
  const listed = opened ? 'too-many' : await liveMembers(request);
  if (listed !== 'too-many') {
    // IAM refused the last document: somebody whom it listed is gone.
    const suspects = known?.recheck === true ? listed.map(({ subject }) => subject) : subjects;
    const checked = await existing(request, listed, suspects);
    const document = trustTogether(memberTrust(checked.arns), named);
    // Two people of one IAM user are one principal here; their username is refused to the second on the cluster.
    const users = [...new Set(checked.arns)].map((arn) => parsePrincipalArn(arn).name.toLowerCase());
    const names = [...users, ...machinesIn(grant)];
    if (trustFits(document) && new Set(names).size === names.length) {
      if (known?.recheck === true) await ports.table.delete(key);
      return { document, findings: [...absent.findings, ...checked.findings], renamed: false };
    }
  }
  const concerned = listed === 'too-many' ? await membersAmong(request, subjects) : listed;
  const checked = await existing(request, concerned, subjects);
  const accounts = new Set([
    ...((known?.accounts ?? []) as readonly string[]),
    ...checked.arns.map((arn) => parsePrincipalArn(arn).account),
    ...(opened ? [] : [account.id]),
  ]);
  const sorted = [...accounts].sort();
  if (!opened || sorted.length !== ((known?.accounts ?? []) as readonly string[]).length) {
    const renaming = !opened || known?.renaming === true;
    await ports.table.put({ ...key, naming: 'unique-id', accounts: sorted as Json, renaming });
  }
  const renamed = !opened || known?.renaming === true;
  const findings = [...absent.findings, ...checked.findings];
  return { document: trustTogether(accountTrust(sorted, partition), named), findings, renamed };
}

/** Takes note that all members of a role whose session names changed will be looked at. */
export async function membersAreTold(table: Table, target: Target): Promise<void> {
  const known = await table.get(trustKey(target));
  if (known?.renaming === true) await table.put({ ...known, renaming: false });
}

interface Member {
  readonly subject: Subject;
  readonly arn: string;
}

/** All live people with a principal, or that they are too many to be listed. */
async function liveMembers(request: TrustRequest): Promise<readonly Member[] | 'too-many'> {
  const subjects = new Set<Subject>();
  for (const grantee of request.grant.to) {
    let after: string | undefined;
    do {
      const page = await peopleOf(request.reader, grantee, after);
      for (const subject of page.subjects) subjects.add(subject);
      if (subjects.size > MOST_LISTED) return 'too-many';
      after = page.next;
    } while (after !== undefined);
  }
  return membersAmong(request, [...subjects]);
}

/** Those of the people that the grant is for now and that have a principal. Who has none is a finding of the cluster's turn. */
async function membersAmong(request: TrustRequest, subjects: readonly Subject[]): Promise<Member[]> {
  const { reader, policy, grant, account } = request;
  const members: Member[] = [];
  for (const subject of subjects) {
    if (memberOf(subject)?.type !== 'user') continue;
    if (!(await grantsOf(reader, policy, subject)).has(grant.name)) continue;
    const principal = await principalFor(reader, policy, subject, account.id, '');
    if ('problem' in principal || isProtected(policy, principal.arn)) continue;
    members.push({ subject, arn: principal.arn });
  }
  return members;
}

/**
 * The members whose IAM user exists. IAM refuses a whole trust document for one principal that does not, so each is looked
 * up once, and its unique id is kept; where an account cannot be asked, the member is taken at the policy's word.
 */
async function existing(
  request: TrustRequest,
  members: readonly Member[],
  suspects: readonly Subject[],
): Promise<{ arns: string[]; findings: Finding[] }> {
  const { ports, policy, account, accountPorts, roleName } = request;
  const fresh = new Set(suspects);
  const findings: Finding[] = [];
  const arns: string[] = [];
  for (const { subject, arn } of members) {
    const { account: home, name } = parsePrincipalArn(arn);
    const refused = (message: string, remedy: string) =>
      findings.push({ code: 'no-such-user', severity: 'blocks', object: roleName, subject, message, remedy });
    if (!SESSION_NAME_PATTERN.test(name)) {
      refused(`"${name}" cannot be a role session name`, 'map this user to another IAM user under identities');
      continue;
    }
    const known = await ports.table.get(uniqueIdKey(arn));
    if (known && !fresh.has(subject)) {
      arns.push(arn);
      continue;
    }
    const isOwn = home === account.id;
    if (!isOwn && !policy.accounts.some(({ id }) => id === home)) {
      arns.push(arn);
      continue;
    }
    const user = await lookUp(request, isOwn ? accountPorts : undefined, { account: home, type: 'user', name });
    if (user === 'closed') {
      // One account that cannot be entered keeps out only those whom nobody ever saw there.
      if (known) arns.push(arn);
      else refused(`the account ${home} of ${arn} cannot be entered`, 'correct its roleArn under accounts');
      continue;
    }
    if (!user || user.arn !== arn) {
      refused(
        user ? `the IAM user is ${user.arn}, not ${arn}` : `there is no IAM user ${arn}`,
        'create the user, or correct identities in the access policy',
      );
      continue;
    }
    if (known?.uniqueId !== user.id) await ports.table.put({ ...uniqueIdKey(arn), uniqueId: user.id });
    arns.push(arn);
  }
  return { arns, findings };
}

/**
 * The roles and users whom the policy trusts as machines and who do not exist: IAM would refuse the document for each of them,
 * and keep everybody else out. Those of an account that cannot be asked are taken at the policy's word.
 */
async function absentPrincipals(
  request: TrustRequest,
): Promise<{ readonly arns: ReadonlySet<string>; readonly findings: readonly Finding[] }> {
  const { policy, grant, account, accountPorts, roleName } = request;
  const arns = new Set<string>();
  const findings: Finding[] = [];
  for (const arn of trustedAsMachines(policy, grant)) {
    const principal = parsePrincipalArn(arn);
    const isOwn = principal.account === account.id;
    if (!isOwn && !policy.accounts.some(({ id }) => id === principal.account)) continue;
    const there = await lookUp(request, isOwn ? accountPorts : undefined, principal);
    if (there === 'closed' || there?.arn === formatPrincipalArn(principal)) continue;
    arns.add(arn);
    findings.push({
      code: 'no-such-principal',
      severity: 'notice',
      object: roleName,
      subject: grantSubject(grant.name),
      message: there
        ? `the IAM ${principal.type} is ${there.arn}, not ${arn}, so it may not assume ${roleName}`
        : `there is no IAM ${principal.type} ${arn}, so it may not assume ${roleName}`,
      remedy: there ? 'write its ARN so in the access policy' : 'create it, or correct trust in the access policy',
    });
  }
  return { arns, findings };
}

/** An IAM role or user; `closed` where another account than the role's does not let Gatehouse in, or ask. */
async function lookUp(
  { ports, policy }: TrustRequest,
  own: AccountPorts | undefined,
  { account, type, name }: Pick<PrincipalArn, 'account' | 'type' | 'name'>,
): Promise<{ readonly arn: string; readonly id: string } | undefined | 'closed'> {
  const ask = ({ iam }: Pick<AccountPorts, 'iam'>) => (type === 'role' ? iam.getRole(name) : iam.getUser(name));
  if (own) return ask(own);
  try {
    return await ask(await ports.world.account(await accountById(ports.table, policy, account)));
  } catch (error) {
    if (isFailure(error, 'forbidden')) return 'closed';
    throw error;
  }
}
