import { clusterArn, formatPrincipalArn, parsePrincipalArn } from '../access/arn.ts';
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
  IdentityProvider,
  IdentityRule,
  Machine,
  MachineTrust,
  Onboarding,
} from '../access/policy.ts';
import { checkMeaning } from './check.ts';
import { APPLICATION_LEVEL, ENVIRONMENT_LEVEL } from './check-onboarding.ts';
import { type PolicyError, type PolicySource, parseDocument } from './document.ts';
import { PROVIDER_PRESETS } from './identity-provider-presets.ts';
import { READY_LEVELS } from './ready-levels.ts';
import {
  type GrantDocument,
  type GranteeDocument,
  granteesOf,
  type IdentityProviderDocument,
  type LevelDocument,
  type MachineDocument,
  type OnboardingRulesDocument,
  type PolicyDocument,
  type TrustDocument,
} from './schema.ts';
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
    ([name, { account, region, labels, mode, provider, kubeconfigSecret }]): Cluster => ({
      name,
      account,
      region,
      arn: clusterArn(account, region, name),
      labels: labels ?? {},
      mode: mode ?? 'observe',
      ...(provider === undefined ? {} : { connected: { provider, ...given({ kubeconfigSecret }) } }),
    }),
  );
  const discover = (document.discover ?? []).map(
    ({ account, region, tag, mode }): Discovery => ({ account, region, tag, mode: mode ?? 'observe' }),
  );
  const levels = new Map(
    Object.entries({ ...READY_LEVELS, ...document.levels }).map(([name, level]) => [name, resolveLevel(name, level)]),
  );
  return {
    clusters,
    discover,
    accounts: resolveAccounts(document, [...clusters, ...discover, ...onboardingAccounts(document)]),
    grants: (document.grants ?? []).map((grant) => resolveGrant(grant, levels.get(grant.level)!)),
    machines: Object.entries(document.machines ?? {}).map(([name, machine]) => resolveMachine(name, machine)),
    identityProviders: Object.entries(document.identityProviders ?? {}).map(([name, provider]) =>
      resolveIdentityProvider(name, provider),
    ),
    identities: (document.identities ?? []).map(resolveIdentity),
    protected: { principals: [...new Set(document.protected?.principals ?? [])] },
    ...(document.onboarding ? { onboarding: resolveOnboarding(document.onboarding, levels) } : {}),
  };
}

function onboardingAccounts({ onboarding }: PolicyDocument): { account: string }[] {
  return (onboarding?.environments.accounts ?? []).map((account) => ({ account }));
}

function resolveOnboarding(
  { environments, applications }: NonNullable<PolicyDocument['onboarding']>,
  levels: ReadonlyMap<string, AccessLevel>,
): Onboarding {
  const rules = ({ level, trust, adopt = [], people = [] }: OnboardingRulesDocument, fallback: string) => ({
    level: levels.get(level ?? fallback)!,
    ...(trust ? { trust: resolveTrust(trust) } : {}),
    adopt: [...new Set(adopt)],
    people: people.map(resolveGrantee),
  });
  const { accounts, mode = 'observe' } = environments;
  return {
    environments: { ...rules(environments, ENVIRONMENT_LEVEL), accounts: [...new Set(accounts)].sort(), mode },
    ...(applications
      ? {
          applications: {
            ...rules(applications, APPLICATION_LEVEL),
            namespaces: [...new Set(applications.namespaces ?? ['*'])],
            absentNamespaces: applications.absentNamespaces ?? 'refuse',
            ...given({ groupsOf: applications.groupsOf }),
          },
        }
      : {}),
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

function resolveLevel(
  name: string,
  { rules, clusterRole, clusterWide, console }: Pick<LevelDocument, 'clusterRole' | 'console'> & WithRules,
): AccessLevel {
  const more = { ...given({ console }), ...(clusterWide ? { clusterWide: clusterWide.map(resolveRule) } : {}) };
  if (clusterRole !== undefined) return { name, clusterRole, ...more };
  return { name, rules: (rules ?? []).map(resolveRule), ...more };
}

type WithRules = { readonly [field in 'rules' | 'clusterWide']?: readonly object[] | undefined };

const resolveRule = (rule: object): AccessRule => given(rule) as AccessRule;

function resolveGrant(grant: GrantDocument, level: AccessLevel): Grant {
  const { saml, names } = grant;
  return {
    name: grant.name,
    to: granteesOf(grant.to).map(resolveGrantee),
    clusters: selectorOf(grant.on),
    namespaces: [...new Set(grant.on.namespaces ?? [])],
    absentNamespaces: grant.on.absentNamespaces ?? 'refuse',
    level,
    through: grant.through,
    ...(grant.permissionSet === undefined ? {} : { permissionSet: grant.permissionSet }),
    ...(saml ? { saml: { provider: saml.provider, subjects: saml.subjects ?? [], groups: saml.groups ?? [] } } : {}),
    ...(names ? { names: given(names) } : {}),
  };
}

function resolveGrantee(to: GranteeDocument): Grantee {
  if (to.machine !== undefined) return { machine: to.machine };
  if (to.principal !== undefined) return { principal: formatPrincipalArn(parsePrincipalArn(to.principal)) };
  if (to.claim !== undefined) return { claim: to.claim, provider: to.provider! };
  if (to.group !== undefined) return { group: to.group, source: to.source! };
  return { user: to.user!, source: to.source! };
}

function resolveMachine(name: string, { trust, ...names }: MachineDocument): Machine {
  return { name, ...given(names), ...(trust === undefined ? {} : { trust: resolveTrust(trust) }) };
}

function resolveTrust({ principals = [], accounts = [], webIdentity = [] }: TrustDocument): MachineTrust {
  return {
    principals: [...new Set(principals.map((arn) => formatPrincipalArn(parsePrincipalArn(arn))))],
    accounts: accounts.map(({ account, externalId }) => ({ id: account, ...given({ externalId }) })),
    webIdentity: ('provider' in webIdentity ? [webIdentity] : webIdentity).map(
      ({ provider, audiences = ['sts.amazonaws.com'], subjects }) => ({ provider, audiences, subjects }),
    ),
  };
}

function resolveIdentityProvider(name: string, document: IdentityProviderDocument): IdentityProvider {
  const preset = document.preset === undefined ? undefined : PROVIDER_PRESETS[document.preset];
  return {
    name,
    clusters: selectorOf(document.on),
    issuer: document.issuer,
    clientId: document.clientId,
    usernameClaim: document.usernameClaim ?? preset!.usernameClaim,
    usernamePrefix: document.usernamePrefix ?? preset!.prefix,
    groupsClaim: document.groupsClaim ?? preset!.groupsClaim!,
    groupsPrefix: document.groupsPrefix ?? preset!.prefix,
    requiredClaims: document.requiredClaims ?? {},
    logs: [...new Set(document.logs ?? [])],
  };
}

function resolveIdentity(rule: NonNullable<PolicyDocument['identities']>[number]): IdentityRule {
  const { source, map, attribute, template, session } = rule;
  if (map !== undefined) return { source, map };
  if (session !== undefined) return { source, session };
  return attribute !== undefined ? { source, attribute } : { source, template: template! };
}
