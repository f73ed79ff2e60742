import { digest } from '@gatehouse/core/access/digest';
import { IamError, readIdentityPolicy, readTrust } from './documents.ts';
import {
  type IamState,
  issueId,
  issueSecret,
  policyArnOf,
  policyByArn,
  type SimAccount,
  type SimKey,
  type SimOidcProvider,
  type SimPolicy,
  type SimPrincipal,
  type SimRole,
  type SimUser,
} from './state.ts';

/** The two kinds of principal. */
export type PrincipalKind = 'role' | 'user';

const NAME = /^[\w+=,.@-]+$/;
const NAME_LIMIT = { role: 64, user: 64 } as const;
const PATH = /^(\/|\/[\x21-\x7e]+\/)$/;
const POLICY_ARN = /^arn:aws[a-z-]*:iam::(aws|\d{12}):policy\/[\x21-\x7e]+$/;
/** Characters of all inline policies of one principal together, white space not counted. */
const INLINE_LIMIT = { role: 10_240, user: 2_048 } as const;
const TAG_LIMIT = 50;
const KEY_LIMIT = 2;
const ATTACHED_LIMIT = 10;
const CLIENT_IDS_LIMIT = 100;
const VERSION_LIMIT = 5;
/** Characters of a managed policy, white space not counted. */
const POLICY_LIMIT = 6144;

const validation = (message: string) => new IamError('ValidationError', 400, message);
const noSuchEntity = (message: string) => new IamError('NoSuchEntity', 404, message);
const alreadyExists = (message: string) => new IamError('EntityAlreadyExists', 409, message);
const limitExceeded = (message: string) => new IamError('LimitExceeded', 409, message);
const deleteConflict = (message: string) => new IamError('DeleteConflict', 409, message);

/** An account of the state. @throws IamError where the state does not hold it. */
export function accountOf(state: IamState, account: string): SimAccount {
  const found = state.accounts.get(account);
  if (!found) throw new IamError('InvalidClientTokenId', 403, `The account ${account} is not one of the simulator's.`);
  return found;
}

/** @throws IamError NoSuchEntity. */
export function roleOf(state: IamState, account: string, name: string): SimRole {
  const role = accountOf(state, account).roles.get(name.toLowerCase());
  if (role?.name !== name) throw noSuchEntity(`The role with name ${name} cannot be found.`);
  return role;
}

/** @throws IamError NoSuchEntity. */
export function userOf(state: IamState, account: string, name: string): SimUser {
  const user = accountOf(state, account).users.get(name.toLowerCase());
  if (user?.name !== name) throw noSuchEntity(`The user with name ${name} cannot be found.`);
  return user;
}

/** A role or a user. @throws IamError NoSuchEntity. */
export function principalOf(state: IamState, account: string, kind: PrincipalKind, name: string): SimRole | SimUser {
  return kind === 'role' ? roleOf(state, account, name) : userOf(state, account, name);
}

function checkName(kind: PrincipalKind, name: string): void {
  if (!NAME.test(name) || name.length > NAME_LIMIT[kind]) {
    throw validation(
      `The specified value for ${kind}Name is invalid. It must contain only alphanumeric characters and/or the ` +
        `following: +=,.@_- and have length less than or equal to ${NAME_LIMIT[kind]}`,
    );
  }
}

function checkPath(path: string): void {
  if (!PATH.test(path) || path.length > 512) {
    throw validation('The specified value for path is invalid. It must begin and end with /.');
  }
}

function checkPolicyArn(arn: string): void {
  if (!POLICY_ARN.test(arn)) throw new IamError('InvalidInput', 400, `ARN ${arn} is not valid.`);
}

/** The managed policies of AWS's own are taken on trust. */
function isThere(state: IamState, arn: string): boolean {
  return arn.includes(':iam::aws:') || state.managedPolicies.has(arn) || policyByArn(state, arn) !== undefined;
}

function checkBoundary(state: IamState, arn: string): void {
  checkPolicyArn(arn);
  if (isThere(state, arn)) return;
  throw noSuchEntity(`Scope ARN: ${arn} does not exist or is not attachable.`);
}

function putTags(tags: Map<string, string>, added: Iterable<readonly [string, string]>): void {
  const next = new Map(tags);
  for (const [key, value] of added) {
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(key) || key.toLowerCase().startsWith('aws:')) {
      throw new IamError('InvalidInput', 400, `The tag key ${key} is not valid.`);
    }
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value)) {
      throw new IamError('InvalidInput', 400, `The value of the tag ${key} is not valid.`);
    }
    next.set(key, value);
  }
  if (next.size > TAG_LIMIT) throw limitExceeded(`Cannot exceed quota for TagsPerPrincipal: ${TAG_LIMIT}`);
  for (const [key, value] of next) tags.set(key, value);
}

