import { parsePrincipalArn } from '../../access/arn.ts';
import { Failure, isFailure } from '../../access/failure.ts';
import { canonicalJson, type Json } from '../../access/json.ts';
import type { MachineTrust, SamlTrust } from '../../access/policy.ts';
import type { PolicyDocument } from '../../ports/iam.ts';
import { canonicalDocument, sameDocument } from '../managed-principal.ts';

/** Characters of a trust document that IAM takes without a raised quota, white space not counted (reference_iam-quotas). */
export const TRUST_LIMIT = 2048;

/**
 * Trust in these members and nobody else. Each must call the session by their IAM user name, so that nobody can take
 * another's username in a cluster; only IAM users have one, so a role named here never gets in.
 * @throws Failure `invalid` for an account's root or a wildcard: that would be trust in everybody there.
 */
export function memberTrust(memberArns: readonly string[]): PolicyDocument {
  const members = [...new Set(memberArns)].sort();
  for (const arn of members) {
    const { type } = parsePrincipalArn(arn);
    if (type !== 'user' && type !== 'role') throw new Failure('invalid', `${arn} is not one member, but a ${type}`);
  }
  return members.length === 0 ? closedTrust() : assumeRole('Allow', members, '${aws:username}');
}

/**
 * Trust in whole accounts, for grants with more members than a document holds: who of them gets in is up to their own
 * identity policies. The session's name is the user's unique id, which no user made or renamed later can have.
 */
export function accountTrust(accounts: readonly string[], partition: string): PolicyDocument {
  const roots = [...new Set(accounts)].sort().map((account) => `arn:${partition}:iam::${account}:root`);
  return roots.length === 0 ? closedTrust() : assumeRole('Allow', roots, '${aws:userid}');
}

/** Trust in nobody: IAM takes no empty document, so it denies everybody. */
export function closedTrust(): PolicyDocument {
  return assumeRole('Deny', ['*']);
}

/** The role that a document is for: where its providers live. */
export interface TrustingRole {
  readonly account: string;
  readonly partition: string;
}

/**
 * Trust in whoever may be a machine: roles and users, whole accounts, tokens of OIDC providers.
 * @param session The name that its sessions must bear; absent where they may bear any, because the machine has the role for
 * itself.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
 */
export function machineTrust(
  { principals, accounts, webIdentity }: MachineTrust,
  { account, partition }: TrustingRole,
  session?: string,
): PolicyDocument {
  const named = session === undefined ? {} : { 'sts:RoleSessionName': session };
  const statements: Statement[] = [];
  if (principals.length > 0) {
    statements.push(allow({ AWS: oneOrMore([...principals].sort()) }, 'sts:AssumeRole', { StringEquals: named }));
  }
  for (const { id, externalId } of accounts) {
    const root = `arn:${partition}:iam::${id}:root`;
    const equals = { ...named, ...(externalId === undefined ? {} : { 'sts:ExternalId': externalId }) };
    statements.push(allow({ AWS: root }, 'sts:AssumeRole', { StringEquals: equals }));
  }
  for (const { provider, audiences, subjects } of webIdentity) {
    const federated = `arn:${partition}:iam::${account}:oidc-provider/${provider}`;
    statements.push(
      allow({ Federated: federated }, 'sts:AssumeRoleWithWebIdentity', {
        StringEquals: { ...named, [`${provider}:aud`]: oneOrMore(audiences) },
        StringLike: { [`${provider}:sub`]: oneOrMore(subjects) },
      }),
    );
  }
  return statements.length === 0 ? closedTrust() : { Version: '2012-10-17', Statement: statements as Json };
}

/** Where browsers are sent with an assertion, by partition; an assertion for anybody else is not for AWS. */
const SAML_AUDIENCES: Readonly<Record<string, string>> = {
  'aws-cn': 'https://signin.amazonaws.cn/saml',
  'aws-us-gov': 'https://signin.amazonaws-us-gov.com/saml',
};

/**
 * Trust in whom a SAML provider asserts to be one of these; it names their sessions, too.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml
 */
