import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteLoginProfileCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  type IAMClient,
  ListAccessKeysCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListPolicyVersionsCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListUserPoliciesCommand,
  type Policy,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  RemoveUserFromGroupCommand,
  type Role,
  type Tag,
  TagPolicyCommand,
  TagRoleCommand,
  TagUserCommand,
  UpdateAccessKeyCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
  type User,
} from '@aws-sdk/client-iam';
import { Failure, type FailureCode, isFailure } from '../access/failure.ts';
import { canonicalJson } from '../access/json.ts';
import { Secret } from '../access/secret-text.ts';
import type { Iam, IamPolicy, IamRole, IamUser, PolicyDocument, Tags } from '../ports/iam.ts';

/** IAM's error codes and what they mean to Gatehouse. */
const CODES: ReadonlyMap<string, FailureCode> = new Map([
  ['EntityAlreadyExists', 'already-exists'],
  ['NoSuchEntity', 'not-found'],
  ['MalformedPolicyDocument', 'invalid'],
  ['ValidationError', 'invalid'],
  ['InvalidInput', 'invalid'],
  ['PolicyNotAttachable', 'invalid'],
  ['InvalidAction', 'unsupported'],
  ['LimitExceeded', 'too-large'],
  ['DeleteConflict', 'conflict'],
  ['ConcurrentModification', 'conflict'],
  ['EntityTemporarilyUnmodifiable', 'conflict'],
  ['AccessDenied', 'forbidden'],
  ['UnmodifiableEntity', 'forbidden'],
  ['InvalidClientTokenId', 'unauthorized'],
  ['UnrecognizedClient', 'unauthorized'],
  ['SignatureDoesNotMatch', 'unauthorized'],
  ['ExpiredToken', 'unauthorized'],
  ['Throttling', 'throttled'],
  ['ThrottledException', 'throttled'],
  ['TooManyRequests', 'throttled'],
  ['RequestLimitExceeded', 'throttled'],
]);

/** A permissions boundary that there is not. IAM calls it NoSuchEntity, as if the principal were not there. */
const NO_BOUNDARY = /^Scope ARN: /;

/**
 * The code for an error of IAM: by its name (with or without `Exception` at the end), else by the HTTP status. Where there
 * is neither there was no answer: `unreachable`. A permissions boundary that there is not is `invalid`.
 */
export function iamFailureCode(name: string, status: number | undefined, message = ''): FailureCode {
  if (NO_BOUNDARY.test(message)) return 'invalid';
  const known = CODES.get(name) ?? CODES.get(name.replace(/Exception$/, ''));
  if (known) return known;
  if (status === undefined || status >= 500) return 'unreachable';
  if (status === 429) return 'throttled';
  return status === 403 ? 'forbidden' : 'invalid';
}

/** What to do about it, where it is not plain. */
const REMEDIES: Partial<Record<FailureCode, string>> = {
  forbidden: "compare the role that Gatehouse works with in this account with the template's policies and boundary",
  'too-large': 'see the quota in the message; shorten the document, or have the quota raised',
};

const NO_BOUNDARY_REMEDY =
  'make this managed policy in the account, or name another one as its permissionsBoundary in the access policy';

function failureOf(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error;
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const code = iamFailureCode(String(name), $metadata?.httpStatusCode, message);
  const remedy = NO_BOUNDARY.test(message) ? NO_BOUNDARY_REMEDY : REMEDIES[code];
  return new Failure(code, `${doing}: ${name}: ${message}`, {
    cause: error,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** IAM writes documents URL-encoded after RFC 3986. */
function decoded(text: string | undefined): PolicyDocument {
  return JSON.parse(decodeURIComponent(text ?? '')) as PolicyDocument;
}

// One text for one document, so that nothing depends on the order in which members were put together.
const encoded = (document: PolicyDocument): string => canonicalJson(document);
const tagList = (tags: Tags): Tag[] => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
const tagRecord = (tags: readonly Tag[] | undefined): Tags =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? '']));

function shared(principal: Role | User) {
  const boundary = principal.PermissionsBoundary?.PermissionsBoundaryArn;
  return {
    arn: principal.Arn ?? '',
    path: principal.Path ?? '/',
    tags: tagRecord(principal.Tags),
    ...(boundary === undefined ? {} : { boundary }),
  };
}

function roleOf(role: Role | undefined): IamRole {
  if (!role) throw new Failure('unreachable', 'IAM answered without the role');
  return {
    name: role.RoleName ?? '',
    id: role.RoleId ?? '',
    trust: decoded(role.AssumeRolePolicyDocument),
    maxSessionSeconds: role.MaxSessionDuration ?? 3600,
    ...shared(role),
  };
}

