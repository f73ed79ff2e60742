import type { AccessRule } from '@gatehouse/core/access/policy';
import {
  allows,
  covers,
  mayThey,
  type Question,
  type RbacObjects,
  rulesOf,
  takenApart,
} from '@gatehouse/core/effective-access/rbac';
import type { BindingSubject, KubernetesObject } from '@gatehouse/core/ports/kubernetes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const RBAC = 'rbac.authorization.k8s.io';
const user = (name: string): BindingSubject => ({ kind: 'User', name, apiGroup: RBAC });

function role(name: string, rules: readonly AccessRule[] | null, namespace?: string): KubernetesObject {
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { apiVersion: `${RBAC}/v1`, kind: namespace === undefined ? 'ClusterRole' : 'Role', metadata, rules };
}

function binding(
  ref: 'Role' | 'ClusterRole',
  roleName: string,
  subjects: readonly BindingSubject[],
  namespace?: string,
): KubernetesObject {
  const metadata = namespace === undefined ? { name: 'b' } : { name: 'b', namespace };
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  return { apiVersion: `${RBAC}/v1`, kind, metadata, subjects, roleRef: { apiGroup: RBAC, kind: ref, name: roleName } };
}

function rbac(...objects: KubernetesObject[]): RbacObjects {
  const of = (kind: string) => objects.filter((object) => object.kind === kind);
  return {
    roles: of('Role'),
    clusterRoles: of('ClusterRole'),
    roleBindings: of('RoleBinding'),
    clusterRoleBindings: of('ClusterRoleBinding'),
  };
}

const PODS: AccessRule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };
const ana = { username: 'gatehouse:pay:ana', groups: ['system:authenticated'] };
const getPod = { verb: 'get', group: '', resource: 'pods', namespace: 'pay', name: 'p' };

describe('a rule', () => {
  it.each<[string, AccessRule, Question, boolean]>([
    ['allows its verb, group and resource', PODS, getPod, true],
    ['denies another verb', PODS, { ...getPod, verb: 'delete' }, false],
    ['denies another group', PODS, { ...getPod, group: 'apps' }, false],
    ['denies another resource', PODS, { ...getPod, resource: 'secrets' }, false],
    ['denies a subresource that is not named', PODS, { ...getPod, subresource: 'log' }, false],
    [
      'allows a subresource that is named',
      { ...PODS, resources: ['pods/log'] },
      { ...getPod, subresource: 'log' },
      true,
    ],
    ['with a subresource denies the resource', { ...PODS, resources: ['pods/log'] }, getPod, false],
    [
      'allows */scale on every resource',
      { ...PODS, resources: ['*/scale'] },
      { ...getPod, subresource: 'scale' },
      true,
    ],
    ['with */scale denies the resource', { ...PODS, resources: ['*/scale'] }, getPod, false],
    ['with * for verbs', { ...PODS, verbs: ['*'] }, { ...getPod, verb: 'use' }, true],
    ['with * for groups', { ...PODS, apiGroups: ['*'] }, { ...getPod, group: 'x' }, true],
    [
      'with * for resources, subresources included',
      { ...PODS, resources: ['*'] },
      { ...getPod, subresource: 'exec' },
      true,
    ],
    ['knows no other wildcards', { ...PODS, resources: ['po*'], verbs: ['g*'] }, getPod, false],
    ['is for its names only', { ...PODS, resourceNames: ['p'] }, getPod, true],
    ['denies another name', { ...PODS, resourceNames: ['q'] }, getPod, false],
    [
      'with names denies a request without name, such as list',
      { ...PODS, resourceNames: ['p'] },
      { verb: 'list', group: '', resource: 'pods' },
      false,
    ],
    ['with an empty list of names is for all', { ...PODS, resourceNames: [] }, getPod, true],
    ['without groups or resources allows no resource', { verbs: ['*'] }, getPod, false],
    ['allows its path', { nonResourceURLs: ['/healthz'], verbs: ['get'] }, { verb: 'get', path: '/healthz' }, true],
    [
      'denies a longer path',
      { nonResourceURLs: ['/healthz'], verbs: ['get'] },
      { verb: 'get', path: '/healthz/x' },
      false,
    ],
    [
      'allows what begins like its path',
      { nonResourceURLs: ['/healthz/*'], verbs: ['get'] },
      { verb: 'get', path: '/healthz/x' },
      true,
    ],
    ['with * allows every path', { nonResourceURLs: ['*'], verbs: ['get'] }, { verb: 'get', path: '/x' }, true],
    [
      'with all resources allows no path',
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { verb: 'get', path: '/x' },
      false,
    ],
  ])('%s', (_what, rule, question, expected) => {
    expect(allows(rule, question)).toBe(expected);
  });
});