/** What CreateRole and CreateUser are given alike. */
export interface NewPrincipal {
  readonly name: string;
  readonly path?: string;
  readonly boundary?: string;
  readonly tags?: readonly (readonly [string, string])[];
}

function newPrincipal(state: IamState, idPrefix: string, kind: PrincipalKind, input: NewPrincipal) {
  checkName(kind, input.name);
  const path = input.path ?? '/';
  checkPath(path);
  if (input.boundary !== undefined) checkBoundary(state, input.boundary);
  const tags = new Map<string, string>();
  putTags(tags, input.tags ?? []);
  return {
    name: input.name,
    path,
    id: issueId(state, idPrefix, 17),
    createdAt: state.now(),
    ...(input.boundary === undefined ? {} : { boundary: input.boundary }),
    tags,
    inline: new Map<string, string>(),
    attached: new Set<string>(),
  } satisfies Omit<SimPrincipal, 'kind'>;
}

/** CreateRole. `trust` is the document's text. */
export function createRole(
  state: IamState,
  account: string,
  input: NewPrincipal & { readonly trust: string; readonly maxSessionSeconds?: number },
): SimRole {
  const { roles } = accountOf(state, account);
  const maxSessionSeconds = checkedSession(input.maxSessionSeconds ?? 3600);
  const trust = readTrust(state, input.trust);
  if (roles.has(input.name.toLowerCase())) throw alreadyExists(`Role with name ${input.name} already exists.`);
  const role: SimRole = { kind: 'role', ...newPrincipal(state, 'AROA', 'role', input), trust, maxSessionSeconds };
  roles.set(role.name.toLowerCase(), role);
  return role;
}

/** The services whose linked role is played, with what AWS calls it. */
const LINKED_ROLES: ReadonlyMap<string, string> = new Map([
  ['eks-connector.amazonaws.com', 'AWSServiceRoleForAmazonEKSConnector'],
]);

/** The path under which the role linked to a service is. */
export const linkedRolePath = (service: string): string => `/aws-service-role/${service}/`;

/** What AWS calls the role linked to a service. @throws IamError InvalidInput where the service has none that is played. */
export function linkedRoleName(service: string): string {
  const name = LINKED_ROLES.get(service);
  if (name === undefined) throw new IamError('InvalidInput', 400, `The service ${service} has no linked role here.`);
  return name;
}

/** CreateServiceLinkedRole. */
export function createServiceLinkedRole(state: IamState, account: string, service: string): SimRole {
  const name = linkedRoleName(service);
  if (accountOf(state, account).roles.has(name.toLowerCase())) {
    const message = `Service role name ${name} has been taken in this account, please try a different suffix.`;
    throw new IamError('InvalidInput', 400, message);
  }
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  });
  return createRole(state, account, { name, path: linkedRolePath(service), trust });
}

function checkedSession(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 3600 || seconds > 43_200) {
    throw validation(`The MaxSessionDuration ${seconds} is not between 3600 and 43200.`);
  }
  return seconds;
}

/** UpdateAssumeRolePolicy. */
export function updateTrust(state: IamState, account: string, name: string, trust: string): void {
  const role = roleOf(state, account, name);
  role.trust = readTrust(state, trust);
}

/** UpdateRole: the longest session. */
export function updateRole(state: IamState, account: string, name: string, maxSessionSeconds: number): void {
  roleOf(state, account, name).maxSessionSeconds = checkedSession(maxSessionSeconds);
}

function checkBare(principal: SimPrincipal): void {
  if (principal.inline.size > 0) throw deleteConflict('Cannot delete entity, must delete policies first.');
  if (principal.attached.size > 0) throw deleteConflict('Cannot delete entity, must detach all policies first.');
}

/** DeleteRole. */
export function deleteRole(state: IamState, account: string, name: string): void {
  checkBare(roleOf(state, account, name));
  accountOf(state, account).roles.delete(name.toLowerCase());
}

/** CreateUser. */
export function createUser(state: IamState, account: string, input: NewPrincipal): SimUser {
  const { users } = accountOf(state, account);
  if (users.has(input.name.toLowerCase())) throw alreadyExists(`User with name ${input.name} already exists.`);
  const user: SimUser = {
    kind: 'user',
    ...newPrincipal(state, 'AIDA', 'user', input),
    keys: new Map(),
    groups: new Set(),
    loginProfile: false,
  };
  users.set(user.name.toLowerCase(), user);
  return user;
}