export function samlTrust({ provider, subjects, groups }: SamlTrust, role: TrustingRole): PolicyDocument {
  const federated = `arn:${role.partition}:iam::${role.account}:saml-provider/${provider}`;
  const audience = SAML_AUDIENCES[role.partition] ?? 'https://signin.aws.amazon.com/saml';
  const conditions = {
    StringEquals: { 'SAML:aud': audience },
    ...(subjects.length === 0 ? {} : { StringLike: { 'saml:sub': oneOrMore(subjects) } }),
    ...(groups.length === 0 ? {} : { 'ForAnyValue:StringLike': { 'saml:edupersonaffiliation': oneOrMore(groups) } }),
  };
  return { Version: '2012-10-17', Statement: [allow({ Federated: federated }, 'sts:AssumeRoleWithSAML', conditions)] };
}

/** Trust in an AWS service, which then works as the role. */
export function serviceTrust(service: string): PolicyDocument {
  return { Version: '2012-10-17', Statement: [allow({ Service: service }, 'sts:AssumeRole', {})] };
}

/** Trust in everybody whom one of the documents trusts. */
export function trustTogether(...documents: readonly PolicyDocument[]): PolicyDocument {
  const allowed = documents.flatMap(statements).filter(({ Effect }) => Effect === 'Allow');
  return allowed.length === 0 ? closedTrust() : { Version: '2012-10-17', Statement: allowed as Json };
}

function allow(
  principal: Readonly<Record<string, Json>>,
  action: string,
  conditions: Readonly<Record<string, Readonly<Record<string, Json>>>>,
): Statement {
  const used = Object.entries(conditions).filter(([, tests]) => Object.keys(tests).length > 0);
  return {
    Effect: 'Allow',
    Principal: principal,
    Action: action,
    ...(used.length === 0 ? {} : { Condition: Object.fromEntries(used) }),
  };
}

function assumeRole(effect: 'Allow' | 'Deny', principals: readonly string[], sessionName?: string): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: effect,
        Principal: { AWS: oneOrMore(principals) },
        Action: 'sts:AssumeRole',
        ...(sessionName === undefined ? {} : { Condition: { StringEquals: { 'sts:RoleSessionName': sessionName } } }),
      },
    ],
  };
}

/** IAM gives a list of one back as the one. */
const oneOrMore = (names: readonly string[]): Json => (names.length === 1 ? names[0]! : names);

/** True where IAM takes a trust document of this size. */
export function trustFits(document: PolicyDocument): boolean {
  return JSON.stringify(document).length <= TRUST_LIMIT;
}

/** True where both documents let in the same under the same conditions, however they are written. */
export const sameTrust = sameDocument;

type Statement = { readonly [member: string]: Json | undefined };

function statements(document: PolicyDocument): readonly Statement[] {
  const { Statement: entries } = document;
  return (Array.isArray(entries) ? entries : [entries]) as readonly Statement[];
}

/** Kinds of principal that a statement of ours may name. */
const PRINCIPALS = ['AWS', 'Federated', 'Service'] as const;

function principalsOf(statement: Statement, type: (typeof PRINCIPALS)[number]): readonly string[] {
  const { Principal: principal } = statement;
  if (principal === '*') return type === 'AWS' ? ['*'] : [];
  const names = (principal as Readonly<Record<string, Json>> | undefined)?.[type] ?? [];
  return (Array.isArray(names) ? names : [names]).map(String);
}

/** The statement with other principals; undefined where none is left. */
function withPrincipals(statement: Statement, of: (type: (typeof PRINCIPALS)[number]) => readonly string[]) {
  const kept = PRINCIPALS.flatMap((type) => {
    const names = of(type);
    return names.length === 0 ? [] : [[type, oneOrMore(names)] as const];
  });
  return kept.length === 0 ? undefined : { ...statement, Principal: Object.fromEntries(kept) as Json };
}

/**
 * The document as the builders of this file write it: IAM gives principals back in an order of its own. So what was written
 * and what is read afterwards are the same JSON.
 */
export function settledTrust(document: PolicyDocument): PolicyDocument {
  const settled = statements(document).map((statement): Statement => {
    const { Principal: principal } = statement;
    if (principal === null || typeof principal !== 'object' || Array.isArray(principal)) return statement;
    const sorted = withPrincipals(statement, (type) => [...principalsOf(statement, type)].sort());
    return sorted === undefined
      ? statement
      : { ...statement, Principal: { ...(principal as Statement), ...(sorted.Principal as Statement) } };
  });
  return { ...document, Statement: settled as Json };
}

