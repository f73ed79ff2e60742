import { expect } from 'vitest';
import {
  ADMIN,
  binding,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  GROUP,
  NAMESPACES,
  namesIn,
  RBAC,
  REVIEWS,
  ROLE_BINDINGS,
  refused,
  role,
  rule,
  SOON,
  user,
} from './api.ts';
import type { Suite } from './contract.ts';

const PAY = `${NAMESPACES}/pay`;
const denied = (what: string, verb: string, resource: string, where: string, group = '') =>
  `${what} is forbidden: User "x" cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
const IN_PAY = 'in the namespace "pay"';
const EVERYWHERE = 'at the cluster scope';

const DENIALS: readonly (readonly [title: string, method: string, url: string, message: string])[] = [
  ['a list in a namespace', 'GET', `${PAY}/pods`, denied('pods', 'list', 'pods', IN_PAY)],
  ['a list everywhere', 'GET', '/api/v1/pods', denied('pods', 'list', 'pods', EVERYWHERE)],
  ['one object', 'GET', `${PAY}/secrets/s`, denied('secrets "s"', 'get', 'secrets', IN_PAY)],
  ['a namespace, which is in itself', 'GET', PAY, denied('namespaces "pay"', 'get', 'namespaces', IN_PAY)],
  [
    'a create, which has no name',
    'POST',
    CLUSTER_ROLES,
    denied(`clusterroles.${GROUP}`, 'create', 'clusterroles', EVERYWHERE, GROUP),
  ],
  ['a replace', 'PUT', `${PAY}/configmaps/a`, denied('configmaps "a"', 'update', 'configmaps', IN_PAY)],
  ['a patch', 'PATCH', `${PAY}/configmaps/a`, denied('configmaps "a"', 'patch', 'configmaps', IN_PAY)],
  ['a delete', 'DELETE', `${PAY}/configmaps/a`, denied('configmaps "a"', 'delete', 'configmaps', IN_PAY)],
  [
    'a collection',
    'DELETE',
    '/apis/apps/v1/namespaces/pay/deployments',
    denied('deployments.apps', 'deletecollection', 'deployments', IN_PAY, 'apps'),
  ],
  ['a watch', 'GET', '/api/v1/pods?watch=1', denied('pods', 'watch', 'pods', EVERYWHERE)],
  ['a watch by its path', 'GET', '/api/v1/watch/pods', denied('pods', 'watch', 'pods', EVERYWHERE)],
  [
    'a list of one name',
    'GET',
    `${PAY}/pods?fieldSelector=metadata.name%3Dp,metadata.namespace%3Dpay`,
    denied('pods "p"', 'list', 'pods', IN_PAY),
  ],
  [
    'a list of all names but one',
    'GET',
    `${PAY}/pods?fieldSelector=metadata.name!%3Dp`,
    denied('pods', 'list', 'pods', IN_PAY),
  ],
  ['a subresource', 'GET', `${PAY}/pods/p/log`, denied('pods "p"', 'get', 'pods/log', IN_PAY)],
  ['what is run in a pod', 'POST', `${PAY}/pods/p/exec?command=ls`, denied('pods "p"', 'create', 'pods/exec', IN_PAY)],
  ['what is behind a pod', 'GET', `${PAY}/pods/p/proxy/a/b`, denied('pods "p"', 'get', 'pods/proxy', IN_PAY)],
  [
    'a token',
    'POST',
    `${PAY}/serviceaccounts/s/token`,
    denied('serviceaccounts "s"', 'create', 'serviceaccounts/token', IN_PAY),
  ],
  ['a path', 'GET', '/metrics', 'forbidden: User "x" cannot get path "/metrics"'],
  ['a path, written to', 'POST', '/metrics', 'forbidden: User "x" cannot post path "/metrics"'],
  ['the root', 'GET', '/', 'forbidden: User "x" cannot get path "/"'],
  ['a kind that there is not', 'GET', '/api/v1/foos', denied('foos', 'list', 'foos', EVERYWHERE)],
  ['a group that there is not', 'GET', '/apis/none/v1/foos', denied('foos.none', 'list', 'foos', EVERYWHERE, 'none')],
  [
    'a name to be escaped',
    'GET',
    `${PAY}/configmaps/a%22b%0Ac%00%07%7F`,
    denied('configmaps "a\\"b\\nc\\x00\\a\\x7f"', 'get', 'configmaps', IN_PAY),
  ],
];

/** What RBAC lets whom do. */
export const rights: Suite = (it) => {
  for (const [title, method, url, message] of DENIALS) {
    it(`are denied by who, what and where: ${title}`, async (api) => {
      const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? {} : undefined;
      expect(await api.as(user('x')).send(method, url, body)).toMatchObject(refused(403, message));
    });
  }

  it('are denied with what was asked', async (api) => {
    const details = async (url: string) => (await api.as(user('x')).get(url)).body.details;
    expect(await details(`${RBAC}/namespaces/pay/roles/r`)).toEqual({ name: 'r', group: GROUP, kind: 'roles' });
    expect(await details('/api/v1/pods')).toEqual({ kind: 'pods' });
    expect(await details('/metrics')).toEqual({});
  });

  it('are denied before anything is said of what exists', async (api) => {
    expect((await api.as(user('x')).get(`${NAMESPACES}/nowhere/pods`)).status).toBe(403);
    expect((await api.as(user('x')).post(`${NAMESPACES}/nowhere/pods`, 'half')).status).toBe(403);
  });

  it('are denied with the names of the roles that bindings refer to in vain', async (api) => {
    const x = [{ kind: 'User', name: 'x' }];
    const said = (who: string, url: string) => async () => (await api.as(user(who)).get(url)).body.message;
    await api.admin.made(CLUSTER_ROLE_BINDINGS, binding('b', 'ClusterRole', 'gone', x));
    await expect
      .poll(said('x', '/api/v1/pods'), SOON)
      .toMatch(/at the cluster scope: RBAC: clusterrole\.rbac\.authorization\.k8s\.io "gone" not found$/);
    await api.admin.made(ROLE_BINDINGS, binding('b', 'Role', 'lost', x));
    await expect
      .poll(said('x', `${NAMESPACES}/default/pods`), SOON)
      .toMatch(
        /: RBAC: \[clusterrole\.rbac\.authorization\.k8s\.io "gone" not found, role\.rbac\.authorization\.k8s\.io "lost" not found\]$/,
      );
    expect(await said('y', '/api/v1/pods')()).not.toContain('RBAC:');
    expect(await said('x', '/metrics')()).toMatch(
      /: RBAC: clusterrole\.rbac\.authorization\.k8s\.io "gone" not found$/,
    );
  });

  it('reach as far as their binding', async (api) => {
    await api.grant('ann', [rule('', 'configmaps', 'get', 'list')], 'default');
    const ann = api.as(user('ann'));
    expect((await ann.get(CONFIG_MAPS)).status).toBe(200);
    expect((await ann.get(`${NAMESPACES}/kube-system/configmaps`)).status).toBe(403);
    expect((await ann.get('/api/v1/configmaps')).status).toBe(403);
    expect((await ann.post(CONFIG_MAPS, { metadata: { name: 'a' } })).status).toBe(403);
    expect((await api.as(user('Ann')).get(CONFIG_MAPS)).status).toBe(403);
  });

  it('in a namespace open nothing that is of the cluster', async (api) => {
    await api.grant('ann', [rule('', 'namespaces', '*'), rule(GROUP, 'clusterroles', '*')], 'default');
    const ann = api.as(user('ann'));
    expect((await ann.get(`${NAMESPACES}/default`)).status).toBe(200);
    for (const url of [
      `${NAMESPACES}/default/namespaces`,
      `${NAMESPACES}/default/namespaces/kube-system`,
      `${RBAC}/namespaces/default/clusterroles`,
      `${RBAC}/namespaces/default/clusterroles/view`,
    ]) {
      expect((await ann.get(url)).status).toBe(404);
      expect((await ann.delete(url)).status).toBe(404);
    }
    expect((await ann.get(NAMESPACES)).status).toBe(403);
    expect((await ann.get(CLUSTER_ROLES)).status).toBe(403);
  });

  it('of one name let nobody create, nor see or delete more than it', async (api) => {
    await api.grant('ann', [{ ...rule('', 'configmaps', '*'), resourceNames: ['aws-auth'] }], 'kube-system');
    const ann = api.as(user('ann'));
    const url = `${NAMESPACES}/kube-system/configmaps`;
    const awsAuth = { metadata: { name: 'aws-auth' } };
    expect((await ann.post(url, awsAuth)).status).toBe(403);
    expect((await ann.put(`${url}/aws-auth`, awsAuth)).status).toBe(404);
    await api.admin.made(url, awsAuth);
    expect((await ann.get(`${url}/aws-auth`)).status).toBe(200);
    expect((await ann.put(`${url}/aws-auth`, { ...awsAuth, data: { a: 'b' } })).status).toBe(200);
    expect((await ann.get(`${url}/other`)).status).toBe(403);
    expect((await ann.get(url)).status).toBe(403);
    const one = await ann.get(`${url}?fieldSelector=metadata.name%3Daws-auth`);
    expect(namesIn(one)).toEqual(['aws-auth']);
    expect((await ann.delete(url)).status).toBe(403);
    expect(await ann.delete(`${url}?fieldSelector=metadata.name%3Daws-auth`)).toMatchObject(
      refused(403, /^configmaps is forbidden: User "ann" cannot deletecollection resource "configmaps"/),
    );
    expect((await ann.delete(`${url}/aws-auth`)).status).toBe(200);
  });

  it('to a subresource are not those to its resource, and the other way round', async (api) => {
    await api.grant('ann', [rule('', 'namespaces/status', 'get')]);
    await api.grant('bob', [rule('', 'namespaces', 'get')]);
    await api.grant('eve', [rule('', '*/status', 'get')]);
    const status = async (name: string, url: string) => (await api.as(user(name)).get(url)).status;
    expect(await status('ann', `${NAMESPACES}/default/status`)).toBe(200);
    expect(await status('ann', `${NAMESPACES}/default`)).toBe(403);
    expect(await status('bob', `${NAMESPACES}/default/status`)).toBe(403);
    expect(await status('bob', `${NAMESPACES}/default`)).toBe(200);
    expect(await status('eve', `${NAMESPACES}/default/status`)).toBe(200);
  });

  it('come by groups and by service accounts', async (api) => {
    await api.admin.made(CLUSTER_ROLES, role('lists', rule('', 'configmaps', 'list')));
    const subjects = [
      { kind: 'Group', name: 'ops' },
      { kind: 'ServiceAccount', name: 'bot' },
    ];
    await api.admin.made(ROLE_BINDINGS, binding('b', 'ClusterRole', 'lists', subjects));
    const status =
      (username: string, ...groups: string[]) =>
      async () =>
        (await api.as(user(username, ...groups)).get(CONFIG_MAPS)).status;
    await expect.poll(status('ann', 'ops'), SOON).toBe(200);
    expect(await status('system:serviceaccount:default:bot')()).toBe(200);
    expect(await status('system:serviceaccount:kube-system:bot')()).toBe(403);
    expect(await status('ops')()).toBe(403);
  });

  it('follow every change', async (api) => {
    await api.grant('ann', [rule('', 'configmaps', 'list')]);
    const status = async () => (await api.as(user('ann')).get(CONFIG_MAPS)).status;
    expect(await status()).toBe(200);
    await api.admin.delete(`${CLUSTER_ROLE_BINDINGS}/of-ann`);
    await expect.poll(status, SOON).toBe(403);
  });

  it('of system:masters are all rights, also without the binding', async (api) => {
    await api.admin.delete(`${CLUSTER_ROLE_BINDINGS}/cluster-admin`);
    const review = { spec: { groups: ['other'], resourceAttributes: { verb: 'get', resource: 'secrets' } } };
    expect((await api.admin.post(`${REVIEWS}/subjectaccessreviews`, review)).body.status.allowed).toBe(false);
    expect((await api.as(ADMIN).get('/api/v1/secrets')).status).toBe(200);
    expect((await api.as(user('system:masters')).get('/api/v1/secrets')).status).toBe(403);
  });

  it('of everybody are to discover and to review themselves', async (api) => {
    const ann = api.as(user('ann'));
    for (const url of ['/version', '/api', '/apis', '/api/v1', RBAC, '/healthz', '/livez', '/readyz']) {
      expect((await ann.get(url)).status).toBe(200);
    }
    const anonymous = api.as({ username: 'system:anonymous', groups: ['system:unauthenticated'] });
    const spec = { resourceAttributes: { verb: 'get', resource: 'pods' } };
    expect((await ann.post(`${REVIEWS}/selfsubjectaccessreviews`, { spec })).status).toBe(201);
    expect((await anonymous.post(`${REVIEWS}/selfsubjectaccessreviews`, { spec })).status).toBe(403);
    expect((await anonymous.get('/version')).status).toBe(200);
    expect((await anonymous.get('/api')).status).toBe(403);
  });
};