describe('bindings', () => {
  it('a ClusterRoleBinding allows everywhere, and is named', () => {
    const objects = rbac(role('r', [PODS]), binding('ClusterRole', 'r', [user(ana.username)]));
    expect(mayThey(objects, ana, getPod)).toEqual({
      allowed: true,
      by: { binding: 'ClusterRoleBinding b', role: 'ClusterRole r' },
    });
    expect(mayThey(objects, ana, { verb: 'get', group: '', resource: 'pods' }).allowed).toBe(true);
  });

  it('a RoleBinding to a ClusterRole allows in its namespace only', () => {
    const objects = rbac(role('r', [PODS]), binding('ClusterRole', 'r', [user(ana.username)], 'pay'));
    expect(mayThey(objects, ana, getPod)).toEqual({
      allowed: true,
      by: { binding: 'RoleBinding pay/b', role: 'ClusterRole r' },
    });
    expect(mayThey(objects, ana, { ...getPod, namespace: 'other' })).toEqual({ allowed: false });
    expect(mayThey(objects, ana, { verb: 'list', group: '', resource: 'pods' })).toEqual({ allowed: false });
  });

  it('a RoleBinding to a Role takes the Role of its own namespace', () => {
    const objects = rbac(role('r', [PODS], 'other'), binding('Role', 'r', [user(ana.username)], 'pay'));
    expect(mayThey(objects, ana, getPod).allowed).toBe(false);
    expect(mayThey(rbac(...Object.values(objects).flat(), role('r', [PODS], 'pay')), ana, getPod)).toMatchObject({
      by: { role: 'Role pay/r' },
    });
  });

  it('a ClusterRoleBinding cannot take a Role, and paths are for ClusterRoleBindings', () => {
    expect(
      mayThey(rbac(role('r', [PODS], 'pay'), binding('Role', 'r', [user(ana.username)])), ana, getPod).allowed,
    ).toBe(false);
    const paths = role('r', [{ nonResourceURLs: ['*'], verbs: ['*'] }]);
    const path = { verb: 'get', path: '/metrics' };
    expect(mayThey(rbac(paths, binding('ClusterRole', 'r', [user(ana.username)], 'pay')), ana, path).allowed).toBe(
      false,
    );
    expect(mayThey(rbac(paths, binding('ClusterRole', 'r', [user(ana.username)])), ana, path).allowed).toBe(true);
  });

  it('a binding to a role that is absent, or has no rules, allows nothing', () => {
    expect(mayThey(rbac(binding('ClusterRole', 'gone', [user(ana.username)])), ana, getPod).allowed).toBe(false);
    expect(mayThey(rbac(role('r', null), binding('ClusterRole', 'r', [user(ana.username)])), ana, getPod).allowed).toBe(
      false,
    );
  });

  it.each<[string, BindingSubject, { username: string; groups: string[] }, boolean]>([
    ['a user by name', user('a'), { username: 'a', groups: [] }, true],
    ['a user exactly, with case', user('a'), { username: 'A', groups: [] }, false],
    ['a user not by prefix', user('gatehouse:pay:an'), { username: 'gatehouse:pay:ana', groups: [] }, false],
    ['a group', { kind: 'Group', name: 'g' }, { username: 'a', groups: ['g'] }, true],
    ['a user called like the group', { kind: 'Group', name: 'g' }, { username: 'g', groups: [] }, false],
    [
      'a service account',
      { kind: 'ServiceAccount', name: 's', namespace: 'x' },
      { username: 'system:serviceaccount:x:s', groups: [] },
      true,
    ],
    [
      'a service account of the binding’s namespace',
      { kind: 'ServiceAccount', name: 's' },
      { username: 'system:serviceaccount:pay:s', groups: [] },
      true,
    ],
    [
      'no service account of another namespace',
      { kind: 'ServiceAccount', name: 's' },
      { username: 'system:serviceaccount:x:s', groups: [] },
      false,
    ],
  ])('mean %s', (_what, subject, who, expected) => {
    expect(mayThey(rbac(role('r', [PODS]), binding('ClusterRole', 'r', [subject], 'pay')), who, getPod).allowed).toBe(
      expected,
    );
  });

  it('a ClusterRoleBinding means no service account without namespace', () => {
    const objects = rbac(role('r', [PODS]), binding('ClusterRole', 'r', [{ kind: 'ServiceAccount', name: 's' }]));
    expect(mayThey(objects, { username: 'system:serviceaccount::s', groups: [] }, getPod).allowed).toBe(false);
  });

  it('all rules that apply are told', () => {
    const objects = rbac(
      role('r', [PODS]),
      role('l', [{ ...PODS, verbs: ['watch'] }], 'pay'),
      binding('ClusterRole', 'r', [user('a')]),
      binding('Role', 'l', [user('a')], 'pay'),
    );
    expect(rulesOf(objects, { username: 'a', groups: [] }).map(({ verbs }) => verbs)).toEqual([['get', 'list']]);
    expect(rulesOf(objects, { username: 'a', groups: [] }, 'pay').map(({ verbs }) => verbs)).toEqual([
      ['get', 'list'],
      ['watch'],
    ]);
  });
});

