import { expect } from 'vitest';
import { CONFIG_MAPS, NAMESPACES, RBAC, REVIEWS, refused } from './api.ts';
import type { Suite } from './contract.ts';

const NO_RESOURCE = refused(404, 'the server could not find the requested resource');
const NO_METHOD = refused(405, 'the server does not allow this method on the requested resource');
const NO_PAGE = { status: 404, body: '404 page not found\n' };
const BAD_NAME = (name: string, why: string) => refused(400, `Name parameter invalid: ${JSON.stringify(name)}: ${why}`);

const ROWS: readonly (readonly [method: string, url: string, expected: object])[] = [
  ['GET', '/api/v1/foos', NO_RESOURCE],
  ['GET', '/api/v1/namespaces/default/foos/x', NO_RESOURCE],
  ['GET', `${RBAC}/foos`, NO_RESOURCE],
  ['GET', '/apis/rbac.authorization.k8s.io/v1beta1/roles', NO_RESOURCE],
  ['GET', '/apis/rbac.authorization.k8s.io/v1beta1', NO_RESOURCE],
  ['GET', '/api/v2/pods', NO_RESOURCE],
  ['GET', '/api/v2', NO_RESOURCE],
  ['GET', '/apis/none/v1/foos', NO_PAGE],
  ['GET', '/apis/none/v1', NO_PAGE],
  ['GET', '/apis/none', NO_PAGE],
  ['GET', '/nowhere', NO_PAGE],
  ['POST', '/nowhere', NO_PAGE],
  ['GET', '//api/v1/namespaces', NO_PAGE],
  ['GET', '/healthz/', NO_PAGE],
  ['GET', '/healthz/none', NO_PAGE],
  ['GET', `${CONFIG_MAPS}/none`, refused(404, 'configmaps "none" not found')],
  ['GET', `${RBAC}/clusterroles/none`, refused(404, 'clusterroles.rbac.authorization.k8s.io "none" not found')],
  ['GET', `${CONFIG_MAPS}/none/status`, NO_RESOURCE],
  ['GET', `${CONFIG_MAPS}/none/foo/bar`, NO_RESOURCE],
  ['DELETE', `${CONFIG_MAPS}/none/status`, NO_RESOURCE],
  ['GET', '/api/v1/configmaps/none', NO_RESOURCE],
  ['GET', `${RBAC}/roles/none`, NO_RESOURCE],
  ['DELETE', `${RBAC}/roles/none`, NO_RESOURCE],
  ['PATCH', `${RBAC}/roles/none`, NO_RESOURCE],
  ['GET', `${CONFIG_MAPS}/..`, BAD_NAME('..', "may not be '..'")],
  ['GET', `${CONFIG_MAPS}/.`, BAD_NAME('.', "may not be '.'")],
  ['GET', `${CONFIG_MAPS}/%2e%2e`, BAD_NAME('..', "may not be '..'")],
  ['GET', `${CONFIG_MAPS}/a%25b`, BAD_NAME('a%b', "may not contain '%'")],
  ['GET', `${CONFIG_MAPS}/a%2Fb`, NO_RESOURCE],
  ['POST', '/api/v1/configmaps', NO_METHOD],
  ['PUT', '/api/v1/configmaps', NO_METHOD],
  ['DELETE', '/api/v1/configmaps', NO_METHOD],
  ['POST', `${CONFIG_MAPS}/a`, NO_METHOD],
  ['PUT', CONFIG_MAPS, NO_METHOD],
  ['PATCH', CONFIG_MAPS, NO_METHOD],
  ['DELETE', NAMESPACES, NO_METHOD],
  ['TRACE', CONFIG_MAPS, NO_METHOD],
  ['OPTIONS', CONFIG_MAPS, NO_METHOD],
  ['GET', `${REVIEWS}/subjectaccessreviews`, NO_METHOD],
  ['POST', '/version', NO_METHOD],
  ['PUT', '/version', NO_METHOD],
  ['POST', '/api', NO_METHOD],
  ['DELETE', '/api', NO_METHOD],
  ['POST', '/api/v1', NO_METHOD],
];

/** What is not there, and what cannot be done with what is. */
export const paths: Suite = (it) => {
  for (const [method, url, expected] of ROWS) {
    it(`${method} ${url}`, async ({ admin }) => {
      const type = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
      const writes = method === 'POST' || method === 'PUT' || method === 'PATCH';
      const answer = writes
        ? await admin.send(method, url, { metadata: { name: 'a' } }, type)
        : await admin.send(method, url);
      expect(answer).toMatchObject(expected);
    });
  }

  it('HEAD is not served', async ({ admin }) => {
    expect((await admin.send('HEAD', CONFIG_MAPS)).status).toBe(405);
    expect((await admin.send('HEAD', `${NAMESPACES}/default`)).status).toBe(405);
  });

  it('a path that is wrongly escaped is none', async ({ admin }) => {
    expect((await admin.get(`${CONFIG_MAPS}/%zz`)).status).toBe(400);
  });

  it('a query that is wrongly escaped counts as if it were not there', async ({ admin }) => {
    await admin.made(CONFIG_MAPS, { metadata: { name: 'a' } });
    for (const query of ['labelSelector=%zz', 'labelSelector=a;b']) {
      expect((await admin.get(`${CONFIG_MAPS}?${query}`)).body.items).toHaveLength(1);
    }
  });

  it('a slash at the end is one too many, and does not count', async ({ admin }) => {
    for (const url of [
      `${CONFIG_MAPS}/`,
      `${NAMESPACES}/default/`,
      '/api/v1/',
      '/apis/apps/v1/',
      '/apis/',
      '/version/',
    ]) {
      expect([url, (await admin.get(url)).status]).toEqual([url, 200]);
    }
  });
};
