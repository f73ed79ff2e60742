import type { Json } from '../access/json.ts';
import type { Secret } from '../access/secret-text.ts';

/** A policy document of IAM, decoded from its JSON. Never compared by text: IAM keeps it as it was written. */
export type PolicyDocument = { readonly [member: string]: Json | undefined };

/** Tags of a principal, by key. */
export type Tags = Readonly<Record<string, string>>;

/** A role as GetRole tells it (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html). */
export interface IamRole {
  readonly name: string;
  /** Unique for ever, begins with AROA: a role that is deleted and made again has another one. */
  readonly id: string;
  /** With the path. */
  readonly arn: string;
  /** Begins and ends with `/`. */
  readonly path: string;
  readonly trust: PolicyDocument;
  /** ARN of the permissions boundary. */
  readonly boundary?: string;
  readonly tags: Tags;
  /** Longest session, in seconds. */
  readonly maxSessionSeconds: number;
}

/** A role as ListRoles tells it: without tags and boundary (https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html). */
export interface ListedRole {
  readonly name: string;
  readonly id: string;
  readonly arn: string;
  readonly createdAt: number;
}

/** A user as GetUser tells it (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html). */
export interface IamUser {
  readonly name: string;
  /** Unique for ever, begins with AIDA. */
  readonly id: string;
  /** With the path. */
  readonly arn: string;
  /** Begins and ends with `/`. */
  readonly path: string;
  /** ARN of the permissions boundary. */
  readonly boundary?: string;
  readonly tags: Tags;
}

/** A role to be made. */
export interface NewRole {
  readonly name: string;
  readonly path: string;
  readonly trust: PolicyDocument;
  readonly boundary?: string;
  readonly tags: Tags;
  readonly maxSessionSeconds: number;
}

/** A user to be made. */
export interface NewUser {
  readonly name: string;
  readonly path: string;
  readonly boundary?: string;
  readonly tags: Tags;
}

/** A managed policy as GetPolicy tells it (https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html). */
export interface IamPolicy {
  readonly name: string;
  /** Unique for ever, begins with ANPA. */
  readonly id: string;
  /** With the path. */
  readonly arn: string;
  /** Begins and ends with `/`. */
  readonly path: string;
  readonly tags: Tags;
  /** Id of the version in force, like `v1`. */
  readonly version: string;
}

/** A managed policy to be made. */
export interface NewPolicy {
  readonly name: string;
  readonly path: string;
  readonly document: PolicyDocument;
  readonly tags: Tags;
}

/** A version of a managed policy, without its document. */
export interface ListedPolicyVersion {
  readonly id: string;
  readonly isDefault: boolean;
}

/** An access key, without its secret. */
export interface AccessKey {
  readonly id: string;
  readonly active: boolean;
}

/**
 * IAM of one account. One method is one AWS call (lists: as many as it has pages).
 *
 * What is read and not there is `undefined`; every other call on something that is not there throws `not-found`. Lists are
 * complete. Every call throws Failure: `already-exists` (EntityAlreadyExists), `not-found` (NoSuchEntity), `invalid`
 * (MalformedPolicyDocument, ValidationError, InvalidInput), `too-large` (LimitExceeded), `conflict` (DeleteConflict,
 * ConcurrentModification), `forbidden` (AccessDenied), `throttled`, `unreachable` (no answer, 5xx).
 */
export interface Iam {
  getRole(name: string): Promise<IamRole | undefined>;
  /** ListRoles: every role whose path begins so, with its time of creation, milliseconds UTC. */
  listRoles(pathPrefix: string): Promise<readonly ListedRole[]>;
  createRole(role: NewRole): Promise<IamRole>;
  /** CreateServiceLinkedRole: AWS gives it name, path and policy. `already-exists` where the service has it. */
  createServiceLinkedRole(service: string): Promise<void>;
  /** UpdateAssumeRolePolicy: replaces the whole trust document. */
  updateTrust(role: string, trust: PolicyDocument): Promise<void>;
  /** UpdateRole, of which only the longest session. */
  setRoleSession(role: string, maxSessionSeconds: number): Promise<void>;
  deleteRole(name: string): Promise<void>;
  /** Adds these tags, or gives them new values; others stay. */
  tagRole(name: string, tags: Tags): Promise<void>;
  setRoleBoundary(name: string, boundary: string): Promise<void>;
  getRolePolicy(role: string, policy: string): Promise<PolicyDocument | undefined>;
  putRolePolicy(role: string, policy: string, document: PolicyDocument): Promise<void>;
  deleteRolePolicy(role: string, policy: string): Promise<void>;
  /** Names of the inline policies. */
  listRolePolicies(role: string): Promise<readonly string[]>;
  /** ARNs of the managed policies. */
  listAttachedRolePolicies(role: string): Promise<readonly string[]>;
  detachRolePolicy(role: string, policyArn: string): Promise<void>;

  getUser(name: string): Promise<IamUser | undefined>;
  createUser(user: NewUser): Promise<IamUser>;
  deleteUser(name: string): Promise<void>;
  /** Adds these tags, or gives them new values; others stay. */
  tagUser(name: string, tags: Tags): Promise<void>;
  setUserBoundary(name: string, boundary: string): Promise<void>;
  getUserPolicy(user: string, policy: string): Promise<PolicyDocument | undefined>;
  putUserPolicy(user: string, policy: string, document: PolicyDocument): Promise<void>;
  deleteUserPolicy(user: string, policy: string): Promise<void>;
  /** Names of the inline policies. */
  listUserPolicies(user: string): Promise<readonly string[]>;
  /** ARNs of the managed policies. */
  listAttachedUserPolicies(user: string): Promise<readonly string[]>;
  /** Attached twice is attached once. A policy that there is not is `not-found`, as a user is. */
  attachUserPolicy(user: string, policyArn: string): Promise<void>;
  detachUserPolicy(user: string, policyArn: string): Promise<void>;

  /** Names of the groups that the user is in. */
  listGroupsOf(user: string): Promise<readonly string[]>;
  removeFromGroup(user: string, group: string): Promise<void>;
  /** Takes the console password away. */
  deleteLoginProfile(user: string): Promise<void>;

  listAccessKeys(user: string): Promise<readonly AccessKey[]>;
  /** Makes another key every time it is called; its secret is told only here. */
  createAccessKey(user: string): Promise<{ readonly id: string; readonly secret: Secret }>;
  setAccessKeyStatus(user: string, keyId: string, active: boolean): Promise<void>;
  deleteAccessKey(user: string, keyId: string): Promise<void>;

  /** Policies are asked for by ARN: of another path, the same name is another ARN, and taken nevertheless. */
  getPolicy(arn: string): Promise<IamPolicy | undefined>;
  getPolicyVersion(arn: string, version: string): Promise<PolicyDocument | undefined>;
  createPolicy(policy: NewPolicy): Promise<IamPolicy>;
  listPolicyVersions(arn: string): Promise<readonly ListedPolicyVersion[]>;
  /** Adds a version and puts it in force. `too-large` where there are five already. */
  createPolicyVersion(arn: string, document: PolicyDocument): Promise<void>;
  /** `conflict` for the version in force. */
  deletePolicyVersion(arn: string, version: string): Promise<void>;
  /** Adds these tags, or gives them new values; others stay. */
  tagPolicy(arn: string, tags: Tags): Promise<void>;
  /** `conflict` while it is attached to anybody, or has another version than the one in force. */
  deletePolicy(arn: string): Promise<void>;
}