/** DeleteUser. */
export function deleteUser(state: IamState, account: string, name: string): void {
  const user = userOf(state, account, name);
  if (user.keys.size > 0) throw deleteConflict('Cannot delete entity, must delete access keys first.');
  if (user.loginProfile) throw deleteConflict('Cannot delete entity, must delete login profile first.');
  if (user.groups.size > 0) throw deleteConflict('Cannot delete entity, must remove users from group first.');
  checkBare(user);
  accountOf(state, account).users.delete(name.toLowerCase());
}

/** PutRolePolicy, PutUserPolicy. `text` is the document as written. */
export function putPolicy(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  policy: string,
  text: string,
): void {
  const principal = principalOf(state, account, kind, name);
  if (!NAME.test(policy) || policy.length > 128) {
    throw validation('The specified value for policyName is invalid.');
  }
  readIdentityPolicy(text);
  const others = [...principal.inline].filter(([other]) => other !== policy).map(([, document]) => document);
  const size = [...others, text].reduce((sum, document) => sum + JSON.stringify(JSON.parse(document)).length, 0);
  if (size > INLINE_LIMIT[kind]) {
    throw limitExceeded(`Maximum policy size of ${INLINE_LIMIT[kind]} bytes exceeded for ${kind} ${name}`);
  }
  principal.inline.set(policy, text);
}

/** GetRolePolicy, GetUserPolicy: the text as it was put. */
export function getPolicy(state: IamState, account: string, kind: PrincipalKind, name: string, policy: string): string {
  const text = principalOf(state, account, kind, name).inline.get(policy);
  if (text === undefined) throw noSuchEntity(`The ${kind} policy with name ${policy} cannot be found.`);
  return text;
}

/** DeleteRolePolicy, DeleteUserPolicy. */
export function deletePolicy(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  policy: string,
): void {
  getPolicy(state, account, kind, name, policy);
  principalOf(state, account, kind, name).inline.delete(policy);
}

/** AttachRolePolicy, AttachUserPolicy. */
export function attachPolicy(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  policyArn: string,
): void {
  checkPolicyArn(policyArn);
  const { attached } = principalOf(state, account, kind, name);
  if (!isThere(state, policyArn)) throw noSuchEntity(`Policy ${policyArn} does not exist or is not attachable.`);
  if (!attached.has(policyArn) && attached.size >= ATTACHED_LIMIT) {
    throw limitExceeded(`Cannot exceed quota for PoliciesPer${kind === 'role' ? 'Role' : 'User'}: ${ATTACHED_LIMIT}`);
  }
  attached.add(policyArn);
}

/** DetachRolePolicy, DetachUserPolicy. */
export function detachPolicy(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  policyArn: string,
): void {
  if (!principalOf(state, account, kind, name).attached.delete(policyArn)) {
    throw noSuchEntity(`Policy ${policyArn} was not found.`);
  }
}

/** @throws IamError NoSuchEntity. */
export function policyOf(state: IamState, arn: string): SimPolicy {
  checkPolicyArn(arn);
  const policy = policyByArn(state, arn);
  if (!policy) throw noSuchEntity(`Policy ${arn} was not found.`);
  return policy;
}

/** A policy to be read: one that somebody made, or one of the template's, which nothing here changes. @throws IamError NoSuchEntity. */
export function readablePolicy(state: IamState, arn: string): SimPolicy {
  const document = policyByArn(state, arn) ? undefined : state.managedPolicies.get(arn);
  const [, path = '/', name = ''] = /:policy(\/(?:.*\/)?)([^/]+)$/.exec(arn) ?? [];
  if (document === undefined || name === '') return policyOf(state, arn);
  const id = `ANPA${digest(arn).slice(0, 17).toUpperCase()}`;
  const versions = new Map([['v1', JSON.stringify(document)]]);
  return { name, id, path, createdAt: 0, tags: new Map(), versions, version: 'v1', made: 1 };
}

/** All policies of an account that {@link readablePolicy} finds. */
export function readablePolicies(state: IamState, account: string): readonly SimPolicy[] {
  const made = [...accountOf(state, account).policies.values()];
  const known = new Set(made.map((policy) => policyArnOf(state, account, policy)));
  const templates = [...state.managedPolicies.keys()].filter((arn) => arn.split(':')[4] === account && !known.has(arn));
  return [...made, ...templates.map((arn) => readablePolicy(state, arn))];
}

