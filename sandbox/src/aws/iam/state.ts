import { createHash, randomBytes } from 'node:crypto';
import { formatPrincipalArn } from '@gatehouse/core/access/arn';
import type { PolicyDocument } from '@gatehouse/core/ports/iam';

/** What roles and users have in common. */
export interface SimPrincipal {
  readonly kind: 'role' | 'user';
  readonly name: string;
  /** Unique for ever: AROA... or AIDA... */
  readonly id: string;
  readonly path: string;
  /** Milliseconds UTC. */
  readonly createdAt: number;
  boundary?: string;
  readonly tags: Map<string, string>;
  /** Inline policies: their text as it was put. */
  readonly inline: Map<string, string>;
  /** ARNs of managed policies. */
  readonly attached: Set<string>;
}

/** A role. Its trust document names principals by their unique ids, as IAM keeps it; `shownTrust` gives what GetRole tells. */
export interface SimRole extends SimPrincipal {
  readonly kind: 'role';
  trust: PolicyDocument;
  maxSessionSeconds: number;
}

/** An access key with its secret. */
export interface SimKey {
  readonly id: string;
  readonly secret: string;
  readonly createdAt: number;
  active: boolean;
}

/** A user. */
export interface SimUser extends SimPrincipal {
  readonly kind: 'user';
  readonly keys: Map<string, SimKey>;
  readonly groups: Set<string>;
  loginProfile: boolean;
}

/** A managed policy of a customer's. */
export interface SimPolicy {
  readonly name: string;
  /** Unique for ever: ANPA... */
  readonly id: string;
  readonly path: string;
  /** Milliseconds UTC. */
  readonly createdAt: number;
  readonly tags: Map<string, string>;
  /** Documents as they were written, by version (`v1`), oldest first. */
  readonly versions: Map<string, string>;
  /** The version in force. */
  version: string;
  /** How many versions there ever were. */
  made: number;
}

/** An OIDC provider that an account trusts, by its URL without `https://`. */
export interface SimOidcProvider {
  readonly provider: string;
  readonly clientIds: ReadonlySet<string>;
  /** Milliseconds UTC. */
  readonly createdAt: number;
}

/** One AWS account. Names are unique whatever their path or case: the maps are keyed by the name in lower case. */
export interface SimAccount {
  readonly id: string;
  readonly roles: Map<string, SimRole>;
  readonly users: Map<string, SimUser>;
  readonly policies: Map<string, SimPolicy>;
  /** By ARN. */
  readonly oidcProviders: Map<string, SimOidcProvider>;
  readonly groups: Set<string>;
}

/** IAM of several accounts. */
export interface IamState {
  readonly accounts: Map<string, SimAccount>;
  /** Documents of managed policies that may be permissions boundaries, by ARN. No snapshot holds them. */
  readonly managedPolicies: Map<string, PolicyDocument>;
  readonly partition: string;
  /** Ids and secrets follow from it and from `issued`, so that a run can be repeated. */
  readonly seed: string;
  /** How many ids and secrets were given out. */
  issued: number;
  readonly now: () => number;
  /** Longest page of a list where the caller names none. */
  readonly pageSize: number;
}

/** Settings of a state; each has a default. */
export interface IamStateOptions {
  readonly partition?: string;
  readonly seed?: string;
  readonly now?: () => number;
  readonly pageSize?: number;
}

/** An account without anybody in it. */
export function newAccount(id: string): SimAccount {
  return { id, roles: new Map(), users: new Map(), policies: new Map(), oidcProviders: new Map(), groups: new Set() };
}

/** IAM without anybody in it, in these accounts (12 digits each). */
export function newIamState(accounts: readonly string[], options: IamStateOptions = {}): IamState {
  return {
    accounts: new Map(accounts.map((id) => [id, newAccount(id)])),
    managedPolicies: new Map(),
    partition: options.partition ?? 'aws',
    seed: options.seed ?? randomBytes(16).toString('hex'),
    issued: 0,
    now: options.now ?? Date.now,
    pageSize: options.pageSize ?? 100,
  };
}

