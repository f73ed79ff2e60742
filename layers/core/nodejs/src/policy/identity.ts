import { formatPrincipalArn, type PrincipalArn, parsePrincipalArn } from '../access/arn.ts';
import { isFailure } from '../access/failure.ts';
import { SESSION_NAME_PATTERN } from '../access/names.ts';
import type { IdentityRule } from '../access/policy.ts';

/** What is known of a user when their IAM principal is looked for. */
export interface KnownUser {
  readonly source: string;
  readonly id: string;
  readonly login?: string;
  readonly email?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** The IAM user a person is, or why that cannot be told. */
export type Identity = { readonly arn: string } | { readonly problem: string; readonly remedy: string };

/** What may stand in braces in a template. */
export const PLACEHOLDERS = ['id', 'login', 'email', 'localPart'] as const;

/** What a placeholder's value may hold: the characters of an IAM user name, so it can never add a path, account or wildcard. */
const VALUE = /^[A-Za-z0-9_+=,.@-]{1,64}$/;

/**
 * The IAM principal of a user, by the policy's rules for their source in order: the first rule that gives an ARN wins. A rule
 * that knows nothing of the user (not in the map, no such attribute, nothing to put into the template) is passed over; one
 * that gives something unusable stops the search, because the next rule would make somebody else of them.
 *
 * The ARN is that of an IAM user, never of a role: whoever may assume a role chooses his session name, and would be anybody.
 * @param protectedPrincipals ARNs that no user may become.
 */
export function principalOf(
  rules: readonly IdentityRule[],
  user: KnownUser,
  protectedPrincipals: readonly string[] = [],
): Identity {
  for (const rule of rules) {
    if (rule.source !== user.source || 'session' in rule) continue;
    const found = apply(rule, user);
    if (found === undefined) continue;
    if ('problem' in found) return found;
    const checked = checkUserArn(found.arn, principalSet(protectedPrincipals));
    return 'arn' in checked ? checked : problem(user, checked.problem, checked.remedy);
  }
  return problem(
    user,
    'no rule under identities gives them an IAM user',
    'add them to a map, or check their login and email',
  );
}

/**
 * Checks that an ARN is that of one IAM user who is not protected. The answer's ARN is in IAM's spelling.
 * @param guarded Keys of the protected principals, as {@link principalSet} makes them.
 */
export function checkUserArn(text: string, guarded: ReadonlySet<string>): Identity {
  let arn: PrincipalArn;
  try {
    arn = parsePrincipalArn(text);
  } catch (error) {
    if (!isFailure(error, 'invalid')) throw error;
    return { problem: error.message, remedy: error.remedy ?? 'write the ARN of an IAM user' };
  }
  if (arn.type !== 'user') {
    return {
      problem: `"${text}" is not an IAM user: a role cannot stand for one person`,
      remedy: 'name the IAM user, like arn:aws:iam::111122223333:user/alice',
    };
  }
  if (!VALUE.test(arn.name)) {
    return {
      problem: `"${text}" does not end in the name of an IAM user`,
      remedy: 'use 1 to 64 of letters, digits and _+=,.@-',
    };
  }
  if (guarded.has(principalName(arn))) {
    return {
      problem: `"${text}" is protected`,
      remedy: 'map the user to another IAM user, or take it out of protected',
    };
  }
  return { arn: formatPrincipalArn(arn) };
}

/** What a principal is known by: names are unique in an account whatever the path, and not case-sensitive. */
export function principalName(arn: Pick<PrincipalArn, 'account' | 'type' | 'name'>): string {
  return `${arn.account}/${arn.type}/${arn.name.toLowerCase()}`;
}

/** The names ({@link principalName}) of all ARNs that are those of principals. */
export function principalSet(arns: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const text of arns) {
    try {
      names.add(principalName(parsePrincipalArn(text)));
    } catch (error) {
      if (!isFailure(error, 'invalid')) throw error;
    }
  }
  return names;
}

/**
 * The name of a user's sessions where an identity provider sets it: by the first `session` rule of their source that has all it
 * needs. A problem where there is none, or where STS would take no such name.
 */
export function sessionOf(
  rules: readonly IdentityRule[],
  user: KnownUser,
): { readonly session: string } | { readonly problem: string; readonly remedy: string } {
  for (const rule of rules) {
    if (rule.source !== user.source || !('session' in rule)) continue;
    const filled = fillTemplate(rule.session, user);
    if (filled === undefined) continue;
    if ('problem' in filled) return filled;
    if (SESSION_NAME_PATTERN.test(filled.text)) return { session: filled.text };
    return problem(
      user,
      `${JSON.stringify(filled.text)} cannot be a session name`,
      'use 2 to 64 of letters, digits and _+=,.@- under identities',
      'session name',
    );
  }
  return problem(
    user,
    'no session rule under identities gives them one',
    'check their login and email',
    'session name',
  );
}

/** Fills a template. `undefined` where a value is not known; a problem where one cannot be part of a name. */
export function fillTemplate(
  template: string,
  user: KnownUser,
): { readonly text: string } | { readonly problem: string; readonly remedy: string } | undefined {
  let text = '';
  let rest = template;
  for (let match = /\{(\w*)\}/.exec(rest); match; match = /\{(\w*)\}/.exec(rest)) {
    const name = match[1]!;
    const value = valueFor(name, user);
    if (value === undefined) return undefined;
    if (!VALUE.test(value)) {
      return problem(
        user,
        `their ${name} ${JSON.stringify(value.slice(0, 80))} cannot be part of an IAM user name`,
        'add them to a map under identities',
      );
    }
    text += rest.slice(0, match.index) + value;
    rest = rest.slice(match.index + match[0].length);
  }
  return { text: text + rest };
}

function valueFor(placeholder: string, user: KnownUser): string | undefined {
  switch (placeholder) {
    case 'id':
      return user.id;
    case 'login':
      return user.login;
    case 'email':
      return user.email;
    case 'localPart':
      return user.login?.split('@')[0];
    default:
      return undefined;
  }
}

function apply(rule: Exclude<IdentityRule, { session: string }>, user: KnownUser): Identity | undefined {
  if ('map' in rule) return Object.hasOwn(rule.map, user.id) ? { arn: rule.map[user.id]! } : undefined;
  if ('template' in rule) {
    const filled = fillTemplate(rule.template, user);
    return filled && 'text' in filled ? { arn: filled.text } : filled;
  }
  const attributes = user.attributes;
  if (!attributes || !Object.hasOwn(attributes, rule.attribute) || attributes[rule.attribute] === '') return undefined;
  return { arn: attributes[rule.attribute]! };
}

function problem(
  user: KnownUser,
  why: string,
  remedy: string,
  lacks = 'IAM principal',
): { problem: string; remedy: string } {
  return {
    problem: `the ${user.source} user ${JSON.stringify(user.id.slice(0, 80))} has no ${lacks}: ${why}`,
    remedy,
  };
}