/** The principals that some statement allows, providers among them, sorted; those of deleted ones as ids. */
export function trustedPrincipals(document: PolicyDocument): readonly string[] {
  const allowed = statements(document).filter((statement) => statement.Effect === 'Allow');
  const names = allowed.flatMap((statement) => PRINCIPALS.flatMap((type) => principalsOf(statement, type)));
  return [...new Set(names)].sort();
}

/** The document with only those of its allowed principals that `keep` answers true for; closed where none is left. */
export function trustOnly(document: PolicyDocument, keep: (principal: string) => boolean): PolicyDocument {
  return filtered(document, (statement, type, name) => keep(name) && principalsOf(statement, type).includes(name));
}

/** What both documents trust, under the same conditions; closed where that is nobody. */
export function trustInBoth(document: PolicyDocument, other: PolicyDocument): PolicyDocument {
  const known = new Set(trustEntries(other));
  return filtered(document, (statement, type, name) => known.has(entryKey(statement, type, name)));
}

/** True where whoever the one document trusts, the other trusts under the same conditions. */
export function trustsAllOf(wide: PolicyDocument, narrow: PolicyDocument): boolean {
  const known = new Set(trustEntries(wide));
  return trustEntries(narrow).every((entry) => known.has(entry));
}

function filtered(
  document: PolicyDocument,
  keep: (statement: Statement, type: (typeof PRINCIPALS)[number], name: string) => boolean,
): PolicyDocument {
  const kept = statements(document).flatMap((statement): Statement[] => {
    if (statement.Effect !== 'Allow') return [statement];
    const rest = withPrincipals(statement, (type) =>
      principalsOf(statement, type).filter((name) => keep(statement, type, name)),
    );
    return rest === undefined ? [] : [rest];
  });
  const allows = kept.some((statement) => statement.Effect === 'Allow');
  return allows ? { ...document, Statement: kept as Json } : closedTrust();
}

/** Each principal that is allowed, with what it is allowed and under which conditions. */
function trustEntries(document: PolicyDocument): string[] {
  return statements(document)
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap((statement) =>
      PRINCIPALS.flatMap((type) => principalsOf(statement, type).map((name) => entryKey(statement, type, name))),
    );
}

function entryKey(statement: Statement, type: string, name: string): string {
  return canonicalJson(canonicalDocument({ Statement: [{ ...statement, Principal: { [type]: name } }] }));
}

/**
 * True where the document lets in nobody, or only whom `given` lets in under the very conditions of it, or (where the role has
 * members) by sts:AssumeRole only users and accounts whose sessions must bear the user's name or unique id.
 */
export function soundTrust(document: PolicyDocument, given: PolicyDocument, hasMembers: boolean): boolean {
  const known = new Set(trustEntries(given));
  return statements(document).every((statement) => {
    if (statement.Effect === 'Deny') return true;
    const entries = trustEntries({ Statement: [statement] as Json });
    if (entries.length > 0 && entries.every((entry) => known.has(entry))) return true;
    return hasMembers && isOfMembers({ ...document, Statement: [statement] as Json }, principalsOf(statement, 'AWS'));
  });
}

/** Whether it is what the builders of this file write for members or accounts, and nothing looser. */
function isOfMembers(document: PolicyDocument, names: readonly string[]): boolean {
  const builders = [memberTrust, (arns: readonly string[]) => accountsNamed(arns)];
  return builders.some((build) => {
    try {
      return names.length > 0 && sameTrust(document, build(names));
    } catch (error) {
      if (isFailure(error, 'invalid')) return false;
      throw error;
    }
  });
}

function accountsNamed(arns: readonly string[]): PolicyDocument {
  const roots = arns.map((arn) => parsePrincipalArn(arn));
  if (roots.some(({ type }) => type !== 'root')) return closedTrust();
  return accountTrust(
    roots.map(({ account }) => account),
    roots[0]!.partition,
  );
}
