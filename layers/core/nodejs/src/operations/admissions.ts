import { isFailure } from '../access/failure.ts';
import { SESSION_NAME_PATTERN } from '../access/names.ts';
import {
  type AwsAuthMapping,
  type AwsAuthMappings,
  type DecidingMappings,
  identify,
  inForce,
} from '../effective-access/aws-auth.ts';
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
  readonly usernames: Templates;
  readonly groups: Templates;
  /** Accounts whose every principal is let in, by its ARN. */
  readonly accounts: ReadonlySet<string>;
}

/** Templates by their fixed beginning. There may be thousands: a name asks only for those that it begins with. */
type Templates = ReadonlyMap<string, readonly Template[]>;

interface Template {
  readonly admitted: Admitted;
  /** Fixed texts, and between them the names of the placeholders. */
  readonly parts: readonly string[];
}

/** The entries in force, but for those that never match anybody. */
export function admissionsOf(mappings: AwsAuthMappings): Admissions {
  const principals = [...inForce(mappings).values()].flatMap((deciding) =>
    deciding.mappings.filter((one) => isHit(one, deciding)),
  );
  return {
    usernames: templatesOf(principals, ({ username }) => [username]),
    groups: templatesOf(principals, ({ groups }) => groups),
    accounts: new Set(mappings.accounts),
  };
}

/** Whether the principal that an entry names is one that it lets in. No other entries than these matter to it. */
function isHit({ arn }: AwsAuthMapping, { list, mappings }: DecidingMappings): boolean {
  const none = { roles: [], users: [], accounts: [], problems: [] };
  try {
    const caller = callerFor(arn);
    // The session of an instance fits every template.
    const userId = caller.userId.replace(/:.*/, ':i-0123456789abcdef0');
    const alone = { ...none, [list === 'mapRoles' ? 'roles' : 'users']: mappings };
    return !('denied' in identify(alone, { ...caller, userId }, () => 'node.internal'));
  } catch (error) {
    // What is no ARN of a principal is nobody's.
    if (isFailure(error, 'invalid')) return false;
    throw error;
  }
}

const PLACEHOLDER = /\{\{(SessionNameRaw|SessionName|EC2PrivateDNSName|AccessKeyID)\}\}/;

function templatesOf(principals: readonly Admitted[], textsOf: (admitted: Admitted) => readonly string[]): Templates {
  const templates = principals.flatMap((admitted) =>
    textsOf(admitted).map((text): Template => {
      const account = admitted.arn.split(':')[4] ?? '';
      return { admitted, parts: text.replaceAll('{{AccountID}}', () => account).split(PLACEHOLDER) };
    }),
  );
  return Map.groupBy(templates, ({ parts }) => parts[0] ?? '');
}

/** Who comes in by a username, and in which session. */
export function admittedAs(
  { usernames, accounts }: Admissions,
  username: string,
): readonly { readonly arn: string; readonly session?: string }[] {
  const found = matching(usernames, username).map(({ admitted: { arn }, session }) => ({
    arn,
    ...(session === undefined ? {} : { session }),
  }));
  return found.length === 0 && username.startsWith('arn:') && accounts.has(username.split(':')[4] ?? '')
    ? [{ arn: username }]
    : found;
}

/** Who is put into a group. */
export function admittedInto({ groups }: Admissions, group: string): readonly Admitted[] {
  return [...new Set(matching(groups, group).map(({ admitted }) => admitted))];
}

/** The principals that may have a name, and the session by which they do, where one alone makes it so. */
function matching(
  templates: Templates,
  name: string,
): readonly { readonly admitted: Admitted; readonly session?: string }[] {
  const beginnings = Array.from({ length: name.length + 1 }, (_, length) => name.slice(0, length));
  return beginnings.flatMap((beginning) =>
    (templates.get(beginning) ?? []).flatMap(({ admitted, parts }) => {
      const match = matchOf(parts, name);
      return match ? [{ admitted, ...match }] : [];
    }),
  );
}

/**
 * Whether a template may become a name; and by which session, where one alone makes it so. A template of several placeholders
 * is told by its fixed beginning and end.
 */
function matchOf(parts: Template['parts'], name: string): { readonly session?: string } | undefined {
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
