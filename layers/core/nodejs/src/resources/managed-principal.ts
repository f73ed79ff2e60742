import { canonicalJson, type Json, sameJson } from '../access/json.ts';
import { IAM_PATH } from '../access/names.ts';
import type { PolicyDocument, Tags } from '../ports/iam.ts';
import type { Claim, Finding, ObjectClaims, OwnedClaim } from './resource.ts';

/** Tag of every principal that Gatehouse made; its value is `true`. */
export const MANAGED_TAG = 'gatehouse:managed';
/** Tag that names the grant a principal was made for. */
export const GRANT_TAG = 'gatehouse:grant';

/**
 * The inline policies of a principal of Gatehouse: there is one, and its name is fixed, so that one read tells all of what
 * Gatehouse ever wrote there. Absent: there is none.
 */
export interface InlinePolicies {
  readonly 'gatehouse-clusters'?: PolicyDocument;
}

/** The name of that policy: by it the principal may look its clusters up. */
export const CLUSTER_POLICY = 'gatehouse-clusters';

/** What the claims of everything in IAM have in common. */
export interface ManagedClaim extends Claim {
  /** With the path. Where what bears this name has another ARN, it is somebody else's. */
  readonly arn: string;
  /** `/gatehouse/`, or below it. */
  readonly path: string;
  /** Always made: these and `gatehouse:managed`. Tags of others stay. */
  readonly tags: Tags;
}

/** What the claims of both kinds of principal have in common. */
export interface PrincipalClaim extends ManagedClaim {
  /** `closed`: it stays, but nobody gets in and it may do nothing. Where it does not exist, there is nothing to close. */
  readonly state: 'open' | 'closed';
  readonly policies: InlinePolicies;
  /** ARN of the permissions boundary. Absent: whatever boundary there is stays. */
  readonly boundary?: string;
}

/** What is observed of everything in IAM where it is present. */
export interface ManagedState {
  readonly arn: string;
  readonly path: string;
  readonly tags: Tags;
}

/** What is observed of both kinds of principal where they are present. */
export interface PrincipalState extends ManagedState {
  readonly policies: InlinePolicies;
  readonly boundary?: string;
}

/** The tags that a claim wants, the mark of ownership included. */
export function wantedTags(claim: ManagedClaim): Tags {
  return { ...claim.tags, [MANAGED_TAG]: 'true' };
}

/**
 * Is what stands there Gatehouse's to change for this claim? Only what has the very ARN that was claimed, lies under
 * Gatehouse's path, and either carries its tags (of this grant, if of any) or is recorded as made.
 */
export function isOwn(observed: ManagedState, claim: ManagedClaim, recorded: readonly OwnedClaim[]): boolean {
  if (observed.arn !== claim.arn || !observed.path.startsWith(IAM_PATH)) return false;
  const grant = observed.tags[GRANT_TAG];
  const marked =
    observed.tags[MANAGED_TAG] === 'true' && (grant === undefined || grant === (claim.tags[GRANT_TAG] ?? grant));
  return marked || recorded.some((owned) => (owned.claim as ManagedClaim).arn === observed.arn);
}

/** Whether a managed policy lies under Gatehouse's path. */
export function isOwnPolicy(arn: string): boolean {
  return arn.includes(`:policy${IAM_PATH}`);
}

/** The claims that have been recorded for the object, in this form or in an earlier one. */
export function everRecorded<C extends Claim>(claims: ObjectClaims<C>): readonly OwnedClaim<C>[] {
  return [...claims.recorded, ...claims.unwanted];
}

/** Findings for claims that cannot be made at all: they differ among each other, or lie outside of Gatehouse's path. */
export function claimFindings<C extends ManagedClaim>(claims: ObjectClaims<C>): readonly Finding[] {
  const [first] = claims.wanted;
  if (first === undefined) return [];
  const { kind, object, path } = first.claim;
  const blocked = (code: string, message: string, remedy: string) =>
    claims.wanted.map(({ subject }): Finding => ({ code, severity: 'blocks', object, subject, message, remedy }));
  if (claims.wanted.some(({ claim }) => !sameJson(claim, first.claim))) {
    return blocked(
      'claims-differ',
      `the ${noun(kind)} "${object}" is claimed in two different forms at once`,
      'give the two grants or machines different names in the access policy',
    );
  }
  if (!path.startsWith(IAM_PATH)) {
    return blocked(
      'foreign-principal',
      `the ${noun(kind)} "${object}" is claimed under the path ${path}, where Gatehouse makes and changes nothing`,
      `leave it to its owner, or claim it under ${IAM_PATH}`,
    );
  }
  return [];
}