function userOf(user: User | undefined): IamUser {
  if (!user) throw new Failure('unreachable', 'IAM answered without the user');
  return { name: user.UserName ?? '', id: user.UserId ?? '', ...shared(user) };
}

function policyOf(policy: Policy | undefined): IamPolicy {
  if (!policy) throw new Failure('unreachable', 'IAM answered without the policy');
  return {
    name: policy.PolicyName ?? '',
    id: policy.PolicyId ?? '',
    arn: policy.Arn ?? '',
    path: policy.Path ?? '/',
    tags: tagRecord(policy.Tags),
    version: policy.DefaultVersionId ?? '',
  };
}

/** Calls, and turns what goes wrong into a Failure that names what was being done. */
async function attempt<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw failureOf(error, doing);
  }
}

/** As {@link attempt}, for an answer that holds a secret: an error over it may quote it, so none is kept as the cause. */
async function attemptUnseen<T>(doing: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Failure) throw error;
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    throw new Failure(iamFailureCode(String(name), $metadata?.httpStatusCode), `${doing}: ${name}`);
  }
}

/** As {@link attempt}, with undefined for what is not there. */
async function found<T>(doing: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt(doing, call);
  } catch (error) {
    if (isFailure(error, 'not-found')) return undefined;
    throw error;
  }
}

interface ListPage<T> {
  readonly items: readonly T[] | undefined;
  readonly more: boolean | undefined;
  readonly marker: string | undefined;
}

/** All pages of a list. A page that says there is more but not where would end as a list that looks complete: refused. */
async function everyPage<T>(doing: string, page: (marker: string | undefined) => Promise<ListPage<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let marker: string | undefined; ; ) {
    const answer = await attempt(doing, () => page(marker));
    items.push(...(answer.items ?? []));
    if (!answer.more) return items;
    if (!answer.marker || answer.marker === marker) {
      throw new Failure('unreachable', `${doing}: IAM said that the list goes on, but not where`);
    }
    marker = answer.marker;
  }
}

const at = (marker: string | undefined) => (marker === undefined ? {} : { Marker: marker });

/**
 * The IAM port over AWS's own client, for the account whose credentials the client has. The client retries throttling and
 * lost connections by itself, as it is configured; what still fails comes out as a Failure.
 *
 * CreateAccessKey is not idempotent: give it a client with `maxAttempts: 1`, or expect a second key after a lost answer
 * (the kind `iam-user` deletes keys that no secret names).
 */
