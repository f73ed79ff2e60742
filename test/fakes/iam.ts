import { Failure } from '@gatehouse/core/access/failure';
import { Secret } from '@gatehouse/core/access/secret-text';
import { iamFailureCode } from '@gatehouse/core/aws/iam';
import type { Iam, IamPolicy, IamRole, IamUser, PolicyDocument } from '@gatehouse/core/ports/iam';
import { IamError, shownTrust } from '../../sandbox/src/aws/iam/documents.ts';
import * as operations from '../../sandbox/src/aws/iam/operations.ts';
import { arnOf, type IamState, newIamState, policyArnOf, type SimPrincipal } from '../../sandbox/src/aws/iam/state.ts';

/** An Iam in memory that counts. */
export type MemoryIam = Iam & {
  /** `method name`, one for each call, in their order. */
  readonly calls: string[];
  readonly state: IamState;
};

/** The account that a fake has where the test does not say. */
export const FAKE_ACCOUNT = '111122223333';

/** IAM of one account over the simulator's state machine, without HTTP. Several may share a state. */
export function memoryIam(
  state: IamState = newIamState([FAKE_ACCOUNT], { seed: 'fake', now: () => 0 }),
  account: string = FAKE_ACCOUNT,
): MemoryIam {
  const calls: string[] = [];

  async function run<T>(method: string, name: string, operation: () => T): Promise<T> {
    calls.push(`${method} ${name}`);
    try {
      return operation();
    } catch (error) {
      if (!(error instanceof IamError)) throw error;
      const code = iamFailureCode(error.code, error.status, error.message);
      throw new Failure(code, `${method} ${name}: ${error.code}: ${error.message}`);
    }
  }

  async function find<T>(method: string, name: string, operation: () => T): Promise<T | undefined> {
    return run(method, name, () => {
      try {
        return operation();
      } catch (error) {
        if (error instanceof IamError && error.code === 'NoSuchEntity') return undefined;
        throw error;
      }
    });
  }

  const shared = (principal: SimPrincipal) => ({
    name: principal.name,
    id: principal.id,
    arn: arnOf(state, account, principal),
    path: principal.path,
    tags: Object.fromEntries(principal.tags),
    ...(principal.boundary === undefined ? {} : { boundary: principal.boundary }),
  });
  const roleOf = (name: string): IamRole => {
    const role = operations.roleOf(state, account, name);
    return { ...shared(role), trust: shownTrust(state, role.trust), maxSessionSeconds: role.maxSessionSeconds };
  };
  const userOf = (name: string): IamUser => shared(operations.userOf(state, account, name));
  const policyOf = (arn: string): IamPolicy => {
    const { name, id, path, tags, version } = operations.policyOf(state, arn);
    return { name, id, arn, path, tags: Object.fromEntries(tags), version };
  };
  const text = (document: PolicyDocument) => JSON.stringify(document);

  return {
    calls,
    state,
    getRole: (name) => find('getRole', name, () => roleOf(name)),
    createRole: (role) =>
      run('createRole', role.name, () => {
        operations.createRole(state, account, { ...role, trust: text(role.trust), tags: Object.entries(role.tags) });
        return roleOf(role.name);
      }),
    createServiceLinkedRole: (service) =>
      run('createServiceLinkedRole', service, () => {
        try {
          operations.createServiceLinkedRole(state, account, service);
        } catch (error) {
          if (error instanceof IamError && error.message.includes('has been taken')) {
            throw new Failure('already-exists', error.message);
          }
          throw error;
        }
      }),
    listRoles: (pathPrefix) =>
      run('listRoles', pathPrefix, () =>
        [...operations.accountOf(state, account).roles.values()]
          .filter(({ path }) => path.startsWith(pathPrefix))
          .map((role) => ({
            name: role.name,
            id: role.id,
            arn: arnOf(state, account, role),
            createdAt: role.createdAt,
          })),
      ),
    updateTrust: (role, trust) =>
      run('updateTrust', role, () => operations.updateTrust(state, account, role, text(trust))),
    setRoleSession: (role, seconds) =>
      run('setRoleSession', role, () => operations.updateRole(state, account, role, seconds)),
    deleteRole: (name) => run('deleteRole', name, () => operations.deleteRole(state, account, name)),
    tagRole: (name, tags) =>
      run('tagRole', name, () => operations.tag(state, account, 'role', name, Object.entries(tags))),
    setRoleBoundary: (name, boundary) =>
      run('setRoleBoundary', name, () => operations.putBoundary(state, account, 'role', name, boundary)),
    getRolePolicy: (role, policy) =>
      find('getRolePolicy', role, () => JSON.parse(operations.getPolicy(state, account, 'role', role, policy))),
    putRolePolicy: (role, policy, document) =>
      run('putRolePolicy', role, () => operations.putPolicy(state, account, 'role', role, policy, text(document))),
    deleteRolePolicy: (role, policy) =>
      run('deleteRolePolicy', role, () => operations.deletePolicy(state, account, 'role', role, policy)),
    listRolePolicies: (role) =>
      run('listRolePolicies', role, () => [...operations.roleOf(state, account, role).inline.keys()]),
    listAttachedRolePolicies: (role) =>
      run('listAttachedRolePolicies', role, () => [...operations.roleOf(state, account, role).attached]),
    detachRolePolicy: (role, arn) =>
      run('detachRolePolicy', role, () => operations.detachPolicy(state, account, 'role', role, arn)),

    getUser: (name) => find('getUser', name, () => userOf(name)),
    createUser: (user) =>
      run('createUser', user.name, () => {
        operations.createUser(state, account, { ...user, tags: Object.entries(user.tags) });
        return userOf(user.name);
      }),
    deleteUser: (name) => run('deleteUser', name, () => operations.deleteUser(state, account, name)),
    tagUser: (name, tags) =>
      run('tagUser', name, () => operations.tag(state, account, 'user', name, Object.entries(tags))),
    setUserBoundary: (name, boundary) =>
      run('setUserBoundary', name, () => operations.putBoundary(state, account, 'user', name, boundary)),
    getUserPolicy: (user, policy) =>
      find('getUserPolicy', user, () => JSON.parse(operations.getPolicy(state, account, 'user', user, policy))),
    putUserPolicy: (user, policy, document) =>
      run('putUserPolicy', user, () => operations.putPolicy(state, account, 'user', user, policy, text(document))),
    deleteUserPolicy: (user, policy) =>
      run('deleteUserPolicy', user, () => operations.deletePolicy(state, account, 'user', user, policy)),
    listUserPolicies: (user) =>
      run('listUserPolicies', user, () => [...operations.userOf(state, account, user).inline.keys()]),
    listAttachedUserPolicies: (user) =>
      run('listAttachedUserPolicies', user, () => [...operations.userOf(state, account, user).attached]),
    attachUserPolicy: (user, arn) =>
      run('attachUserPolicy', user, () => operations.attachPolicy(state, account, 'user', user, arn)),
    detachUserPolicy: (user, arn) =>
      run('detachUserPolicy', user, () => operations.detachPolicy(state, account, 'user', user, arn)),
    listGroupsOf: (user) => run('listGroupsOf', user, () => [...operations.userOf(state, account, user).groups]),
    removeFromGroup: (user, group) =>
      run('removeFromGroup', user, () => operations.removeFromGroup(state, account, user, group)),
    deleteLoginProfile: (user) =>
      run('deleteLoginProfile', user, () => operations.deleteLoginProfile(state, account, user)),

    listAccessKeys: (user) =>
      run('listAccessKeys', user, () =>
        [...operations.userOf(state, account, user).keys.values()].map(({ id, active }) => ({ id, active })),
      ),
    createAccessKey: (user) =>
      run('createAccessKey', user, () => {
        const { id, secret } = operations.createAccessKey(state, account, user);
        return { id, secret: new Secret(secret) };
      }),
    setAccessKeyStatus: (user, keyId, active) =>
      run('setAccessKeyStatus', user, () => operations.updateAccessKey(state, account, user, keyId, active)),
    deleteAccessKey: (user, keyId) =>
      run('deleteAccessKey', user, () => operations.deleteAccessKey(state, account, user, keyId)),

    getPolicy: (arn) => find('getPolicy', arn, () => policyOf(arn)),
    getPolicyVersion: (arn, version) =>
      find('getPolicyVersion', arn, () => JSON.parse(operations.policyVersion(state, arn, version))),
    createPolicy: (policy) =>
      run('createPolicy', policy.name, () => {
        const document = text(policy.document);
        const made = operations.createPolicy(state, account, {
          ...policy,
          document,
          tags: Object.entries(policy.tags),
        });
        return policyOf(policyArnOf(state, account, made));
      }),
    listPolicyVersions: (arn) =>
      run('listPolicyVersions', arn, () => {
        const policy = operations.policyOf(state, arn);
        return [...policy.versions.keys()].reverse().map((id) => ({ id, isDefault: id === policy.version }));
      }),
    createPolicyVersion: (arn, document) =>
      run('createPolicyVersion', arn, () => {
        operations.createPolicyVersion(state, arn, text(document), true);
      }),
    deletePolicyVersion: (arn, version) =>
      run('deletePolicyVersion', arn, () => operations.deletePolicyVersion(state, arn, version)),
    tagPolicy: (arn, tags) => run('tagPolicy', arn, () => operations.tagPolicy(state, arn, Object.entries(tags))),
    deletePolicy: (arn) => run('deletePolicy', arn, () => operations.deleteManagedPolicy(state, account, arn)),
  };
}