/** The finding for a principal of the claimed name that is somebody else's. */
export function foreignPrincipal(
  observed: ManagedState,
  { subject, claim }: OwnedClaim<ManagedClaim>,
  severity: Finding['severity'],
): Finding {
  const what = observed.arn === claim.arn ? `carries no tag ${MANAGED_TAG}=true of this grant` : `is not ${claim.arn}`;
  return {
    code: 'foreign-principal',
    severity,
    object: claim.object,
    subject,
    message: `${observed.arn} was not made by Gatehouse for this: it ${what}, so it stays as it is`,
    remedy: REMEDIES[claim.kind] ?? 'delete or rename it if nobody needs it, or rename the grant in the access policy',
  };
}

/** How to be rid of a stranger of this name, by the kind. Nothing is ever taken over in silence. */
const REMEDIES: Readonly<Record<string, string>> = {
  'iam-user':
    'name another one as user under machines in the access policy, or adopt it: to: { principal: <its ARN> }, through: user',
  'iam-policy': 'name another one as policy under machines in the access policy, or delete it if nobody needs it',
};

function noun(kind: string): string {
  return kind.replace('iam-', 'IAM ');
}

/** Members of a statement that hold one value or a list of them, in any order. */
const LISTS: ReadonlySet<string> = new Set(['Action', 'NotAction', 'Resource', 'NotResource']);

/**
 * A policy document in the one form in which documents that mean the same are equal: statements, actions, resources,
 * principals and condition values as sorted lists, `*` as `{AWS: *}`, an account's root as its number, the version that
 * counts where none is written. Ids of deleted principals (AIDA..., AROA...) stay what they are: they are nobody's ARN.
 */
export function canonicalDocument(document: PolicyDocument): Json {
  const statements = listOf(document.Statement).map((statement) =>
    statement === null || typeof statement !== 'object' || Array.isArray(statement)
      ? statement
      : canonicalStatement(statement as PolicyDocument),
  );
  // Without a version IAM takes the old one, which knows no variables: that is a difference.
  return { Version: document.Version ?? '2008-10-17', Statement: sorted(statements) };
}

/** True where both documents mean the same. */
export function sameDocument(a: PolicyDocument | undefined, b: PolicyDocument | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(canonicalDocument(a)) === canonicalJson(canonicalDocument(b));
}

function canonicalStatement(statement: PolicyDocument): Json {
  return Object.fromEntries(
    Object.entries(statement).map(([member, value]) => [member, canonicalMember(member, value ?? null)]),
  );
}

function canonicalMember(member: string, value: Json): Json {
  if (LISTS.has(member)) return sorted(listOf(value));
  if (member === 'Principal' || member === 'NotPrincipal') return canonicalPrincipal(value);
  return member === 'Condition' ? canonicalCondition(value) : value;
}

function canonicalPrincipal(principal: Json): Json {
  if (principal === '*') return { AWS: ['*'] };
  if (principal === null || typeof principal !== 'object' || Array.isArray(principal)) return principal;
  return Object.fromEntries(
    Object.entries(principal).map(([type, names]) => [type, sorted(listOf(names).map(canonicalAccount))]),
  );
}

function canonicalAccount(name: Json): Json {
  return /^arn:aws[a-z-]*:iam::(\d{12}):root$/.exec(String(name))?.[1] ?? name;
}

function canonicalCondition(condition: Json): Json {
  if (condition === null || typeof condition !== 'object') return condition;
  const tests = Object.entries(condition).map(([operator, keys]) => [
    operator,
    Object.fromEntries(
      Object.entries((keys ?? {}) as Record<string, Json>).map(([key, values]) => [
        key.toLowerCase(),
        sorted(listOf(values).map(String)),
      ]),
    ),
  ]);
  return Object.fromEntries(tests);
}

function listOf(value: Json | undefined): readonly Json[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function sorted(values: readonly Json[]): Json[] {
  return [...new Map(values.map((value) => [canonicalJson(value), value]))]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, value]) => value);
}

/** The tags that must be written to get from one set to the other; tags are only ever added or changed. */
export function changedTags(before: Tags, after: Tags): Tags {
  return Object.fromEntries(Object.entries(after).filter(([key, value]) => before[key] !== value));
}