export function iamOver(client: IAMClient): Iam {
  const boundaryInput = (boundary: string | undefined) =>
    boundary === undefined ? {} : { PermissionsBoundary: boundary };
  const send = async (doing: string, call: () => Promise<unknown>): Promise<void> => {
    await attempt(doing, call);
  };

  return {
    getRole: (name) =>
      found(`GetRole ${name}`, async () => roleOf((await client.send(new GetRoleCommand({ RoleName: name }))).Role)),
    createRole: (role) =>
      attempt(`CreateRole ${role.name}`, async () => {
        const answer = await client.send(
          new CreateRoleCommand({
            RoleName: role.name,
            Path: role.path,
            AssumeRolePolicyDocument: encoded(role.trust),
            MaxSessionDuration: role.maxSessionSeconds,
            Tags: tagList(role.tags),
            ...boundaryInput(role.boundary),
          }),
        );
        // The answer of CreateRole leaves out what it was given; the role has it nevertheless.
        return { ...roleOf(answer.Role), tags: role.tags, ...(role.boundary ? { boundary: role.boundary } : {}) };
      }),
    createServiceLinkedRole: async (service) => {
      try {
        await attempt(`CreateServiceLinkedRole ${service}`, () =>
          client.send(new CreateServiceLinkedRoleCommand({ AWSServiceName: service })),
        );
      } catch (error) {
        // IAM says only in words that it is there.
        if (!isFailure(error, 'invalid') || !/has been taken in this account/.test(error.message)) throw error;
        throw new Failure('already-exists', error.message, { cause: error });
      }
    },
    listRoles: (pathPrefix) =>
      everyPage(`ListRoles ${pathPrefix}`, async (marker) => {
        const page = await client.send(new ListRolesCommand({ PathPrefix: pathPrefix, ...at(marker) }));
        const items = (page.Roles ?? []).map(({ RoleName = '', RoleId = '', Arn = '', CreateDate }) => ({
          name: RoleName,
          id: RoleId,
          arn: Arn,
          createdAt: CreateDate?.getTime() ?? 0,
        }));
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    updateTrust: (role, trust) =>
      send(`UpdateAssumeRolePolicy ${role}`, () =>
        client.send(new UpdateAssumeRolePolicyCommand({ RoleName: role, PolicyDocument: encoded(trust) })),
      ),
    setRoleSession: (role, maxSessionSeconds) =>
      send(`UpdateRole ${role}`, () =>
        client.send(new UpdateRoleCommand({ RoleName: role, MaxSessionDuration: maxSessionSeconds })),
      ),
    deleteRole: (name) => send(`DeleteRole ${name}`, () => client.send(new DeleteRoleCommand({ RoleName: name }))),
    tagRole: (name, tags) =>
      send(`TagRole ${name}`, () => client.send(new TagRoleCommand({ RoleName: name, Tags: tagList(tags) }))),
    setRoleBoundary: (name, boundary) =>
      send(`PutRolePermissionsBoundary ${name}`, () =>
        client.send(new PutRolePermissionsBoundaryCommand({ RoleName: name, PermissionsBoundary: boundary })),
      ),
    getRolePolicy: (role, policy) =>
      found(`GetRolePolicy ${role} ${policy}`, async () =>
        decoded((await client.send(new GetRolePolicyCommand({ RoleName: role, PolicyName: policy }))).PolicyDocument),
      ),
    putRolePolicy: (role, policy, document) =>
      send(`PutRolePolicy ${role} ${policy}`, () =>
        client.send(
          new PutRolePolicyCommand({ RoleName: role, PolicyName: policy, PolicyDocument: encoded(document) }),
        ),
      ),
    deleteRolePolicy: (role, policy) =>
      send(`DeleteRolePolicy ${role} ${policy}`, () =>
        client.send(new DeleteRolePolicyCommand({ RoleName: role, PolicyName: policy })),
      ),
    listRolePolicies: (role) =>
      everyPage(`ListRolePolicies ${role}`, async (marker) => {
        const page = await client.send(new ListRolePoliciesCommand({ RoleName: role, ...at(marker) }));
        return { items: page.PolicyNames, more: page.IsTruncated, marker: page.Marker };
      }),
    listAttachedRolePolicies: (role) =>
      everyPage(`ListAttachedRolePolicies ${role}`, async (marker) => {
        const page = await client.send(new ListAttachedRolePoliciesCommand({ RoleName: role, ...at(marker) }));
        const items = (page.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn ?? '');
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    detachRolePolicy: (role, policyArn) =>
      send(`DetachRolePolicy ${role} ${policyArn}`, () =>
        client.send(new DetachRolePolicyCommand({ RoleName: role, PolicyArn: policyArn })),
      ),

    getUser: (name) =>
      found(`GetUser ${name}`, async () => userOf((await client.send(new GetUserCommand({ UserName: name }))).User)),
    createUser: (user) =>
      attempt(`CreateUser ${user.name}`, async () => {
        const answer = await client.send(
          new CreateUserCommand({
            UserName: user.name,
            Path: user.path,
            Tags: tagList(user.tags),
            ...boundaryInput(user.boundary),
          }),
        );
        return { ...userOf(answer.User), tags: user.tags, ...(user.boundary ? { boundary: user.boundary } : {}) };
      }),
    deleteUser: (name) => send(`DeleteUser ${name}`, () => client.send(new DeleteUserCommand({ UserName: name }))),
    tagUser: (name, tags) =>
      send(`TagUser ${name}`, () => client.send(new TagUserCommand({ UserName: name, Tags: tagList(tags) }))),
    setUserBoundary: (name, boundary) =>
      send(`PutUserPermissionsBoundary ${name}`, () =>
        client.send(new PutUserPermissionsBoundaryCommand({ UserName: name, PermissionsBoundary: boundary })),
      ),
    getUserPolicy: (user, policy) =>
      found(`GetUserPolicy ${user} ${policy}`, async () =>
        decoded((await client.send(new GetUserPolicyCommand({ UserName: user, PolicyName: policy }))).PolicyDocument),
      ),
    putUserPolicy: (user, policy, document) =>
      send(`PutUserPolicy ${user} ${policy}`, () =>
        client.send(
          new PutUserPolicyCommand({ UserName: user, PolicyName: policy, PolicyDocument: encoded(document) }),
        ),
      ),
    deleteUserPolicy: (user, policy) =>
      send(`DeleteUserPolicy ${user} ${policy}`, () =>
        client.send(new DeleteUserPolicyCommand({ UserName: user, PolicyName: policy })),
      ),
    listUserPolicies: (user) =>
      everyPage(`ListUserPolicies ${user}`, async (marker) => {
        const page = await client.send(new ListUserPoliciesCommand({ UserName: user, ...at(marker) }));
        return { items: page.PolicyNames, more: page.IsTruncated, marker: page.Marker };
      }),
    listAttachedUserPolicies: (user) =>
      everyPage(`ListAttachedUserPolicies ${user}`, async (marker) => {
        const page = await client.send(new ListAttachedUserPoliciesCommand({ UserName: user, ...at(marker) }));
        const items = (page.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn ?? '');
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    attachUserPolicy: (user, policyArn) =>
      send(`AttachUserPolicy ${user} ${policyArn}`, () =>
        client.send(new AttachUserPolicyCommand({ UserName: user, PolicyArn: policyArn })),
      ),
    detachUserPolicy: (user, policyArn) =>
      send(`DetachUserPolicy ${user} ${policyArn}`, () =>
        client.send(new DetachUserPolicyCommand({ UserName: user, PolicyArn: policyArn })),
      ),
    listGroupsOf: (user) =>
      everyPage(`ListGroupsForUser ${user}`, async (marker) => {
        const page = await client.send(new ListGroupsForUserCommand({ UserName: user, ...at(marker) }));
        const items = (page.Groups ?? []).map(({ GroupName }) => GroupName ?? '');
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    removeFromGroup: (user, group) =>
      send(`RemoveUserFromGroup ${user} ${group}`, () =>
        client.send(new RemoveUserFromGroupCommand({ UserName: user, GroupName: group })),
      ),
    deleteLoginProfile: (user) =>
      send(`DeleteLoginProfile ${user}`, () => client.send(new DeleteLoginProfileCommand({ UserName: user }))),

    listAccessKeys: (user) =>
      everyPage(`ListAccessKeys ${user}`, async (marker) => {
        const page = await client.send(new ListAccessKeysCommand({ UserName: user, ...at(marker) }));
        const items = (page.AccessKeyMetadata ?? []).map((key) => ({
          id: key.AccessKeyId ?? '',
          active: key.Status === 'Active',
        }));
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    createAccessKey: (user) =>
      attemptUnseen(`CreateAccessKey ${user}`, async () => {
        const key = (await client.send(new CreateAccessKeyCommand({ UserName: user }))).AccessKey;
        if (!key?.AccessKeyId || !key.SecretAccessKey) {
          throw new Failure('unreachable', `CreateAccessKey ${user}: IAM answered without the key`);
        }
        return { id: key.AccessKeyId, secret: new Secret(key.SecretAccessKey) };
      }),
    setAccessKeyStatus: (user, keyId, active) =>
      send(`UpdateAccessKey ${user} ${keyId}`, () =>
        client.send(
          new UpdateAccessKeyCommand({
            UserName: user,
            AccessKeyId: keyId,
            Status: active ? 'Active' : 'Inactive',
          }),
        ),
      ),
    deleteAccessKey: (user, keyId) =>
      send(`DeleteAccessKey ${user} ${keyId}`, () =>
        client.send(new DeleteAccessKeyCommand({ UserName: user, AccessKeyId: keyId })),
      ),

    getPolicy: (arn) =>
      found(`GetPolicy ${arn}`, async () =>
        policyOf((await client.send(new GetPolicyCommand({ PolicyArn: arn }))).Policy),
      ),
    getPolicyVersion: (arn, version) =>
      found(`GetPolicyVersion ${arn} ${version}`, async () => {
        const answer = await client.send(new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: version }));
        return decoded(answer.PolicyVersion?.Document);
      }),
    createPolicy: (policy) =>
      attempt(`CreatePolicy ${policy.name}`, async () => {
        const answer = await client.send(
          new CreatePolicyCommand({
            PolicyName: policy.name,
            Path: policy.path,
            PolicyDocument: encoded(policy.document),
            Tags: tagList(policy.tags),
          }),
        );
        return { ...policyOf(answer.Policy), tags: policy.tags };
      }),
    listPolicyVersions: (arn) =>
      everyPage(`ListPolicyVersions ${arn}`, async (marker) => {
        const page = await client.send(new ListPolicyVersionsCommand({ PolicyArn: arn, ...at(marker) }));
        const items = (page.Versions ?? []).map(({ VersionId = '', IsDefaultVersion }) => ({
          id: VersionId,
          isDefault: IsDefaultVersion === true,
        }));
        return { items, more: page.IsTruncated, marker: page.Marker };
      }),
    createPolicyVersion: (arn, document) =>
      send(`CreatePolicyVersion ${arn}`, () =>
        client.send(
          new CreatePolicyVersionCommand({ PolicyArn: arn, PolicyDocument: encoded(document), SetAsDefault: true }),
        ),
      ),
    deletePolicyVersion: (arn, version) =>
      send(`DeletePolicyVersion ${arn} ${version}`, () =>
        client.send(new DeletePolicyVersionCommand({ PolicyArn: arn, VersionId: version })),
      ),
    tagPolicy: (arn, tags) =>
      send(`TagPolicy ${arn}`, () => client.send(new TagPolicyCommand({ PolicyArn: arn, Tags: tagList(tags) }))),
    deletePolicy: (arn) => send(`DeletePolicy ${arn}`, () => client.send(new DeletePolicyCommand({ PolicyArn: arn }))),
  };
}