/** CreatePolicy. `document` is the text. A name is unique whatever its path or case. */
export function createPolicy(
  state: IamState,
  account: string,
  input: {
    readonly name: string;
    readonly path?: string;
    readonly document: string;
    readonly tags?: readonly (readonly [string, string])[];
  },
): SimPolicy {
  const { policies } = accountOf(state, account);
  const { name, path = '/', document } = input;
  if (!NAME.test(name) || name.length > 128) throw validation('The specified value for policyName is invalid.');
  checkPath(path);
  checkManagedPolicy(document);
  if (policies.has(name.toLowerCase())) {
    throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
  }
  const tags = new Map<string, string>();
  putTags(tags, input.tags ?? []);
  const policy: SimPolicy = {
    name,
    path,
    id: issueId(state, 'ANPA', 17),
    createdAt: state.now(),
    tags,
    versions: new Map([['v1', document]]),
    version: 'v1',
    made: 1,
  };
  policies.set(name.toLowerCase(), policy);
  return policy;
}

function checkManagedPolicy(text: string): void {
  readIdentityPolicy(text);
  const size = JSON.stringify(JSON.parse(text)).length;
  if (size > POLICY_LIMIT) throw limitExceeded(`Cannot exceed quota for PolicySize: ${POLICY_LIMIT}`);
}

/** GetPolicyVersion: the text as it was written. */
export function policyVersion(state: IamState, arn: string, version: string): string {
  const text = readablePolicy(state, arn).versions.get(version);
  if (text === undefined) throw noSuchEntity(`Policy ${arn} version ${version} does not exist or is not attachable.`);
  return text;
}

/** CreatePolicyVersion. */
export function createPolicyVersion(state: IamState, arn: string, text: string, setAsDefault: boolean): string {
  const policy = policyOf(state, arn);
  checkManagedPolicy(text);
  if (policy.versions.size >= VERSION_LIMIT) {
    throw limitExceeded(
      `A managed policy can have up to ${VERSION_LIMIT} versions. Before you create a new version, you must delete an existing version.`,
    );
  }
  policy.made += 1;
  const version = `v${policy.made}`;
  policy.versions.set(version, text);
  if (setAsDefault) policy.version = version;
  return version;
}

/** DeletePolicyVersion. */
export function deletePolicyVersion(state: IamState, arn: string, version: string): void {
  policyVersion(state, arn, version);
  const policy = policyOf(state, arn);
  if (policy.version === version) throw deleteConflict('Cannot delete the default version of a policy.');
  policy.versions.delete(version);
}

/** TagPolicy. */
export function tagPolicy(state: IamState, arn: string, tags: readonly (readonly [string, string])[]): void {
  putTags(policyOf(state, arn).tags, tags);
}

/** How many principals have a managed policy, as a policy or as a boundary. */
export function attachments(state: IamState, account: string, arn: string): { attached: number; bounding: number } {
  const { roles, users } = accountOf(state, account);
  const principals = [...roles.values(), ...users.values()];
  return {
    attached: principals.filter(({ attached }) => attached.has(arn)).length,
    bounding: principals.filter(({ boundary }) => boundary === arn).length,
  };
}

/** DeletePolicy. */
export function deleteManagedPolicy(state: IamState, account: string, arn: string): void {
  const policy = policyOf(state, arn);
  const { attached, bounding } = attachments(state, account, arn);
  if (attached + bounding > 0) throw deleteConflict('Cannot delete a policy attached to entities.');
  if (policy.versions.size > 1) {
    throw deleteConflict(
      'This policy has more than one version. Before you delete a policy, you must delete the others.',
    );
  }
  accountOf(state, account).policies.delete(policy.name.toLowerCase());
}