describe('the escalation check', () => {
  it.each<[string, AccessRule[], AccessRule[], number]>([
    ['nothing is always covered', [], [], 0],
    ['the same', [PODS], [PODS], 0],
    ['each verb is told', [], [PODS], 2],
    [
      'two rules together',
      [
        { ...PODS, verbs: ['get'] },
        { ...PODS, verbs: ['list'] },
      ],
      [PODS],
      0,
    ],
    ['a wildcard verb covers all', [{ ...PODS, verbs: ['*'] }], [PODS], 0],
    ['all verbs do not cover the wildcard', [PODS], [{ ...PODS, verbs: ['*'] }], 1],
    ['a wildcard group', [{ ...PODS, apiGroups: ['*'] }], [PODS], 0],
    [
      'a wildcard resource covers subresources',
      [{ ...PODS, resources: ['*'] }],
      [{ ...PODS, resources: ['pods/exec'] }],
      0,
    ],
    ['*/log covers pods/log', [{ ...PODS, resources: ['*/log'] }], [{ ...PODS, resources: ['pods/log'] }], 0],
    ['*/log does not cover pods', [{ ...PODS, resources: ['*/log'] }], [PODS], 2],
    ['pods does not cover pods/log', [PODS], [{ ...PODS, resources: ['pods/log'] }], 2],
    ['no names cover a name', [PODS], [{ ...PODS, resourceNames: ['a'] }], 0],
    ['a name covers itself', [{ ...PODS, resourceNames: ['a'] }], [{ ...PODS, resourceNames: ['a'] }], 0],
    ['a name covers no other', [{ ...PODS, resourceNames: ['a'] }], [{ ...PODS, resourceNames: ['a', 'b'] }], 2],
    ['a name does not cover all', [{ ...PODS, resourceNames: ['a'] }], [PODS], 2],
    [
      'a path covers what begins like it',
      [{ nonResourceURLs: ['/a/*'], verbs: ['get'] }],
      [{ nonResourceURLs: ['/a/b', '/a/*'], verbs: ['get'] }],
      0,
    ],
    [
      'a path covers no other',
      [{ nonResourceURLs: ['/a'], verbs: ['get'] }],
      [{ nonResourceURLs: ['/b'], verbs: ['get'] }],
      1,
    ],
    [
      'resources do not cover paths',
      [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      [{ nonResourceURLs: ['/b'], verbs: ['get'] }],
      1,
    ],
    ['paths do not cover resources', [{ nonResourceURLs: ['*'], verbs: ['*'] }], [PODS], 2],
    [
      'paths and resources in one rule',
      [{ ...PODS, nonResourceURLs: ['/a'] }],
      [{ ...PODS, nonResourceURLs: ['/a'] }],
      0,
    ],
  ])('%s', (_what, owner, servant, missing) => {
    expect(covers(owner, servant).uncovered).toHaveLength(missing);
  });

  const list = (...values: string[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
  const rule = fc.record({
    apiGroups: list('', 'apps', '*'),
    resources: list('pods', 'pods/log', '*/log', '*'),
    verbs: list('get', 'list', '*'),
    resourceNames: fc.uniqueArray(fc.constantFrom('a', 'b'), { maxLength: 1 }),
  });
  const question = fc.record({
    verb: fc.constantFrom('get', 'list', 'delete'),
    group: fc.constantFrom('', 'apps', 'batch'),
    resource: fc.constantFrom('pods', 'secrets'),
    subresource: fc.constantFrom('', 'log', 'exec'),
    name: fc.constantFrom('', 'a', 'b'),
  });

  it('what is covered allows nothing that the owner may not do, and holds itself', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 3 }),
        fc.array(rule, { maxLength: 3 }),
        question,
        (owner, servant, asked) => {
          const { uncovered } = covers(owner, servant);
          const covered = servant
            .flatMap(takenApart)
            .filter((atom) => !uncovered.some((one) => JSON.stringify(one) === JSON.stringify(atom)));
          if (covered.some((atom) => allows(atom, asked))) expect(owner.some((one) => allows(one, asked))).toBe(true);
          expect(covers(servant, servant).uncovered).toEqual([]);
          expect(servant.some((one) => allows(one, asked))).toBe(
            servant.flatMap(takenApart).some((one) => allows(one, asked)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
