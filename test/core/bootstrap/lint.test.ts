import type { AccessRule } from '@gatehouse/core/access/policy';
import { lintLevel } from '@gatehouse/core/bootstrap/lint';
import { describe, expect, it } from 'vitest';

const codes = (...rules: AccessRule[]) => lintLevel({ name: 'x', rules }).map(({ code }) => code);
const rule = (group: string, resource: string, ...verbs: string[]): AccessRule => ({
  apiGroups: [group],
  resources: [resource],
  verbs,
});
const RBAC = 'rbac.authorization.k8s.io';

describe('what amounts to more than it seems', () => {
  it.each<[AccessRule, string[]]>([
    [rule(RBAC, 'clusterroles', 'bind'), ['bind']],
    [rule(RBAC, 'roles', 'escalate'), ['escalate']],
    [rule('', 'users', 'impersonate'), ['impersonate']],
    [rule('authentication.k8s.io', 'uids', 'impersonate'), ['impersonate']],
    [rule('', 'secrets', 'list'), ['secrets']],
    [rule('', 'pods', 'create'), ['creates-workloads']],
    [rule('apps', 'deployments', 'patch'), ['creates-workloads']],
    [rule('extensions', 'deployments', 'create'), ['creates-workloads']],
    [rule('batch', 'cronjobs', 'update'), ['creates-workloads']],
    [rule('', 'pods/exec', 'create'), ['pod-exec']],
    [rule('', 'serviceaccounts/token', 'create'), ['service-account-token']],
    [rule('', 'nodes/proxy', 'get'), ['node-proxy']],
    [rule(RBAC, 'rolebindings', 'create'), ['rbac-write']],
    [rule('', 'configmaps', 'update'), ['aws-auth']],
    [rule('certificates.k8s.io', 'certificatesigningrequests/approval', 'update'), ['approves-certificates']],
    [rule('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', 'create'), ['admission']],
    [rule('', 'persistentvolumes', 'create'), ['host-path']],
    [rule('', 'namespaces', 'patch'), ['namespace-labels']],
    [rule('*', '*', '*'), ['cluster-admin']],
    [rule('', '*/token', 'create'), ['service-account-token']],
    [rule('apps', '*', 'get'), ['wildcard']],
    [{ nonResourceURLs: ['*'], verbs: ['get'] }, ['wildcard']],
    [rule('', 'pods', 'get', 'list', 'watch'), []],
    [rule('', 'configmaps', 'get'), []],
    [rule('example.com', 'secrets', 'get'), []],
    [rule('apps', 'pods/log', 'get'), []],
  ])('%j: %j', (one, expected) => {
    expect(codes(one)).toEqual(expected);
  });

  it('is found behind wildcards, too', () => {
    expect(codes(rule('', '*', 'get'))).toEqual(['wildcard', 'secrets', 'pod-exec', 'node-proxy']);
    expect(codes(rule('*', 'secrets', 'get'))).toEqual(['wildcard', 'secrets']);
    expect(codes(rule('', 'secrets', '*'))).toEqual(['wildcard', 'secrets']);
  });

  it('is said once, however many rules hold it', () => {
    expect(codes(rule('', 'secrets', 'get'), rule('', 'secrets', 'list'))).toEqual(['secrets']);
  });

  it.each([
    ['cluster-admin', ['cluster-admin']],
    ['admin', ['admin']],
    ['edit', ['edit']],
    ['view', []],
  ])('knows the ClusterRole %s', (clusterRole, expected) => {
    expect(lintLevel({ name: 'x', clusterRole }).map(({ code }) => code)).toEqual(expected);
  });
});