/** `length` characters of A-Z2-7 that were never given out before, after `prefix` (AROA, AIDA, AKIA). */
export function issueId(state: IamState, prefix: string, length: number): string {
  const bytes = issueBytes(state);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return prefix + Array.from({ length }, (_, index) => alphabet[bytes[index]! % 32]).join('');
}

/** A secret access key: 40 characters. */
export function issueSecret(state: IamState): string {
  return issueBytes(state).toString('base64').slice(0, 40);
}

function issueBytes(state: IamState): Buffer {
  state.issued += 1;
  return createHash('sha256').update(`${state.seed}/${state.issued}`).digest();
}

/** The ARN of a role or user. */
export function arnOf(state: IamState, account: string, principal: SimPrincipal): string {
  const { kind, path, name } = principal;
  return formatPrincipalArn({ partition: state.partition, account, type: kind, path, name });
}

/** The ARN of a managed policy. */
export function policyArnOf(
  state: IamState,
  account: string,
  { path, name }: Pick<SimPolicy, 'path' | 'name'>,
): string {
  return `arn:${state.partition}:iam::${account}:policy${path}${name}`;
}

/** The managed policy of a customer's with this ARN, path included. */
export function policyByArn(state: IamState, arn: string): SimPolicy | undefined {
  const [, , , , account = '', resource = ''] = arn.split(':');
  const policy = state.accounts.get(account)?.policies.get(resource.slice(resource.lastIndexOf('/') + 1).toLowerCase());
  return policy && policyArnOf(state, account, policy) === arn ? policy : undefined;
}

/** The document in force of a managed policy, also of one that the template makes; undefined where there is none. */
export function managedDocument(state: IamState, arn: string): PolicyDocument | undefined {
  const policy = policyByArn(state, arn);
  return policy ? (JSON.parse(policy.versions.get(policy.version)!) as PolicyDocument) : state.managedPolicies.get(arn);
}

/** The role or user with this ARN, path included. */
export function principalByArn(state: IamState, arn: string): SimRole | SimUser | undefined {
  return everyPrincipal(state).find((found) => found.arn === arn)?.principal;
}

/** The role or user with this unique id. */
export function principalById(state: IamState, id: string): { account: string; arn: string } | undefined {
  return everyPrincipal(state).find((found) => found.principal.id === id);
}

function everyPrincipal(state: IamState): { account: string; arn: string; principal: SimRole | SimUser }[] {
  return [...state.accounts.values()].flatMap((account) =>
    [...account.roles.values(), ...account.users.values()].map((principal) => ({
      account: account.id,
      arn: arnOf(state, account.id, principal),
      principal,
    })),
  );
}

/** Whose key this is, and its secret, for whoever checks signatures. Inactive keys are told as such: STS refuses them. */
export interface KeyOwner {
  readonly account: string;
  readonly userName: string;
  /** With the path. */
  readonly arn: string;
  /** AIDA... */
  readonly userId: string;
  readonly secret: string;
  readonly active: boolean;
}

/** The user who has this access key. */
export function principalOfKey(state: IamState, accessKeyId: string): KeyOwner | undefined {
  for (const account of state.accounts.values()) {
    for (const user of account.users.values()) {
      const key = user.keys.get(accessKeyId);
      if (!key) continue;
      const { secret, active } = key;
      return {
        account: account.id,
        userName: user.name,
        arn: arnOf(state, account.id, user),
        userId: user.id,
        secret,
        active,
      };
    }
  }
  return undefined;
}

interface PolicySnapshot {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly createdAt: number;
  readonly tags: readonly [string, string][];
  readonly versions: readonly [string, string][];
  readonly version: string;
  readonly made: number;
}

interface PrincipalSnapshot {
  readonly name: string;
  readonly id: string;
  readonly path: string;
  readonly createdAt: number;
  readonly boundary?: string;
  readonly tags: readonly [string, string][];
  readonly inline: readonly [string, string][];
  readonly attached: readonly string[];
}

interface RoleSnapshot extends PrincipalSnapshot {
  readonly trust: PolicyDocument;
  readonly maxSessionSeconds: number;
}

