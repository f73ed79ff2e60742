import { expect } from 'vitest';
import { ADMIN, NAMESPACES, RBAC, user } from './api.ts';
import type { Suite } from './contract.ts';

const WRITES = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const kind = (name: string, singularName: string, of: string, more: object = {}) => ({
  name,
  singularName,
  namespaced: true,
  kind: of,
  verbs: WRITES,
  ...more,
});
const review = (name: string, of: string, more: object = {}) => ({
  name,
  singularName: name.slice(0, -1),
  namespaced: false,
  kind: of,
  verbs: ['create'],
  ...more,
});
const status = (name: string, of: string, more: object = {}) => ({
  name: `${name}/status`,
  singularName: '',
  namespaced: true,
  kind: of,
  verbs: ['get', 'patch', 'update'],
  ...more,
});

/** As much of each group version as is needed: there may be more. */
const RESOURCES: readonly (readonly [url: string, groupVersion: string, resources: readonly object[]])[] = [
  [
    '/api/v1',
    'v1',
    [
      kind('configmaps', 'configmap', 'ConfigMap', { shortNames: ['cm'] }),
      kind('events', 'event', 'Event', { shortNames: ['ev'] }),
      kind('namespaces', 'namespace', 'Namespace', {
        namespaced: false,
        verbs: WRITES.filter((verb) => verb !== 'deletecollection'),
        shortNames: ['ns'],
      }),
      status('namespaces', 'Namespace', { namespaced: false }),
      kind('pods', 'pod', 'Pod', { shortNames: ['po'], categories: ['all'] }),
      status('pods', 'Pod'),
      kind('secrets', 'secret', 'Secret'),
      kind('serviceaccounts', 'serviceaccount', 'ServiceAccount', { shortNames: ['sa'] }),
    ],
  ],
  [
    '/apis/apps/v1',
    'apps/v1',
    [
      kind('deployments', 'deployment', 'Deployment', { shortNames: ['deploy'], categories: ['all'] }),
      status('deployments', 'Deployment'),
      kind('statefulsets', 'statefulset', 'StatefulSet', { shortNames: ['sts'], categories: ['all'] }),
      status('statefulsets', 'StatefulSet'),
    ],
  ],
  [
    RBAC,
    'rbac.authorization.k8s.io/v1',
    [
      kind('clusterrolebindings', 'clusterrolebinding', 'ClusterRoleBinding', { namespaced: false }),
      kind('clusterroles', 'clusterrole', 'ClusterRole', { namespaced: false }),
      kind('rolebindings', 'rolebinding', 'RoleBinding'),
      kind('roles', 'role', 'Role'),
    ],
  ],
  [
    '/apis/authorization.k8s.io/v1',
    'authorization.k8s.io/v1',
    [
      review('localsubjectaccessreviews', 'LocalSubjectAccessReview', { namespaced: true }),
      review('selfsubjectaccessreviews', 'SelfSubjectAccessReview'),
      review('selfsubjectrulesreviews', 'SelfSubjectRulesReview'),
      review('subjectaccessreviews', 'SubjectAccessReview'),
    ],
  ],
  ['/apis/authentication.k8s.io/v1', 'authentication.k8s.io/v1', [review('selfsubjectreviews', 'SelfSubjectReview')]],
];
const GROUPS = ['apps', 'authentication.k8s.io', 'authorization.k8s.io', 'rbac.authorization.k8s.io'];

/** What the API server says about itself, to whoever may log in. */
export const discovery: Suite = (it) => {
  for (const [url, groupVersion, resources] of RESOURCES) {
    it(`names the resources of ${groupVersion}`, async (api) => {
      const { body } = await api.as(user('ann')).get(url);
      expect(body).toMatchObject({ kind: 'APIResourceList', groupVersion });
      const served = body.resources.map(({ storageVersionHash: _hash, ...one }: Record<string, unknown>) => one);
      for (const resource of resources) expect(served).toContainEqual(resource);
    });
  }

  it('names groups and their versions', async (api) => {
    const ann = api.as(user('ann'));
    const { body } = await ann.get('/apis');
    expect(body).toMatchObject({ kind: 'APIGroupList', apiVersion: 'v1' });
    for (const name of GROUPS) {
      const only = { groupVersion: `${name}/v1`, version: 'v1' };
      const group = { name, versions: [only], preferredVersion: only };
      expect(body.groups).toContainEqual(group);
      expect((await ann.get(`/apis/${name}`)).body).toEqual({ kind: 'APIGroup', apiVersion: 'v1', ...group });
    }
    expect((await ann.get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
  });

  it('says its version', async (api) => {
    const { body } = await api.as(user('ann')).get('/version');
    expect(body).toMatchObject({ major: '1', minor: '34', gitVersion: expect.stringMatching(/^v1\.34\.4/) });
    expect(body).toMatchObject({ emulationMajor: '1', emulationMinor: '34' });
  });

  it('says that it lives', async (api) => {
    for (const url of ['/healthz', '/livez', '/readyz', '/healthz/ping', '/livez/ping', '/readyz/ping']) {
      expect(await api.as(ADMIN).get(url)).toEqual({ status: 200, body: 'ok' });
    }
  });

  it('says of what it lives to whoever asks', async ({ admin }) => {
    const { body } = await admin.get('/livez?verbose');
    expect(body).toMatch(/^\[\+\]ping ok\n(\[\+\].* ok\n)*livez check passed\n$/);
  });

  it('says some of it whatever the method', async ({ admin }) => {
    expect(await admin.post('/healthz', {})).toEqual({ status: 200, body: 'ok' });
    expect((await admin.post('/apis', {})).body).toMatchObject({ kind: 'APIGroupList' });
  });

  it('has an OpenAPI document for every group version', async ({ admin }) => {
    const { paths } = (await admin.get('/openapi/v3')).body;
    for (const path of ['api/v1', ...GROUPS.map((group) => `apis/${group}/v1`)]) {
      const { serverRelativeURL } = paths[path];
      const document = (await admin.get(serverRelativeURL)).body;
      expect(document.openapi).toBe('3.0.0');
    }
    const rbac = (await admin.get(paths[RBAC.slice(1)].serverRelativeURL)).body;
    const { patch } = rbac.paths[`${RBAC}/namespaces/{namespace}/roles/{name}`];
    expect(patch['x-kubernetes-group-version-kind']).toEqual({
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      kind: 'Role',
    });
    expect(patch.parameters).toContainEqual(expect.objectContaining({ name: 'fieldValidation', in: 'query' }));
  });

  it('lists its paths', async ({ admin }) => {
    const { paths } = (await admin.get('/')).body;
    for (const path of [
      '/api',
      '/api/v1',
      '/apis',
      '/healthz',
      '/livez',
      '/openapi/v3',
      '/readyz',
      '/version',
      ...GROUPS.map((group) => `/apis/${group}/v1`),
    ]) {
      expect(paths).toContain(path);
    }
  });

  it('names everything else that Kubernetes has', async ({ admin }) => {
    expect((await admin.get('/apis/batch/v1')).status).toBe(200);
    expect((await admin.get(`${NAMESPACES}/default/services`)).status).toBe(200);
  });
};