/** CreateOpenIDConnectProvider. Answers its ARN. */
export function createOidcProvider(
  state: IamState,
  account: string,
  { url, clientIds }: { readonly url: string; readonly clientIds: readonly string[] },
): string {
  const provider = /^https:\/\/([^?#]+?)\/?$/.exec(url)?.[1];
  if (provider === undefined || url.length > 255) throw new IamError('InvalidInput', 400, `${url} is not valid.`);
  if (clientIds.length > CLIENT_IDS_LIMIT) {
    throw limitExceeded(`Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${CLIENT_IDS_LIMIT}`);
  }
  const { oidcProviders } = accountOf(state, account);
  const arn = `arn:${state.partition}:iam::${account}:oidc-provider/${provider}`;
  if (oidcProviders.has(arn)) throw alreadyExists(`Provider with url ${url} already exists.`);
  oidcProviders.set(arn, { provider, clientIds: new Set(clientIds), createdAt: state.now() });
  return arn;
}

/** GetOpenIDConnectProvider. @throws IamError NoSuchEntity. */
export function oidcProviderOf(state: IamState, account: string, arn: string): SimOidcProvider {
  const provider = accountOf(state, account).oidcProviders.get(arn);
  if (!provider) throw noSuchEntity(`OpenIDConnect Provider not found for arn ${arn}`);
  return provider;
}

/** DeleteOpenIDConnectProvider: no such provider is no error. */
export function deleteOidcProvider(state: IamState, account: string, arn: string): void {
  accountOf(state, account).oidcProviders.delete(arn);
}

/** TagRole, TagUser. */
export function tag(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  tags: readonly (readonly [string, string])[],
): void {
  putTags(principalOf(state, account, kind, name).tags, tags);
}

/** UntagRole, UntagUser. Keys that are not there are no error. */
export function untag(
  state: IamState,
  account: string,
  kind: PrincipalKind,
  name: string,
  keys: readonly string[],
): void {
  const { tags } = principalOf(state, account, kind, name);
  for (const key of keys) tags.delete(key);
}

/** PutRolePermissionsBoundary, PutUserPermissionsBoundary. */
export function putBoundary(state: IamState, account: string, kind: PrincipalKind, name: string, arn: string): void {
  const principal = principalOf(state, account, kind, name);
  checkBoundary(state, arn);
  principal.boundary = arn;
}

/** DeleteRolePermissionsBoundary, DeleteUserPermissionsBoundary. */
export function deleteBoundary(state: IamState, account: string, kind: PrincipalKind, name: string): void {
  const principal = principalOf(state, account, kind, name);
  if (principal.boundary === undefined) throw noSuchEntity(`The ${kind} ${name} has no permissions boundary.`);
  delete principal.boundary;
}

/** CreateAccessKey: a new key at every call. */
export function createAccessKey(state: IamState, account: string, name: string): SimKey {
  const user = userOf(state, account, name);
  if (user.keys.size >= KEY_LIMIT) throw limitExceeded(`Cannot exceed quota for AccessKeysPerUser: ${KEY_LIMIT}`);
  const key: SimKey = {
    id: issueId(state, 'AKIA', 16),
    secret: issueSecret(state),
    createdAt: state.now(),
    active: true,
  };
  user.keys.set(key.id, key);
  return key;
}

function keyOf(state: IamState, account: string, name: string, keyId: string): SimKey {
  const key = userOf(state, account, name).keys.get(keyId);
  if (!key) throw noSuchEntity(`The Access Key with id ${keyId} cannot be found.`);
  return key;
}

/** UpdateAccessKey. */
export function updateAccessKey(state: IamState, account: string, name: string, keyId: string, active: boolean): void {
  keyOf(state, account, name, keyId).active = active;
}

/** DeleteAccessKey. */
export function deleteAccessKey(state: IamState, account: string, name: string, keyId: string): void {
  keyOf(state, account, name, keyId);
  userOf(state, account, name).keys.delete(keyId);
}

/** CreateGroup. A group is only a name here. */
export function createGroup(state: IamState, account: string, group: string): void {
  const { groups } = accountOf(state, account);
  if (groups.has(group)) throw alreadyExists(`Group with name ${group} already exists.`);
  groups.add(group);
}

/** AddUserToGroup. */
export function addToGroup(state: IamState, account: string, name: string, group: string): void {
  const user = userOf(state, account, name);
  if (!accountOf(state, account).groups.has(group)) {
    throw noSuchEntity(`The group with name ${group} cannot be found.`);
  }
  user.groups.add(group);
}

/** RemoveUserFromGroup. */
export function removeFromGroup(state: IamState, account: string, name: string, group: string): void {
  if (!userOf(state, account, name).groups.delete(group)) {
    throw noSuchEntity(`The user with name ${name} is not in the group ${group}.`);
  }
}

/** CreateLoginProfile. The password is not kept. */
export function createLoginProfile(state: IamState, account: string, name: string): void {
  const user = userOf(state, account, name);
  if (user.loginProfile) throw alreadyExists(`Login Profile for user ${name} already exists.`);
  user.loginProfile = true;
}

/** DeleteLoginProfile. */
export function deleteLoginProfile(state: IamState, account: string, name: string): void {
  const user = userOf(state, account, name);
  if (!user.loginProfile) throw noSuchEntity(`Login Profile for User ${name} cannot be found.`);
  user.loginProfile = false;
}