interface UserSnapshot extends PrincipalSnapshot {
  readonly keys: readonly SimKey[];
  readonly groups: readonly string[];
  readonly loginProfile: boolean;
}

/** The whole state as JSON, secrets included: for a file that only its owner can read. */
export interface IamSnapshot {
  readonly version: 1;
  readonly partition: string;
  readonly seed: string;
  readonly issued: number;
  readonly accounts: readonly {
    readonly id: string;
    readonly roles: readonly RoleSnapshot[];
    readonly users: readonly UserSnapshot[];
    /** Absent in snapshots of before managed policies were played. */
    readonly policies?: readonly PolicySnapshot[];
    readonly oidcProviders?: readonly (readonly [
      string,
      { provider: string; clientIds: string[]; createdAt: number },
    ])[];
    readonly groups: readonly string[];
  }[];
}

/** The state as JSON. */
export function snapshotIam(state: IamState): IamSnapshot {
  const common = (principal: SimPrincipal): PrincipalSnapshot => ({
    name: principal.name,
    id: principal.id,
    path: principal.path,
    createdAt: principal.createdAt,
    ...(principal.boundary === undefined ? {} : { boundary: principal.boundary }),
    tags: [...principal.tags],
    inline: [...principal.inline],
    attached: [...principal.attached],
  });
  return {
    version: 1,
    partition: state.partition,
    seed: state.seed,
    issued: state.issued,
    accounts: [...state.accounts.values()].map((account) => ({
      id: account.id,
      roles: [...account.roles.values()].map((role) => ({
        ...common(role),
        trust: role.trust,
        maxSessionSeconds: role.maxSessionSeconds,
      })),
      users: [...account.users.values()].map((user) => ({
        ...common(user),
        keys: [...user.keys.values()].map((key) => ({ ...key })),
        groups: [...user.groups],
        loginProfile: user.loginProfile,
      })),
      policies: [...account.policies.values()].map((policy) => ({
        ...policy,
        tags: [...policy.tags],
        versions: [...policy.versions],
      })),
      oidcProviders: [...account.oidcProviders].map(
        ([arn, provider]) => [arn, { ...provider, clientIds: [...provider.clientIds] }] as const,
      ),
      groups: [...account.groups],
    })),
  };
}

/** The state that a snapshot was taken of. `options` gives what a snapshot cannot hold. */
export function restoreIam(snapshot: IamSnapshot, options: Pick<IamStateOptions, 'now' | 'pageSize'> = {}): IamState {
  const state = newIamState(
    snapshot.accounts.map((account) => account.id),
    { ...options, partition: snapshot.partition, seed: snapshot.seed },
  );
  state.issued = snapshot.issued;
  const common = ({ tags, inline, attached, ...rest }: PrincipalSnapshot) => ({
    ...rest,
    tags: new Map(tags),
    inline: new Map(inline),
    attached: new Set(attached),
  });
  for (const saved of snapshot.accounts) {
    const account = state.accounts.get(saved.id)!;
    for (const { trust, maxSessionSeconds, ...role } of saved.roles) {
      account.roles.set(role.name.toLowerCase(), { ...common(role), kind: 'role', trust, maxSessionSeconds });
    }
    for (const { keys, groups, loginProfile, ...user } of saved.users) {
      account.users.set(user.name.toLowerCase(), {
        ...common(user),
        kind: 'user',
        keys: new Map(keys.map((key) => [key.id, { ...key }])),
        groups: new Set(groups),
        loginProfile,
      });
    }
    for (const { tags, versions, ...policy } of saved.policies ?? []) {
      const restored = { ...policy, tags: new Map(tags), versions: new Map(versions) };
      account.policies.set(policy.name.toLowerCase(), restored);
    }
    for (const [arn, provider] of saved.oidcProviders ?? []) {
      account.oidcProviders.set(arn, { ...provider, clientIds: new Set(provider.clientIds) });
    }
    for (const group of saved.groups) account.groups.add(group);
  }
  return state;
}
