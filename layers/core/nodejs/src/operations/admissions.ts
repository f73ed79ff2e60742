import { isFailure } from '../access/failure.ts';
import { SESSION_NAME_PATTERN } from '../access/names.ts';
import { type AwsAuthMapping, type AwsAuthMappings, identify, keyOf } from '../effective-access/aws-auth.ts';
import { callerFor } from './person.ts';

/** A principal that aws-auth lets in, by the entry that decides. */
export interface Admitted {
  /** As its entry has it. */
  readonly arn: string;
  /** A template. */
  readonly username: string;
  /** Templates. */
  readonly groups: readonly string[];
}

/** All whom aws-auth lets in, found by what they become. */
export interface Admissions {
  readonly principals: readonly Admitted[];
  /** Accounts whose every principal is let in, by its ARN. */
  readonly accounts: ReadonlySet<string>;
}

/** The entries in force: what a later entry overrides, and what never matches anybody, is left out. */
export function admissionsOf(mappings: AwsAuthMappings): Admissions {
  const inForce = (list: 'mapRoles' | 'mapUsers', all: readonly AwsAuthMapping[]) => [
    ...new Map(all.map((mapping) => [keyOf(list, mapping), mapping])).values(),
  ];
  const principals = [...inForce('mapRoles', mappings.roles), ...inForce('mapUsers', mappings.users)];
  return { principals: principals.filter((one) => isHit(mappings, one)), accounts: new Set(mappings.accounts) };
}

/** Whether the principal that an entry names is one that it lets in. */
function isHit(mappings: AwsAuthMappings, { arn, username, groups }: AwsAuthMapping): boolean {
  try {
    const caller = callerFor(arn);
    // The session of an instance fits every template.
    const userId = caller.userId.replace(/:.*/, ':i-0123456789abcdef0');
    const found = identify(mappings, { ...caller, userId }, () => 'node.internal');
    if ('denied' in found) return false;
    if ('ambiguous' in found) return true;
    const { list, index } = found.by as { list: 'mapRoles' | 'mapUsers'; index: number };
    const decided = (list === 'mapRoles' ? mappings.roles : mappings.users).find((one) => one.index === index);
    return decided?.arn === arn && decided.username === username && decided.groups === groups;
  } catch (error) {
    // What is no ARN of a principal is nobody's.
    if (isFailure(error, 'invalid')) return false;
    throw error;
  }
}

/** Who comes in by a username, and in which session. */
export function admittedAs(
  { principals, accounts }: Admissions,
  username: string,
): readonly { readonly arn: string; readonly session?: string }[] {
  const found = principals.flatMap(({ arn, username: template }) => {
    const match = matchOf(template, username, arn);
    return match ? [{ arn, ...match }] : [];
  });
  return found.length === 0 && username.startsWith('arn:') && accounts.has(username.split(':')[4] ?? '')
    ? [{ arn: username }]
    : found;
}

/** Who is put into a group. */
export function admittedInto({ principals }: Admissions, group: string): readonly Admitted[] {
  return principals.filter(({ arn, groups }) => groups.some((template) => matchOf(template, group, arn) !== undefined));
}

/**
 * Whether a template may become a name; and by which session, where one alone makes it so. A template of several placeholders
 * is told by its fixed beginning and end.
 */
function matchOf(template: string, name: string, arn: string): { readonly session?: string } | undefined {
  const parts = template.replaceAll('{{AccountID}}', () => arn.split(':')[4] ?? '').split(PLACEHOLDER);
  const [first = '', placeholder, ...rest] = parts;
  if (placeholder === undefined) return first === name ? {} : undefined;
  const last = rest.at(-1) ?? '';
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return undefined;
  if (rest.length > 1) return {};
  const between = name.slice(first.length, name.length - last.length);
  if (!placeholder.startsWith('SessionName')) return between === '' ? undefined : {};
  const isCooked = placeholder === 'SessionName';
  return SESSION_NAME_PATTERN.test(between) && !(isCooked && between.includes('@')) ? { session: between } : undefined;
}

const PLACEHOLDER = /\{\{(SessionNameRaw|SessionName|EC2PrivateDNSName|AccessKeyID)\}\}/;
