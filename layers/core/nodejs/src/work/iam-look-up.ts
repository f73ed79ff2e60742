import { formatPrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isToSubject } from '../access/grantee.ts';
import { isRoleOfPermissionSet } from '../access/names.ts';
import { memberOf, permissionSetSubject, type Subject } from '../access/subject.ts';
import type { Key, Table } from '../ports/table.ts';
import type { AccountPorts } from '../ports/world.ts';
import type { Finding } from '../resources/resource.ts';
import { adoptedKey, permissionSetKey } from './keys.ts';
import type { StageRequest } from './stage.ts';

/** What was found of something in IAM that somebody else makes. */
export interface Find {
  /** Whether it is another one than at the last look, or came, or went. */
  readonly changed: boolean;
  /** Why it cannot be used. */
  readonly finding?: Finding;
  /** Names of the grants that come in by it. */
  readonly grants: readonly string[];
}

/** By the subject that comes in by it. */
export type Finds = ReadonlyMap<Subject, Find>;

/** Where Identity Center keeps the roles of its permission sets; a Region may follow. */
const IDENTITY_CENTER_PATH = '/aws-reserved/sso.amazonaws.com/';

/**
 * The role of a permission set in an account: the newest, where Identity Center has not yet removed an older one. Its name's
 * suffix changes whenever it is provisioned anew, so it is found by an anchored match, never by a name kept anywhere.
 */
export async function lookUpPermissionSet(
  { ports, policy, target }: StageRequest,
  permissionSet: string,
  { iam }: AccountPorts,
): Promise<Finds> {
  const grants = policy.grants.filter((grant) => grant.permissionSet === permissionSet).map(({ name }) => name);
  const account = target.split('/')[1]!;
  const subject = permissionSetSubject(permissionSet);
  const key = permissionSetKey(account, permissionSet);
  if (grants.length === 0) {
    await ports.table.delete(key);
    return new Map();
  }
  const roles = (await iam.listRoles(IDENTITY_CENTER_PATH))
    .filter(({ name }) => isRoleOfPermissionSet(name, permissionSet))
    .sort((a, b) => b.createdAt - a.createdAt);
  const changed = await keep(ports.table, key, roles[0]);
  const finding: Finding = {
    code: 'no-permission-set',
    severity: 'blocks',
    object: permissionSet,
    subject,
    message: `account ${account} has no role of the permission set "${permissionSet}"`,
    remedy: 'assign the permission set to somebody in this account, or correct permissionSet in the access policy',
  };
  return new Map([[subject, { changed, grants, ...(roles[0] ? {} : { finding }) }]]);
}

/** The adopted roles or users of a name, each as the policy says its ARN is. */
export async function lookUpPrincipals(
  { ports, policy, target, subjects }: StageRequest,
  type: 'role' | 'user',
  name: string,
  { iam }: AccountPorts,
): Promise<Finds> {
  const account = target.split('/')[1]!;
  const adopted = subjects.flatMap((subject) => {
    const parts = memberOf(subject);
    return parts?.type === 'principal' ? [{ subject, arn: parts.arn }] : [];
  });
  const finds = new Map<Subject, Find>();
  for (const { subject, arn } of adopted) {
    const grants = policy.grants.filter((grant) => isToSubject(grant, subject)).map((grant) => grant.name);
    const parts = parsePrincipalArn(arn);
    // Marked here for another reason: what was found of it is kept by the target of its own.
    if (parts.account !== account || parts.type !== type || parts.name !== name) continue;
    if (grants.length === 0) {
      await ports.table.delete(adoptedKey(arn));
      continue;
    }
    const there = type === 'role' ? await iam.getRole(name) : await iam.getUser(name);
    const isThis = there !== undefined && there.arn === formatPrincipalArn(parts);
    const changed = await keep(ports.table, adoptedKey(arn), isThis ? there : undefined);
    const finding: Finding = {
      code: 'no-such-principal',
      severity: 'blocks',
      object: name,
      subject,
      message: there ? `the IAM ${type} is ${there.arn}, not ${arn}` : `there is no IAM ${type} ${arn}`,
      remedy: there ? 'write its ARN so in the access policy' : `create the ${type}, or correct the access policy`,
    };
    finds.set(subject, { changed, grants, ...(isThis ? {} : { finding }) });
  }
  return finds;
}

/** Keeps what was found; answers whether it is another than before. */
async function keep(
  table: Table,
  key: Key,
  found: { readonly arn: string; readonly id: string } | undefined,
): Promise<boolean> {
  const before = await table.get(key);
  if (found === undefined) {
    if (before) await table.delete(key);
    return before !== undefined;
  }
  if (before?.arn === found.arn && before.uniqueId === found.id) return false;
  await table.put({ ...key, arn: found.arn, uniqueId: found.id });
  return true;
}
