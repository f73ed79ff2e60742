import { clusterArn } from '../access/arn.ts';
import { canonicalJson } from '../access/json.ts';
import type {
  AccessLevel,
  AccessPolicy,
  AccessRule,
  Account,
  Cluster,
  Discovery,
  Grant,
  Grantee,
  IdentityRule,
} from '../access/policy.ts';
import { checkMeaning } from './check.ts';
import { type PolicyError, type PolicySource, parseDocument } from './document.ts';
import type { GrantDocument, LevelDocument, PolicyDocument } from './schema.ts';
import { selectorOf } from './selector.ts';
import { checkShape } from './shape.ts';

export type { PolicyError } from './document.ts';

/**
 * Largest policy that can be in force, in bytes of JSON: every grant carries its level, and it is kept in one DynamoDB item
 * (at most 400 KB).
 */
export const POLICY_LIMIT = 320 * 1024;

/** How many errors are told at once. */
const ERRORS_TOLD = 100;

/** What reading a document gives: a policy that is right in itself, or what is wrong with it (the first 100), in document order. */
export type PolicyReading =
  | { readonly ok: true; readonly policy: AccessPolicy }
  | { readonly ok: false; readonly errors: readonly PolicyError[] };

/** Reads an access policy document (`gatehouse/v1`, YAML). Never throws. */
export function readPolicy(text: string): PolicyReading {
  const source = parseDocument(text);
  if ('errors' in source) return { ok: false, errors: source.errors };
  const document = checkShape(source);
  if (isErrors(document)) return refuse(withFindings(source, document));
  const errors = withFindings(source, checkMeaning(source, document));
  if (errors.length > 0) return refuse(errors);
  const policy = resolvePolicy(document);
  return Buffer.byteLength(canonicalJson(policy)) > POLICY_LIMIT ? refuse([tooLarge(source)]) : { ok: true, policy };
}

function isErrors(value: PolicyDocument | readonly PolicyError[]): value is readonly PolicyError[] {
  return Array.isArray(value);
}

/** A text that is wrong in itself is not told again as being of the wrong form. */
function withFindings({ findings }: PolicySource, errors: readonly PolicyError[]): readonly PolicyError[] {
  const told = new Set(findings.map(({ field }) => field));
  return [...findings, ...errors.filter(({ field }) => !told.has(field))];
}

function refuse(errors: readonly PolicyError[]): PolicyReading {
  const sorted = errors.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, errors: sorted.slice(0, ERRORS_TOLD) };
}

function tooLarge(source: PolicySource): PolicyError {
  return source.at(
    ['grants'],
    `the grants with their levels make more than ${POLICY_LIMIT / 1024} KiB`,
    'use a clusterRole for large levels, or merge grants of one level',
  );
}

/** A document whose meaning was checked, with references resolved and defaults filled in. */
function resolvePolicy(document: PolicyDocument): AccessPolicy {
  const clusters = Object.entries(document.clusters ?? {}).map(
    ([name, { account, region, labels, mode }]): Cluster => ({
      name,
      account,
      region,
      arn: clusterArn(account, region, name),
      labels: labels ?? {},
      mode: mode ?? 'observe',
    }),
  );
  const discover = (document.discover ?? []).map(
    ({ account, region, tag, mode }): Discovery => ({ account, region, tag, mode: mode ?? 'observe' }),
  );
  const levels = new Map(
    Object.entries(document.levels ?? {}).map(([name, level]) => [name, resolveLevel(name, level)]),
  );
  return {
    clusters,
    discover,
    accounts: resolveAccounts(document, [...clusters, ...discover]),
    grants: (document.grants ?? []).map((grant) => resolveGrant(grant, levels.get(grant.level)!)),
    identities: (document.identities ?? []).map(resolveIdentity),
    protected: { principals: [...new Set(document.protected?.principals ?? [])] },
  };
}

/** The accounts the policy describes, and those it only mentions: there Gatehouse works with its own credentials. */
function resolveAccounts(document: PolicyDocument, mentions: readonly { account: string }[]): Account[] {
  const described = document.accounts ?? {};
  const ids = new Set([...Object.keys(described), ...mentions.map(({ account }) => account)]);
  return [...ids].sort().map((id) => ({ id, ...given(Object.hasOwn(described, id) ? described[id] : undefined) }));
}

/** The members of a map that have a value. */
function given<T extends object>(map: T | undefined): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function resolveLevel(name: string, level: LevelDocument): AccessLevel {
  if (level.clusterRole !== undefined) return { name, clusterRole: level.clusterRole };
  return { name, rules: (level.rules ?? []).map((rule): AccessRule => given(rule) as AccessRule) };
}

function resolveGrant(grant: GrantDocument, level: AccessLevel): Grant {
  return {
    name: grant.name,
    to: resolveGrantee(grant.to),
    clusters: selectorOf(grant.on),
    namespaces: [...new Set(grant.on.namespaces ?? [])],
    absentNamespaces: grant.on.absentNamespaces ?? 'refuse',
    level,
    through: grant.through,
  };
}

function resolveGrantee(to: GrantDocument['to']): Grantee {
  if (to.machine !== undefined) return { machine: to.machine };
  if (to.group !== undefined) return { group: to.group, source: to.source! };
  return { user: to.user!, source: to.source! };
}

function resolveIdentity(rule: NonNullable<PolicyDocument['identities']>[number]): IdentityRule {
  const { source, map, attribute, template } = rule;
  if (map !== undefined) return { source, map };
  return attribute !== undefined ? { source, attribute } : { source, template: template! };
}
