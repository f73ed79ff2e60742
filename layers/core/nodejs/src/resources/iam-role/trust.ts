import { parsePrincipalArn } from '../../access/arn.ts';
import { Failure, isFailure } from '../../access/failure.ts';
import type { Json } from '../../access/json.ts';
import type { PolicyDocument } from '../../ports/iam.ts';
import { sameDocument } from '../managed-principal.ts';

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

type Statement = Readonly<Record<string, Json | undefined>>;

function statements(document: PolicyDocument): readonly Statement[] {
  const { Statement: entries } = document;
  return (Array.isArray(entries) ? entries : [entries]) as readonly Statement[];
}

function awsPrincipals(statement: Statement): readonly string[] {
  const { Principal: principal } = statement;
  if (principal === '*') return ['*'];
  const names = (principal as { AWS?: Json } | undefined)?.AWS ?? [];
  return (Array.isArray(names) ? names : [names]).map(String);
}

/**
 * The document as the builders of this file write it: IAM gives principals back in an order of its own. So what was written
 * and what is read afterwards are the same JSON.
 */
export function settledTrust(document: PolicyDocument): PolicyDocument {
  const settled = statements(document).map((statement): Statement => {
    const { Principal: principal } = statement;
    if (principal === null || typeof principal !== 'object' || Array.isArray(principal)) return statement;
    const names = awsPrincipals(statement);
    return names.length === 0
      ? statement
      : { ...statement, Principal: { ...(principal as Statement), AWS: oneOrMore([...names].sort()) } };
  });
  return { ...document, Statement: settled };
}

/** The AWS principals that some statement allows, sorted; those of deleted ones as ids. */
export function trustedPrincipals(document: PolicyDocument): readonly string[] {
  const allowed = statements(document).filter((statement) => statement.Effect === 'Allow');
  return [...new Set(allowed.flatMap(awsPrincipals))].sort();
}

/** The document with only those of its allowed AWS principals that `keep` answers true for; closed where none is left. */
export function trustOnly(document: PolicyDocument, keep: (principal: string) => boolean): PolicyDocument {
  const kept = statements(document).flatMap((statement): Statement[] => {
    if (statement.Effect !== 'Allow') return [statement];
    const names = awsPrincipals(statement).filter(keep);
    return names.length === 0 ? [] : [{ ...statement, Principal: { AWS: oneOrMore(names) } }];
  });
  return kept.some((statement) => statement.Effect === 'Allow') ? { ...document, Statement: kept } : closedTrust();
}

/**
 * True where the document lets in nobody, or by sts:AssumeRole only users and accounts whose sessions must bear the user's
 * name or unique id: what the builders of this file write, and nothing looser.
 */
export function soundTrust(document: PolicyDocument): boolean {
  return statements(document).every((statement) => {
    if (statement.Effect === 'Deny') return true;
    const names = awsPrincipals(statement);
    const builders = [memberTrust, (arns: readonly string[]) => accountsNamed(arns)];
    return builders.some((build) => {
      try {
        return names.length > 0 && sameTrust({ ...document, Statement: [statement] }, build(names));
      } catch (error) {
        if (isFailure(error, 'invalid')) return false;
        throw error;
      }
    });
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
